//! The local container engine, through its API. The only file that knows `bollard`.
//!
//! Per attempt: create, attach, start, read both streams until they close, wait, inspect, remove.
//! The modules come out as a tar on standard output, so that nothing of the host is writable from
//! inside and a kill leaves nothing behind but a container that the next start sweeps.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bollard::Docker as Api;
use bollard::container::{AttachContainerResults, LogOutput};
use bollard::errors::Error;
use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, HostConfig, HostConfigLogConfig,
};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, CreateImageOptionsBuilder,
    ImportImageOptionsBuilder, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::sync::watch;

use crate::digest::Sha256Digest;
use crate::engine::{
    End, EngineFailure, EngineIdentity, Execution, Locations, Log, Observed, Steps,
};
use crate::name::Arch;
use crate::recipe::{BuildSpec, WORK_AT};

/// The label that marks a container as ours, with the identity of the state directory as its value.
const OWNER_LABEL: &str = "kmatrix.state";
/// How long any call other than a build may take before the engine counts as lost.
const CALL_SECONDS: u64 = 60;
/// What a build's shared `/tmp` may hold.
const TMP_BYTES: u64 = 256 << 20;

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

    /// Runs one spec in a fresh container and removes the container.
    ///
    /// `cpu` is the processor that an attempt with only one is given. Waits are bounded by the
    /// spec's time limit and [`CALL_SECONDS`] a call. When `stop` becomes true the container is
    /// killed and the end is [`End::Interrupted`].
    ///
    /// # Security
    ///
    /// The build sees its inputs read-only, has no network, no capability, no way to gain privileges
    /// and an unprivileged user; what it can write is memory that is gone with it.
    pub async fn run(
        &self,
        spec: &BuildSpec,
        locations: &Locations,
        cpu: u32,
        stop: watch::Receiver<bool>,
    ) -> Execution {
        let mut execution = Execution {
            end: End::Interrupted,
            output: Vec::new(),
            log: Log::default(),
            observed: None,
            steps: Steps::default(),
        };
        let begun = Instant::now();
        let id = match self.create(spec, locations, cpu).await {
            Ok(id) => id,
            Err(error) => {
                execution.end = End::Lost(error);
                return execution;
            }
        };
        let ended = self.follow(&id, spec, stop, begun, &mut execution).await;
        execution.end = ended.unwrap_or_else(End::Lost);
        let removing = Instant::now();
        if let Err(error) = self.remove(&id).await {
            tracing::warn!(container = %id, %error, "a container could not be removed");
        }
        execution.steps.remove = removing.elapsed();
        execution
    }

    async fn create(
        &self,
        spec: &BuildSpec,
        locations: &Locations,
        cpu: u32,
    ) -> Result<String, EngineFailure> {
        let body = container(spec, locations, cpu, &self.owner, self.identity.cpus)?;
        let options = CreateContainerOptionsBuilder::new().build();
        let created = bounded(self.api.create_container(Some(options), body))
            .await
            .map_err(|error| match error {
                EngineFailure::Vanished => EngineFailure::NoImage { image: spec.image },
                other => other,
            })?;
        Ok(created.id)
    }

    async fn follow(
        &self,
        id: &str,
        spec: &BuildSpec,
        mut stop: watch::Receiver<bool>,
        begun: Instant,
        execution: &mut Execution,
    ) -> Result<End, EngineFailure> {
        let options = AttachContainerOptionsBuilder::new()
            .stream(true)
            .stdout(true)
            .stderr(true)
            .build();
        let AttachContainerResults { output, input } =
            bounded(self.api.attach_container(id, Some(options))).await?;
        execution.steps.create = begun.elapsed();

        let starting = Instant::now();
        bounded(self.api.start_container(id, None)).await?;
        execution.steps.start = starting.elapsed();

        let running = Instant::now();
        let limit = Duration::from_secs(spec.limits.seconds);
        let read = read_streams(output, spec, execution);
        let early = tokio::select! {
            read = tokio::time::timeout(limit, read) => match read {
                Ok(end) => end?,
                Err(_) => Some(End::TimedOut),
            },
            _ = stop.wait_for(|stop| *stop) => Some(End::Interrupted),
        };
        drop(input);
        execution.steps.run = running.elapsed();
        if let Some(end) = early {
            return Ok(end);
        }

        let inspecting = Instant::now();
        let code = self.exit_code(id).await?;
        let inspected = bounded(self.api.inspect_container(id, None)).await?;
        execution.steps.inspect = inspecting.elapsed();
        let out_of_memory = inspected
            .state
            .as_ref()
            .and_then(|state| state.oom_killed)
            .unwrap_or(false);
        execution.observed = Some(observe(&inspected));
        Ok(if out_of_memory && code != 0 {
            End::OutOfMemory { code }
        } else {
            End::Exited { code }
        })
    }

    /// Waits for the exit code, which `bollard` hands out as an error when it is not zero.
    async fn exit_code(&self, id: &str) -> Result<i64, EngineFailure> {
        let wait = self.api.wait_container(id, None).into_future();
        let answer = tokio::time::timeout(Duration::from_secs(CALL_SECONDS), wait)
            .await
            .map_err(|_| EngineFailure::NoAnswer {
                seconds: CALL_SECONDS,
            })?
            .0;
        match answer {
            Some(Ok(response)) => Ok(response.status_code),
            Some(Err(Error::DockerContainerWaitError { code, .. })) => Ok(code),
            Some(Err(error)) => Err(failure(error)),
            None => Err(EngineFailure::Vanished),
        }
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
                Ok(image
                    .id
                    .and_then(|found| found.parse().ok())
                    .map(|found| LoadedImage {
                        id: found,
                        architecture: image.architecture.unwrap_or_default(),
                    }))
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
        let mut answers = Box::pin(self.api.import_image_stream(options, archive, None));
        while let Some(answer) = answers.next().await {
            let answer = answer.map_err(failure)?;
            if let Some(message) = answer.error_detail.and_then(|detail| detail.message) {
                return Err(refusal(message));
            }
        }
        Ok(())
    }

    /// Pulls an image by digest and returns it as the engine has it.
    pub async fn pull(
        &self,
        reference: &str,
        digest: &Sha256Digest,
    ) -> Result<LoadedImage, EngineFailure> {
        let pinned = format!("{reference}@{digest}");
        let options = CreateImageOptionsBuilder::new().from_image(&pinned).build();
        let mut answers = Box::pin(self.api.create_image(Some(options), None, None));
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
        let id = image.id.and_then(|id| id.parse().ok());
        Ok(LoadedImage {
            id: id.ok_or_else(|| refusal(format!("`{pinned}` has no digest after the pull")))?,
            architecture: image.architecture.unwrap_or_default(),
        })
    }

    /// Returns the architecture of the images that this engine runs without emulation.
    pub fn arch(&self) -> Option<Arch> {
        Arch::of_this_machine()
    }
}

/// Reads both streams to their end, or to a limit.
async fn read_streams(
    mut output: impl Stream<Item = Result<LogOutput, Error>> + Unpin,
    spec: &BuildSpec,
    execution: &mut Execution,
) -> Result<Option<End>, EngineFailure> {
    while let Some(item) = output.next().await {
        let (into, message, limit, end) = match item.map_err(failure)? {
            LogOutput::StdOut { message } => (
                &mut execution.output,
                message,
                spec.limits.output_bytes,
                End::OutputLimit,
            ),
            LogOutput::StdErr { message }
            | LogOutput::StdIn { message }
            | LogOutput::Console { message } => (
                &mut execution.log.bytes,
                message,
                spec.limits.log_bytes,
                End::LogLimit,
            ),
        };
        let room = (limit as usize).saturating_sub(into.len());
        into.extend_from_slice(&message[..message.len().min(room)]);
        if message.len() > room {
            return Ok(Some(end));
        }
    }
    Ok(None)
}

/// Writes a spec as the engine's own request.
fn container(
    spec: &BuildSpec,
    locations: &Locations,
    cpu: u32,
    owner: &str,
    machine_cpus: u32,
) -> Result<ContainerCreateBody, EngineFailure> {
    let mut binds = Vec::new();
    for input in &spec.inputs {
        let from = locations
            .get(&input.tree)
            .and_then(|path| path.to_str())
            .ok_or_else(|| refusal(format!("the tree {} is not in the store", input.tree)))?;
        if from.contains(':') || input.at.contains(':') {
            return Err(refusal(format!(
                "`{from}` cannot be mounted at `{}`: one of them has a colon",
                input.at
            )));
        }
        binds.push(format!("{from}:{}:ro", input.at));
    }
    let work = format!(
        "rw,exec,nosuid,nodev,size={},uid={},gid={},mode=0755",
        spec.limits.disk_bytes, spec.user, spec.group
    );
    let tmp = format!("rw,exec,nosuid,nodev,size={TMP_BYTES},mode=1777");
    let cpuset = match spec.cpus {
        0 => format!("0-{}", machine_cpus.saturating_sub(1)),
        count => {
            let first = cpu % machine_cpus.max(1);
            let last = (first + count - 1).min(machine_cpus.saturating_sub(1));
            format!("{first}-{last}")
        }
    };
    let memory = i64::try_from(spec.limits.memory_bytes).unwrap_or(i64::MAX);
    Ok(ContainerCreateBody {
        image: Some(spec.image.to_string()),
        hostname: Some(spec.host_name.clone()),
        domainname: Some(spec.domain_name.clone()),
        user: Some(format!("{}:{}", spec.user, spec.group)),
        env: Some(
            spec.environment
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
        ),
        entrypoint: Some(Vec::new()),
        cmd: Some(spec.command.clone()),
        working_dir: Some("/".to_owned()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        labels: Some(HashMap::from([(OWNER_LABEL.to_owned(), owner.to_owned())])),
        host_config: Some(HostConfig {
            binds: Some(binds),
            tmpfs: Some(HashMap::from([
                (WORK_AT.to_owned(), work),
                ("/tmp".to_owned(), tmp),
            ])),
            network_mode: Some("none".to_owned()),
            ipc_mode: Some("none".to_owned()),
            readonly_rootfs: Some(true),
            privileged: Some(false),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            memory: Some(memory),
            memory_swap: Some(memory),
            pids_limit: Some(i64::from(spec.limits.processes)),
            cpuset_cpus: Some(cpuset),
            log_config: Some(HostConfigLogConfig {
                typ: Some("none".to_owned()),
                config: None,
            }),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    })
}

/// Reads back how a container was.
fn observe(inspected: &ContainerInspectResponse) -> Observed {
    let config = inspected.config.clone().unwrap_or_default();
    let host = inspected.host_config.clone().unwrap_or_default();
    let mounts = inspected.mounts.clone().unwrap_or_default();
    let user = config.user.unwrap_or_default();
    let uid = user.split(':').next().unwrap_or_default();
    Observed {
        image: inspected.image.as_ref().and_then(|id| id.parse().ok()),
        no_network: host.network_mode.as_deref() == Some("none"),
        read_only_root: host.readonly_rootfs == Some(true),
        read_only_inputs: !mounts.is_empty() && mounts.iter().all(|mount| mount.rw == Some(false)),
        unprivileged: host.privileged == Some(false)
            && host.cap_add.unwrap_or_default().is_empty()
            && host.cap_drop.as_deref() == Some(&["ALL".to_owned()])
            && uid.parse::<u32>().is_ok_and(|uid| uid != 0),
        no_new_privileges: host
            .security_opt
            .unwrap_or_default()
            .iter()
            .any(|option| option == "no-new-privileges"),
        user,
        host_name: config.hostname.unwrap_or_default(),
        cpus: host.cpuset_cpus.unwrap_or_default(),
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
