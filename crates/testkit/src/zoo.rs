//! Objects of very many kinds, made from a seed: what a backup must bring through although nobody told it of them.

mod cluster_wide;
mod namespaced;
mod random;

use std::iter;

use serde_json::{Value, json};

pub use random::Random;

/// The label on every object, whose value is the seed.
pub const LABEL: &str = "zoo";
/// The namespaces of [`generate`].
pub const NAMESPACES: [&str; 3] = ["zoo-apes", "zoo-birds", "zoo-cats"];

/// At least 40 kinds and 300 objects in three namespaces, and more beside them, in an order in which they can be created. The
/// same seed makes the same objects.
pub fn generate(seed: u64) -> Vec<Value> {
    generate_in(seed, &NAMESPACES)
}

/// The same in namespaces of other names.
pub fn generate_in(seed: u64, namespaces: &[&str]) -> Vec<Value> {
    let mut random = Random::new(seed);
    let mut zoo = Zoo { seed, documents: Vec::new() };
    for name in namespaces {
        zoo.add(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
    }
    cluster_wide::definitions(&mut zoo, &mut random);
    cluster_wide::settings(&mut zoo, &mut random, namespaces);
    for name in namespaces {
        namespaced::configuration(&mut zoo, &mut random, name);
        namespaced::workloads(&mut zoo, &mut random, name);
        namespaced::network(&mut zoo, &mut random, name);
        namespaced::custom(&mut zoo, &mut random, name);
    }
    for kind in cluster_wide::PLACES {
        for name in namespaces {
            namespaced::place(&mut zoo, &mut random, name, kind);
        }
    }
    for name in namespaces {
        namespaced::quota(&mut zoo, &mut random, name);
    }
    zoo.documents
}

/// The names of the definitions of all custom resources that are in namespaces.
pub fn definitions() -> impl Iterator<Item = String> {
    iter::once("Animal").chain(cluster_wide::PLACES).map(cluster_wide::definition_of)
}

/// The objects so far.
struct Zoo {
    seed: u64,
    documents: Vec<Value>,
}

impl Zoo {
    /// Adds an object with the label of all.
    fn add(&mut self, mut document: Value) {
        document["metadata"]["labels"][LABEL] = json!(self.seed.to_string());
        self.documents.push(document);
    }

    /// Adds an object of a namespace: its other fields are those of the body.
    fn within(&mut self, namespace: &str, kind: (&str, &str), name: &str, body: Value) {
        let mut document = body;
        document["metadata"]["namespace"] = json!(namespace);
        self.named(kind, name, document);
    }

    /// Adds an object of no namespace.
    fn named(&mut self, (api_version, kind): (&str, &str), name: &str, body: Value) {
        let mut document = body;
        document["apiVersion"] = json!(api_version);
        document["kind"] = json!(kind);
        document["metadata"]["name"] = json!(name);
        self.add(document);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::objects::name_of;

    #[test]
    fn every_seed_makes_40_kinds_and_300_objects_in_namespaces_of_distinct_names() {
        for seed in [0, 1, 7, 42, 20_261_121, u64::MAX] {
            let zoo = generate(seed);
            let within: Vec<&Value> =
                zoo.iter().filter(|document| document["metadata"]["namespace"].is_string()).collect();
            let kinds: BTreeSet<String> =
                within.iter().map(|d| format!("{} {}", d["apiVersion"], d["kind"])).collect();
            let names: BTreeSet<String> = zoo.iter().map(name_of).collect();
            assert!(kinds.len() >= 40, "seed {seed}: {} kinds", kinds.len());
            assert!(within.len() >= 300, "seed {seed}: {} objects", within.len());
            assert_eq!(names.len(), zoo.len(), "seed {seed}: two objects of one name");
        }
    }

    #[test]
    fn a_seed_is_a_zoo() {
        assert_eq!(generate(5), generate(5));
        assert_ne!(generate(5), generate(6));
    }
}
