//! What a builder image is to be, read from `images/<name>.toml`.

use std::path::PathBuf;

use crate::catalog::facts::ArchiveFacts;
use crate::digest::Sha256Digest;
use crate::engine::BuildNetwork;
use crate::name::{ImageName, Suite};

/// One builder image as it is wanted.
#[derive(Debug, Clone)]
pub struct ImageDefinition {
    pub name: ImageName,
    pub origin: ImageOrigin,
    /// Where the packages come from of an image that is not bootstrapped, as far as its author says.
    pub updates: Option<UpdateArchives>,
    /// Programs whose version line (`<tool> --version`) is recorded and compared with what a kernel
    /// says it was built with; the first word is the program.
    pub tools: Vec<String>,
    /// The file that this was read from.
    pub path: PathBuf,
    /// The digest of that file.
    pub digest: Sha256Digest,
}

/// The archives that have newer versions of an image's packages, if there are any.
#[derive(Debug, Clone)]
pub struct UpdateArchives {
    pub archives: Vec<ArchiveFacts>,
    /// Those of the suites that carry security updates, which are counted apart.
    pub security: Vec<Suite>,
}

impl ImageDefinition {
    /// Returns where its packages come from, as far as it says so itself.
    pub fn update_archives(&self) -> Option<UpdateArchives> {
        match &self.origin {
            ImageOrigin::Bootstrap(bootstrap) => Some(UpdateArchives {
                archives: bootstrap.archives.clone(),
                security: bootstrap.security.clone(),
            }),
            ImageOrigin::Registry { .. } | ImageOrigin::Dockerfile(_) => self.updates.clone(),
        }
    }
}

/// Where an image comes from.
#[derive(Debug, Clone)]
pub enum ImageOrigin {
    /// Made here from a signed archive.
    Bootstrap(Bootstrap),
    /// Pulled from a registry by digest.
    Registry {
        reference: String,
        digest: Sha256Digest,
        /// Where the digest came from. It is only asked whether it has moved.
        tag: Option<String>,
    },
    /// Built by the engine from a Dockerfile whose bases are pinned.
    Dockerfile(DockerfileOrigin),
}

/// A Dockerfile and what it is built with.
#[derive(Debug, Clone)]
pub struct DockerfileOrigin {
    pub path: PathBuf,
    /// The directory that the Dockerfile copies from; `None` if it copies nothing.
    pub context: Option<PathBuf>,
    pub network: BuildNetwork,
}

/// A root file system made from a signed archive by mmdebstrap.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// The first suite of the first archive is the one that is bootstrapped; the others add to it.
    pub archives: Vec<ArchiveFacts>,
    /// Packages beyond the minimal system.
    pub packages: Vec<String>,
    /// Locales to compile, such as `tr_TR.UTF-8`; rebuilds run in other ones than the reference.
    pub locales: Vec<String>,
    /// Those of the suites that carry security updates, which are counted apart.
    pub security: Vec<Suite>,
}
