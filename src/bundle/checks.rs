//! Checks by which damage is found to the byte: the CRC-32 of every block of every member.
//!
//! Digests say that a member is not what it should be; these say where. They are no evidence: who
//! doctors a member can doctor them as well, and then the whole member is named.

use crate::bundle::index::first_difference;

/// The bytes that one check is over. Every member begins a new block.
pub(super) const BLOCK: usize = 4096;

/// The polynomial of CRC-32 as zip, gzip and Ethernet have it, bits reversed.
const POLYNOMIAL: u32 = 0xedb8_8320;

/// The checks of the members so far.
#[derive(Debug, Default)]
pub(super) struct Checks {
    done: Vec<u32>,
    block: crc32fast::Hasher,
    filled: usize,
}

impl Checks {
    /// Takes the next bytes of a member.
    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - self.filled));
            self.block.update(now);
            self.filled += now.len();
            if self.filled == BLOCK {
                self.end_block();
            }
            bytes = later;
        }
    }

    /// Ends a member.
    pub(super) fn end_member(&mut self) {
        if self.filled > 0 {
            self.end_block();
        }
    }

    fn end_block(&mut self) {
        self.done.push(std::mem::take(&mut self.block).finalize());
        self.filled = 0;
    }

    /// Returns the checks as they are written: little-endian, in the order of the members.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.done.iter().flat_map(|c| c.to_le_bytes()).collect()
    }

    /// Returns how many bytes the checks have.
    pub(super) fn len(&self) -> u64 {
        4 * self.done.len() as u64
    }

    /// Returns the first block that is not as it was written, by its number, with both checks.
    pub(super) fn first_wrong(&self, written: &[u8]) -> Option<(usize, u32, u32)> {
        let written = written
            .chunks_exact(4)
            .map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        self.done
            .iter()
            .copied()
            .zip(written)
            .enumerate()
            .find(|(_, (found, written))| found != written)
            .map(|(number, (found, written))| (number, found, written))
    }

    /// Returns where what was written of the checks themselves differs.
    pub(super) fn difference(&self, written: &[u8]) -> Option<usize> {
        first_difference(written, &self.to_bytes())
    }
}

/// Returns the one byte of a block that must be another for its check to be the other one, if a single
/// byte can do it: a CRC is linear, so what two checks differ in depends on the byte's change and on how
/// many bytes follow it, and on nothing else.
pub(super) fn single_byte(block: usize, found: u32, written: u32) -> Option<usize> {
    let wanted = found ^ written;
    let mut places = (1..=255_u8).filter_map(|change| {
        let mut state = step(0, change);
        for after in 0..block {
            if state == wanted {
                return Some(block - 1 - after);
            }
            state = step(state, 0);
        }
        None
    });
    let place = places.next()?;
    places.next().is_none().then_some(place)
}

/// What each byte makes of an empty state.
const STEPS: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut state = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            let carry = if state & 1 == 1 { POLYNOMIAL } else { 0 };
            state = (state >> 1) ^ carry;
            bit += 1;
        }
        table[byte] = state;
        byte += 1;
    }
    table
};

fn step(state: u32, byte: u8) -> u32 {
    let [first, ..] = state.to_le_bytes();
    (state >> 8) ^ STEPS[usize::from(first ^ byte)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks(members: &[&[u8]]) -> Checks {
        let mut checks = Checks::default();
        for member in members {
            // In uneven pieces.
            for piece in member.chunks(1000) {
                checks.update(piece);
            }
            checks.end_member();
        }
        checks
    }

    #[test]
    fn every_member_begins_a_block() {
        let checks = checks(&[&[1; 4096], &[], &[2; 4097], b"x"]);
        assert_eq!(checks.len(), 16);
        let expected: Vec<u32> = [&[1; 4096][..], &[2; 4096], &[2], b"x"]
            .iter()
            .map(|block| crc32fast::hash(block))
            .collect();
        assert_eq!(checks.done, expected);
        assert_eq!(checks.difference(&checks.to_bytes()), None);
    }

    #[test]
    fn a_single_wrong_byte_is_found_and_more_are_not_taken_for_one() {
        let good: Vec<u8> = (0..BLOCK).map(|n| (n * 7 % 251) as u8).collect();
        for place in [0, 1, 100, 2048, 4095] {
            let mut bad = good.clone();
            bad[place] ^= 0x41;
            let (found, written) = (crc32fast::hash(&bad), crc32fast::hash(&good));
            assert_eq!(single_byte(BLOCK, found, written), Some(place));
            bad[(place + 1000) % BLOCK] ^= 0x13;
            let found = crc32fast::hash(&bad);
            assert_eq!(single_byte(BLOCK, found, written), None);
        }
        let (found, written) = (crc32fast::hash(b"abc"), crc32fast::hash(b"abd"));
        assert_eq!(single_byte(3, found, written), Some(2));
    }
}
