//! Which objects a command is about: names, all, or those that a selector selects.

use anyhow::{anyhow, bail};
use api::Kind;
use clap::Args;
use cluster::typed;
use std::io::BufRead;

use super::Session;
use super::output::{error_line, print};

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
    /// The objects, of which names that do not exist are reported on stderr.
    pub async fn find<K: Kind>(&self, session: &Session, what: &str) -> anyhow::Result<Vec<K>> {
        let ways = [!self.names.is_empty(), self.all, self.selector.is_some()];
        if ways.into_iter().filter(|way| *way).count() != 1 {
            bail!(
                "you must specify exactly one of: specific {what} name(s), the --all flag, or the --selector flag"
            );
        }
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

    /// Asks whether to go on, unless told not to.
    pub fn is_confirmed(&self) -> anyhow::Result<bool> {
        if self.confirm { Ok(true) } else { ask() }
    }
}

/// The objects of these names; it is an error where one does not exist.
pub async fn named<K: Kind>(session: &Session, names: &[String]) -> anyhow::Result<Vec<K>> {
    let mut found = Vec::new();
    for name in names {
        let object = typed::find(&session.cluster, &session.namespace, name).await?;
        found.push(object.ok_or_else(|| anyhow!("{}.{} {name:?} not found", K::PLURAL, K::GROUP))?);
    }
    Ok(found)
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
