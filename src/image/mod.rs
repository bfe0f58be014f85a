//! Builder images: how they are made, what is in them, and how old they are.

pub mod archive;
mod bootstrap;
pub mod definition;
mod definition_file;
mod inventory;
mod make;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::catalog::SuiteRecord;
use crate::digest::Sha256Digest;
use crate::name::{ImageName, PackageVersion};

pub use bootstrap::{BootstrapError, bootstrap};
pub use inventory::{InventoryError, installed_packages, parse_packages};
pub use make::{ImageError, have, make};

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
    /// The authenticated states of the suites that it was made from.
    pub suites: Vec<SuiteRecord>,
    /// The date of the newest of those states; `None` if nobody could look.
    pub archive_date: Option<Timestamp>,
    pub made: Timestamp,
    /// Ordered by name.
    pub packages: Vec<InstalledPackage>,
    /// The first line of `<tool> --version`, by tool; a tool that is not there has no entry.
    pub tools: BTreeMap<String, String>,
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
}
