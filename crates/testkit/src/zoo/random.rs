//! Numbers that look random and follow from a seed (splitmix64).

/// A source of numbers.
#[derive(Debug, Clone)]
pub struct Random(u64);

const WORDS: &[&str] = &[
    "amber", "anchor", "basalt", "cedar", "cobalt", "coral", "delta", "ember", "fathom", "garnet", "harbour",
    "indigo", "jasper", "kelp", "lagoon", "marlin", "nickel", "ochre", "pearl", "quartz", "reef", "sable",
    "tide", "umber", "violet", "walrus", "xenon", "yarrow", "zephyr",
];

impl Random {
    /// The source of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` up to but not including `high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.number() % (high - low).max(1)
    }

    /// True about once in so many times.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.number().is_multiple_of(times)
    }

    /// A word.
    pub fn word(&mut self) -> &'static str {
        let index = self.between(0, WORDS.len() as u64);
        WORDS[usize::try_from(index).unwrap_or_default()]
    }

    /// Some words, now and then with signs that want escaping.
    pub fn sentence(&mut self) -> String {
        let count = self.between(1, 12);
        let mut text = (0..count).map(|_| self.word()).collect::<Vec<_>>().join(" ");
        if self.once_in(4) {
            text.push_str("\n\"grüße\"\t{{ .Values.x }} \\ 🐒\n");
        }
        text
    }

    /// Some bytes.
    pub fn bytes(&mut self, count: u64) -> Vec<u8> {
        (0..count).map(|_| self.number().to_le_bytes()[0]).collect()
    }
}
