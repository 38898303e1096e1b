//! What the demo found, as a table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;
use testkit::compare::{Differences, compare};
use testkit::progress::seconds;

use super::application::Made;
use super::operation::Outcome;

/// How many differences are told one by one.
const SHOWN: usize = 20;

/// Before and after.
pub(crate) struct Report {
    rows: Vec<[String; 4]>,
    differences: Differences,
    answers: [Vec<String>; 2],
    operations: [Outcome; 2],
    seed: u64,
}

impl Report {
    /// Compares what was made with what is there after the restore.
    pub(crate) fn new(
        made: Made,
        lost: usize,
        (objects, answers): (BTreeMap<String, Value>, Vec<String>),
        operations: [Outcome; 2],
    ) -> Self {
        let differences = compare(&made.objects, &objects);
        let rows = rows(&made.objects, lost, &objects);
        Self { rows, differences, answers: [made.answers, answers], operations, seed: made.seed }
    }

    /// Whether everything is as it was.
    pub(crate) fn good(&self) -> bool {
        self.differences.none() && self.answers[0] == self.answers[1]
    }
}

fn rows(before: &BTreeMap<String, Value>, lost: usize, after: &BTreeMap<String, Value>) -> Vec<[String; 4]> {
    let count = |objects: &BTreeMap<String, Value>, kinds: &[&str]| {
        let of_kind = |object: &&Value| kinds.is_empty() || kinds.iter().any(|kind| object["kind"] == *kind);
        objects.values().filter(of_kind).count()
    };
    let kinds = |objects: &BTreeMap<String, Value>| {
        objects.values().map(|object| object["kind"].to_string()).collect::<BTreeSet<_>>().len()
    };
    let after_loss = if lost == 0 { "0".to_owned() } else { format!("{lost} left") };
    let row = |what: &str, before: usize, after: usize| {
        [what.to_owned(), before.to_string(), after_loss.clone(), after.to_string()]
    };
    let groups: [(&str, &[&str]); 7] = [
        ("objects", &[]),
        ("  config maps, secrets", &["ConfigMap", "Secret"]),
        ("  workloads", &["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"]),
        ("  pods", &["Pod"]),
        ("  services, ingresses", &["Service", "Ingress", "NetworkPolicy"]),
        ("  accounts, roles", &["ServiceAccount", "Role", "RoleBinding"]),
        ("  custom resources", &["Animal"]),
    ];
    let counted = groups.iter().map(|(what, kinds)| row(what, count(before, kinds), count(after, kinds)));
    counted.chain([row("kinds", kinds(before), kinds(after))]).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{:<26} {:>9} {:>9} {:>9}", "", "before", "lost", "after")?;
        for [what, before, lost, after] in &self.rows {
            writeln!(out, "{what:<26} {before:>9} {lost:>9} {after:>9}")?;
        }
        writeln!(out, "\n  {:<52} and answers", "the shop answered")?;
        let nothing = String::new();
        for (index, before) in self.answers[0].iter().enumerate() {
            let after = self.answers[1].get(index).unwrap_or(&nothing);
            let verdict = if before == after { "the same" } else { after };
            writeln!(out, "  {before:<52} {verdict}")?;
        }
        writeln!(out)?;
        for Outcome { what, phase, objects, problems: (warnings, errors), time } in &self.operations {
            writeln!(
                out,
                "{what:<26} {phase}: {objects} objects, {warnings} warnings, {errors} errors, {}",
                seconds(*time)
            )?;
        }
        self.verdict(out)
    }
}

impl Report {
    fn verdict(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Differences { missing, added, changed, same } = &self.differences;
        writeln!(out, "\nCompared field by field: {same} objects are as they were (seed {}).", self.seed)?;
        let told = missing.iter().map(|name| format!("missing  {name}"));
        let told = told.chain(added.iter().map(|name| format!("added    {name}")));
        let told =
            told.chain(changed.iter().map(|(name, paths)| format!("changed  {name}: {}", paths.join(", "))));
        let all: Vec<String> = told.collect();
        for line in all.iter().take(SHOWN) {
            writeln!(out, "  {line}")?;
        }
        if all.len() > SHOWN {
            writeln!(out, "  and {} more", all.len() - SHOWN)?;
        }
        match self.good() {
            true => writeln!(out, "The application is back, with all its data."),
            false => writeln!(out, "The application is NOT what it was."),
        }
    }
}
