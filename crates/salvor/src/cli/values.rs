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

/// The map of a flag that may be given several times, and that says no two things of one key.
pub fn united(given: &[Pairs]) -> Result<BTreeMap<String, String>, String> {
    let mut all = BTreeMap::new();
    given.iter().flat_map(|pairs| &pairs.0).try_for_each(|(key, value)| add(&mut all, key, value))?;
    Ok(all)
}

fn add(all: &mut BTreeMap<String, String>, key: &str, value: &str) -> Result<(), String> {
    match all.insert(key.to_owned(), value.to_owned()) {
        Some(other) => Err(format!("{key:?} is given twice, with {other:?} and {value:?}")),
        None => Ok(()),
    }
}

/// Reads a map of `k=v` pairs.
pub fn pairs(text: &str) -> Result<Pairs, String> {
    let pairs = separated(text, '=')?;
    Ok(Pairs(pairs.into_iter().collect()))
}

/// Reads a map of `from:to` pairs, each `from` once.
pub fn mappings(text: &str) -> Result<Pairs, String> {
    let mut mappings = BTreeMap::new();
    let pairs = separated(text, ':')?;
    pairs.iter().try_for_each(|(from, to)| add(&mut mappings, from, to))?;
    Ok(Pairs(mappings))
}

fn separated(text: &str, separator: char) -> Result<Vec<(String, String)>, String> {
    let pair = |field: String| match field.split_once(separator) {
        Some((key, value)) => Ok((key.trim().to_owned(), value.trim().to_owned())),
        None => Err(format!("{field:?} is not of the form KEY{separator}VALUE")),
    };
    fields(text).into_iter().map(pair).collect()
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
    let wrong = || {
        format!(
            "invalid OrderedResources '{text}': it is written like \
             'pods=ns1/pod1,ns1/pod2;persistentvolumeclaims=ns1/claim1'"
        )
    };
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
    fn no_namespace_is_mapped_to_two() {
        let twice = r#""shop" is given twice, with "mm" and "nn""#;
        assert_eq!(mappings("shop:mm,shop:nn"), Err(twice.to_owned()));
        let given = [mappings("shop:mm,till:t").unwrap(), mappings("shop:nn").unwrap()];
        assert_eq!(united(&given), Err(twice.to_owned()));
        assert_eq!(united(&given[..1]).unwrap().len(), 2);
        assert_eq!(pairs("a=1,a=2").unwrap().0["a"], "2", "of labels the last one counts, as with Velero");
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
        let form = "it is written like 'pods=ns1/pod1,ns1/pod2;persistentvolumeclaims=ns1/claim1'";
        assert_eq!(ordered_resources("pods"), Err(format!("invalid OrderedResources 'pods': {form}")));
        assert!(ordered_resources("pods=ns1/pod1,ns1/pod2;persistentvolumeclaims=ns1/claim1").is_ok());
    }

    #[test]
    fn selectors_are_joined_by_or() {
        assert_eq!(or_selectors("a=b or c in (d,e)").unwrap().0.len(), 2);
    }
}
