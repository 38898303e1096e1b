//! Cuts where the window's bytes, read as a polynomial over two elements, leave a remainder that ends in zeros (Rabin and Karp).

use super::WINDOW;

/// What is divided by: the same in every repository.
const POLYNOMIAL: u64 = 0x2e_3e3e_4a30_5605;
/// Its degree.
const DEGREE: u32 = 53;

/// The remainder of a window.
pub(super) fn hash(window: &[u8; WINDOW]) -> u64 {
    window.iter().fold(0, |remainder, &byte| append(remainder, byte))
}

/// The remainder of the window one byte further.
#[inline]
pub(super) fn roll(remainder: u64, leaving: u8, entering: u8) -> u64 {
    append(remainder ^ LEAVING[usize::from(leaving)], entering)
}

#[inline]
fn append(remainder: u64, byte: u8) -> u64 {
    let carried = (remainder >> (DEGREE - 8)) & 0xff;
    ((remainder << 8) | byte as u64) ^ CARRIED[carried as usize]
}

/// For each byte that is carried beyond the degree, the multiple of the polynomial that takes it away.
const CARRIED: [u64; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let carried = (byte as u64) << DEGREE;
        table[byte] = remainder(carried) | carried;
        byte += 1;
    }
    table
};

/// What each byte at the front of the window counts.
const LEAVING: [u64; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u64;
        let mut shifted = 1;
        while shifted < WINDOW {
            value = remainder(value << 8);
            shifted += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
};

const fn remainder(mut value: u64) -> u64 {
    let mut bit = u64::BITS;
    while bit > DEGREE {
        bit -= 1;
        if value & (1 << bit) != 0 {
            value ^= POLYNOMIAL << (bit - DEGREE);
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rolling_is_hashing_the_next_window() {
        let bytes: Vec<u8> = (0..200_u32).map(|index| (index * index % 251) as u8).collect();
        let mut rolled = hash(bytes.first_chunk().unwrap());
        for start in 1..bytes.len() - WINDOW {
            rolled = roll(rolled, bytes[start - 1], bytes[start - 1 + WINDOW]);
            assert_eq!(rolled, hash(bytes[start..].first_chunk().unwrap()), "{start}");
            assert_eq!(rolled, remainder(rolled));
        }
    }
}
