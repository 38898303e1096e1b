//! `repo policy set`.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use kopia::Writer;
use kopia::manifest::{Changes, Manifests};
use kopia::policy::{Scope, check};
use serde_json::{Map, Value, json};

use super::super::access::{Access, read};
use super::super::work::blocking;
use crate::cli::output::line;
use crate::exit::Exit;

/// Change a policy, or make one
#[derive(Debug, Args)]
pub struct Set {
    #[command(flatten)]
    access: Access,
    /// What it is for: (global), @HOST, USER@HOST or USER@HOST:PATH
    scope: Scope,
    /// Take the policy from a file, in kopia's form, in place of what it is
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    #[command(flatten)]
    fields: Fields,
}

/// What is changed. What is not named stays, also what this version does not know.
#[derive(Debug, Default, Args)]
struct Fields {
    /// How many snapshots are kept
    #[arg(long, value_name = "COUNT")]
    keep_latest: Option<u32>,
    /// Of how many hours the last is kept
    #[arg(long, value_name = "COUNT")]
    keep_hourly: Option<u32>,
    /// Of how many days the last is kept
    #[arg(long, value_name = "COUNT")]
    keep_daily: Option<u32>,
    /// Of how many weeks the last is kept
    #[arg(long, value_name = "COUNT")]
    keep_weekly: Option<u32>,
    /// Of how many months the last is kept
    #[arg(long, value_name = "COUNT")]
    keep_monthly: Option<u32>,
    /// Of how many years the last is kept
    #[arg(long, value_name = "COUNT")]
    keep_annual: Option<u32>,
    /// What is left out, as .gitignore writes it; an empty text is nothing
    #[arg(long, value_name = "PATTERN")]
    ignore: Option<Vec<String>>,
    /// What files are compressed with; none is nothing
    #[arg(long, value_name = "NAME")]
    compression: Option<String>,
    /// Endings of the names of files that are not compressed
    #[arg(long, value_name = "ENDING")]
    never_compress: Option<Vec<String>>,
    /// Files of more bytes are left out; 0 is no limit
    #[arg(long, value_name = "BYTES")]
    max_file_size: Option<u64>,
    /// Whether other file systems in the tree are left out
    #[arg(long, value_name = "BOOL")]
    one_file_system: Option<bool>,
    /// How files are cut into contents
    #[arg(long, value_name = "NAME")]
    splitter: Option<String>,
}

impl Set {
    /// Runs it.
    pub async fn run(self) -> anyhow::Result<Exit> {
        let changes = self.fields.changes();
        let whole = self.from_file.as_deref().map(read).transpose()?;
        if changes.is_empty() && whole.is_none() {
            bail!("say what to change, with a flag or --from-file");
        }
        let whole: Option<Map<String, Value>> =
            whole.map(|text| serde_json::from_str(&text).context("read the policy's file")).transpose()?;
        let repository = self.access.open_kopia().await?;
        let scope = self.scope;
        let set = blocking(move |_| {
            let manifests = Manifests::load(&repository)?;
            let there = scope.find(&manifests).and_then(|there| serde_json::from_str(there.data()).ok());
            let document = changed(whole.or(there).unwrap_or_default(), changes).to_string();
            check(&document)?;
            let mut changes = Changes::default();
            changes.replace(&repository, &manifests, scope.labels(), document.into_bytes())?;
            let writer = Writer::new(repository)?;
            changes.write(&writer)?;
            writer.flush().map(|()| scope)
        });
        line(&format!("policy for {} set", set.await?))?;
        Ok(Exit::Done)
    }
}

/// A field of a policy, by section and name, and what it is to be.
type Change = (&'static str, &'static str, Value);

impl Fields {
    fn changes(&self) -> Vec<Change> {
        let list = |list: &Vec<String>| json!(list.iter().filter(|one| !one.is_empty()).collect::<Vec<_>>());
        let all = [
            ("retention", "keepLatest", self.keep_latest.map(Value::from)),
            ("retention", "keepHourly", self.keep_hourly.map(Value::from)),
            ("retention", "keepDaily", self.keep_daily.map(Value::from)),
            ("retention", "keepWeekly", self.keep_weekly.map(Value::from)),
            ("retention", "keepMonthly", self.keep_monthly.map(Value::from)),
            ("retention", "keepAnnual", self.keep_annual.map(Value::from)),
            ("files", "ignore", self.ignore.as_ref().map(list)),
            ("files", "maxFileSize", self.max_file_size.map(Value::from)),
            ("files", "oneFileSystem", self.one_file_system.map(Value::from)),
            ("compression", "compressorName", self.compression.clone().map(Value::from)),
            ("compression", "neverCompress", self.never_compress.as_ref().map(list)),
            ("splitter", "algorithm", self.splitter.clone().map(Value::from)),
        ];
        all.into_iter().filter_map(|(section, field, value)| Some((section, field, value?))).collect()
    }
}

fn changed(mut document: Map<String, Value>, changes: Vec<Change>) -> Value {
    for (section, field, value) in changes {
        let mut of_section = match document.remove(section) {
            Some(Value::Object(of_section)) => of_section,
            _ => Map::new(),
        };
        of_section.insert(field.to_owned(), value);
        document.insert(section.to_owned(), of_section.into());
    }
    document.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays() {
        let fields = Fields {
            keep_latest: Some(3),
            ignore: Some(vec!["*.tmp".to_owned(), String::new()]),
            ..Fields::default()
        };
        let before = json!({"retention": {"keepDaily": 7}, "files": null, "later": {"version": 1}});
        let after = changed(before.as_object().unwrap().clone(), fields.changes());
        assert_eq!(
            after,
            json!({
                "retention": {"keepDaily": 7, "keepLatest": 3},
                "files": {"ignore": ["*.tmp"]},
                "later": {"version": 1},
            })
        );
        check(&after.to_string()).unwrap();
    }
}
