//! Permissions as kopia stores them: those of Go, where the bits beyond the lowest nine lie elsewhere than in Unix.

use std::fmt;
use std::str::FromStr;

/// Permission bits of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Mode(u32);

/// Go's bit and that of Unix: setuid, setgid, sticky.
const SPECIAL: [(u32, u32); 3] = [(1 << 23, 0o4000), (1 << 22, 0o2000), (1 << 20, 0o1000)];

impl Mode {
    /// The mode of a file as Unix has it; bits that tell its type are left out.
    pub fn from_unix(mode: u32) -> Self {
        let special = SPECIAL.iter().filter(|(_, unix)| mode & unix != 0).map(|(go, _)| go);
        Self(special.fold(mode & 0o777, |bits, go| bits | go))
    }

    /// The mode of a file as Go has it; bits that tell its type are left out.
    pub fn from_go(mode: u32) -> Self {
        Self(SPECIAL.iter().fold(mode & 0o777, |bits, (go, _)| bits | (mode & go)))
    }

    /// The same bits as Unix has them.
    pub fn to_unix(self) -> u32 {
        let special = SPECIAL.iter().filter(|(go, _)| self.0 & go != 0).map(|(_, unix)| unix);
        special.fold(self.0 & 0o777, |bits, unix| bits | unix)
    }

    pub(super) fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0{:o}", self.0)
    }
}

impl FromStr for Mode {
    type Err = std::num::ParseIntError;

    /// Digits as Go reads them: octal after a zero, hexadecimal after `0x`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (digits, radix) = match text.strip_prefix('0') {
            Some("") | None => (text, 10),
            Some(rest) => match rest.strip_prefix(['x', 'X']) {
                Some(digits) => (digits, 16),
                None => (rest.strip_prefix(['o', 'O']).unwrap_or(rest), 8),
            },
        };
        u32::from_str_radix(digits, radix).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_those_of_go() {
        for (unix, text) in
            [(0o4755, "040000755"), (0o1777, "04000777"), (0o2770, "020000770"), (0o644, "0644"), (0, "00")]
        {
            assert_eq!(Mode::from_unix(0o100_000 | unix).to_string(), text);
            assert_eq!(text.parse::<Mode>().unwrap().to_unix(), unix);
            assert_eq!(Mode::from_go((1 << 31) | text.parse::<Mode>().unwrap().0), Mode::from_unix(unix));
        }
        for (text, unix) in [("420", 0o644), ("0x1a4", 0o644), ("0o644", 0o644), ("0", 0)] {
            assert_eq!(text.parse::<Mode>().unwrap().to_unix(), unix);
        }
        assert!(
            "".parse::<Mode>().is_err() && "09".parse::<Mode>().is_err() && "-1".parse::<Mode>().is_err()
        );
    }
}
