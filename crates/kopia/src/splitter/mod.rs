//! Where a file is cut into contents, so that the same bytes make the same contents whatever lies around them.

mod buzhash;
mod rabin_karp;

/// What a new repository uses unless told otherwise.
pub const DEFAULT: &str = "DYNAMIC-4M-BUZHASH";

/// The bytes that a rolling hash goes over.
const WINDOW: usize = 64;

/// The sizes by name.
const SIZES: [(&str, usize); 7] = [
    ("128K", 128 << 10),
    ("256K", 256 << 10),
    ("512K", 512 << 10),
    ("1M", 1 << 20),
    ("2M", 2 << 20),
    ("4M", 4 << 20),
    ("8M", 8 << 20),
];

/// A way to cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Splitter {
    method: Method,
    /// The length of chunks: of each, or on average.
    length: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Fixed,
    Buzhash,
    RabinKarp,
}

impl Splitter {
    /// Chunks of 128 KiB, which lists of device blocks are cut into.
    pub const FIXED_128K: Self = Self { method: Method::Fixed, length: 128 << 10 };
    /// Chunks of 1 MiB, which devices are cut into.
    pub const FIXED_1M: Self = Self { method: Method::Fixed, length: 1 << 20 };

    /// The splitter of that name in the repository; the empty name is that of the oldest repositories.
    pub fn named(name: &str) -> Option<Self> {
        let of = |method, size: &str| {
            let (_, length) = SIZES.iter().find(|(name, _)| *name == size)?;
            Some(Self { method, length: *length })
        };
        match name.split('-').collect::<Vec<_>>()[..] {
            ["" | "FIXED"] => of(Method::Fixed, "4M"),
            ["DYNAMIC"] => of(Method::Buzhash, "4M"),
            ["FIXED", size] => of(Method::Fixed, size),
            ["DYNAMIC", size, "BUZHASH"] => of(Method::Buzhash, size),
            ["DYNAMIC", size, "RABINKARP"] => of(Method::RabinKarp, size),
            _ => None,
        }
    }

    /// The most bytes of a chunk.
    pub fn chunk_length_max(self) -> usize {
        match self.method {
            Method::Fixed => self.length,
            Method::Buzhash | Method::RabinKarp => self.length * 2,
        }
    }

    /// The length of the chunks that zeros are cut into.
    pub fn zeros_length(self) -> usize {
        match self.method {
            Method::Fixed => self.length,
            // the hash of a window of zeros is zero: the first place that is looked at is an end
            Method::Buzhash | Method::RabinKarp => self.length / 2,
        }
    }

    /// The most bytes of a chunk.
    pub fn length_max(self) -> usize {
        match self.method {
            Method::Fixed => self.length,
            Method::Buzhash | Method::RabinKarp => self.length * 2,
        }
    }

    /// The length of the first chunk of `data`, if it ends in there; its first `seen` bytes are known to hold no end.
    pub fn cut(self, data: &[u8], seen: usize) -> Option<usize> {
        match self.method {
            Method::Fixed => (data.len() >= self.length).then_some(self.length),
            Method::Buzhash => self.cut_by(data, seen, buzhash::hash, buzhash::roll),
            Method::RabinKarp => self.cut_by(data, seen, rabin_karp::hash, rabin_karp::roll),
        }
    }

    /// The first place, from half the length on, where the hash of the window before it ends in zeros; twice the length at the latest.
    #[inline]
    fn cut_by(
        self,
        data: &[u8],
        seen: usize,
        hash: impl Fn(&[u8; WINDOW]) -> u64,
        roll: impl Fn(u64, u8, u8) -> u64,
    ) -> Option<usize> {
        let (min, max) = (self.length / 2, self.length_max());
        let mask = self.length as u64 - 1;
        let start = min.max(seen.saturating_add(1));
        let end = max.min(data.len());
        if start > end {
            return None;
        }
        // a chunk has more bytes than a window, so that the window is always inside it
        let mut sum = hash(data[start - WINDOW..].first_chunk()?);
        let (leaving, entering) = (&data[start - WINDOW..end - WINDOW], &data[start..end]);
        for (index, (&old, &new)) in leaving.iter().zip(entering).enumerate() {
            if sum & mask == 0 {
                return Some(start + index);
            }
            sum = roll(sum, old, new);
        }
        (sum & mask == 0 || end == max).then_some(end)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// Bytes without a pattern, that the cuts of the specification are given for.
    pub(crate) fn stream(length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 32);
        for block in 0_u64.. {
            if bytes.len() >= length {
                break;
            }
            bytes.extend_from_slice(
                &Sha256::new_with_prefix(b"kopia-vector").chain_update(block.to_be_bytes()).finalize(),
            );
        }
        bytes.truncate(length);
        bytes
    }

    fn cuts(splitter: Splitter, mut data: &[u8]) -> Vec<usize> {
        let mut lengths = Vec::new();
        while let Some(length) = splitter.cut(data, 0) {
            lengths.push(length);
            data = &data[length..];
        }
        lengths.push(data.len());
        lengths
    }

    #[test]
    fn cuts_are_where_kopia_cuts() {
        let stream = stream(30_000_000);
        assert_eq!(hex::encode(&stream[..16]), "fe1c1fc656c38963718f8c0859b63d32");
        let splitter = |name| Splitter::named(name).unwrap();
        assert_eq!(
            cuts(splitter(DEFAULT), &stream),
            [3_322_090, 8_388_608, 2_691_634, 4_607_307, 4_396_669, 5_192_246, 1_401_446]
        );
        let short = &stream[..2_000_000];
        assert_eq!(
            cuts(splitter("DYNAMIC-128K-BUZHASH"), short),
            [
                262144, 261248, 170226, 66770, 116204, 67784, 66481, 83007, 180936, 214689, 262144, 88546,
                159821
            ]
        );
        assert_eq!(
            cuts(splitter("DYNAMIC-128K-RABINKARP"), short),
            [
                262144, 262144, 133740, 178255, 87624, 117408, 223976, 82946, 93015, 205889, 96877, 177759,
                78223
            ]
        );
        assert_eq!(cuts(splitter("FIXED-1M"), short), [1_048_576, 951_424]);
    }

    #[test]
    fn it_does_not_matter_how_bytes_arrive() {
        let stream = stream(1_000_000);
        for name in ["DYNAMIC-128K-BUZHASH", "DYNAMIC-128K-RABINKARP", "FIXED-128K"] {
            let splitter = Splitter::named(name).unwrap();
            for step in [1_013, 70_000] {
                let (mut chunk, mut lengths) = (Vec::new(), Vec::new());
                for piece in stream.chunks(step) {
                    let seen = chunk.len();
                    chunk.extend_from_slice(piece);
                    if let Some(length) = splitter.cut(&chunk, seen) {
                        lengths.push(length);
                        chunk.drain(..length);
                    }
                }
                lengths.push(chunk.len());
                assert_eq!(lengths, cuts(splitter, &stream), "{name} {step}");
            }
        }
    }

    #[test]
    fn zeros_are_cut_as_early_as_may_be() {
        let zeros = vec![0; 5 << 20];
        assert_eq!(cuts(Splitter::named(DEFAULT).unwrap(), &zeros), [2 << 20, 2 << 20, 1 << 20]);
        for name in [DEFAULT, "FIXED-1M", "DYNAMIC-1M-RABINKARP"] {
            let splitter = Splitter::named(name).unwrap();
            assert_eq!(splitter.cut(&zeros, 0), Some(splitter.zeros_length()), "{name}");
        }
    }

    #[test]
    fn names_are_kopias_and_old_ones_are_understood() {
        assert_eq!(Splitter::named(""), Splitter::named("FIXED-4M"));
        assert_eq!(Splitter::named("FIXED"), Splitter::named("FIXED-4M"));
        assert_eq!(Splitter::named("DYNAMIC"), Splitter::named(DEFAULT));
        assert_eq!(Splitter::named("FIXED-128K"), Some(Splitter::FIXED_128K));
        assert_eq!(Splitter::named("FIXED-1M"), Some(Splitter::FIXED_1M));
        for name in ["FIXED-3M", "DYNAMIC-4M", "DYNAMIC-4M-BUZHASH-", "fixed"] {
            assert_eq!(Splitter::named(name), None, "{name}");
        }
        assert_eq!(Splitter::named("DYNAMIC-8M-RABINKARP").unwrap().chunk_length_max(), 16 << 20);
    }
}
