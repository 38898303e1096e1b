//! Amounts, durations and what pods are like.

use api::GoDuration;
use api::oadp::{PodConfig, Quantity};
use serde_json::Value;

use super::{Review, problems};

/// Suffixes of amounts, longest first.
const SUFFIXES: [&str; 14] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "n", "u", "m", "k", "M", "G", "T", "P"];

/// Refuses a duration that is none; empty means not given.
pub(super) fn duration(review: &mut Review<'_>, field: &str, text: &str) {
    let bad = !text.is_empty() && text.parse::<GoDuration>().is_err();
    review.refuse_if(bad, &problems::VALUE, format!("{field}: {text:?} is not a duration such as 1h30m"));
}

/// Refuses an amount that is none; empty means not given.
pub(super) fn amount(review: &mut Review<'_>, field: &str, text: &str) {
    let bad = !text.is_empty() && !is_amount(text);
    review.refuse_if(
        bad,
        &problems::VALUE,
        format!("{field}: {text:?} is not an amount such as 500m or 128Mi"),
    );
}

/// Refuses the amounts of a pod that are none.
pub(super) fn pod(review: &mut Review<'_>, at: &str, pod: Option<&PodConfig>) {
    let Some(resources) = pod.and_then(|pod| pod.resource_allocations.as_ref()) else { return };
    let limits = resources.limits.iter().map(|entry| ("limits", entry));
    for (part, (name, quantity)) in limits.chain(resources.requests.iter().map(|entry| ("requests", entry))) {
        amount(review, &format!("{at}.resourceAllocations.{part}.{name}"), &text(quantity));
    }
}

/// An amount as text, whether a number or a text was given.
pub(super) fn text(quantity: &Quantity) -> String {
    match &quantity.0 {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn is_amount(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let suffix = SUFFIXES.iter().find(|suffix| unsigned.ends_with(*suffix));
    let number = match suffix {
        Some(suffix) => &unsigned[..unsigned.len() - suffix.len()],
        // `E` alone is a suffix too; followed by digits it is an exponent
        None => unsigned.strip_suffix('E').unwrap_or(unsigned),
    };
    let exponent = suffix.is_none() && number.parse::<f64>().is_ok();
    let plain = number.chars().all(|c| c.is_ascii_digit() || c == '.') && number.parse::<f64>().is_ok();
    let digits = number.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    digits && (plain || exponent)
}

#[cfg(test)]
mod tests {
    use super::is_amount;

    #[test]
    fn amounts_are_numbers_with_units() {
        for text in ["1", "500m", "128Mi", "1.5Gi", ".5", "2E", "1e3", "1E3", "+1", "-1", "100k"] {
            assert!(is_amount(text), "{text}");
        }
        for text in ["", "Mi", "1 Gi", "12 3", "1GiB", "one", "1..2", "inf", "nan", "1mi", "0x10"] {
            assert!(!is_amount(text), "{text}");
        }
    }
}
