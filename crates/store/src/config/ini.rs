//! Credentials files of AWS: sections of `key = value`.

use std::collections::BTreeMap;

use super::invalid;
use crate::Result;

/// The settings of one profile.
pub(super) type Profile = BTreeMap<String, String>;

/// The profiles of a file by name. Also reads the form of config files, whose sections are `profile NAME`.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, Profile>> {
    let mut profiles: BTreeMap<String, Profile> = BTreeMap::new();
    let mut section = None;
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let indented = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            section = Some(section_name(rest, number)?);
            profiles.entry(section.clone().unwrap_or_default()).or_default();
        } else if let Some((key, value)) = line.split_once('=') {
            let Some(section) = &section else { return Err(misplaced(number)) };
            // An indented line belongs to a setting such as `s3 =`; none of those matters here, but a file
            // that is indented as a whole is read.
            let profile = profiles.entry(section.clone()).or_default();
            if !(indented && profile.values().any(String::is_empty)) {
                profile.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
            }
        } else {
            return Err(misplaced(number));
        }
    }
    Ok(profiles)
}

/// The profile that a section's line names.
fn section_name(rest: &str, number: usize) -> Result<String> {
    let name = rest.split_once(']').ok_or_else(|| misplaced(number))?.0.trim();
    Ok(name.strip_prefix("profile ").unwrap_or(name).trim().to_owned())
}

/// A line that cannot be read; it may hold a secret, so that only its number is told.
fn misplaced(number: usize) -> crate::Error {
    invalid(format!("line {} of the credentials is neither [PROFILE] nor KEY = VALUE below one", number + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_read() {
        let text = "\u{feff}# a comment\r\n[default]\r\naws_access_key_id=ID\r\naws_secret_access_key = a=b+c/d==\r\n\
                    \n[profile other]\nRole_ARN = arn:aws:iam::1:role/r\n; more\ns3 =\n  max_queue_size = 10\nregion=eu-west-1\n";
        let profiles = parse(text).unwrap();
        assert_eq!(profiles["default"]["aws_secret_access_key"], "a=b+c/d==");
        assert_eq!(profiles["other"]["role_arn"], "arn:aws:iam::1:role/r");
        assert_eq!(profiles["other"]["region"], "eu-west-1");
        assert!(!profiles["other"].contains_key("max_queue_size"));
    }

    #[test]
    fn a_file_that_is_indented_as_a_whole_is_read() {
        let profiles = parse("  [default]\n  aws_access_key_id = ID\n  aws_secret_access_key = S\n").unwrap();
        assert_eq!(profiles["default"].len(), 2);
    }

    #[test]
    fn a_wrong_line_is_named_but_not_shown() {
        for text in ["aws_secret_access_key=SECRET", "[default]\nSECRET", "[default\nSECRET=1"] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains("line ") && !error.contains("SECRET"), "{error}");
        }
    }
}
