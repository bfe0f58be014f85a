//! The block function of SHA-256 (FIPS 180-4) over sixteen messages at once, each in its lane of vectors.
//!
//! The rounds of one message wait for each other, those of several do not, so that a processor with wide
//! vectors gets more than twice as much done as by its instructions for SHA-256. Messages are taken in
//! pieces: they may be of any length, and a lane whose message has ended takes the next one. Of bytes and
//! blocks it knows nothing but these; reading them is the caller's.
//!
//! It is a crate of its own because it is worth being optimised in every profile, and nothing else here is.

use std::array;

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, u32x16};

/// How many messages are hashed at once.
pub const LANES: usize = 16;
/// From how many lanes on that have something to hash this is faster than one message after another by the
/// processor's instructions for SHA-256 (measured: 2.3 times as fast with all of them).
pub const WORTHWHILE: usize = 7;
/// What comes behind a message: one byte and its length of eight, in the last or in the next block.
pub const PADDING: usize = 64 + 8;

/// A part of a message (5.2.1).
pub type Block = [u8; 64];
/// The eight words of a hash value (6.2).
pub type State = [u32; 8];

/// The hash value before the first block (5.3.3).
pub const INITIAL: State = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// One word for every round (4.2.2).
#[rustfmt::skip]
const K: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

/// The hash values of the messages in all lanes.
#[derive(Debug, Clone)]
pub struct States {
    /// Word by word, as vectors hold them.
    words: [[u32; LANES]; 8],
}

impl States {
    /// Every lane before its first block.
    pub fn new() -> Self {
        Self {
            words: INITIAL.map(|word| [word; LANES]),
        }
    }

    /// Has a lane begin with another message.
    pub fn begin(&mut self, lane: usize) {
        for (words, initial) in self.words.iter_mut().zip(INITIAL) {
            words[lane] = initial;
        }
    }

    /// Returns the hash value of a lane.
    pub fn of(&self, lane: usize) -> State {
        self.words.map(|words| words[lane])
    }
}

impl Default for States {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns a hash value as the digest that is written (6.2.2, after the last block).
pub fn digest(state: State) -> [u8; 32] {
    let mut digest = [0; 32];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

/// Writes what comes behind a message of so many bytes (5.1.1), which ends at `end` of `buffer`, and returns
/// where that ends. Before `end` stand whole blocks and what is left of the message.
///
/// # Panics
///
/// If `buffer` has not [`PADDING`] bytes behind `end`.
pub fn pad(buffer: &mut [u8], end: usize, bytes: u64) -> usize {
    let padded = (end + 1 + 8).next_multiple_of(size_of::<Block>());
    buffer[end] = 0x80;
    buffer[end + 1..padded - 8].fill(0);
    buffer[padded - 8..padded].copy_from_slice(&(bytes * 8).to_be_bytes());
    padded
}

/// The vectors of this processor.
#[derive(Debug, Clone, Copy)]
pub struct Lanes {
    level: Level,
}

impl Lanes {
    /// Returns the lanes if with them more is hashed than one message after another: with vectors of 512
    /// bits, and with those of 256 where there are no instructions for SHA-256.
    pub fn new() -> Option<Self> {
        let level = Level::new();
        are_faster(level).then_some(Self { level })
    }

    /// Returns the lanes of any processor, however slow.
    pub fn of_any_processor() -> Self {
        Self {
            level: Level::new(),
        }
    }

    /// Hashes the next blocks of the messages, as many of each as the shortest piece has.
    pub fn compress(self, states: &mut States, pieces: &[&[Block]; LANES]) {
        dispatch!(self.level, simd => compress(simd, states, pieces));
    }
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn are_faster(level: Level) -> bool {
    let has_instructions = std::arch::is_x86_feature_detected!("sha");
    level.as_avx512().is_some() || (level.as_avx2().is_some() && !has_instructions)
}

/// Vectors of 128 bits are never faster.
#[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
fn are_faster(_: Level) -> bool {
    false
}

#[inline(always)]
fn compress<S: Simd>(simd: S, states: &mut States, pieces: &[&[Block]; LANES]) {
    let words = &mut states.words;
    let mut state: [u32x16<S>; 8] = array::from_fn(
        #[inline(always)]
        |word| u32x16::load_array(simd, words[word]),
    );
    let blocks = pieces.iter().map(|piece| piece.len()).min().unwrap_or(0);
    #[expect(
        clippy::needless_range_loop,
        reason = "the block of every piece, not the piece"
    )]
    for block in 0..blocks {
        let rows = array::from_fn(
            #[inline(always)]
            |lane: usize| words_of(simd, &pieces[lane][block]),
        );
        rounds(simd, &mut state, transposed(rows));
    }
    for (words, state) in words.iter_mut().zip(state) {
        *words = state.to_array();
    }
}

/// Returns the words of a block (5.2.1).
#[inline(always)]
fn words_of<S: Simd>(simd: S, block: &Block) -> u32x16<S> {
    let (bytes, _) = block.as_chunks();
    let words = array::from_fn(
        #[inline(always)]
        |word| u32::from_be_bytes(bytes[word]),
    );
    u32x16::load_array(simd, words)
}

/// Makes vectors of the words of one lane to vectors of one word of every lane. Shuffling two halves into
/// each other four times turns `lane * 16 + word` into `word * 16 + lane`.
#[inline(always)]
fn transposed<S: Simd>(mut rows: [u32x16<S>; LANES]) -> [u32x16<S>; LANES] {
    for _ in 0..LANES.ilog2() {
        let halves = rows;
        for pair in 0..LANES / 2 {
            let (low, high) = halves[pair].interleave(halves[pair + LANES / 2]);
            rows[2 * pair] = low;
            rows[2 * pair + 1] = high;
        }
    }
    rows
}

/// The 64 rounds of a block (6.2.2); of its schedule of 64 words the last 16 are kept.
#[inline(always)]
fn rounds<S: Simd>(simd: S, state: &mut [u32x16<S>; 8], mut schedule: [u32x16<S>; 16]) {
    let mut new = *state;
    for turn in 0..4 {
        for word in 0..16 {
            if turn > 0 {
                let (old, recent) = (schedule[(word + 1) % 16], schedule[(word + 14) % 16]);
                let first = rotated(old, 7) ^ rotated(old, 18) ^ (old >> 3);
                let second = rotated(recent, 17) ^ rotated(recent, 19) ^ (recent >> 10);
                schedule[word] = schedule[word] + first + schedule[(word + 9) % 16] + second;
            }
            let [a, b, c, d, e, f, g, h] = new;
            let sum = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
            let chosen = (e & f) ^ (!e & g);
            let constant = u32x16::splat(simd, K[turn * 16 + word]);
            let first = h + sum + (constant + schedule[word]) + chosen;
            let sum = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
            let majority = (a & b) ^ (a & c) ^ (b & c);
            new = [first + (sum + majority), a, b, c, d + first, e, f, g];
        }
    }
    *state = array::from_fn(
        #[inline(always)]
        |word| state[word] + new[word],
    );
}

/// `ROTR` (3.2).
#[inline(always)]
fn rotated<S: Simd>(word: u32x16<S>, bits: u32) -> u32x16<S> {
    (word >> bits) | (word << (32 - bits))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::block_api::compress256;
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// The lanes by every kind of vectors that this processor has.
    fn every_kind() -> Vec<Lanes> {
        let level = Level::new();
        let levels = [level, Level::baseline()].into_iter();
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        let levels = levels.chain(level.as_avx2().map(|avx2| avx2.level()));
        levels.map(|level| Lanes { level }).collect()
    }

    /// Hashes whole messages, each in its lane and together for as long as all have blocks.
    fn hashed(lanes: Lanes, messages: &[Vec<u8>; LANES]) -> [[u8; 32]; LANES] {
        let padded = messages.each_ref().map(|message| {
            let mut buffer = message.clone();
            buffer.resize(message.len() + PADDING, 0xff);
            let end = pad(&mut buffer, message.len(), message.len() as u64);
            buffer.truncate(end);
            buffer
        });
        let pieces = padded.each_ref().map(|padded| padded.as_chunks().0);
        let mut states = States::new();
        lanes.compress(&mut states, &pieces);
        let together = pieces.iter().map(|piece| piece.len()).min().unwrap_or(0);
        array::from_fn(|lane| {
            let mut state = states.of(lane);
            compress256(&mut state, &pieces[lane][together..]);
            digest(state)
        })
    }

    /// FIPS 180-4 refers to these examples (NIST, "Example Algorithms", SHA256.pdf); the third is empty.
    #[test]
    fn the_examples_of_the_standard_come_out() {
        const EXAMPLES: [(&str, [u8; 4], [u8; 4]); 3] = [
            ("abc", [0xba, 0x78, 0x16, 0xbf], [0xf2, 0x00, 0x15, 0xad]),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                [0x24, 0x8d, 0x6a, 0x61],
                [0x19, 0xdb, 0x06, 0xc1],
            ),
            ("", [0xe3, 0xb0, 0xc4, 0x42], [0x78, 0x52, 0xb8, 0x55]),
        ];
        for lanes in every_kind() {
            for (message, first, last) in EXAMPLES {
                for digest in hashed(lanes, &array::from_fn(|_| message.as_bytes().to_vec())) {
                    assert_eq!(
                        (&digest[..4], &digest[28..]),
                        (&first[..], &last[..]),
                        "{lanes:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn messages_of_every_end_have_the_digests_that_each_has_alone() {
        for lanes in every_kind() {
            for shortest in 0..200 {
                let messages: [Vec<u8>; LANES] = array::from_fn(|lane| {
                    let length = shortest + lane * 5 % 16;
                    (0..length).map(|at| (at * at + lane) as u8).collect()
                });
                let expected: [[u8; 32]; LANES] = messages
                    .each_ref()
                    .map(|message| Sha256::digest(message).into());
                assert_eq!(hashed(lanes, &messages), expected, "{lanes:?} {shortest}");
            }
        }
    }

    #[test]
    fn a_lane_that_begins_again_leaves_the_others_as_they_are() {
        let blocks = [[7; 64]; 3];
        for lanes in every_kind() {
            let mut states = States::new();
            lanes.compress(&mut states, &[&blocks[..2]; LANES]);
            states.begin(5);
            lanes.compress(&mut states, &[&blocks[2..]; LANES]);
            for lane in 0..LANES {
                let mut expected = INITIAL;
                let first = if lane == 5 { 2 } else { 0 };
                compress256(&mut expected, &blocks[first..]);
                assert_eq!(states.of(lane), expected, "{lanes:?} {lane}");
            }
        }
    }

    #[test]
    fn as_many_blocks_are_hashed_as_the_shortest_piece_has() {
        let blocks = [[1; 64]; 4];
        for lanes in every_kind() {
            let mut states = States::new();
            lanes.compress(
                &mut states,
                &array::from_fn(|lane| &blocks[..(lane + 3) % 4]),
            );
            assert_eq!(states.of(0), INITIAL);
            lanes.compress(&mut states, &array::from_fn(|lane| &blocks[..2 + lane % 3]));
            let mut expected = INITIAL;
            compress256(&mut expected, &blocks[..2]);
            assert_eq!(states.of(15), expected);
        }
    }

    proptest! {
        #[test]
        fn blocks_of_any_bytes_are_hashed_as_each_alone(
            bytes in prop::collection::vec(any::<u8>(), LANES * 64..LANES * 64 * 4),
        ) {
            let count = bytes.len() / (LANES * 64);
            let blocks: &[Block] = bytes.as_chunks().0;
            let messages: [&[Block]; LANES] = array::from_fn(|lane| &blocks[lane * count..][..count]);
            for lanes in every_kind() {
                let mut states = States::new();
                lanes.compress(&mut states, &messages);
                for (lane, message) in messages.into_iter().enumerate() {
                    let mut expected = INITIAL;
                    compress256(&mut expected, message);
                    prop_assert_eq!(states.of(lane), expected);
                }
            }
        }
    }
}
