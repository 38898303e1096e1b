//! The preview of a restore as a stream: objects are written as they are looked at, so that memory holds none of them.

use std::collections::HashSet;
use std::io::{self, Write};

use api::meta::ObjectKey;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::VERSION;
use super::restore::{Action, Asked, Counts, KIND, Object, Outcome};
use crate::problem::{Problem, Severity};

/// Bytes of differences that a report holds. Of objects after that, fields are only counted.
const DIFFERENCES_BYTES_MAX: usize = 64 << 20;

/// Writes a [`super::RestorePreview`].
pub struct Writer<W> {
    out: W,
    digest: Sha256,
    counts: Counts,
    told: usize,
    /// What the restore would report of objects that it would not be refused.
    problems: Vec<Problem>,
    /// Claims that are there already.
    there: HashSet<ObjectKey>,
}

impl<W: Write> Writer<W> {
    /// Begins a report.
    pub fn new(mut out: W, asked: &Asked) -> io::Result<Self> {
        let asked = serde_json::to_string(asked)?;
        write!(out, "{{\"v\":{VERSION},\"kind\":\"{KIND}\",\"asked\":{asked},\"objects\":[")?;
        let digest = Sha256::new().chain_update(format!("{VERSION}\n{asked}\n"));
        let (counts, problems, there) = (Counts::default(), Vec::new(), HashSet::new());
        Ok(Self { out, digest, counts, told: 0, problems, there })
    }

    /// Adds an object.
    pub fn add(&mut self, mut object: Object) -> io::Result<()> {
        self.promise(&(object.action, &object.kind, &object.key, &object.seen, &object.wanted))?;
        self.counts.add(object.action);
        self.note(&object);
        if self.told > DIFFERENCES_BYTES_MAX {
            object.omitted += object.differences.len();
            object.differences.clear();
        }
        let text = serde_json::to_string(&object)?;
        if !object.differences.is_empty() {
            self.told += text.len();
        }
        let first = self.total() == 1;
        write!(self.out, "{}\n{text}", if first { "" } else { "," })
    }

    /// Keeps what the outcome has to tell of an object. Refusals, and objects that stay as they are, are counted.
    fn note(&mut self, object: &Object) {
        let is_counted = |problem: &Problem| match object.action {
            Action::Refused | Action::Unknown => true,
            Action::Keep => problem.severity == Severity::Warning,
            Action::Create | Action::Update | Action::Recreate | Action::Same => false,
        };
        self.problems.extend(object.problems().filter(|problem| !is_counted(problem)).cloned());
        let is_there = matches!(object.action, Action::Update | Action::Keep | Action::Same);
        if is_there && object.key.resource.is("", "persistentvolumeclaims") {
            self.there.insert(object.key.clone());
        }
    }

    /// Ends the report; gives what came of it, digest and counts filled in.
    pub fn finish(mut self, outcome: Outcome) -> io::Result<(W, Outcome)> {
        self.promise(&(&outcome.left_out, &outcome.volumes))?;
        let counts = Counts { left_out: outcome.counts.left_out, ..self.counts };
        let digest = format!("sha256:{}", hex::encode(self.digest.finalize()));
        let outcome = Outcome { digest, counts, ..outcome }.completed(self.problems, &self.there);
        writeln!(self.out, "\n],\"outcome\":{}}}", serde_json::to_string(&outcome)?)?;
        Ok((self.out, outcome))
    }

    /// What is part of the digest.
    fn promise(&mut self, part: &impl Serialize) -> io::Result<()> {
        self.digest.update(serde_json::to_vec(part)?);
        self.digest.update(b"\n");
        Ok(())
    }

    fn total(&self) -> usize {
        let Counts { create, update, recreate, keep, same, refused, unknown, left_out: _ } = self.counts;
        create + update + recreate + keep + same + refused + unknown
    }
}
