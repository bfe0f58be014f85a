//! What several commands need first: kernels listed, a plan, images, sources, a lock. One file per
//! thing that is had.

mod archives;
mod images;
mod locked;
mod look;
mod planned;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::catalog::SuiteRecord;
use crate::catalog::facts::{self, DistroFacts};
use crate::catalog::fetch::{FetchBounds, Fetcher};
use crate::catalog::look::Look;
use crate::catalog::site::Site;
use crate::catalog::surroundings::Surroundings;
use crate::cli::{Common, Refusal};
use crate::digest::Sha256Digest;
use crate::exit::Exit;
use crate::lock::{Lock, Sharing};
use crate::matrix::Matrix;
use crate::name::{Arch, ModuleName};
use crate::report::Status;
use crate::retention;
use crate::run::PackageSource;
use crate::source::Source;
use crate::state::{self, State};
use crate::store::Store;
use archives::Archives;
pub(crate) use locked::Fewer;
pub(crate) use look::LookError;

/// How new the inputs are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// Take what is recorded, and look for the rest.
    Missing,
    /// Ask the archives again.
    Update,
    /// Take what is recorded, and refuse if anything is missing.
    Locked,
}

impl Renewal {
    /// Reads the flags of a command, which exclude each other.
    pub(crate) fn of(update: bool, locked: bool) -> Self {
        if update {
            Self::Update
        } else if locked {
            Self::Locked
        } else {
            Self::Missing
        }
    }
}

/// What commands that look at inputs work with.
pub(crate) struct Inputs<'a> {
    pub state: State,
    pub store: Store,
    site: Site,
    fetcher: Fetcher,
    pub(in crate::cli) common: &'a Common,
    pub(in crate::cli) status: &'a Status,
}

impl<'a> Inputs<'a> {
    pub(crate) fn open(common: &'a Common, status: &'a Status) -> Result<Self, Refusal> {
        let state = State::open(&common.state)?;
        let store = retention::open_store(&state)?;
        let counting = status.clone();
        let fetcher = Fetcher::new(FetchBounds::default())
            .map_err(|error| {
                Refusal::new(Exit::Internal, "cannot set up fetching").caused_by(&error)
            })?
            .with_progress(Arc::new(move |bytes| counting.fetched(bytes)));
        Ok(Self {
            state,
            store,
            site: Site::of_this_machine(common.mirror.clone(), common.site.clone()),
            fetcher,
            common,
            status,
        })
    }

    pub(crate) fn surroundings<'s>(&'s self, seen: &'s [SuiteRecord]) -> Surroundings<'s> {
        Surroundings {
            site: &self.site,
            store: &self.store,
            fetcher: &self.fetcher,
            offline: self.common.offline,
            now: Timestamp::now(),
            seen,
        }
    }

    /// Returns every state of a suite that a list of kernels or an image was made from.
    pub(crate) fn seen(&self) -> Result<Vec<SuiteRecord>, Refusal> {
        let mut seen = Vec::new();
        for path in self.state.all_kernels()? {
            let look: Option<Look> = state::read_versioned(&path)?;
            seen.extend(look.into_iter().flat_map(|look| look.list.suites));
        }
        for image in self.known_images()? {
            seen.extend(image.suites);
        }
        Ok(seen)
    }

    /// Refuses to go on if an archive has to be asked and that was forbidden.
    pub(crate) fn online(&self, what: &str) -> Result<(), Refusal> {
        if self.common.offline {
            return Err(Refusal::new(
                Exit::InputUnavailable,
                format!("{what} is not in `{}`", self.state.root().display()),
            )
            .hint("run without `--offline` once".to_owned()));
        }
        Ok(())
    }

    /// Reads the facts of every distribution release.
    pub(crate) fn facts(&self) -> Result<Vec<DistroFacts>, Refusal> {
        Ok(facts::read_all(&self.common.kernels)?)
    }

    /// Adds up what the cells of a lock share, by what the store has unpacked.
    pub(crate) fn sharing(&self, lock: &Lock) -> Result<Sharing, Refusal> {
        Ok(Sharing::of(lock.cell_packages(), |package| {
            self.store.unpacked_bytes(&package.sha256, package.format)
        })?)
    }

    /// Returns what fetches packages during a run.
    pub(crate) fn packages(&self) -> Result<Arc<dyn PackageSource>, Refusal> {
        Ok(Arc::new(Archives {
            facts: Arc::new(self.facts()?),
            site: self.site.clone(),
            fetcher: self.fetcher.clone(),
            store: self.store.clone(),
            offline: self.common.offline,
        }))
    }
}

/// Returns the architecture that builds run on.
pub(crate) fn build_arch() -> Result<Arch, Refusal> {
    Arch::of_this_machine().ok_or_else(|| {
        Refusal::new(
            Exit::EngineUnavailable,
            format!(
                "modules cannot be built on `{}` machines",
                std::env::consts::ARCH
            ),
        )
    })
}

/// Reads a matrix file.
pub(crate) fn read_matrix(path: &Path) -> Result<Matrix, Refusal> {
    Ok(Matrix::read(path)?)
}

/// Returns the digests of all sources, for looking one up by its tree.
pub(crate) fn by_tree(sources: BTreeMap<ModuleName, Source>) -> BTreeMap<Sha256Digest, Source> {
    sources
        .into_values()
        .map(|source| (source.record.tree, source))
        .collect()
}

pub(in crate::cli) fn locked(what: &str) -> Refusal {
    Refusal::new(
        Exit::InputUnavailable,
        format!("{what} is missing or out of date"),
    )
    .hint("`--locked` and `--check` change nothing: run `kmatrix lock` first".to_owned())
}
