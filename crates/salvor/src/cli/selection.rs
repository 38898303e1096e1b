//! Which objects a command is about: names, all, or those that a selector selects.

use anyhow::{anyhow, bail};
use api::Kind;
use clap::Args;
use cluster::typed;
use std::io::BufRead;

use super::output::{error_line, line, print};
use super::{Globals, Session};

/// The flags of commands that show objects.
#[derive(Debug, Clone, Default, Args)]
pub struct Which {
    /// Which ones, by name; all where there is no name
    names: Vec<String>,
    /// Only those with these labels
    #[arg(short = 'l', long, default_value = "")]
    selector: String,
}

impl Which {
    /// The objects; it is an error where one that is named does not exist.
    pub async fn find<K: Kind>(&self, session: &Session) -> anyhow::Result<Vec<K>> {
        if self.names.is_empty() {
            let all = typed::list(&session.cluster, &session.namespace, &self.selector).await?;
            if all.is_empty() {
                session.warn_if_absent().await;
            }
            return Ok(all);
        }
        let mut found = Vec::new();
        for name in &self.names {
            let object = typed::find(&session.cluster, &session.namespace, name).await?;
            found.push(object.ok_or_else(|| anyhow!("{}.{} {name:?} not found", K::PLURAL, K::GROUP))?);
        }
        Ok(found)
    }
}

/// The flags of commands that change several objects.
#[derive(Debug, Clone, Default, Args)]
pub struct Chosen {
    /// Names of the objects
    pub names: Vec<String>,
    /// All of them
    #[arg(long)]
    pub all: bool,
    /// Those with these labels
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub confirm: bool,
}

impl Chosen {
    /// Refuses what does not say which objects, or says it twice.
    fn check(&self, what: &str) -> anyhow::Result<()> {
        let ways = [!self.names.is_empty(), self.all, self.selector.is_some()];
        if ways.into_iter().filter(|way| *way).count() != 1 {
            bail!(
                "you must specify exactly one of: specific {what} name(s), the --all flag, or the --selector flag"
            );
        }
        Ok(())
    }

    /// The objects, of which names that do not exist are reported on stderr.
    async fn find<K: Kind>(&self, session: &Session, what: &str) -> anyhow::Result<Vec<K>> {
        if self.names.is_empty() {
            let selector = self.selector.as_deref().unwrap_or_default();
            return Ok(typed::list(&session.cluster, &session.namespace, selector).await?);
        }
        let mut found = Vec::new();
        for name in &self.names {
            match typed::find(&session.cluster, &session.namespace, name).await? {
                Some(object) => found.push(object),
                None => error_line(&format!("{what} {name:?} not found")),
            }
        }
        Ok(found)
    }

    /// Connects, and gives the objects once the user has confirmed that they are to change; none where there are none,
    /// or where not.
    pub async fn confirmed<K: Kind>(
        &self,
        what: &str,
        (globals, called): (&Globals, &str),
    ) -> anyhow::Result<(Session, Vec<K>)> {
        self.check(what)?;
        let session = Session::open(globals, called).await?;
        let mut found = self.find(&session, what).await?;
        if found.is_empty() {
            line(&format!("No {what}s found"))?;
        } else if !self.confirm && !ask()? {
            found.clear();
        }
        Ok((session, found))
    }
}

/// Asks until the answer is yes or no; no answer is a no.
pub fn ask() -> anyhow::Result<bool> {
    let mut answers = std::io::stdin().lock().lines();
    loop {
        print("Are you sure you want to continue (Y/N)? ")?;
        match answers.next() {
            None => return Ok(false),
            Some(Err(error)) => {
                error_line(&format!("error reading user input: {error}"));
                return Ok(false);
            }
            Some(Ok(answer)) => match answer.trim() {
                "y" | "Y" => return Ok(true),
                "n" | "N" => return Ok(false),
                _ => {}
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_objects_is_told_which_in_one_way() {
        let names = Chosen { names: vec!["a".into()], ..Chosen::default() };
        let all = Chosen { all: true, ..Chosen::default() };
        let labels = Chosen { selector: Some("a=b".into()), ..Chosen::default() };
        for chosen in [&names, &all, &labels] {
            chosen.check("backup").unwrap();
        }
        for chosen in [Chosen::default(), Chosen { all: true, ..names }, Chosen { all: true, ..labels }] {
            let error = chosen.check("backup").unwrap_err().to_string();
            assert!(error.contains("exactly one of: specific backup name(s)"), "{error}");
        }
    }
}
