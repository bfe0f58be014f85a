//! Many files, hashed on all cores and, where the processor has the vectors for it, several at a time on
//! each core. A core reads its files piece by piece and goes on with the next one as soon as one has ended,
//! so that their lengths do not matter; what is gained more than pays for reading them.

use std::fs::Permissions;
use std::io::{self, Read};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use sha2::block_api::compress256;
use sha256_lanes::{Block, LANES, Lanes, PADDING, State, States, WORTHWHILE, digest, pad};

use super::{Hashing, OpenFile, Sha256Digest};

/// How much of each file is read at once: what all lanes have read stays in the cache until it is hashed.
const PIECE: usize = 32 << 10;

/// What was read of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashedFile {
    pub digest: Sha256Digest,
    pub bytes: u64,
    /// Those of the file whose bytes these are, whatever stands at its path by now.
    pub permissions: Permissions,
}

type Hashed = io::Result<HashedFile>;

/// Hashes files below a directory ([`OpenFile::at`]) on all cores, and returns what came of each in the order
/// in which they were given. Beside each path stands about how many bytes it has, or 0 where that is not
/// known: the largest are begun with, so that no core is left with one at the end.
pub fn hash_files(directory: impl AsFd, files: &[(&Path, u64)]) -> Vec<Hashed> {
    hash_by(Lanes::new(), directory.as_fd(), files)
}

fn hash_by(lanes: Option<Lanes>, directory: BorrowedFd<'_>, files: &[(&Path, u64)]) -> Vec<Hashed> {
    let cores = rayon::current_num_threads();
    // No more at once than leaves as many for every other core.
    let at_once = files.len().div_ceil(cores).min(LANES);
    let lanes = lanes.filter(|_| at_once >= WORTHWHILE);
    let queue = Queue::of(directory, files);
    let mut hashed: Vec<(usize, Hashed)> = (0..cores)
        .into_par_iter()
        .flat_map_iter(|_| {
            let mut hashed = Vec::new();
            if let Some(lanes) = lanes {
                hash_in_lanes(lanes, at_once, &queue, &mut hashed);
            }
            while let Some((number, opened)) = queue.next() {
                hashed.push((number, opened.and_then(hash_alone)));
            }
            hashed
        })
        .collect();
    hashed.sort_unstable_by_key(|(number, _)| *number);
    hashed.into_iter().map(|(_, hashed)| hashed).collect()
}

/// Hashes files of the queue until there are too few for it to be worthwhile.
fn hash_in_lanes(
    compressor: Lanes,
    at_once: usize,
    queue: &Queue<'_>,
    hashed: &mut Vec<(usize, Hashed)>,
) {
    let mut states = States::new();
    let mut lanes: Vec<Lane> = (0..at_once).map(|_| Lane::new()).collect();
    loop {
        for (number, lane) in lanes.iter_mut().enumerate() {
            lane.fill(number, &mut states, queue, hashed);
        }
        let filled = lanes.iter().map(Lane::blocks).filter(|b| !b.is_empty());
        let Some(shortest) = filled.clone().min_by_key(|blocks| blocks.len()) else {
            return;
        };
        if filled.count() < WORTHWHILE {
            break;
        }
        // What an empty lane makes of it is not looked at.
        let mut pieces = [shortest; LANES];
        for (piece, lane) in pieces.iter_mut().zip(&lanes) {
            if !lane.blocks().is_empty() {
                *piece = lane.blocks();
            }
        }
        let bytes = shortest.as_flattened().len();
        compressor.compress(&mut states, &pieces);
        for lane in &mut lanes {
            lane.left.start = lane.left.end.min(lane.left.start + bytes);
        }
    }
    for (number, lane) in lanes.iter_mut().enumerate() {
        hashed.extend(lane.finish(states.of(number)));
    }
}

fn hash_alone(opened: OpenFile) -> Hashed {
    let mut hashing = Hashing::new(opened.file);
    hashing.read_rest(opened.bytes)?;
    let (_, digest, bytes) = hashing.finish();
    Ok(HashedFile {
        digest,
        bytes,
        permissions: opened.permissions,
    })
}

/// Files, of which every core takes the next one.
struct Queue<'a> {
    directory: BorrowedFd<'a>,
    files: &'a [(&'a Path, u64)],
    order: Vec<usize>,
    taken: AtomicUsize,
}

impl<'a> Queue<'a> {
    fn of(directory: BorrowedFd<'a>, files: &'a [(&'a Path, u64)]) -> Self {
        let mut order: Vec<usize> = (0..files.len()).collect();
        order.sort_by_key(|&number| std::cmp::Reverse(files[number].1));
        Self {
            directory,
            files,
            order,
            taken: AtomicUsize::new(0),
        }
    }

    /// Opens a file that nobody has taken, and returns its number with it.
    fn next(&self) -> Option<(usize, io::Result<OpenFile>)> {
        let taken = self.taken.fetch_add(1, Ordering::Relaxed);
        let number = *self.order.get(taken)?;
        let (path, _) = self.files[number];
        Some((number, OpenFile::at(self.directory, path)))
    }
}

/// A file that is being hashed.
struct Message {
    number: usize,
    opened: OpenFile,
    /// How many bytes were read of it.
    bytes: u64,
    is_read: bool,
}

/// Where one file after another is hashed beside those of the other lanes.
struct Lane {
    message: Option<Message>,
    /// A piece of the message, with the padding behind the last one.
    piece: Vec<u8>,
    /// What of the piece is still to be hashed; whole blocks.
    left: Range<usize>,
}

impl Lane {
    fn new() -> Self {
        Self {
            message: None,
            piece: vec![0; PIECE + PADDING],
            left: 0..0,
        }
    }

    fn blocks(&self) -> &[Block] {
        self.piece[self.left.clone()].as_chunks().0
    }

    /// Has something that can be hashed, if there is something: more of the file, or the next one.
    fn fill(
        &mut self,
        lane: usize,
        states: &mut States,
        queue: &Queue<'_>,
        hashed: &mut Vec<(usize, Hashed)>,
    ) {
        while self.left.is_empty() {
            let (number, read) = match self.message.take() {
                Some(message) if message.is_read => {
                    hashed.push((message.number, Ok(message.hashed(states.of(lane)))));
                    continue;
                }
                Some(message) => (message.number, self.read(message)),
                None => {
                    let Some((number, opened)) = queue.next() else {
                        return;
                    };
                    states.begin(lane);
                    let message = opened.map(|opened| Message::new(number, opened));
                    (number, message.and_then(|message| self.read(message)))
                }
            };
            match read {
                Ok(message) => self.message = Some(message),
                Err(error) => hashed.push((number, Err(error))),
            }
        }
    }

    /// Reads the next piece.
    fn read(&mut self, mut message: Message) -> io::Result<Message> {
        let mut end = 0;
        while end < PIECE && !message.is_read {
            match message.opened.file.read(&mut self.piece[end..PIECE]) {
                Ok(0) => message.is_read = true,
                Ok(count) => {
                    end += count;
                    // The last read, which would find nothing, costs as much as a small file.
                    message.is_read = message.bytes + end as u64 == message.opened.bytes;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        message.bytes += end as u64;
        if message.is_read {
            end = pad(&mut self.piece, end, message.bytes);
        }
        self.left = 0..end;
        Ok(message)
    }

    /// Hashes what is left of the file on its own.
    fn finish(&mut self, mut state: State) -> Option<(usize, Hashed)> {
        let mut message = self.message.take()?;
        let number = message.number;
        loop {
            compress256(&mut state, self.blocks());
            if message.is_read {
                return Some((number, Ok(message.hashed(state))));
            }
            match self.read(message) {
                Ok(read) => message = read,
                Err(error) => return Some((number, Err(error))),
            }
        }
    }
}

impl Message {
    fn new(number: usize, opened: OpenFile) -> Self {
        Self {
            number,
            opened,
            bytes: 0,
            is_read: false,
        }
    }

    fn hashed(self, state: State) -> HashedFile {
        HashedFile {
            digest: Sha256Digest(digest(state)),
            bytes: self.bytes,
            permissions: self.opened.permissions,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use proptest::prelude::*;
    use rustix::fs::CWD;

    use super::*;

    /// Files of these lengths, each with what it is said to have.
    fn written(lengths: &[(usize, u64)]) -> (tempfile::TempDir, Vec<(PathBuf, u64)>) {
        let directory = tempfile::tempdir().expect("a directory");
        let files = lengths.iter().enumerate().map(|(number, (length, said))| {
            let path = directory.path().join(number.to_string());
            fs::write(&path, bytes(number, *length)).expect("a file");
            (path, *said)
        });
        let files = files.collect();
        (directory, files)
    }

    fn bytes(number: usize, length: usize) -> Vec<u8> {
        (0..length)
            .map(|at| (number + at * (at >> 5) % 251) as u8)
            .collect()
    }

    fn hashed(
        lanes: Option<Lanes>,
        cores: usize,
        lengths: &[(usize, u64)],
    ) -> Vec<(Sha256Digest, u64)> {
        let (_directory, files) = written(lengths);
        let files: Vec<(&Path, u64)> = files.iter().map(|(path, n)| (path.as_path(), *n)).collect();
        let hashed = on(cores, || hash_by(lanes, CWD, &files)).into_iter();
        hashed
            .map(|one| one.expect("a file that can be read"))
            .map(|one| (one.digest, one.bytes))
            .collect()
    }

    fn expected(lengths: &[(usize, u64)]) -> Vec<(Sha256Digest, u64)> {
        let all = lengths.iter().enumerate();
        all.map(|(number, (length, _))| {
            let bytes = bytes(number, *length);
            (Sha256Digest::of(&bytes), *length as u64)
        })
        .collect()
    }

    fn on<T: Send>(cores: usize, work: impl FnOnce() -> T + Send) -> T {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(cores).build();
        pool.expect("threads").install(work)
    }

    fn lanes() -> Option<Lanes> {
        Some(Lanes::of_any_processor())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn files_have_the_digests_that_each_has_alone(
            lengths in prop::collection::vec((0..3 * PIECE, any::<u64>()), 0..60),
            cores in 1_usize..4,
        ) {
            prop_assert_eq!(hashed(lanes(), cores, &lengths), expected(&lengths));
        }

        #[test]
        fn files_of_a_few_bytes_have_them_too(
            lengths in prop::collection::vec((0_usize..300, any::<u64>()), 0..200),
        ) {
            prop_assert_eq!(hashed(lanes(), 2, &lengths), expected(&lengths));
        }
    }

    #[test]
    fn pieces_end_where_files_do_or_not() {
        let ends = |pieces: usize| [55, 56, 63, 64, 65].map(|bytes| pieces * PIECE - 64 + bytes);
        let lengths: Vec<(usize, u64)> = [ends(1), ends(2), ends(3)]
            .concat()
            .into_iter()
            .map(|length| (length, length as u64))
            .collect();
        assert_eq!(hashed(lanes(), 1, &lengths), expected(&lengths));
        assert_eq!(hashed(None, 1, &lengths), expected(&lengths));
    }

    #[test]
    fn what_cannot_be_read_is_said_of_that_file() {
        let lengths = [(1, 1); 40];
        let (directory, mut files) = written(&lengths);
        // The first that is taken, one in the midst and the last.
        files[0] = (directory.path().join("gone"), 9);
        files[7] = (directory.path().to_owned(), 1);
        files[39] = (directory.path().join("gone"), 0);
        let files: Vec<(&Path, u64)> = files.iter().map(|(path, n)| (path.as_path(), *n)).collect();
        for lanes in [lanes(), None] {
            let all = on(2, || hash_by(lanes, CWD, &files));
            assert_eq!(all.len(), files.len());
            for (number, (one, expected)) in all.into_iter().zip(expected(&lengths)).enumerate() {
                let found = one.map(|one| (one.digest, one.bytes));
                let found = found.map_err(|error| error.kind());
                match number {
                    0 | 39 => assert_eq!(found, Err(io::ErrorKind::NotFound)),
                    7 => assert_eq!(found, Err(io::ErrorKind::Other)),
                    _ => assert_eq!(found, Ok(expected)),
                }
            }
        }
    }

    #[test]
    fn the_permissions_are_those_of_each_file() {
        let (_directory, files) = written(&[(100, 0); 30]);
        let mode = |number: usize| 0o600 | (number as u32 % 8);
        for (number, (path, _)) in files.iter().enumerate() {
            fs::set_permissions(path, Permissions::from_mode(mode(number))).expect("a mode");
        }
        let files: Vec<(&Path, u64)> = files.iter().map(|(path, n)| (path.as_path(), *n)).collect();
        for lanes in [lanes(), None] {
            for (number, one) in hash_by(lanes, CWD, &files).into_iter().enumerate() {
                let permissions = one.expect("a file that can be read").permissions;
                assert_eq!(permissions.mode() & 0o777, mode(number));
            }
        }
    }
}
