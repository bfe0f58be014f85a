//! What happened when a kernel was prepared: the end of an execution, and what it handed out.

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::engine::{End, EngineFailure, Execution};
use crate::outcome::status::Lines;
use crate::recipe::BuildSpec;

/// What happened when a kernel was prepared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "camelCase")]
pub enum PreparationOutcome {
    Prepared { kernel: PreparedKernel },
    Failed { failure: PreparationFailure },
}

/// A kernel that modules can be built against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PreparedKernel {
    /// The digest of the tar that the build handed out.
    pub tarball: Sha256Digest,
    /// The digest of its tree.
    pub tree: Sha256Digest,
    pub files: usize,
    /// Whether it has the symbols that the kernel exports.
    pub has_symbols: bool,
}

/// The classified reason why a kernel cannot be prepared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "class", rename_all = "kebab-case")]
pub enum PreparationFailure {
    #[error("it cannot be configured (make ended with {code})")]
    Configure { code: i64 },
    #[error("its configuration asks for what the kernel does not make of it: {options}")]
    ConfigNotKept { options: String },
    #[error("its release is `{found}`, and not `{wanted}` as the facts say")]
    OtherRelease { wanted: String, found: String },
    #[error("it does not compile (make ended with {code})")]
    KernelCompile { code: i64 },
    #[error("what it handed out is no prepared kernel: {reason}")]
    BadOutput { reason: String },
    #[error("the preparation ended by itself with exit code {code}, outside of make")]
    Aborted { code: i64 },
    #[error("the preparation was killed by signal {signal}")]
    Killed { signal: i64 },
    #[error("it took longer than {seconds} s and was stopped")]
    TimedOut { seconds: u64 },
    #[error("it used more than {bytes} bytes of memory and was killed")]
    OutOfMemory { bytes: u64 },
    #[error("it wanted more than {limit} processes")]
    TooManyProcesses { limit: u32 },
    #[error("it wrote more than the {bytes} bytes that its work directory holds")]
    DiskFull { bytes: u64 },
    #[error("it handed out more than {bytes} bytes and was stopped")]
    OutputTooLarge { bytes: u64 },
    #[error("it printed more than {bytes} bytes and was stopped")]
    LogTooLarge { bytes: u64 },
    #[error("it was prepared again, because the store had lost it, and other bits came out")]
    Changed,
    #[error("{0}")]
    Engine(EngineFailure),
}

impl PreparationFailure {
    /// Returns the class as records write it.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Configure { .. } => "configure",
            Self::ConfigNotKept { .. } => "config-not-kept",
            Self::OtherRelease { .. } => "other-release",
            Self::KernelCompile { .. } => "kernel-compile",
            Self::BadOutput { .. } => "bad-output",
            Self::Aborted { .. } => "aborted",
            Self::Killed { .. } => "killed",
            Self::TimedOut { .. } => "timed-out",
            Self::OutOfMemory { .. } => "out-of-memory",
            Self::TooManyProcesses { .. } => "too-many-processes",
            Self::DiskFull { .. } => "disk-full",
            Self::OutputTooLarge { .. } => "output-too-large",
            Self::LogTooLarge { .. } => "log-too-large",
            Self::Changed => "changed",
            Self::Engine(_) => "engine",
        }
    }

    /// Says what to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Configure { .. } => "the image needs `flex` and `bison`; see the log",
            Self::ConfigNotKept { .. } => {
                "take the options out of the configuration, add those that they depend on, or add \
                 what the kernel looks for to the image"
            }
            Self::OtherRelease { .. } => "correct `local-version` or `version` in the facts file",
            Self::KernelCompile { .. } => "the log has the compiler's messages",
            Self::BadOutput { .. } | Self::Aborted { .. } | Self::Killed { .. } => {
                "the log has the last words of the preparation"
            }
            Self::TimedOut { .. }
            | Self::OutOfMemory { .. }
            | Self::TooManyProcesses { .. }
            | Self::DiskFull { .. }
            | Self::OutputTooLarge { .. }
            | Self::LogTooLarge { .. } => {
                "turn off what modules do not need, debug information before all"
            }
            Self::Changed => {
                "modules were built against what cannot be had again; start with a new state \
                 directory"
            }
            Self::Engine(failure) => failure.hint(),
        }
    }
}

/// Reads an execution against its spec; `Ok` has the tar that was handed out, which nobody has
/// looked at yet. An interrupted execution is not to be handed in.
pub fn read_preparation<'e>(
    spec: &BuildSpec,
    execution: &'e Execution,
) -> Result<&'e [u8], PreparationFailure> {
    let limits = &spec.limits;
    Err(match &execution.end {
        End::Exited { code: 0 } => return Ok(&execution.output),
        End::Exited { code: 1 } => of_status(spec, &execution.output),
        End::Exited { code } if *code > 128 => PreparationFailure::Killed { signal: code - 128 },
        End::Exited { code } => PreparationFailure::Aborted { code: *code },
        End::OutOfMemory { .. } => PreparationFailure::OutOfMemory {
            bytes: limits.memory_bytes,
        },
        End::TimedOut => PreparationFailure::TimedOut {
            seconds: limits.seconds,
        },
        End::OutputLimit => PreparationFailure::OutputTooLarge {
            bytes: limits.output_bytes,
        },
        End::LogLimit => PreparationFailure::LogTooLarge {
            bytes: limits.log_bytes,
        },
        End::Lost(failure) => PreparationFailure::Engine(failure.clone()),
        End::Interrupted => PreparationFailure::Aborted { code: 0 },
    })
}

/// Reads the lines that `prepare.sh` writes after a step that did not succeed.
fn of_status(spec: &BuildSpec, output: &[u8]) -> PreparationFailure {
    let Some(lines) = Lines::read(output) else {
        return PreparationFailure::Aborted { code: 1 };
    };
    if lines.refused_processes() {
        return PreparationFailure::TooManyProcesses {
            limit: spec.limits.processes,
        };
    }
    if lines.disk_is_full() {
        return PreparationFailure::DiskFull {
            bytes: spec.limits.disk_bytes,
        };
    }
    let (step, code, rest) = lines.step();
    match step {
        _ if code > 128 => PreparationFailure::Killed { signal: code - 128 },
        "configure" => PreparationFailure::Configure { code },
        "config-not-kept" => PreparationFailure::ConfigNotKept {
            options: rest.trim().replace(' ', ", "),
        },
        "release" => PreparationFailure::OtherRelease {
            wanted: spec.expected.kernel_release.clone(),
            found: rest,
        },
        "make" => PreparationFailure::KernelCompile { code },
        _ => PreparationFailure::Aborted { code },
    }
}
