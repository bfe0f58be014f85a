//! What the store has to keep, and for whom.
//!
//! A store may serve several state directories. Each leaves its path in the store when it opens it
//! (`store/states/<id>`), so that making room for one takes nothing from another.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::catalog::look::Look;
use crate::digest::Sha256Digest;
use crate::ledger::{Ledger, LedgerError};
use crate::state::{self, State, StateError};
use crate::store::{Store, StoreError};

/// Who needs something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// A lock, by the name of its file.
    Lock(String),
    /// The record of a builder image.
    Image(String),
    /// A list of kernels, which keeps what was signed.
    Kernels(String),
    /// The attempts that count, and what vouched for each cell.
    Ledger,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lock(name) => write!(f, "the lock {name}"),
            Self::Image(name) => write!(f, "the image {name}"),
            Self::Kernels(name) => write!(f, "the kernels of {name}"),
            Self::Ledger => f.write_str("the ledger"),
        }
    }
}

/// Everything that is needed, by digest; a blob and a tree of one digest are needed together.
#[derive(Debug, Default)]
pub struct Needs {
    holders: BTreeMap<Sha256Digest, BTreeSet<Holder>>,
    /// State directories that used the store and are no longer there.
    pub forgotten: Vec<PathBuf>,
}

/// Says why it cannot be told what is needed; nothing may be removed then.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot {doing} `{}`", path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RetentionError {
    let path = path.to_owned();
    move |source| RetentionError::Io {
        doing,
        path,
        source,
    }
}

/// Opens a state directory's store and leaves word that this directory uses it.
pub fn open_store(state: &State) -> Result<Store, RetentionError> {
    let store = Store::open(&state.store())?;
    let place = states(store.root()).join(state.id()?);
    let path = state.root().as_os_str().as_encoded_bytes();
    if fs::read(&place).ok().as_deref() != Some(path) {
        state::write_atomically(&place, path)?;
    }
    Ok(store)
}

fn states(store: &Path) -> PathBuf {
    store.join("states")
}

impl Needs {
    /// Reads what every state directory needs that uses the store of this one.
    pub fn of_all(state: &State) -> Result<Self, RetentionError> {
        let mut needs = Self::default();
        needs.add(state)?;
        let directory = states(&state.store());
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(needs),
            Err(error) => return Err(failed("list", &directory)(error)),
        };
        for entry in entries {
            let place = entry.map_err(failed("list", &directory))?.path();
            let bytes = fs::read(&place).map_err(failed("read", &place))?;
            let root = PathBuf::from(String::from_utf8_lossy(&bytes).into_owned());
            if root == state.root() {
                continue;
            }
            match State::existing(&root)? {
                Some(other) => needs.add(&other)?,
                None => needs.forgotten.push(root),
            }
        }
        needs.forgotten.sort();
        Ok(needs)
    }

    /// Returns who needs a digest.
    pub fn holders(&self, digest: &Sha256Digest) -> impl Iterator<Item = &Holder> {
        self.holders.get(digest).into_iter().flatten()
    }

    /// Returns true if anybody needs a digest.
    pub fn has(&self, digest: &Sha256Digest) -> bool {
        self.holders.contains_key(digest)
    }

    fn add(&mut self, state: &State) -> Result<(), RetentionError> {
        for path in state.all_locks()? {
            let lock: Option<Value> = state::read_json(&path)?;
            self.add_all(&lock.unwrap_or_default(), &Holder::Lock(stem(&path)));
        }
        for path in state.all_images()? {
            let image: Option<Value> = state::read_json(&path)?;
            self.add_all(&image.unwrap_or_default(), &Holder::Image(stem(&path)));
        }
        for path in state.all_kernels()? {
            // What is listed can be fetched again; what was signed is evidence.
            let look: Option<Look> = state::read_versioned(&path)?;
            let Some(list) = look.map(|look| look.list) else {
                continue;
            };
            let holder = Holder::Kernels(stem(&path));
            for suite in list.suites {
                self.insert(suite.index, &holder);
            }
            // Nothing else has the configurations as they were when the list was made.
            for source in list.kernels.into_iter().filter_map(|kernel| kernel.source) {
                self.insert(source.config, &holder);
            }
        }
        let ledger = state.ledger();
        if ledger.is_file() {
            for record in Ledger::open(&ledger)?.evidence()? {
                self.add_all(&record, &Holder::Ledger);
            }
        }
        Ok(())
    }

    /// Adds every digest that a document has anywhere, so that a field which is added to one later is
    /// kept too.
    fn add_all(&mut self, document: &Value, holder: &Holder) {
        match document {
            Value::String(text) => {
                if let Ok(digest) = text.parse() {
                    self.insert(digest, holder);
                }
            }
            Value::Array(values) => {
                for value in values {
                    self.add_all(value, holder);
                }
            }
            Value::Object(fields) => {
                for value in fields.values() {
                    self.add_all(value, holder);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn insert(&mut self, digest: Sha256Digest, holder: &Holder) {
        self.holders
            .entry(digest)
            .or_default()
            .insert(holder.clone());
    }
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}
