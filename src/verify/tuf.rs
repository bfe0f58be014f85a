//! A trust root from a TUF repository (The Update Framework 1.0), beginning at a pinned root. The only
//! file that knows `sigstore_tuf`.
//!
//! Every look checks the whole chain anew from the pinned root, also when what it looks at was kept by an
//! earlier one: the folder of what is kept is nobody's word. It only keeps the highest versions that were
//! seen, so that an older repository is noticed, and serves when the network does not.

use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use sigstore_tuf::{
    Error, FileStore, HttpRepository, Repository, StoreRepository, Updater, UpdaterConfig,
};

use super::strict::quoted;
use super::{Refused, Why};

/// The target that Sigstore's repositories have their trust root under.
const TARGET: &str = "trusted_root.json";
const MOST_TARGET_BYTES: u64 = 4 << 20;
/// One look, all of its requests together.
const LONGEST_LOOK: Duration = Duration::from_secs(60);

/// Where a trust root comes from.
#[derive(Debug, Clone)]
pub struct TufSource {
    /// The repository's address; metadata lies there, and targets below `targets/`.
    pub url: String,
    /// The bytes of a `root.json`, from somewhere that is trusted already.
    pub pinned_root: Vec<u8>,
    /// A folder for this repository alone.
    pub kept_in: PathBuf,
}

/// What a look brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TufLook {
    /// The bytes of the `trusted_root.json`.
    pub trusted_root: Vec<u8>,
    pub from: LookedAt,
}

/// Where the look ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookedAt {
    /// The repository answered.
    Repository,
    /// The repository could not be reached, or was not to be; what was kept still holds.
    Kept,
}

/// Whether the network may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    Allowed,
    Never,
}

impl TufSource {
    /// Returns the newest trust root that the pinned root leads to at the time `now`. If the repository
    /// cannot be reached, what an earlier look kept serves until it expires.
    ///
    /// # Errors
    ///
    /// Metadata that is not signed as the pinned root asks, older than what was seen, expired or
    /// inconsistent; what such a repository says is never replaced by what is kept. [`Why::TrustRoot`] all of
    /// them.
    pub async fn look(&self, network: Network, now: Timestamp) -> Result<TufLook, Refused> {
        let unreachable = match network {
            Network::Never => None,
            Network::Allowed => match self.ask(now).await {
                Ok(trusted_root) => {
                    return Ok(TufLook {
                        trusted_root,
                        from: LookedAt::Repository,
                    });
                }
                Err(Ask::Unreachable(reason)) => Some(reason),
                Err(Ask::Wrong(reason)) => return Err(self.refused(&reason)),
            },
        };
        let store = FileStore::new(&self.kept_in);
        match self.walk(StoreRepository::new(store), now).await {
            Ok(trusted_root) => Ok(TufLook {
                trusted_root,
                from: LookedAt::Kept,
            }),
            Err(error) => {
                let kept = chain(&error);
                Err(self.refused(&match unreachable {
                    Some(reason) => format!("{reason}; nor does what is kept serve: {kept}"),
                    None => format!("what is kept does not serve: {kept}"),
                }))
            }
        }
    }

    async fn ask(&self, now: Timestamp) -> Result<Vec<u8>, Ask> {
        let repository =
            HttpRepository::new(&self.url).map_err(|error| Ask::Wrong(chain(&error)))?;
        match tokio::time::timeout(LONGEST_LOOK, self.walk(repository, now)).await {
            Err(_) => Err(Ask::Unreachable(format!(
                "no answer within {} s",
                LONGEST_LOOK.as_secs()
            ))),
            Ok(Ok(trusted_root)) => Ok(trusted_root),
            // Who can break a transfer could as well cut the line, so nothing is lost by asking what is kept.
            Ok(Err(error @ Error::Transport { .. })) => Err(Ask::Unreachable(chain(&error))),
            Ok(Err(error)) => Err(Ask::Wrong(chain(&error))),
        }
    }

    /// Checks root, timestamp, snapshot and targets, one from the other, and takes the target.
    async fn walk(
        &self,
        repository: impl Repository + 'static,
        now: Timestamp,
    ) -> Result<Vec<u8>, Error> {
        let mut config = UpdaterConfig::default();
        config.target_max_length = MOST_TARGET_BYTES;
        let mut updater = Updater::new(repository, &self.pinned_root)?
            .with_config(config)
            .with_store(FileStore::new(&self.kept_in));
        updater.refresh(now).await?;
        updater.get_target(TARGET, now).await
    }

    fn refused(&self, reason: &str) -> Refused {
        let shown: String = reason
            .chars()
            .map(|c| if c.is_control() { '\u{fffd}' } else { c })
            .take(600)
            .collect();
        Refused::new(
            Why::TrustRoot,
            format!("no trust root from {}: {shown}", quoted(&self.url)),
        )
    }

    /// Returns where what was seen is kept.
    pub fn kept_in(&self) -> &Path {
        &self.kept_in
    }
}

/// Why the repository gave nothing.
enum Ask {
    Unreachable(String),
    Wrong(String),
}

fn chain(error: &Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message.push_str(": ");
        message.push_str(&cause.to_string());
        source = cause.source();
    }
    message
}
