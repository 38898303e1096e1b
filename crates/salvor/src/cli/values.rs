//! How the values of flags are written: lists, maps, selectors, durations, tri-state booleans.

use std::collections::BTreeMap;

use api::GoDuration;
use api::LabelSelector;

/// A list of names, separated by commas. As with Velero, a flag given again replaces the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names(pub Vec<String>);

/// Reads a list of names.
pub fn names(text: &str) -> Result<Names, String> {
    Ok(Names(text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()))
}

/// A map, written `k=v,k2=v2`; a pair with a comma in its value stands in double quotes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pairs(pub BTreeMap<String, String>);

/// The map of a flag that may be given several times: the last value of a key counts.
pub fn merged(given: &[Pairs]) -> BTreeMap<String, String> {
    given.iter().flat_map(|pairs| pairs.0.clone()).collect()
}

/// Reads a map of `k=v` pairs.
pub fn pairs(text: &str) -> Result<Pairs, String> {
    separated(text, '=')
}

/// Reads a map of `from:to` pairs.
pub fn mappings(text: &str) -> Result<Pairs, String> {
    separated(text, ':')
}

fn separated(text: &str, separator: char) -> Result<Pairs, String> {
    let mut pairs = BTreeMap::new();
    for field in fields(text) {
        let Some((key, value)) = field.split_once(separator) else {
            return Err(format!("{field:?} is not of the form KEY{separator}VALUE"));
        };
        pairs.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    Ok(Pairs(pairs))
}

/// The fields between commas that stand outside double quotes.
fn fields(text: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for letter in text.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => {
                if let Some(field) = fields.last_mut() {
                    field.push(letter);
                }
            }
        }
    }
    fields.retain(|field| !field.is_empty());
    fields
}

/// Reads a label selector as `kubectl` writes it.
pub fn selector(text: &str) -> Result<LabelSelector, String> {
    let selector = engine::filter::Selector::parse(text).map_err(|error| error.to_string())?;
    Ok(selector.to_label_selector())
}

/// Label selectors of which one must match, joined by ` or `.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OrSelectors(pub Vec<LabelSelector>);

/// Reads selectors joined by ` or `.
pub fn or_selectors(text: &str) -> Result<OrSelectors, String> {
    text.split(" or ").map(selector).collect::<Result<_, _>>().map(OrSelectors)
}

/// Reads a duration as Go writes it.
pub fn duration(text: &str) -> Result<GoDuration, String> {
    text.parse()
        .map_err(|_| format!("time: invalid duration {text:?}: it is written as 72h30m, without days"))
}

/// A boolean that may be left open. Its own type, since clap takes nested options apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TriState(pub Option<bool>);

/// What a flag says, if it was given and says something.
pub fn told(flag: Option<TriState>) -> Option<bool> {
    flag.and_then(|state| state.0)
}

/// Reads a boolean that may also be left open by an empty value.
pub fn tri_state(text: &str) -> Result<TriState, String> {
    if text.is_empty() { Ok(TriState(None)) } else { boolean(text).map(|value| TriState(Some(value))) }
}

/// Reads a boolean as Go writes it.
pub fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

/// Reads ordered resources, written `pods=ns1/p1,ns1/p2;persistentvolumeclaims=ns1/c`.
pub fn ordered_resources(text: &str) -> Result<Pairs, String> {
    let wrong = || format!("invalid OrderedResources '{text}'");
    let mut ordered = BTreeMap::new();
    for kind in text.split(';').filter(|kind| !kind.trim().is_empty()) {
        let (resource, names) = kind.split_once('=').ok_or_else(wrong)?;
        if names.contains('=') {
            return Err(wrong());
        }
        ordered.insert(resource.trim().to_owned(), names.trim().to_owned());
    }
    Ok(Pairs(ordered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_protect_commas() {
        let read = pairs(r#"a=1,"b=2,3",c=4"#).unwrap();
        assert_eq!(
            read.0.into_iter().collect::<Vec<_>>(),
            [
                ("a".to_owned(), "1".to_owned()),
                ("b".to_owned(), "2,3".to_owned()),
                ("c".to_owned(), "4".to_owned()),
            ]
        );
        assert!(pairs("a").is_err());
        assert_eq!(mappings("old:new").unwrap().0["old"], "new");
    }

    #[test]
    fn an_empty_boolean_is_left_open() {
        assert_eq!(told(tri_state("").ok()), None);
        assert_eq!(told(tri_state("true").ok()), Some(true));
        assert!(tri_state("yes").is_err());
    }

    #[test]
    fn ordered_resources_are_separated_by_semicolons() {
        let read = ordered_resources("pods=a/b,a/c;persistentvolumes=x").unwrap();
        assert_eq!(read.0["pods"], "a/b,a/c");
        assert_eq!(read.0["persistentvolumes"], "x");
        assert_eq!(ordered_resources("pods"), Err("invalid OrderedResources 'pods'".into()));
    }

    #[test]
    fn selectors_are_joined_by_or() {
        assert_eq!(or_selectors("a=b or c in (d,e)").unwrap().0.len(), 2);
    }
}
