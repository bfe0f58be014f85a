//! Running one spec: create, attach, start, read, wait, inspect, remove.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bollard::container::{AttachContainerResults, LogOutput};
use bollard::errors::Error;
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, EventsOptionsBuilder,
};
use futures_util::{Stream, StreamExt};
use jiff::Timestamp;
use tokio::sync::watch;

use super::container::{container, observe};
use super::{CALL_SECONDS, Docker, bounded, failure};
use crate::engine::{End, EngineFailure, Execution, Locations, Log, Steps};
use crate::recipe::BuildSpec;

/// The exit code of a first process that SIGKILL has ended.
const KILLED: i64 = 137;

/// How long the engine may take to write down that it was told to kill.
const KILL_EVENT_SECONDS: i64 = 2;

impl Docker {
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
        if code == KILLED && self.was_told_to_kill(id).await? {
            return Err(EngineFailure::Killed);
        }
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

    /// Returns true if somebody told the engine to kill a container; this program has not.
    ///
    /// # Security
    ///
    /// An exit code of 137 proves nothing: a build may end with it, and the engine's answer is the same.
    /// What nothing in a container can make is an event of the engine (Docker Engine API, "Monitor
    /// events"), because it has no way to the engine's socket. So a build that kills itself stays
    /// killed, and so does one that is killed behind the engine's back, by a `kill` on the machine.
    async fn was_told_to_kill(&self, id: &str) -> Result<bool, EngineFailure> {
        let filters = HashMap::from([("container", vec![id]), ("event", vec!["kill"])]);
        // The engine writes the event down after the signal is sent, so it may come after the end.
        let until = Timestamp::now()
            .as_second()
            .saturating_add(KILL_EVENT_SECONDS);
        let options = EventsOptionsBuilder::new()
            // The engine has no way to say "all that you remember" but a time that is long ago.
            .since("1")
            .until(&until.to_string())
            .filters(&filters)
            .build();
        let looking = async {
            let mut events = Box::pin(self.api.events(Some(options)));
            while let Some(event) = events.next().await {
                let actor = event.map_err(failure)?.actor.unwrap_or_default();
                let signal = actor.attributes.as_ref().and_then(|all| all.get("signal"));
                if signal.is_some_and(|signal| ["9", "KILL", "SIGKILL"].contains(&signal.as_str()))
                {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        tokio::time::timeout(Duration::from_secs(CALL_SECONDS), looking)
            .await
            .unwrap_or(Err(EngineFailure::NoAnswer {
                seconds: CALL_SECONDS,
            }))
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
