//! Reading, and what it takes, on a thread of its own: expanding an archive while another thread hashes and writes
//! its files, or hashing while another one writes.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// The bytes that are handed over at one time, and how many times they may be ahead: half a MiB for
/// each archive, however large it is.
const CHUNK: usize = 128 * 1024;
const CHUNKS: usize = 4;

/// Calls `work` with a reader of the bytes and the error that `source` has, in their order.
///
/// `source` is read ahead on a thread of its own, and by no more than a bounded number of bytes. What
/// fits into one piece is read at once, without a thread. When `work` stops early, so does the reading.
pub fn read_ahead<T>(mut source: impl Read + Send, work: impl FnOnce(&mut dyn Read) -> T) -> T {
    let mut first = Vec::new();
    let end = fill(&mut source, &mut first);
    if let Some(end) = end {
        return work(&mut Ahead::whole(first, end));
    }
    let (sender, chunks) = sync_channel(CHUNKS);
    let (used, reusable) = channel();
    thread::scope(|scope| {
        scope.spawn(move || send_all(source, &sender, &reusable));
        work(&mut Ahead {
            chunk: first,
            at: 0,
            end: None,
            next: Some((chunks, used)),
        })
    })
}

/// How a source ended: with its last byte, or with an error.
type End = io::Result<()>;

/// Some bytes, and whether the source ended behind them.
struct Piece {
    bytes: Vec<u8>,
    end: Option<End>,
}

/// Reads until there is a whole piece in `bytes`, or until the end, which is returned.
fn fill(source: &mut impl Read, bytes: &mut Vec<u8>) -> Option<End> {
    bytes.clear();
    bytes.resize(CHUNK, 0);
    let mut filled = 0;
    let end = loop {
        if filled == CHUNK {
            break None;
        }
        match source.read(&mut bytes[filled..]) {
            Ok(0) => break Some(Ok(())),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Some(Err(error)),
        }
    };
    bytes.truncate(filled);
    end
}

fn send_all(mut source: impl Read, sender: &SyncSender<Piece>, reusable: &Receiver<Vec<u8>>) {
    loop {
        let mut bytes = reusable.try_recv().unwrap_or_default();
        let end = fill(&mut source, &mut bytes);
        let is_last = end.is_some();
        // Nobody takes it any more if the work has stopped.
        if sender.send(Piece { bytes, end }).is_err() || is_last {
            return;
        }
    }
}

/// The bytes that were read ahead.
struct Ahead {
    chunk: Vec<u8>,
    at: usize,
    /// What follows the chunk, if it is the last one. An error is told once.
    end: Option<End>,
    /// Where more comes from, and where used pieces go to; `None` once the last one is here.
    next: Option<(Receiver<Piece>, Sender<Vec<u8>>)>,
}

impl Ahead {
    fn whole(chunk: Vec<u8>, end: End) -> Self {
        Self {
            chunk,
            at: 0,
            end: Some(end),
            next: None,
        }
    }

    /// Takes the next piece; false if there is none.
    fn advance(&mut self) -> io::Result<bool> {
        let Some((chunks, used)) = &self.next else {
            return Ok(false);
        };
        // The thread sends its last piece before it ends, so this fails only when it panicked.
        let Piece { bytes, end } = chunks
            .recv()
            .map_err(|_| io::Error::other("the archive is not read any more"))?;
        let is_last = end.is_some();
        let old = std::mem::replace(&mut self.chunk, bytes);
        let _ = used.send(old);
        self.at = 0;
        self.end = end;
        if is_last {
            self.next = None;
        }
        Ok(true)
    }
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = &self.chunk[self.at..];
            if !left.is_empty() || buffer.is_empty() {
                let count = left.len().min(buffer.len());
                buffer[..count].copy_from_slice(&left[..count]);
                self.at += count;
                return Ok(count);
            }
            match self.end.take() {
                Some(Err(error)) => return Err(error),
                Some(Ok(())) => return Ok(0),
                None if self.advance()? => {}
                None => return Ok(0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives `bytes` in small pieces and then an error, if there is one.
    struct Source {
        bytes: Vec<u8>,
        at: usize,
        error: Option<&'static str>,
        interrupted: bool,
    }

    impl Read for Source {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.interrupted = !self.interrupted;
            if self.interrupted {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let left = &self.bytes[self.at..];
            if left.is_empty()
                && let Some(error) = self.error
            {
                return Err(io::Error::other(error));
            }
            let count = left.len().min(buffer.len()).min(1000);
            buffer[..count].copy_from_slice(&left[..count]);
            self.at += count;
            Ok(count)
        }
    }

    fn source(length: usize, error: Option<&'static str>) -> Source {
        Source {
            bytes: (0..length).map(|n| (n % 251) as u8).collect(),
            at: 0,
            error,
            interrupted: false,
        }
    }

    #[test]
    fn the_bytes_and_the_error_come_in_their_order() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, CHUNK * (CHUNKS + 3) + 7] {
            for error in [None, Some("the end of it")] {
                let wanted = source(length, error).bytes;
                let (read, found, after) = read_ahead(source(length, error), |ahead| {
                    let mut bytes = Vec::new();
                    let found = ahead.read_to_end(&mut bytes).err();
                    (bytes, found, ahead.read(&mut [0]).ok())
                });
                assert_eq!(read, wanted, "{length}");
                assert_eq!(found.map(|e| e.to_string()).as_deref(), error, "{length}");
                assert_eq!(after, Some(0), "{length}: nothing follows");
            }
        }
    }

    #[test]
    fn work_that_stops_early_stops_the_reading() {
        let mut endless = io::repeat(7);
        let first = read_ahead(&mut endless, |ahead| {
            let mut byte = [0];
            ahead.read_exact(&mut byte).map(|()| byte)
        });
        assert_eq!(first.expect("a byte"), [7]);
    }
}
