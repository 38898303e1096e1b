//! Samples that are damaged by chance, as quick as the gate needs it.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// What happens to some bytes.
#[derive(Debug, Clone)]
enum Damage {
    Set(Index, u8),
    Flip(Index, u8),
    Cut(Index),
    Remove(Index, usize),
    Insert(Index, Vec<u8>),
    Repeat(Index, usize),
}

impl Damage {
    fn hurt(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        let place = |at: &Index| at.index(length + 1);
        match self {
            Self::Set(at, byte) => drop(bytes.get_mut(place(at)).map(|there| *there = *byte)),
            Self::Flip(at, bit) => drop(bytes.get_mut(place(at)).map(|there| *there ^= 1 << bit)),
            Self::Cut(at) => bytes.truncate(place(at)),
            Self::Remove(at, count) => {
                let start = place(at);
                drop(bytes.drain(start..length.min(start + count)));
            }
            Self::Insert(at, new) => drop(bytes.splice(place(at)..place(at), new.iter().copied())),
            Self::Repeat(at, count) => {
                let start = place(at);
                bytes.extend_from_within(start..length.min(start + count));
            }
        }
    }
}

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let one = prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        4 => (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        1 => any::<Index>().prop_map(Damage::Cut),
        2 => (any::<Index>(), 1..20_usize).prop_map(|(at, count)| Damage::Remove(at, count)),
        2 => (any::<Index>(), prop::collection::vec(any::<u8>(), 1..9))
            .prop_map(|(at, new)| Damage::Insert(at, new)),
        1 => (any::<Index>(), 1..200_usize).prop_map(|(at, count)| Damage::Repeat(at, count)),
    ];
    prop::collection::vec(one, 1..6)
}

#[test]
fn every_sample_is_read() {
    for target in TARGETS {
        for (number, sample) in (target.samples)().iter().enumerate() {
            assert!((target.read)(sample), "{} {number}", target.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100_000))]
    #[test]
    fn damaged_samples_are_read_or_refused(
        target in prop::sample::select(TARGETS), number in any::<Index>(), damage in damage(),
    ) {
        let mut samples = (target.samples)();
        let mut sample = samples.swap_remove(number.index(samples.len()));
        damage.iter().for_each(|damage| damage.hurt(&mut sample));
        (target.read)(&sample);
    }
}
