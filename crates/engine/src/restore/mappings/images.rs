//! `velero.io/change-image-name`: parts of image names, `ANY-KEY: OLD,NEW`.
//!
//! The first rule that fits an image, in the order of the keys, changes it once. A rule fits where its text is made of
//! whole parts of the name, between `/`, `:` and `@`: `nginx` means neither `my-nginx` nor `nginx-exporter`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Entry, halves, problem, workloads};
use crate::problem::{Problem, Severity};
use crate::restore::adjustments::problems::IMAGE_PART;
use crate::restore::modifiers::Subject;

/// The label of its ConfigMap.
pub(super) const LABEL: &str = "velero.io/change-image-name";

/// Rules on images, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Images(Vec<Rule>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Rule {
    key: String,
    old: String,
    new: String,
}

/// What the rules say of an image.
enum Verdict<'a> {
    /// This is its new name.
    Renamed(String),
    /// The rule's text occurs in it, and not as a part.
    Part(&'a Rule),
    /// Nothing.
    Other,
}

impl Images {
    pub(super) fn read(entries: &[Entry]) -> Result<Self, String> {
        let mut rules = Vec::new();
        for entry in entries {
            let (old, new) = halves(entry)?;
            if new.is_empty() {
                return Err(format!("{} is {:?}, which would leave no image", entry.key, entry.value));
            }
            rules.push(Rule { key: entry.key.clone(), old: old.to_owned(), new: new.to_owned() });
        }
        Ok(Self(rules))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn apply(&self, document: &mut Value, subject: &Subject<'_>) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.0.is_empty() {
            return problems;
        }
        let Some(spec) = workloads::pod_spec(document, subject.resource) else { return problems };
        for container in workloads::containers(spec) {
            let Some(image) = container.get("image").and_then(Value::as_str) else { continue };
            match self.verdict(image) {
                Verdict::Renamed(image) => container["image"] = Value::from(image),
                Verdict::Part(Rule { key, old, .. }) => {
                    let message = format!(
                        "the image {image} was left as it is: rule {key} names {old}, which is only a piece of a part of it"
                    );
                    problems.push(problem(&IMAGE_PART, Severity::Warning, message, subject));
                }
                Verdict::Other => {}
            }
        }
        problems
    }

    fn verdict(&self, image: &str) -> Verdict<'_> {
        for Rule { old, new, .. } in &self.0 {
            if let Some(start) = whole(image, old) {
                return Verdict::Renamed(format!("{}{new}{}", &image[..start], &image[start + old.len()..]));
            }
        }
        self.0.iter().find(|rule| image.contains(&rule.old)).map_or(Verdict::Other, Verdict::Part)
    }
}

/// Where `part` stands in an image's name, in whole parts of it.
fn whole(image: &str, part: &str) -> Option<usize> {
    let separates = |of: char| matches!(of, '/' | ':' | '@');
    let found = image.match_indices(part).map(|(start, _)| start);
    let mut found = found.filter(|start| {
        let (head, tail) = (&image[..*start], &image[start + part.len()..]);
        let begins = head.is_empty() || head.ends_with(separates) || part.starts_with(separates);
        let ends = tail.is_empty() || tail.starts_with(separates) || part.ends_with(separates);
        begins && ends
    });
    found.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rules: &[&str], image: &str, expect: &str) {
        let entries =
            (0..).zip(rules).map(|(at, value)| Entry { key: format!("{at:02}"), value: (*value).to_owned() });
        let images = Images::read(&entries.collect::<Vec<_>>()).unwrap();
        let made = match images.verdict(image) {
            Verdict::Renamed(image) => image,
            Verdict::Part(rule) => format!("part of {}", rule.key),
            Verdict::Other => "as it was".to_owned(),
        };
        assert_eq!(made, expect, "{rules:?} {image}");
    }

    #[test]
    fn a_rule_fits_whole_parts_only() {
        check(&["nginx,web"], "nginx", "web");
        check(&["nginx,web"], "hub.example/library/nginx:1.2", "hub.example/library/web:1.2");
        check(&["nginx,web"], "my-nginx", "part of 00");
        check(&["nginx,web"], "r.io/nginx-exporter/x", "part of 00");
        check(&["nginx,web"], "r.io/nginx-exporter/nginx", "r.io/nginx-exporter/web");
        check(&["nginx,web"], "redis", "as it was");
        check(&["1.1.1.1:5000 , 2.2.2.2:3000"], "1.1.1.1:5000/a/b@sha256:00", "2.2.2.2:3000/a/b@sha256:00");
        check(&["r.io/team,r.eu/other"], "r.io/team/app:1", "r.eu/other/app:1");
        check(&["r.io/team,r.eu/other"], "r.io/team-b/app:1", "part of 00");
        check(&[":1.0,:2.0"], "r.io/app:1.0", "r.io/app:2.0");
        check(&["r.io/,r.eu/"], "r.io/app", "r.eu/app");
    }

    #[test]
    fn the_first_rule_that_fits_changes_an_image_once() {
        check(&["a,b", "b,c"], "r/a/a", "r/b/a");
        check(&["x,y", "a,b", "a,z"], "r/a", "r/b");
        check(&["ng,x", "nginx,web"], "nginx", "web");
    }

    #[test]
    fn rules_without_two_halves_are_refused() {
        for value in ["nginx", ",web", "nginx,", ""] {
            assert!(Images::read(&[Entry { key: "k".into(), value: value.into() }]).is_err(), "{value}");
        }
    }
}
