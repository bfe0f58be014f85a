//! The local container engine, through its API. The only folder that knows `bollard`.
//!
//! Per attempt: create, attach, start, read both streams until they close, wait, inspect, remove.
//! The modules come out as a tar on standard output, so that nothing of the host is writable from
//! inside and a kill leaves nothing behind but a container that the next start sweeps.

mod build;
mod container;
mod credentials;
mod run;

use std::collections::HashMap;
use std::time::Duration;

use bollard::Docker as Api;
use bollard::errors::Error;
use bollard::models::ImageInspect;
use bollard::query_parameters::{
    CreateImageOptionsBuilder, ImportImageOptionsBuilder, ListContainersOptionsBuilder,
    RemoveContainerOptionsBuilder,
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use crate::digest::Sha256Digest;
use crate::engine::{EngineFailure, EngineIdentity};
use crate::name::Arch;

/// The label that marks a container as ours, with the identity of the state directory as its value.
const OWNER_LABEL: &str = "kmatrix.state";
/// How long any call other than a build may take before the engine counts as lost.
const CALL_SECONDS: u64 = 60;
/// The same for moving a whole image into the engine.
const IMAGE_SECONDS: u64 = 900;

/// A connection to a container engine.
#[derive(Clone)]
pub struct Docker {
    api: Api,
    owner: String,
    identity: EngineIdentity,
}

/// An image that the engine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedImage {
    /// The digest of the image's configuration, by which containers name it.
    pub id: Sha256Digest,
    pub architecture: String,
    /// Instructions that it would add to a build on it (`ONBUILD`).
    pub triggers: Vec<String>,
}

impl Docker {
    /// Connects to what `DOCKER_HOST` names, or to the local socket, and agrees on an API version.
    ///
    /// `owner` marks this state directory's containers.
    pub async fn connect(owner: &str) -> Result<Self, EngineFailure> {
        let api = Api::connect_with_defaults()
            .map_err(failure)?
            .with_timeout(Duration::from_secs(CALL_SECONDS));
        let api = bounded(api.negotiate_version()).await?;
        let version = bounded(api.version()).await?;
        let info = bounded(api.info()).await?;
        Ok(Self {
            owner: owner.to_owned(),
            identity: EngineIdentity {
                name: "docker".to_owned(),
                version: version.version.unwrap_or_default(),
                api_version: api.client_version().to_string(),
                kernel: info.kernel_version.unwrap_or_default(),
                cpus: info.ncpu.and_then(|n| n.try_into().ok()).unwrap_or(1),
            },
            api,
        })
    }

    /// Returns what the engine said of itself when it was connected to.
    pub fn identity(&self) -> &EngineIdentity {
        &self.identity
    }

    /// Removes the containers that an earlier run of this state directory left behind, and returns
    /// how many there were. To be called by the state's only user.
    pub async fn sweep(&self) -> Result<usize, EngineFailure> {
        let filters = HashMap::from([(
            "label".to_owned(),
            vec![format!("{OWNER_LABEL}={}", self.owner)],
        )]);
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters)
            .build();
        let left = bounded(self.api.list_containers(Some(options))).await?;
        let count = left.len();
        for container in left {
            if let Some(id) = container.id {
                self.remove(&id).await?;
            }
        }
        Ok(count)
    }

    async fn remove(&self, id: &str) -> Result<(), EngineFailure> {
        let options = RemoveContainerOptionsBuilder::new()
            .force(true)
            .v(true)
            .build();
        match bounded(self.api.remove_container(id, Some(options))).await {
            // Somebody else removed it: it is gone, which is what was asked.
            Ok(()) | Err(EngineFailure::Vanished) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Returns the image of this digest, or `None` if the engine does not have it.
    pub async fn image(&self, id: &Sha256Digest) -> Result<Option<LoadedImage>, EngineFailure> {
        match bounded(self.api.inspect_image(&id.to_string())).await {
            Ok(image) => {
                let found = image.id.as_ref().and_then(|found| found.parse().ok());
                Ok(found.map(|found| loaded(found, image)))
            }
            Err(EngineFailure::Vanished) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Loads an image archive (`docker save` format, Docker image specification v1.2, "Combined
    /// image JSON + filesystem changeset format").
    pub async fn load<S>(&self, archive: S) -> Result<(), EngineFailure>
    where
        S: Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
    {
        let options = ImportImageOptionsBuilder::new().quiet(true).build();
        let api = self.patient();
        let mut answers = Box::pin(api.import_image_stream(options, archive, None));
        while let Some(answer) = answers.next().await {
            let answer = answer.map_err(failure)?;
            if let Some(message) = answer.error_detail.and_then(|detail| detail.message) {
                return Err(refusal(message));
            }
        }
        Ok(())
    }

    fn patient(&self) -> Api {
        let api = self.api.clone();
        api.with_timeout(Duration::from_secs(IMAGE_SECONDS))
    }

    /// Pulls an image by digest and returns it as the engine has it.
    pub async fn pull(
        &self,
        reference: &str,
        digest: &Sha256Digest,
    ) -> Result<LoadedImage, EngineFailure> {
        let pinned = format!("{reference}@{digest}");
        let options = CreateImageOptionsBuilder::new().from_image(&pinned).build();
        let api = self.patient();
        let credentials = credentials::of_registry(reference).await?;
        let mut answers = Box::pin(api.create_image(Some(options), None, credentials));
        while let Some(answer) = answers.next().await {
            let answer = answer.map_err(|error| match error {
                // Whatever its status: it is the registry's answer, and has the registry's words.
                Error::DockerResponseServerError { message, .. } => refusal(message),
                other => failure(other),
            })?;
            if let Some(message) = answer.error_detail.and_then(|detail| detail.message) {
                return Err(refusal(message));
            }
        }
        let image = bounded(self.api.inspect_image(&pinned)).await?;
        let id = image.id.as_ref().and_then(|id| id.parse().ok());
        let id = id.ok_or_else(|| refusal(format!("`{pinned}` has no digest after the pull")))?;
        Ok(loaded(id, image))
    }

    /// Asks a registry which image a tag names now, by the digest of its manifest.
    pub async fn tag_digest(
        &self,
        reference: &str,
        tag: &str,
    ) -> Result<Sha256Digest, EngineFailure> {
        let name = format!("{reference}:{tag}");
        let credentials = credentials::of_registry(reference).await?;
        let asked = self.api.inspect_registry_image(&name, credentials);
        let answer = match tokio::time::timeout(Duration::from_secs(CALL_SECONDS), asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(Error::DockerResponseServerError { message, .. })) => {
                return Err(refusal(message));
            }
            Ok(Err(error)) => return Err(failure(error)),
            Err(_) => {
                return Err(EngineFailure::NoAnswer {
                    seconds: CALL_SECONDS,
                });
            }
        };
        let digest = answer.descriptor.digest.and_then(|text| text.parse().ok());
        digest.ok_or_else(|| refusal(format!("the registry names no digest of `{name}`")))
    }

    /// Returns the architecture of the images that this engine runs without emulation.
    pub fn arch(&self) -> Option<Arch> {
        Arch::of_this_machine()
    }
}

fn loaded(id: Sha256Digest, image: ImageInspect) -> LoadedImage {
    LoadedImage {
        id,
        architecture: image.architecture.unwrap_or_default(),
        triggers: image
            .config
            .and_then(|config| config.on_build)
            .unwrap_or_default(),
    }
}

async fn bounded<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, EngineFailure> {
    match tokio::time::timeout(Duration::from_secs(CALL_SECONDS), call).await {
        Ok(answer) => answer.map_err(failure),
        Err(_) => Err(EngineFailure::NoAnswer {
            seconds: CALL_SECONDS,
        }),
    }
}

fn refusal(message: String) -> EngineFailure {
    // The API has one status for every failure of its own; a full disk is only told in words.
    if message.contains("no space left on device") {
        EngineFailure::NoSpace { message }
    } else {
        EngineFailure::Refused { message }
    }
}

fn failure(error: Error) -> EngineFailure {
    match error {
        Error::DockerResponseServerError {
            status_code: 404, ..
        } => EngineFailure::Vanished,
        Error::DockerResponseServerError { message, .. } => refusal(message),
        Error::DockerStreamError { error } => refusal(error),
        Error::RequestTimeoutError => EngineFailure::NoAnswer {
            seconds: CALL_SECONDS,
        },
        other => EngineFailure::Unreachable {
            message: chain(&other),
        },
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}
