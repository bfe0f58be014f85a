//! Building an image from a Dockerfile: its bases first, by digest, and then its steps.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use jiff::Timestamp;

use crate::catalog::SuiteRecord;
use crate::digest::Sha256Digest;
use crate::engine::{BuildNetwork, Docker, EngineFailure, LoadedImage, UnbuiltImage};
use crate::image::archive::file_chunks;
use crate::image::context::{Context, ContextError, DOCKERFILE, write_alone};
use crate::image::definition::{DockerfileOrigin, ImageDefinition};
use crate::image::dockerfile::{BaseImage, Dockerfile, DockerfileError, MAX_DOCKERFILE};
use crate::image::make::{ImageError, pull};
use crate::image::probe::probe;
use crate::image::{DockerfileRecord, ImageRecord, InventoryRecord};
use crate::name::ImageName;
use crate::store::Store;

/// Says why an image cannot be built from its Dockerfile.
#[derive(Debug, thiserror::Error)]
pub enum DockerfileBuildError {
    #[error("cannot read the Dockerfile `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Refused(#[from] DockerfileError),
    #[error("cannot take the context `{}`", path.display())]
    Context {
        path: PathBuf,
        source: Box<ContextError>,
    },
    #[error("cannot write the context of the build")]
    Write(#[source] io::Error),
    #[error("the image is built on `{base}`, which the engine does not have")]
    NoBase { base: String },
    #[error("the base `{base}` would add `{trigger}` to the build")]
    Trigger { base: String, trigger: String },
    #[error("`{}` cannot be built: {}", path.display(), told(.unbuilt))]
    Build {
        path: PathBuf,
        unbuilt: UnbuiltImage,
    },
}

impl DockerfileBuildError {
    /// Returns true if the Dockerfile or its context is not as it has to be.
    pub fn is_the_files(&self) -> bool {
        match self {
            Self::Read { .. } | Self::Refused(_) | Self::Context { .. } | Self::Trigger { .. } => {
                true
            }
            Self::Write(_) | Self::NoBase { .. } | Self::Build { .. } => false,
        }
    }

    /// Returns true if it was the engine that failed, and not a step.
    pub fn is_the_engines(&self) -> bool {
        match self {
            Self::Build { unbuilt, .. } => match unbuilt.failure {
                EngineFailure::Refused { .. } | EngineFailure::NoImage { .. } => false,
                EngineFailure::Unreachable { .. }
                | EngineFailure::NoAnswer { .. }
                | EngineFailure::NoSpace { .. }
                | EngineFailure::Vanished
                | EngineFailure::Killed => true,
            },
            Self::Read { .. }
            | Self::Refused(_)
            | Self::Context { .. }
            | Self::Write(_)
            | Self::NoBase { .. }
            | Self::Trigger { .. } => false,
        }
    }

    /// Says what to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => "correct `path` in the image's `[dockerfile]`",
            Self::Refused(_) => "correct the Dockerfile; docs/formats.md says what it may have",
            Self::Context { .. } => "correct the directory that `context` names",
            Self::Write(_) => "make room in the temporary directory",
            Self::NoBase { .. } => {
                "make the base with `kmatrix images build NAME`, and name the digest that it prints"
            }
            Self::Trigger { .. } => "build on an image without `ONBUILD`",
            Self::Build { unbuilt, .. } if self.is_the_engines() => unbuilt.failure.hint(),
            Self::Build { .. } => {
                "correct the Dockerfile; its steps have no network unless the image's \
                 `[dockerfile]` says `network = true`"
            }
        }
    }
}

fn told(unbuilt: &UnbuiltImage) -> String {
    let said = unbuilt.said.trim();
    let last: Vec<&str> = said.lines().rev().take(8).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    if last.is_empty() {
        return unbuilt.failure.to_string();
    }
    format!("{}\n    {}", unbuilt.failure, last.join("\n    "))
}

/// A Dockerfile and its context as they are now.
struct Sources {
    file: Dockerfile,
    dockerfile: Sha256Digest,
    context: Option<Context>,
}

fn read_file(
    origin: &DockerfileOrigin,
) -> Result<(Dockerfile, Sha256Digest), DockerfileBuildError> {
    let failed = |source| DockerfileBuildError::Read {
        path: origin.path.clone(),
        source,
    };
    let mut bytes = Vec::new();
    File::open(&origin.path)
        .map_err(failed)?
        .take(MAX_DOCKERFILE + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_DOCKERFILE {
        let message = format!("it has more than {MAX_DOCKERFILE} bytes");
        return Err(failed(io::Error::other(message)));
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| failed(io::Error::other(error)))?;
    let file = Dockerfile::parse(&origin.path, text, origin.network)?;
    Ok((file, Sha256Digest::of(&bytes)))
}

fn read(origin: &DockerfileOrigin) -> Result<Sources, DockerfileBuildError> {
    let (file, dockerfile) = read_file(origin)?;
    let context = match &origin.context {
        None => None,
        Some(path) => {
            let context = Context::read(path).map_err(|source| DockerfileBuildError::Context {
                path: path.clone(),
                source: Box::new(source),
            })?;
            Some(context)
        }
    };
    Ok(Sources {
        file,
        dockerfile,
        context,
    })
}

fn record(origin: &DockerfileOrigin, read: &Sources) -> DockerfileRecord {
    DockerfileRecord {
        dockerfile: read.dockerfile,
        context: read.context.as_ref().map(|context| context.digest),
        bases: read.file.bases().iter().map(ToString::to_string).collect(),
        network: origin.network,
    }
}

/// Returns what the image would be built from now.
pub(super) fn wanted(origin: &DockerfileOrigin) -> Result<DockerfileRecord, ImageError> {
    Ok(record(origin, &read(origin)?))
}

/// Builds the image. `known` are the records of our own images, of which it may inherit how old its
/// packages are.
pub(super) async fn build(
    definition: &ImageDefinition,
    origin: &DockerfileOrigin,
    known: &[ImageRecord],
    docker: &Docker,
    store: &Store,
) -> Result<ImageRecord, ImageError> {
    let read = read(origin)?;
    let mut ids = BTreeMap::new();
    for base in read.file.bases() {
        let image = have_base(base, docker).await?;
        if let Some(trigger) = image.triggers.first() {
            return Err(ImageError::Dockerfile(DockerfileBuildError::Trigger {
                base: base.to_string(),
                trigger: trigger.chars().take(80).collect(),
            }));
        }
        ids.insert(base.to_string(), image.id);
    }
    let pinned = read.file.pinned(|base| ids.get(&base.to_string()).copied());
    let text = pinned.unwrap_or_default();
    let tar = write_context(origin, &read, &text, store)?;
    let chunks = file_chunks(tar.path().to_owned());
    let built = docker.build(chunks, DOCKERFILE, origin.network).await;
    let id = built.map_err(|unbuilt| DockerfileBuildError::Build {
        path: origin.path.clone(),
        unbuilt,
    })?;
    let repository = format!("kmatrix/{}", definition.name);
    docker.name(&id, &repository, &id.short()).await?;
    let probed = probe(docker, id, &definition.tools).await?;
    let (suites, archive_date) = inherited(origin, &read.file, known);
    Ok(ImageRecord {
        name: definition.name.clone(),
        definition: definition.digest,
        id,
        root: None,
        pulled: None,
        built: Some(record(origin, &read)),
        suites,
        archive_date,
        made: Timestamp::now(),
        passed_over: Vec::new(),
        inventory: Some(InventoryRecord::of(probed.database, &probed.packages)),
        packages: probed.packages,
        tools: probed.tools,
    })
}

async fn have_base(base: &BaseImage, docker: &Docker) -> Result<LoadedImage, ImageError> {
    match base {
        BaseImage::Registry { reference, digest } => pull(docker, reference, digest).await,
        BaseImage::Own { id, .. } => docker.image(id).await?.ok_or_else(|| {
            ImageError::Dockerfile(DockerfileBuildError::NoBase {
                base: base.to_string(),
            })
        }),
    }
}

fn write_context(
    origin: &DockerfileOrigin,
    read: &Sources,
    text: &str,
    store: &Store,
) -> Result<tempfile::NamedTempFile, DockerfileBuildError> {
    let tar = tempfile::NamedTempFile::new().map_err(DockerfileBuildError::Write)?;
    match (&origin.context, &read.context) {
        (Some(path), Some(context)) => {
            context
                .write(path, text, store, tar.as_file())
                .map_err(|source| DockerfileBuildError::Context {
                    path: path.clone(),
                    source: Box::new(source),
                })?
        }
        (Some(_) | None, _) => {
            write_alone(text, tar.as_file()).map_err(DockerfileBuildError::Write)?;
        }
    }
    Ok(tar)
}

/// Returns the states of the suites that the packages come from: those of our own image that the
/// last stage stands on, if no step could fetch others.
fn inherited(
    origin: &DockerfileOrigin,
    file: &Dockerfile,
    known: &[ImageRecord],
) -> (Vec<SuiteRecord>, Option<Timestamp>) {
    match (origin.network, file.last_base()) {
        (BuildNetwork::None, Some(BaseImage::Own { id, .. })) => {
            let base = known.iter().find(|record| record.id == *id);
            base.map_or((Vec::new(), None), |base| {
                (base.suites.clone(), base.archive_date)
            })
        }
        (BuildNetwork::None | BuildNetwork::Open, _) => (Vec::new(), None),
    }
}

/// Returns which of our own images a Dockerfile ends on; `None` if it ends on another, or is not
/// readable now.
pub fn last_base_of(origin: &DockerfileOrigin) -> Option<ImageName> {
    match read_file(origin).ok()?.0.last_base()? {
        BaseImage::Own { name, .. } => Some(name.clone()),
        BaseImage::Registry { .. } => None,
    }
}
