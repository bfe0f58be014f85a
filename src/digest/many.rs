//! Files that are hashed several at a time on each core. The rounds of one SHA-256 wait for each other,
//! those of several do not, so that a processor with wide vectors gets more done than it does of one file
//! after another; that pays for reading them as well.
//!
//! Only files of about one length gain by it, since what is short waits for the longest. The others are
//! hashed one after another, and all of them where the processor has the SHA extensions alone: with those
//! the library takes only messages of equal length together.
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
const AT_ONCE: u64 = 16 << 20;
/// With fewer lanes it is no vector that hashes, but the SHA extensions.
const LEAST_LANES: usize = 8;

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
    if many.lanes < LEAST_LANES {
        return None;
    }
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
                match (many, group.as_slice()) {
                    (Some(many), [_, _, ..]) => {
                        many.hash_group(files, group, &mut buffer, &mut hashed);
                    }
                    _ => hashed.extend(group.iter().map(|&file| (file, hash_file(files[file].0)))),
                }
            }
            hashed
        })
        .collect();
    hashed.sort_unstable_by_key(|(file, _)| *file);
    hashed.into_iter().map(|(_, hashed)| hashed).collect()
}

/// Returns what is hashed at once, the largest files first: as many as there are lanes where they are about
/// as large, and else one alone. With fewer files than all cores have lanes, each is alone.
fn groups(lanes: usize, cores: usize, files: &[(&Path, u64)]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by_key(|&file| std::cmp::Reverse(files[file].1));
    let lanes = match lanes {
        lanes if files.len() < lanes * cores => 1,
        lanes => lanes,
    };
    let mut groups = Vec::new();
    let mut left = &order[..];
    while let Some((&longest, _)) = left.split_first() {
        let many = left.get(..lanes).filter(|group| {
            let all = group.iter().map(|&file| files[file].1);
            let all = all.fold(0, u64::saturating_add);
            let full = files[longest].1.saturating_mul(lanes as u64);
            // Three quarters of what the lanes could do.
            all <= AT_ONCE && all >= full / 4 * 3
        });
        let (group, rest) = left.split_at(many.map_or(1, <[usize]>::len));
        groups.push(group.to_vec());
        left = rest;
    }
    groups
}

/// Returns how much room the bytes of a file get: one more, so that its end is seen.
fn room(bytes: u64) -> usize {
    bytes.min(AT_ONCE) as usize + 1
}

impl Many {
    /// Holds it against `sha2`, for every number of messages, since that decides what hashes them, and for
    /// every way to end: messages of one length, and of several at once.
    fn is_right(self) -> bool {
        // A block has 64 bytes, of which the end of a message takes nine (FIPS 180-4, 5.1.1).
        const ENDS: [usize; 14] = [0, 1, 54, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129];
        let bytes: Vec<u8> = (0..200).map(|at| (at * at % 251) as u8).collect();
        let message = |from: usize, end: usize| &bytes[from % 61..][..ENDS[end % ENDS.len()]];
        (1..=self.lanes).all(|count| {
            (0..ENDS.len()).all(|end| {
                let alike = (0..count).map(|lane| message(lane, end));
                let other = (0..count).map(|lane| message(lane, end + lane));
                self.is_right_of(&alike.collect::<Vec<_>>())
                    && self.is_right_of(&other.collect::<Vec<_>>())
            })
        })
    }

    fn is_right_of(self, messages: &[&[u8]]) -> bool {
        let mut digests = vec![[0; 32]; messages.len()];
        (self.hash)(messages, &mut digests);
        let mut pairs = messages.iter().zip(&digests);
        pairs.all(|(message, digest)| Sha256Digest::of(message).as_bytes() == digest)
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
        let all = on_one_core(|| hash_by(many, &files)).into_iter();
        all.map(|one| one.expect("a file that can be read"))
            .collect()
    }

    /// Files are hashed together where there are enough of them for every core.
    fn on_one_core<T: Send>(work: impl FnOnce() -> T + Send) -> T {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        pool.expect("a thread").install(work)
    }

    /// The library, on processors of every kind.
    fn many() -> Option<Many> {
        Some(Many {
            hash: tape_sha256::hash_many,
            lanes: tape_sha256::lane_width().max(LEAST_LANES),
        })
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
        assert!(many().is_some_and(Many::is_right));
        assert_eq!(MANY.is_some(), tape_sha256::lane_width() >= LEAST_LANES);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn many_files_have_the_digests_that_each_has(
            longest in 1_usize..5_000,
            shares in prop::collection::vec(70_usize..100, 0..70),
            wrong in 0_u64..3,
        ) {
            // Whether they are as long as they are said to be, longer or shorter.
            let said = |length: u64| (length * wrong + wrong / 2).min(20_000);
            let lengths: Vec<usize> = shares.iter().map(|share| longest * share / 100).collect();
            prop_assert_eq!(hashed(many(), &lengths, said), expected(&lengths));
        }
    }

    #[test]
    fn files_of_one_length_are_hashed_together_where_no_core_is_left_without() {
        let file = |bytes: u64| (Path::new("x"), bytes);
        let counts = |cores: usize, files: &[(&Path, u64)]| -> Vec<usize> {
            groups(16, cores, files).iter().map(Vec::len).collect()
        };
        let alone = |count: usize| vec![1; count];
        assert_eq!(counts(1, &[]), alone(0));
        assert_eq!(counts(2, &[file(9); 40]), [vec![16, 16], alone(8)].concat());
        assert_eq!(counts(4, &[file(9); 40]), alone(40));
        // As much as a core has in memory, and more.
        assert_eq!(counts(1, &[file(AT_ONCE / 16); 17]), [16, 1]);
        assert_eq!(counts(1, &[file(AT_ONCE / 16 + 1); 17]), alone(17));
        assert_eq!(counts(1, &[file(u64::MAX); 17]), alone(17));
        // What is much longer than the others would have them wait.
        let mut ragged = vec![file(1_000_000), file(300_000)];
        ragged.extend([file(1000); 17]);
        assert_eq!(counts(1, &ragged), [1, 1, 16, 1]);
        let steps: Vec<(&Path, u64)> = (0..16).map(|n| file(1000 - 30 * n)).collect();
        assert_eq!(counts(1, &steps), [16]);
        let steep: Vec<(&Path, u64)> = (0..16).map(|n| file(1000 - 40 * n)).collect();
        assert_eq!(counts(1, &steep), alone(16));
    }

    #[test]
    fn what_hashes_wrongly_is_not_used() {
        /// Takes the last digest of so many messages wrong, if they are of more than one block.
        fn wrong<const COUNT: usize>(messages: &[&[u8]], digests: &mut [[u8; 32]]) {
            tape_sha256::hash_many(messages, digests);
            let is_long = messages.iter().any(|message| message.len() == 119);
            if messages.len() == COUNT && is_long {
                digests[COUNT - 1][31] ^= 1;
            }
        }
        let by = |hash: HashMany| Many { hash, lanes: 8 }.is_right();
        assert!(by(tape_sha256::hash_many));
        assert!(by(wrong::<9>));
        assert!(!by(wrong::<8>));
        assert!(!by(wrong::<5>));
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
        let all = on_one_core(|| hash_by(many(), &files));
        assert_eq!(all.len(), files.len());
        for (number, one) in all.into_iter().enumerate() {
            match one {
                Ok(found) => assert_eq!(found, (Sha256Digest::of(b"x"), 1)),
                Err(error) => {
                    assert_eq!((number, error.kind()), (7, io::ErrorKind::NotFound));
                }
            }
        }
    }
}
