//! Files that are hashed several at a time on each core. The rounds of one SHA-256 wait for each other,
//! those of several do not, so that a processor gets more done than it does of one file after another;
//! that pays for reading them as well.
//!
//! # Security
//!
//! A library that is young does this. Nothing is taken from it before, in this process and on this
//! processor, what it makes of messages of every way to end has been held against `sha2`; if that is ever
//! something else, `sha2` hashes the files.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::{Sha256Digest, hash_file, hash_reader};

/// The most bytes that a core has in memory to hash them at once.
const AT_ONCE: usize = 16 << 20;
/// With fewer files than this at once nothing is gained over one after another.
const LEAST: usize = 4;

/// What came of a file: its digest and the number of its bytes.
type Hashed = io::Result<(Sha256Digest, u64)>;
type HashMany = fn(&[&[u8]], &mut [[u8; 32]]);

/// Something that hashes several messages at once.
#[derive(Debug, Clone, Copy)]
struct Many {
    hash: HashMany,
    /// How many messages it takes at once at most.
    lanes: usize,
}

static MANY: LazyLock<Option<Many>> = LazyLock::new(|| {
    let many = Many {
        hash: tape_sha256::hash_many,
        lanes: tape_sha256::lane_width(),
    };
    if many.is_right() {
        return Some(many);
    }
    tracing::error!(
        backend = tape_sha256::backend(),
        "the library that hashes several files at once is wrong on this processor, and is not used"
    );
    None
});

/// Hashes files on all cores, and returns what came of each in the order in which they were given. Beside
/// each path stands about how many bytes it has, which decides what is hashed beside what and nothing else.
pub fn hash_files(files: &[(&Path, u64)]) -> Vec<Hashed> {
    hash_by(*MANY, files)
}

fn hash_by(many: Option<Many>, files: &[(&Path, u64)]) -> Vec<Hashed> {
    let cores = rayon::current_num_threads();
    let groups = groups(many.map_or(1, |many| many.lanes), cores, files);
    let next = AtomicUsize::new(0);
    let mut hashed: Vec<(usize, Hashed)> = (0..cores)
        .into_par_iter()
        .flat_map_iter(|_| {
            let mut buffer = Vec::new();
            let mut hashed = Vec::new();
            while let Some(group) = groups.get(next.fetch_add(1, Ordering::Relaxed)) {
                match many {
                    Some(many) if group.len() >= LEAST => {
                        many.hash_group(files, group, &mut buffer, &mut hashed);
                    }
                    Some(_) | None => {
                        hashed.extend(group.iter().map(|&file| (file, hash_file(files[file].0))));
                    }
                }
            }
            hashed
        })
        .collect();
    hashed.sort_unstable_by_key(|(file, _)| *file);
    hashed.into_iter().map(|(_, hashed)| hashed).collect()
}

/// Returns what is hashed at once, the largest files first. Files of a group are about as large, because
/// what is short waits for the longest; and no group is so large that a core would have none.
fn groups(lanes: usize, cores: usize, files: &[(&Path, u64)]) -> Vec<Vec<usize>> {
    let most = lanes.min(files.len().div_ceil(cores));
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by_key(|&file| std::cmp::Reverse(files[file].1));
    let mut groups = Vec::new();
    let mut group = Vec::new();
    let mut bytes = 0;
    for file in order {
        let size = limited(files[file].1);
        if group.len() == most || (bytes > 0 && bytes + size > AT_ONCE) {
            groups.push(std::mem::take(&mut group));
            bytes = 0;
        }
        bytes += size;
        group.push(file);
    }
    groups.push(group);
    groups
}

fn limited(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(AT_ONCE).min(AT_ONCE)
}

/// Returns how much room the bytes of a file get: one more, so that its end is seen.
fn room(bytes: u64) -> usize {
    limited(bytes) + 1
}

impl Many {
    /// Holds it against `sha2` over messages of every way to end, of one length and of several at once.
    fn is_right(self) -> bool {
        const LONGEST: usize = 130;
        let bytes: Vec<u8> = (0..LONGEST + self.lanes)
            .map(|at| (at * at % 251) as u8)
            .collect();
        for length in 0..=LONGEST {
            let alike = (0..self.lanes).map(|from| &bytes[from..from + length]);
            let other = (0..self.lanes).map(|more| &bytes[..(length + 37 * more) % LONGEST]);
            for messages in [alike.collect::<Vec<_>>(), other.collect()] {
                let mut digests = vec![[0; 32]; self.lanes];
                (self.hash)(&messages, &mut digests);
                let mut pairs = messages.iter().zip(&digests);
                if !pairs.all(|(message, digest)| Sha256Digest::of(message).as_bytes() == digest) {
                    return false;
                }
            }
        }
        true
    }

    fn hash_group(
        self,
        files: &[(&Path, u64)],
        group: &[usize],
        buffer: &mut Vec<u8>,
        hashed: &mut Vec<(usize, Hashed)>,
    ) {
        let all: usize = group.iter().map(|&file| room(files[file].1)).sum();
        if buffer.len() < all {
            buffer.resize(all, 0);
        }
        let mut rest = &mut buffer[..];
        let mut read = Vec::with_capacity(group.len());
        let mut messages: Vec<&[u8]> = Vec::with_capacity(group.len());
        for &file in group {
            let (path, expected) = files[file];
            let (place, more) = rest.split_at_mut(room(expected));
            rest = more;
            match read_whole(path, place) {
                Ok(Whole::Yes(bytes)) => {
                    read.push(file);
                    messages.push(bytes);
                }
                Ok(Whole::Longer(bytes, file_left)) => {
                    hashed.push((file, hash_reader(bytes.chain(file_left))));
                }
                Err(error) => hashed.push((file, Err(error))),
            }
        }
        let mut digests = vec![[0; 32]; messages.len()];
        (self.hash)(&messages, &mut digests);
        for ((file, message), digest) in read.into_iter().zip(messages).zip(digests) {
            hashed.push((file, Ok((Sha256Digest(digest), message.len() as u64))));
        }
    }
}

/// What was read of a file.
enum Whole<'a> {
    /// All of it.
    Yes(&'a [u8]),
    /// As much as there was room for; the file has more.
    Longer(&'a [u8], File),
}

fn read_whole<'a>(path: &Path, place: &'a mut [u8]) -> io::Result<Whole<'a>> {
    let mut file = File::open(path)?;
    let mut bytes = 0;
    while bytes < place.len() {
        match file.read(&mut place[bytes..]) {
            Ok(0) => return Ok(Whole::Yes(&place[..bytes])),
            Ok(count) => bytes += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Whole::Longer(place, file))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::*;

    /// Files of these lengths, of which each is said to be as long as the function makes of it.
    fn hashed(
        many: Option<Many>,
        lengths: &[usize],
        said: impl Fn(u64) -> u64,
    ) -> Vec<(Sha256Digest, u64)> {
        let directory = tempfile::tempdir().expect("a directory");
        let paths: Vec<(PathBuf, u64)> = lengths
            .iter()
            .enumerate()
            .map(|(number, length)| {
                let path = directory.path().join(number.to_string());
                fs::write(&path, bytes(number, *length)).expect("a file");
                (path, said(*length as u64))
            })
            .collect();
        let files: Vec<(&Path, u64)> = paths.iter().map(|(path, n)| (path.as_path(), *n)).collect();
        let all = hash_by(many, &files).into_iter();
        all.map(|one| one.expect("a file that can be read"))
            .collect()
    }

    fn bytes(number: usize, length: usize) -> Vec<u8> {
        (0..length)
            .map(|at| (number + at * at % 251) as u8)
            .collect()
    }

    fn expected(lengths: &[usize]) -> Vec<(Sha256Digest, u64)> {
        let all = lengths.iter().enumerate();
        all.map(|(number, length)| {
            let bytes = bytes(number, *length);
            (Sha256Digest::of(&bytes), *length as u64)
        })
        .collect()
    }

    #[test]
    fn the_library_is_right_on_this_processor() {
        assert!(MANY.is_some());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn many_files_have_the_digests_that_each_has(
            lengths in prop::collection::vec(0_usize..5_000, 0..70),
            wrong in 0_u64..3,
        ) {
            // Whether they are as long as they are said to be, longer or shorter.
            let said = |length: u64| (length * wrong + wrong / 2).min(20_000);
            prop_assert_eq!(hashed(*MANY, &lengths, said), expected(&lengths));
        }
    }

    #[test]
    fn files_are_hashed_as_many_at_a_time_as_memory_and_cores_allow() {
        let file = |bytes: u64| (Path::new("x"), bytes);
        let counts = |cores: usize, files: &[(&Path, u64)]| -> Vec<usize> {
            groups(16, cores, files).iter().map(Vec::len).collect()
        };
        let whole = AT_ONCE as u64;
        assert_eq!(
            counts(1, &[file(whole), file(u64::MAX), file(5)]),
            [1, 1, 1]
        );
        assert_eq!(counts(1, &[file(whole / 8); 20]), [8, 8, 4]);
        assert_eq!(counts(2, &[file(1); 40]), [16, 16, 8]);
        assert_eq!(counts(8, &[file(1); 40]), [5; 8]);
        assert_eq!(counts(64, &[file(1); 3]), [1; 3]);
        let few = [AT_ONCE + 1, AT_ONCE / 2, 70, 3, 0, 1];
        let said = |length: u64| length;
        assert_eq!(hashed(*MANY, &few, said), expected(&few));
    }

    #[test]
    fn what_hashes_wrongly_is_not_used() {
        fn last_is_wrong(messages: &[&[u8]], digests: &mut [[u8; 32]]) {
            tape_sha256::hash_many(messages, digests);
            if messages.iter().any(|message| message.len() == 119) {
                digests[messages.len() - 1][31] ^= 1;
            }
        }
        let wrong = Many {
            hash: last_is_wrong,
            lanes: 8,
        };
        assert!(!wrong.is_right());
        let right = Many {
            hash: tape_sha256::hash_many,
            ..wrong
        };
        assert!(right.is_right());
        let lengths = [119; 9];
        assert_eq!(hashed(None, &lengths, |n| n), expected(&lengths));
    }

    #[test]
    fn what_cannot_be_read_is_said_of_that_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let there = directory.path().join("there");
        fs::write(&there, "x").expect("a file");
        let gone = directory.path().join("gone");
        let mut files = vec![(there.as_path(), 1); 20];
        files[7] = (&gone, 1);
        for (number, one) in hash_files(&files).into_iter().enumerate() {
            match one {
                Ok(found) => assert_eq!(found, (Sha256Digest::of(b"x"), 1)),
                Err(error) => {
                    assert_eq!((number, error.kind()), (7, io::ErrorKind::NotFound));
                }
            }
        }
    }
}
