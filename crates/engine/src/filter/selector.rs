//! Label selectors: matching, the API server's text form, and the syntax that commands take.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use serde::{Deserialize, Serialize};

/// A label selector: every requirement holds. Without any it matches all objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selector {
    requirements: Vec<Requirement>,
}

/// What has labels.
pub trait Labelled {
    /// The value of a label; `None` where it is not there.
    fn label(&self, key: &str) -> Option<&str>;
}

impl Labelled for BTreeMap<String, String> {
    fn label(&self, key: &str) -> Option<&str> {
        self.get(key).map(String::as_str)
    }
}

/// One requirement on a label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Requirement {
    key: String,
    #[serde(flatten)]
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "operator", content = "values")]
enum Test {
    Equals(String),
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
    Exists,
    DoesNotExist,
}

/// Why a selector cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// The text does not follow the syntax.
    #[error("failed to parse the label selector {text:?}: {reason}")]
    Syntax {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A requirement of a structured selector is malformed.
    #[error("failed to use the label selector: {0}")]
    Requirement(String),
}

impl Selector {
    /// The selector that a structured one means.
    pub fn of(selector: &LabelSelector) -> Result<Self, SelectorError> {
        let labels = selector.match_labels.iter().flatten();
        let equal = labels
            .map(|(key, value)| Ok(Requirement { key: key.clone(), test: Test::Equals(value.clone()) }));
        let expressions = selector.match_expressions.iter().flatten().map(requirement);
        let requirements: Vec<_> = equal.chain(expressions).collect::<Result<_, _>>()?;
        Self::new(requirements).map_err(SelectorError::Requirement)
    }

    /// Reads the syntax of commands: `a=b,c!=d,e in (x,y),f notin (z),g,!h`.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let fail = |reason| SelectorError::Syntax { text: text.to_owned(), reason };
        let requirements = clauses(text).into_iter().map(clause).collect::<Result<_, _>>().map_err(fail)?;
        Self::new(requirements).map_err(fail)
    }

    /// Whether an object with `labels` is selected.
    pub fn matches(&self, labels: &impl Labelled) -> bool {
        self.requirements.iter().all(|of| of.test.holds(labels.label(&of.key)))
    }

    /// Whether it selects every object.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// The structured form, as resources store it.
    pub fn to_label_selector(&self) -> LabelSelector {
        let mut selector = LabelSelector::default();
        for Requirement { key, test } in &self.requirements {
            let (operator, values) = match test {
                Test::Equals(value) => {
                    selector.match_labels.get_or_insert_default().insert(key.clone(), value.clone());
                    continue;
                }
                Test::In(values) => ("In", Some(values.iter().cloned().collect())),
                Test::NotIn(values) => ("NotIn", Some(values.iter().cloned().collect())),
                Test::Exists => ("Exists", None),
                Test::DoesNotExist => ("DoesNotExist", None),
            };
            let expression =
                LabelSelectorRequirement { key: key.clone(), operator: operator.to_owned(), values };
            selector.match_expressions.get_or_insert_default().push(expression);
        }
        selector
    }

    fn new(mut requirements: Vec<Requirement>) -> Result<Self, String> {
        requirements.sort_by(|one, other| one.key.cmp(&other.key));
        requirements.iter().try_for_each(Requirement::check)?;
        Ok(Self { requirements })
    }
}

/// The form that the API server takes in a list request.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Requirement { key, test }) in self.requirements.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { "," })?;
            match test {
                Test::Equals(value) => write!(f, "{key}={value}")?,
                Test::In(values) => write!(f, "{key} in ({})", join(values))?,
                Test::NotIn(values) => write!(f, "{key} notin ({})", join(values))?,
                Test::Exists => f.write_str(key)?,
                Test::DoesNotExist => write!(f, "!{key}")?,
            }
        }
        Ok(())
    }
}

impl Test {
    fn holds(&self, value: Option<&str>) -> bool {
        match self {
            Self::Equals(wanted) => value == Some(wanted.as_str()),
            Self::In(values) => value.is_some_and(|value| values.contains(value)),
            Self::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Self::Exists => value.is_some(),
            Self::DoesNotExist => value.is_none(),
        }
    }
}

impl Requirement {
    fn check(&self) -> Result<(), String> {
        if !label_key(&self.key) {
            return Err(format!("{:?} is not a label key", self.key));
        }
        let bad = match &self.test {
            Test::In(values) | Test::NotIn(values) if values.is_empty() => {
                return Err(format!("{:?} needs at least one value", self.key));
            }
            Test::In(values) | Test::NotIn(values) => values.iter().find(|value| !label_value(value)),
            Test::Equals(value) => Some(value).filter(|value| !label_value(value)),
            Test::Exists | Test::DoesNotExist => None,
        };
        bad.map_or(Ok(()), |value| Err(format!("{value:?} is not a label value")))
    }
}

fn join(values: &BTreeSet<String>) -> String {
    values.iter().map(String::as_str).collect::<Vec<_>>().join(",")
}

fn requirement(expression: &LabelSelectorRequirement) -> Result<Requirement, SelectorError> {
    let values: BTreeSet<String> = expression.values.iter().flatten().cloned().collect();
    let test = match expression.operator.as_str() {
        "In" => Test::In(values),
        "NotIn" => Test::NotIn(values),
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let text = format!("{:?} takes no values with {}", expression.key, expression.operator);
            return Err(SelectorError::Requirement(text));
        }
        "Exists" => Test::Exists,
        "DoesNotExist" => Test::DoesNotExist,
        other => {
            return Err(SelectorError::Requirement(format!("{other:?} is not a label selector operator")));
        }
    };
    Ok(Requirement { key: expression.key.clone(), test })
}

/// Splits at the commas outside of parentheses.
fn clauses(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let split = text.split(move |next| {
        match next {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        next == ',' && depth == 0
    });
    if text.trim().is_empty() { Vec::new() } else { split.map(str::trim).collect() }
}

fn clause(text: &str) -> Result<Requirement, String> {
    if let Some(key) = text.strip_prefix('!') {
        return Ok(Requirement { key: key.trim().to_owned(), test: Test::DoesNotExist });
    }
    if let Some((key, value)) = text.split_once("!=") {
        return Ok(Requirement {
            key: key.trim().to_owned(),
            test: Test::NotIn([value.trim().to_owned()].into()),
        });
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Ok(Requirement { key: key.trim().to_owned(), test: Test::Equals(value.trim().to_owned()) });
    }
    let (key, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    let test = if rest.is_empty() {
        Test::Exists
    } else if let Some(list) = rest.strip_prefix("notin") {
        Test::NotIn(values(list)?)
    } else if let Some(list) = rest.strip_prefix("in") {
        Test::In(values(list)?)
    } else {
        return Err(format!("{rest:?} follows {key:?} where an operator should"));
    };
    Ok(Requirement { key: key.to_owned(), test })
}

fn values(list: &str) -> Result<BTreeSet<String>, String> {
    let inner = list.trim().strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let inner = inner.ok_or_else(|| format!("{list:?} is not a list in parentheses"))?;
    Ok(inner.split(',').map(|value| value.trim().to_owned()).collect())
}

fn label_key(key: &str) -> bool {
    let (prefix, name) = key.rsplit_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let label = |part: &str| super::set::dns_label(part);
    let prefixed = prefix.is_none_or(|prefix| prefix.len() <= 253 && prefix.split('.').all(label));
    prefixed && !name.is_empty() && label_value(name)
}

fn label_value(value: &str) -> bool {
    let edge = |of: char| of.is_ascii_alphanumeric();
    let inner = |of: char| edge(of) || matches!(of, '-' | '_' | '.');
    value.is_empty()
        || (value.len() <= 63 && value.starts_with(edge) && value.ends_with(edge) && value.chars().all(inner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(of: &[(&str, &str)]) -> BTreeMap<String, String> {
        of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn every_operator_matches_as_the_server_does() {
        let shop = labels(&[("app", "shop"), ("tier", "web")]);
        for (text, expected) in [
            ("", true),
            ("app=shop", true),
            ("app == shop , tier=web", true),
            ("app=blog", false),
            ("app!=blog", true),
            ("missing!=x", true),
            ("app in (shop, blog)", true),
            ("app notin (shop)", false),
            ("missing notin (x)", true),
            ("missing in (x)", false),
            ("app", true),
            ("!app", false),
            ("!missing", true),
        ] {
            assert_eq!(Selector::parse(text).unwrap().matches(&shop), expected, "{text}");
        }
    }

    #[test]
    fn the_text_is_the_servers() {
        let text = "z, b in (y,x),a=1,c!=2,!d,app.kubernetes.io/name=shop";
        let selector = Selector::parse(text).unwrap();
        assert_eq!(selector.to_string(), "a=1,app.kubernetes.io/name=shop,b in (x,y),c notin (2),!d,z");
        assert!(Selector::parse("").unwrap().is_empty());
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["a b", "a in x", "a in ()x", "=b", "a=b c", "a,,b", "-a=b", "a=b,", "a>1", "!"] {
            assert!(Selector::parse(text).is_err(), "{text}");
        }
        let bad = |operator: &str, values: &[&str]| {
            let values = Some(values.iter().map(|value| (*value).to_owned()).collect());
            let of = LabelSelectorRequirement { key: "a".into(), operator: operator.into(), values };
            Selector::of(&LabelSelector { match_expressions: Some(vec![of]), match_labels: None }).is_err()
        };
        assert!(bad("In", &[]) && bad("Exists", &["x"]) && bad("Like", &["x"]) && !bad("NotIn", &["x"]));
    }

    proptest! {
        #[test]
        fn texts_and_structures_come_back_as_they_went(
            equals in proptest::collection::btree_map("[a-c]", "[a-z]{0,3}", 0..3),
            more in proptest::collection::btree_map("[d-f]", proptest::collection::btree_set("[a-z]{1,3}", 1..3), 0..3),
            negated in any::<bool>(),
        ) {
            let one = |(key, test)| Requirement { key, test };
            let list = |values| if negated { Test::NotIn(values) } else { Test::In(values) };
            let all = equals.into_iter().map(|(key, value)| (key, Test::Equals(value)));
            let all = all.chain(more.into_iter().map(|(key, values)| (key, list(values))));
            let selector = Selector::new(all.map(one).collect()).unwrap();
            prop_assert_eq!(&Selector::parse(&selector.to_string()).unwrap(), &selector);
            prop_assert_eq!(&Selector::of(&selector.to_label_selector()).unwrap(), &selector);
        }
    }
}
