//! Running a [`BuildSpec`](crate::recipe::BuildSpec): what an engine is asked and what it answers,
//! whichever engine it is.
//!
//! An end is exited with a code, stopped at a limit, or an infrastructure failure; the three never
//! mix.

mod docker;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;

pub use docker::{Docker, LoadedImage};

/// Where the trees that a spec names stand on this machine.
pub type Locations = BTreeMap<Sha256Digest, PathBuf>;

/// What came of one execution.
#[derive(Debug, Clone)]
pub struct Execution {
    pub end: End,
    /// What the build wrote to standard output, up to the spec's limit.
    pub output: Vec<u8>,
    pub log: Log,
    /// How the container really was, as the engine says; `None` if it could not be asked.
    pub observed: Option<Observed>,
    pub steps: Steps,
}

/// What the build printed.
#[derive(Debug, Clone, Default)]
pub struct Log {
    pub bytes: Vec<u8>,
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The first process ended by itself.
    Exited { code: i64 },
    /// A process was killed because the memory limit was reached.
    OutOfMemory { code: i64 },
    /// The time limit was reached, and everything was killed.
    TimedOut,
    /// More was written to standard output than the limit allows, and everything was killed.
    OutputLimit,
    /// More was written to standard error than the limit allows, and everything was killed.
    LogLimit,
    /// The engine failed; nothing is known about the build.
    Lost(EngineFailure),
    /// This program was asked to stop.
    Interrupted,
}

/// What network the steps of an image's build have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BuildNetwork {
    None,
    /// A decision of the image's definition: what the steps fetched is pinned by nothing.
    Open,
}

/// An image that the engine did not build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnbuiltImage {
    pub failure: EngineFailure,
    /// The end of what the build printed.
    pub said: String,
}

/// An engine that did not do what it was asked. It says nothing about any module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum EngineFailure {
    #[error("the container engine cannot be reached: {message}")]
    Unreachable { message: String },
    #[error("the container engine does not answer (waited {seconds} s)")]
    NoAnswer { seconds: u64 },
    #[error("the container engine has no image {image}")]
    NoImage { image: Sha256Digest },
    #[error("the container engine refused: {message}")]
    Refused { message: String },
    #[error("the container engine has no space left: {message}")]
    NoSpace { message: String },
    #[error("the container vanished while it ran")]
    Vanished,
    #[error("the engine lost the container: somebody had it killed while it ran")]
    Killed,
}

impl EngineFailure {
    /// Returns true if trying again may help. A refusal is an answer, and stays.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::NoAnswer { .. } | Self::Vanished | Self::Killed => {
                true
            }
            Self::NoImage { .. } | Self::Refused { .. } | Self::NoSpace { .. } => false,
        }
    }

    /// Says what to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::NoAnswer { .. } => {
                "start it with `ci/engine`, or name another one with `DOCKER_HOST`"
            }
            Self::NoImage { .. } => "run `kmatrix images build` to load it again",
            Self::Refused { .. } => {
                "the engine must run on this machine, as root, with the paths of the state \
                 directory visible to it"
            }
            Self::NoSpace { .. } => "free some of the space of the engine's data directory",
            Self::Vanished | Self::Killed => {
                "look for another program that kills or removes containers"
            }
        }
    }
}

/// How the container was, read back from the engine, not from what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    pub image: Option<Sha256Digest>,
    pub no_network: bool,
    pub read_only_root: bool,
    pub read_only_inputs: bool,
    pub unprivileged: bool,
    pub no_new_privileges: bool,
    pub user: String,
    pub host_name: String,
    pub cpus: String,
}

impl Observed {
    /// Returns true if the build had no network, only read-only inputs, and no privilege.
    pub fn is_sealed(&self) -> bool {
        self.no_network
            && self.read_only_root
            && self.read_only_inputs
            && self.unprivileged
            && self.no_new_privileges
    }
}

/// What an execution's wall time went to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Steps {
    /// Creating the container and attaching to it.
    pub create: Duration,
    /// Starting it.
    pub start: Duration,
    /// From then until its output closed.
    pub run: Duration,
    /// Asking how it ended.
    pub inspect: Duration,
    /// Removing it.
    pub remove: Duration,
}

/// What an engine says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineIdentity {
    pub name: String,
    pub version: String,
    pub api_version: String,
    pub kernel: String,
    pub cpus: u32,
}
