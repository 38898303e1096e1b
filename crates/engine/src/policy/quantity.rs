//! Quantities as Kubernetes writes them: `10Gi`, `1.5T`, `500m`, `1e9`.

/// How many parts of a unit are told apart.
const PARTS: i128 = 1_000_000_000;
/// The largest power of ten that a suffix stands for.
const POWER_MAX: u32 = 18;

/// An amount, exact to a billionth. Negative ones are no sizes of volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Quantity(i128);

impl Quantity {
    /// Reads a quantity; `None` where the text is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('+').unwrap_or(text);
        let end = text.find(|of: char| !of.is_ascii_digit() && of != '.').unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') || fraction.len() > 9 {
            return None;
        }
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let fraction: i128 = format!("{fraction:0<9}").parse().ok()?;
        let parts = whole.checked_mul(PARTS)?.checked_add(fraction)?;
        scaled(parts, suffix).map(Self)
    }

    /// Whether it is nothing.
    pub(crate) fn is_zero(self) -> bool {
        self.0 == 0
    }
}

fn scaled(parts: i128, suffix: &str) -> Option<i128> {
    let binary = |power: u32| parts.checked_mul(1024_i128.checked_pow(power)?);
    let decimal = |power: u32| parts.checked_mul(10_i128.checked_pow(power)?);
    match suffix {
        "n" => Some(parts / PARTS),
        "u" => Some(parts / 1_000_000),
        "m" => Some(parts / 1000),
        "" => Some(parts),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        _ => {
            let power = suffix.strip_prefix(['e', 'E'])?;
            let power: u32 = power.strip_prefix('+').unwrap_or(power).parse().ok()?;
            if power > POWER_MAX { None } else { decimal(power) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_compare_whatever_their_units() {
        let of = |text: &str| Quantity::parse(text).unwrap();
        for (one, other) in [
            ("1Ki", "1024"),
            ("1k", "1000"),
            ("1.5Gi", "1536Mi"),
            ("1e3", "1k"),
            ("2E", "2000P"),
            ("1000m", "1"),
            (".5", "500m"),
            ("+1", "1"),
        ] {
            assert_eq!(of(one), of(other), "{one} {other}");
        }
        assert!(
            of("10Gi") > of("10G") && of("1Ei") > of("1023Pi") && of("0").is_zero() && !of("1n").is_zero()
        );
    }

    #[test]
    fn what_is_no_quantity_is_told() {
        for text in ["", "Gi", "10gi", "1.2.3", "-1", "1e", "1e99", "ten", "10 Gi", ".", "1.0000000001"] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }
}
