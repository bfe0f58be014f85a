//! Fetching files of an archive: bounded in time and size, from the first mirror that has the right
//! bytes.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Client, Response};

use super::archive_path::check_archive_path;
use super::fetch_error::{FetchError, MirrorError, Tried};
use super::mirror::{Mirror, without_user};
use super::redirect;
use crate::digest::{Hashing, Sha256Digest};
use crate::store::{BlobWriter, Store};

/// Fetches files of archives.
#[derive(Clone)]
pub struct Fetcher {
    client: Client,
    bounds: FetchBounds,
    progress: Arc<dyn Fn(u64) + Send + Sync>,
}

/// How long and how often a mirror is asked.
#[derive(Debug, Clone, Copy)]
pub struct FetchBounds {
    /// For a connection to stand.
    pub connect: Duration,
    /// Between any two pieces of an answer, and before the first.
    pub stall: Duration,
    /// For a whole answer, whatever its size.
    pub grace: Duration,
    /// Bytes per second that an answer has to keep up beyond that.
    pub slowest: u64,
    pub redirects: usize,
    /// How often one mirror is asked, as long as its answers are lost on the way.
    pub tries: u32,
    /// Before the second try; doubled before each further one.
    pub backoff: Duration,
}

impl Default for FetchBounds {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            grace: Duration::from_secs(60),
            slowest: 32 * 1024,
            redirects: 5,
            tries: 3,
            backoff: Duration::from_millis(500),
        }
    }
}

/// A file of which everything is known but the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedFile<'a> {
    /// Relative to the archive's root.
    pub path: &'a str,
    pub sha256: Sha256Digest,
    pub bytes: ExpectedSize,
}

/// What is known of a file's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedSize {
    Exactly(u64),
    /// Not more than it may have, where nothing says what it has.
    AtMost(u64),
}

impl ExpectedSize {
    fn most(self) -> u64 {
        match self {
            Self::Exactly(bytes) | Self::AtMost(bytes) => bytes,
        }
    }

    /// Returns true if so many bytes are fewer than there have to be.
    fn lacks(self, found: u64) -> bool {
        match self {
            Self::Exactly(bytes) => found < bytes,
            Self::AtMost(_) => false,
        }
    }
}

/// What ended a try: the mirror, which the next one may make good, or this machine.
enum Ended {
    Mirror(MirrorError),
    Here(FetchError),
}

impl From<MirrorError> for Ended {
    fn from(error: MirrorError) -> Self {
        Self::Mirror(error)
    }
}

impl Fetcher {
    /// Sets up the HTTP client.
    pub fn new(bounds: FetchBounds) -> Result<Self, FetchError> {
        let client = Client::builder()
            .user_agent(concat!("kmatrix/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(bounds.connect)
            .redirect(redirect::policy(bounds.redirects))
            .referer(false)
            .build()
            .map_err(|error| FetchError::Client {
                reason: chain(&error.without_url()),
            })?;
        Ok(Self {
            client,
            bounds,
            progress: Arc::new(|_| {}),
        })
    }

    /// Calls `progress` with the size of every piece of an answer as it arrives.
    pub fn with_progress(mut self, progress: Arc<dyn Fn(u64) + Send + Sync>) -> Self {
        self.progress = progress;
        self
    }

    /// Brings a file into the store, unless the store has it already. Returns the mirrors that were
    /// asked in vain before one had it.
    pub async fn fetch_blob(
        &self,
        store: &Store,
        mirrors: &[Mirror],
        file: &ExpectedFile<'_>,
    ) -> Result<Vec<Tried>, FetchError> {
        if store.blob_path(&file.sha256).is_some() {
            return Ok(Vec::new());
        }
        let ((), tried) = self
            .try_mirrors(mirrors, file.path, file.bytes.most(), |response| async {
                let (writer, _, bytes) = self
                    .receive_into(store, response, file.path, file.bytes, Some(file.sha256))
                    .await?;
                writer
                    .commit(Some((file.sha256, bytes)))
                    .map_err(|source| {
                        Ended::Here(FetchError::Store {
                            path: file.path.to_owned(),
                            source: Box::new(source),
                        })
                    })?;
                Ok(())
            })
            .await?;
        Ok(tried)
    }

    /// Brings a file of exactly `bytes` bytes into the store of which no digest is known, and returns
    /// its digest. What it is has to be checked by other means before anything relies on it.
    pub async fn fetch_unpinned(
        &self,
        store: &Store,
        mirrors: &[Mirror],
        path: &str,
        bytes: u64,
    ) -> Result<Sha256Digest, FetchError> {
        let (sha256, _) = self
            .try_mirrors(mirrors, path, bytes, |response| async {
                let (writer, found, _) = self
                    .receive_into(store, response, path, ExpectedSize::Exactly(bytes), None)
                    .await?;
                writer.commit(Some((found, bytes))).map_err(|source| {
                    Ended::Here(FetchError::Store {
                        path: path.to_owned(),
                        source: Box::new(source),
                    })
                })?;
                Ok(found)
            })
            .await?;
        Ok(sha256)
    }

    /// Returns a file of at most `limit` bytes that nothing is known of beforehand.
    pub async fn fetch_small(
        &self,
        mirrors: &[Mirror],
        path: &str,
        limit: u64,
    ) -> Result<Vec<u8>, FetchError> {
        self.try_mirrors(mirrors, path, limit, |response| async move {
            let mut bytes = Vec::new();
            self.receive(response, limit, |piece| {
                bytes.extend_from_slice(piece);
                Ok(())
            })
            .await?;
            Ok(bytes)
        })
        .await
        .map(|(bytes, _)| bytes)
    }

    /// Asks one mirror after the other until `take` makes something of an answer.
    async fn try_mirrors<T, F: Future<Output = Result<T, Ended>>>(
        &self,
        mirrors: &[Mirror],
        path: &str,
        most: u64,
        take: impl Fn(Response) -> F,
    ) -> Result<(T, Vec<Tried>), FetchError> {
        check_archive_path(path)?;
        let mut tried = Vec::new();
        for mirror in mirrors {
            match self.try_mirror(mirror, path, most, &take).await {
                Ok(taken) => {
                    tracing::debug!(%mirror, path, "fetched");
                    return Ok((taken, tried));
                }
                Err(Ended::Here(error)) => return Err(error),
                Err(Ended::Mirror(error)) => {
                    tracing::warn!(%mirror, path, %error, "a mirror did not give a file");
                    tried.push(Tried {
                        mirror: mirror.to_string(),
                        error,
                    });
                }
            }
        }
        Err(FetchError::NoMirrorHasIt {
            path: path.to_owned(),
            tried,
        })
    }

    /// Asks one mirror, again as long as the answer is lost on the way.
    async fn try_mirror<T, F: Future<Output = Result<T, Ended>>>(
        &self,
        mirror: &Mirror,
        path: &str,
        most: u64,
        take: &impl Fn(Response) -> F,
    ) -> Result<T, Ended> {
        let mut wait = self.bounds.backoff;
        let mut attempt = 1;
        loop {
            let total = self.bounds.grace + Duration::from_secs(most / self.bounds.slowest.max(1));
            let answer =
                tokio::time::timeout(total, async { take(self.ask(mirror, path).await?).await });
            let ended = match answer.await {
                Ok(Ok(taken)) => return Ok(taken),
                Ok(Err(ended)) => ended,
                Err(_) => Ended::Mirror(MirrorError::TooSlow { after: total }),
            };
            match ended {
                Ended::Mirror(error) if error.is_transient() && attempt < self.bounds.tries => {
                    tracing::info!(%mirror, path, %error, attempt, "asking a mirror again");
                }
                ended => return Err(ended),
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
            attempt += 1;
        }
    }

    /// Sends the request and returns the answer once its head is here and says that all is well.
    async fn ask(&self, mirror: &Mirror, path: &str) -> Result<Response, Ended> {
        let address = mirror
            .address(path)
            .map_err(|error| Ended::Here(error.into()))?;
        let sent = self.client.get(address).send();
        let response = match tokio::time::timeout(self.bounds.stall, sent).await {
            Ok(sent) => sent.map_err(|error| transport(error, None))?,
            Err(_) => {
                return Err(Ended::Mirror(MirrorError::Stalled {
                    after: self.bounds.stall,
                }));
            }
        };
        tracing::trace!(address = %without_user(response.url()), status = %response.status(), "answered");
        match response.status().as_u16() {
            200 => Ok(response),
            404 | 410 => Err(Ended::Mirror(MirrorError::NotFound)),
            other => Err(Ended::Mirror(MirrorError::Status(other))),
        }
    }

    /// Receives a file of so many bytes, and of that digest if one is known; nobody sees it before it
    /// is committed.
    async fn receive_into(
        &self,
        store: &Store,
        response: Response,
        path: &str,
        size: ExpectedSize,
        expected: Option<Sha256Digest>,
    ) -> Result<(BlobWriter, Sha256Digest, u64), Ended> {
        let declared = response.content_length();
        let writer = store.blob_writer().map_err(|source| {
            Ended::Here(FetchError::Store {
                path: path.to_owned(),
                source: Box::new(source),
            })
        })?;
        let mut hashing = Hashing::new(writer);
        self.receive(response, size.most(), |piece| {
            hashing
                .write_all(piece)
                .map_err(|source| FetchError::Write {
                    path: path.to_owned(),
                    source,
                })
        })
        .await?;
        let (writer, found, bytes) = hashing.finish();
        if !size.lacks(bytes) && expected.is_none_or(|expected| expected == found) {
            return Ok((writer, found, bytes));
        }
        // Without a declared length, an answer that ends early looks like a whole one.
        Err(Ended::Mirror(
            if size.lacks(bytes) && declared != Some(bytes) {
                MirrorError::Truncated { bytes }
            } else {
                match expected {
                    Some(expected) => MirrorError::WrongHash { expected, found },
                    None => MirrorError::WrongSize {
                        expected: size.most(),
                        found: bytes,
                    },
                }
            },
        ))
    }

    /// Passes an answer's body on piece by piece, and never more than `limit` bytes of it.
    async fn receive(
        &self,
        mut response: Response,
        limit: u64,
        mut take: impl FnMut(&[u8]) -> Result<(), FetchError>,
    ) -> Result<(), Ended> {
        let started = Instant::now();
        let too_large = MirrorError::TooLarge { limit };
        if response.content_length().is_some_and(|bytes| bytes > limit) {
            return Err(Ended::Mirror(too_large));
        }
        let mut bytes = 0;
        loop {
            let piece = match tokio::time::timeout(self.bounds.stall, response.chunk()).await {
                Ok(piece) => piece.map_err(|error| transport(error, Some(bytes)))?,
                Err(_) => {
                    return Err(Ended::Mirror(MirrorError::Stalled {
                        after: self.bounds.stall,
                    }));
                }
            };
            let Some(piece) = piece else { return Ok(()) };
            bytes += piece.len() as u64;
            if bytes > limit {
                return Err(Ended::Mirror(too_large));
            }
            take(&piece).map_err(Ended::Here)?;
            (self.progress)(piece.len() as u64);
            let allowed =
                self.bounds.grace + Duration::from_secs(bytes / self.bounds.slowest.max(1));
            if started.elapsed() > allowed {
                return Err(Ended::Mirror(MirrorError::TooSlow {
                    after: started.elapsed(),
                }));
            }
        }
    }
}

/// Places an error of the HTTP client; `received` is how much of a body was here already.
fn transport(error: reqwest::Error, received: Option<u64>) -> MirrorError {
    let error = error.without_url();
    if error.is_redirect() {
        return MirrorError::Redirect {
            reason: innermost(&error),
        };
    }
    match received {
        None => MirrorError::Unreachable {
            reason: chain(&error),
        },
        Some(bytes) if io_kind(&error) == Some(std::io::ErrorKind::UnexpectedEof) => {
            MirrorError::Truncated { bytes }
        }
        Some(bytes) => MirrorError::Reset {
            bytes,
            reason: innermost(&error),
        },
    }
}

fn sources<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<std::io::ErrorKind> {
    sources(error)
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .last()
        .map(std::io::Error::kind)
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    sources(error)
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut parts: Vec<String> = sources(error).map(ToString::to_string).collect();
    parts.dedup();
    parts.join(": ")
}
