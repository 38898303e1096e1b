//! What one seed asks for: a selection, and a restore of it.

mod backup;
mod modifier;
mod policy;
mod restore;
mod words;

use std::fmt;

use serde_json::{Value, json};
use testkit::zoo::Random;

use super::ground::NAMESPACES;

/// How many parts a seed has numbers for: a new part leaves those of all others as they are.
const PARTS: u64 = 64;
/// The part that is the resource policy.
const POLICY: u64 = 32;
/// The part that is the resource modifiers.
const MODIFIER: u64 = 33;
/// One seed in so many restores into the emptied namespaces themselves, the others into new ones beside them.
const EMPTIED: u64 = 5;

/// Who does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Ours,
    Theirs,
}

/// One part of a spec, written into it by its numbers.
type Part = fn(&mut Random, &mut Value);

/// What a seed asks for.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) seed: u64,
    /// The spec of the backup.
    pub(super) backup: Value,
    /// The spec of the restore, without the backup and the mapping.
    pub(super) restore: Value,
    /// The resource policy of the backup.
    pub(super) policy: Option<Value>,
    /// The resource modifiers of the restore.
    pub(super) modifier: Option<Value>,
    /// Whether it is restored to where it was, and all of it is gone before; else beside it.
    pub(super) emptied: bool,
    /// Whether a label keeps one namespace out of the backup.
    pub(super) labelled_out: bool,
    /// Whose archive both restore.
    pub(super) archive_of: Side,
    /// How many objects are there already where the restore goes.
    pub(super) there_before: u64,
}

impl Case {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = part(seed, 0);
        let mut backup = spec(seed, 1, backup::PARTS);
        let mut restore = spec(seed, 1 + backup::PARTS.len() as u64, restore::PARTS);
        restore::stay_on_the_ground(&backup, &mut restore);
        let policy = policy::policy(&mut part(seed, POLICY), &backup);
        let modifier = modifier::modifier(&mut part(seed, MODIFIER));
        if policy.is_some() {
            backup["resourcePolicy"] = json!({"kind": "configmap", "name": format!("policy-{seed}")});
        }
        if modifier.is_some() {
            restore["resourceModifier"] = json!({"kind": "configmap", "name": format!("modifier-{seed}")});
        }
        let emptied = random.once_in(EMPTIED);
        Self {
            seed,
            backup,
            restore,
            policy,
            modifier,
            emptied,
            labelled_out: random.once_in(3),
            archive_of: if random.once_in(2) { Side::Ours } else { Side::Theirs },
            there_before: if emptied || random.once_in(2) { 0 } else { random.between(3, 9) },
        }
    }

    /// The numbers of what is there already.
    pub(super) fn numbers_before(&self) -> Random {
        part(self.seed, PARTS - 1)
    }

    /// The ConfigMaps that backup and restore name.
    pub(super) fn config_maps(&self) -> Vec<Value> {
        let of = |spec: &Value, document: &Value| {
            json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": spec["name"]},
                "data": {"rules.yaml": document.to_string()},
            })
        };
        let policy = self.policy.iter().map(|policy| of(&self.backup["resourcePolicy"], policy));
        let modifier = self.modifier.iter().map(|modifier| of(&self.restore["resourceModifier"], modifier));
        policy.chain(modifier).collect()
    }

    /// The name of the backup that one of the two makes.
    pub(super) fn backup_of(&self, side: Side) -> String {
        format!("b-{}-{}", self.seed, side.word())
    }

    /// The name of the restore that one of the two makes.
    pub(super) fn restore_of(&self, side: Side) -> String {
        format!("r-{}-{}", self.seed, side.word())
    }

    /// Where one of the two restores a namespace to.
    pub(super) fn target(&self, side: Side, namespace: &str) -> String {
        if self.emptied {
            return namespace.to_owned();
        }
        format!("versus-{}-{}-{}", side.word(), self.seed, namespace.trim_start_matches("diff-"))
    }

    /// Where one of the two restores all namespaces to.
    pub(super) fn targets(&self, side: Side) -> [String; NAMESPACES.len()] {
        NAMESPACES.map(|namespace| self.target(side, namespace))
    }

    /// The restore that one of the two is asked for.
    pub(super) fn restore_spec(&self, side: Side) -> Value {
        let mut spec = self.restore.clone();
        spec["backupName"] = json!(self.backup_of(self.archive_of));
        if !self.emptied {
            for namespace in NAMESPACES {
                spec["namespaceMapping"][namespace] = json!(self.target(side, namespace));
            }
        }
        spec
    }

    /// The words of a list of the backup's spec.
    pub(super) fn saved(&self, field: &str) -> Vec<&str> {
        words_of(&self.backup, field)
    }

    /// The words of a list of the restore's spec.
    pub(super) fn restored(&self, field: &str) -> Vec<&str> {
        words_of(&self.restore, field)
    }

    /// Whether the ports of nodes come back: beside their services they are taken.
    pub(super) fn keeps_ports(&self) -> bool {
        self.emptied && self.restore["preserveNodePorts"] == true
    }

    /// Whether labels choose what is in the backup.
    pub(super) fn labels_choose(&self) -> bool {
        !self.backup["labelSelector"].is_null() || !self.backup["orLabelSelectors"].is_null()
    }

    /// Whether the backup leaves no namespace out by what the user wrote.
    pub(super) fn everywhere(&self) -> bool {
        let included = self.saved("includedNamespaces");
        self.saved("excludedNamespaces").is_empty() && (included.is_empty() || included == ["*"])
    }
}

impl Side {
    pub(super) const BOTH: [Self; 2] = [Self::Ours, Self::Theirs];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ours => "salvor",
            Self::Theirs => "velero",
        }
    }

    /// Where its server is.
    pub(super) fn server(self) -> &'static str {
        match self {
            Self::Ours => "versus-salvor",
            Self::Theirs => "versus-velero",
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {}: backup {}{} restore {}{} of {}'s{}{}, {} objects there before",
            self.seed,
            self.backup,
            named(" with policy", self.policy.as_ref()),
            self.restore,
            named(" with modifiers", self.modifier.as_ref()),
            self.archive_of.word(),
            if self.emptied { ", emptied" } else { ", mapped" },
            if self.labelled_out { ", one namespace labelled out" } else { "" },
            self.there_before,
        )
    }
}

/// A document with what it is called; nothing where there is none.
fn named(word: &str, document: Option<&Value>) -> String {
    document.map_or_else(String::new, |document| format!("{word} {document}"))
}

/// The words of a list in a spec; none where there is no list.
fn words_of<'a>(spec: &'a Value, field: &str) -> Vec<&'a str> {
    spec[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The numbers of one part of a seed.
fn part(seed: u64, number: u64) -> Random {
    // The first number of neighbours differs in few bits: it is not used.
    let mut random = Random::new(seed.wrapping_mul(PARTS).wrapping_add(number));
    random.number();
    random
}

fn spec(seed: u64, first: u64, parts: &[Part]) -> Value {
    let mut spec = json!({});
    for (number, write) in (first..).zip(parts) {
        write(&mut part(seed, number), &mut spec);
    }
    spec
}
