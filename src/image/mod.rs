//! Builder images: how they are made, what is in them, and how old they are.

pub mod archive;
mod bootstrap;
pub mod context;
pub mod definition;
mod definition_file;
mod dockerfile;
mod dockerfile_build;
mod freshness;
mod freshness_report;
mod inventory;
mod make;
mod package_database;
mod probe;
mod registry;
mod reproduction;
mod root;
mod tar_difference;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::catalog::SuiteRecord;
use crate::digest::Sha256Digest;
use crate::engine::BuildNetwork;
use crate::name::{ArchiveName, ImageName, PackageVersion};

pub use bootstrap::{BootstrapError, bootstrap};
pub use context::ContextError;
pub use dockerfile::{BaseImage, Dockerfile, DockerfileError};
pub use dockerfile_build::{DockerfileBuildError, last_base_of};
pub use freshness::{
    Appeared, FreshnessPolicy, ImageFreshness, MissedUpdate, TagStanding, Updates,
};
pub use freshness_report::{FreshnessReport, Look, examine};
pub use inventory::{InventoryError, InventoryRecord, installed_packages};
pub use make::{ImageError, have, make, obtain};
pub use package_database::{PackageDatabase, parse_packages};
pub use registry::RegistryRefusal;
pub use reproduction::{ImageReproduction, Reproduction, reproduce};
pub use tar_difference::{TarDifference, tar_differences};

/// One builder image as it is: every fact that a label or a reader may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageRecord {
    pub name: ImageName,
    /// The digest of the definition that it was made from.
    pub definition: Sha256Digest,
    /// The digest of the image's configuration, by which builds name it.
    pub id: Sha256Digest,
    /// The root file system's tar in the store; `None` if the image was pulled.
    pub root: Option<RootRecord>,
    /// The registry reference that it was pulled by; `None` if it was made here.
    pub pulled: Option<String>,
    /// The Dockerfile that it was built from; `None` if there was none.
    #[serde(default)]
    pub built: Option<DockerfileRecord>,
    /// The authenticated states of the suites that it was made from.
    pub suites: Vec<SuiteRecord>,
    /// The date of the newest of those states; `None` if nobody could look.
    pub archive_date: Option<Timestamp>,
    pub made: Timestamp,
    /// Mirrors that did not serve what the image was made from.
    #[serde(default)]
    pub passed_over: Vec<PassedOver>,
    /// Which database the packages are of, and their digest; `None` in records of before there was
    /// one.
    #[serde(default)]
    pub inventory: Option<InventoryRecord>,
    /// Ordered by name.
    pub packages: Vec<InstalledPackage>,
    /// The first line of `<tool> --version`, by tool; a tool that is not there has no entry.
    pub tools: BTreeMap<String, String>,
}

impl ImageRecord {
    /// Returns true if everything that is in the image was pinned when it was made.
    pub fn is_pinned(&self) -> bool {
        match self.built.as_ref().map(|built| built.network) {
            None | Some(BuildNetwork::None) => true,
            Some(BuildNetwork::Open) => false,
        }
    }
}

/// What an image was built from by the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DockerfileRecord {
    /// The digest of the Dockerfile as it is written.
    pub dockerfile: Sha256Digest,
    /// The tree digest of the context; `None` if it had none.
    pub context: Option<Sha256Digest>,
    /// As they are written, each pinned by digest, in the order of the Dockerfile.
    pub bases: Vec<String>,
    pub network: BuildNetwork,
}

/// A mirror that was tried before the one that an archive was taken from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PassedOver {
    pub archive: ArchiveName,
    /// Its address, without a user name and a password.
    pub mirror: String,
    pub reason: String,
}

/// A root file system in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RootRecord {
    pub digest: Sha256Digest,
    pub bytes: u64,
}

/// One package of an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstalledPackage {
    pub name: String,
    pub version: PackageVersion,
    pub architecture: String,
    /// The source package that it was built from; `None` if the database does not say.
    #[serde(default)]
    pub source: Option<String>,
    #[serde(default)]
    pub source_version: Option<PackageVersion>,
}
