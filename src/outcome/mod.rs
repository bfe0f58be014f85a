//! What happened when one attempt of a cell was built: the end of an execution, read against what
//! the spec expected. Pure.

mod modules;

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::engine::{End, EngineFailure, Execution};
use crate::ko::ModuleFacts;
use crate::recipe::BuildSpec;

pub use modules::ModuleFile;

/// What happened when one attempt of a cell was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "camelCase")]
pub enum Outcome {
    Built { modules: Vec<BuiltModule> },
    Failed { failure: Failure },
}

/// One module that an attempt made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BuiltModule {
    /// The path below the source directory.
    pub path: String,
    pub digest: Sha256Digest,
    pub bytes: u64,
    pub facts: ModuleFacts,
}

/// The classified reason why an attempt made no module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "class", rename_all = "kebab-case")]
pub enum Failure {
    #[error("it does not compile (make ended with {code})")]
    Compile { code: i64 },
    #[error("make succeeded but made no module")]
    NoModule,
    #[error("the build did not make `{path}`")]
    MissingModule { path: String },
    #[error("the build made `{path}`, which the matrix does not expect")]
    ExtraModule { path: String },
    #[error("`{path}` is no kernel module: {reason}")]
    NotAModule { path: String, reason: String },
    #[error("`{path}` is for another kernel: its vermagic says `{found}`, wanted `{wanted}`")]
    WrongVermagic {
        path: String,
        wanted: String,
        found: String,
    },
    #[error("`{path}` is for another machine: ELF machine {found}, wanted {wanted}")]
    WrongMachine {
        path: String,
        wanted: u16,
        found: u16,
    },
    #[error("the build wrote something else than a list of modules to its output: {reason}")]
    BadOutput { reason: String },
    #[error("the build ended by itself with exit code {code}, outside of make")]
    Aborted { code: i64 },
    #[error("the build was killed by signal {signal}")]
    Killed { signal: i64 },
    #[error("it took longer than {seconds} s and was stopped")]
    TimedOut { seconds: u64 },
    #[error("it used more than {bytes} bytes of memory and was killed")]
    OutOfMemory { bytes: u64 },
    #[error("it wanted more than {limit} processes")]
    TooManyProcesses { limit: u32 },
    #[error("it wrote more than the {bytes} bytes that its work directory holds")]
    DiskFull { bytes: u64 },
    #[error("it made more than {bytes} bytes of modules and was stopped")]
    OutputTooLarge { bytes: u64 },
    #[error("it printed more than {bytes} bytes and was stopped")]
    LogTooLarge { bytes: u64 },
    #[error("{0}")]
    Engine(EngineFailure),
    #[error("it was interrupted")]
    Interrupted,
}

impl Failure {
    /// Returns true if the failure says nothing about the module itself.
    pub fn is_infrastructure(&self) -> bool {
        match self {
            Self::Engine(_) | Self::Interrupted => true,
            Self::Compile { .. }
            | Self::NoModule
            | Self::MissingModule { .. }
            | Self::ExtraModule { .. }
            | Self::NotAModule { .. }
            | Self::WrongVermagic { .. }
            | Self::WrongMachine { .. }
            | Self::BadOutput { .. }
            | Self::Aborted { .. }
            | Self::Killed { .. }
            | Self::TimedOut { .. }
            | Self::OutOfMemory { .. }
            | Self::TooManyProcesses { .. }
            | Self::DiskFull { .. }
            | Self::OutputTooLarge { .. }
            | Self::LogTooLarge { .. } => false,
        }
    }

    /// Returns the class as records and tables write it.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Compile { .. } => "compile",
            Self::NoModule => "no-module",
            Self::MissingModule { .. } => "missing-module",
            Self::ExtraModule { .. } => "extra-module",
            Self::NotAModule { .. } => "not-a-module",
            Self::WrongVermagic { .. } => "wrong-vermagic",
            Self::WrongMachine { .. } => "wrong-machine",
            Self::BadOutput { .. } => "bad-output",
            Self::Aborted { .. } => "aborted",
            Self::Killed { .. } => "killed",
            Self::TimedOut { .. } => "timed-out",
            Self::OutOfMemory { .. } => "out-of-memory",
            Self::TooManyProcesses { .. } => "too-many-processes",
            Self::DiskFull { .. } => "disk-full",
            Self::OutputTooLarge { .. } => "output-too-large",
            Self::LogTooLarge { .. } => "log-too-large",
            Self::Engine(_) => "engine",
            Self::Interrupted => "interrupted",
        }
    }

    /// Says what to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Compile { .. } => "the log has the compiler's messages",
            Self::NoModule => "check that the `Kbuild` file has `obj-m := name.o`",
            Self::MissingModule { .. } | Self::ExtraModule { .. } => {
                "correct `produces` in the matrix, or the module's `Kbuild`"
            }
            Self::NotAModule { .. } | Self::BadOutput { .. } => {
                "look in the log for what the module's makefiles do to its output"
            }
            Self::WrongVermagic { .. } | Self::WrongMachine { .. } => {
                "the module's makefiles must build against the kernel that they are called for"
            }
            Self::Aborted { .. } | Self::Killed { .. } => "the log has the last words of the build",
            Self::TimedOut { .. } => "raise `time` in the matrix's `[build]`",
            Self::OutOfMemory { .. } => "raise `memory` in the matrix's `[build]`",
            Self::TooManyProcesses { .. } => "raise `processes` in the matrix's `[build]`",
            Self::DiskFull { .. } => "raise `disk` in the matrix's `[build]`",
            Self::OutputTooLarge { .. } => "raise `output` in the matrix's `[build]`",
            Self::LogTooLarge { .. } => "raise `log` in the matrix's `[build]`",
            Self::Engine(failure) => failure.hint(),
            Self::Interrupted => "run the same command again; it goes on where it stopped",
        }
    }
}

/// Reads an execution against its spec: the outcome, and the modules' bytes if there are any.
pub fn read(spec: &BuildSpec, execution: &Execution) -> (Outcome, Vec<ModuleFile>) {
    match judge(spec, execution) {
        Ok((modules, files)) => (Outcome::Built { modules }, files),
        Err(failure) => (Outcome::Failed { failure }, Vec::new()),
    }
}

fn judge(
    spec: &BuildSpec,
    execution: &Execution,
) -> Result<(Vec<BuiltModule>, Vec<ModuleFile>), Failure> {
    let limits = &spec.limits;
    match &execution.end {
        End::Exited { code: 0 } => modules::read(&spec.expected, &execution.output),
        End::Exited { code: 1 } => Err(from_status(spec, &execution.output)),
        End::Exited { code } if *code > 128 => Err(Failure::Killed { signal: code - 128 }),
        End::Exited { code } => Err(Failure::Aborted { code: *code }),
        End::OutOfMemory { .. } => Err(Failure::OutOfMemory {
            bytes: limits.memory_bytes,
        }),
        End::TimedOut => Err(Failure::TimedOut {
            seconds: limits.seconds,
        }),
        End::OutputLimit => Err(Failure::OutputTooLarge {
            bytes: limits.output_bytes,
        }),
        End::LogLimit => Err(Failure::LogTooLarge {
            bytes: limits.log_bytes,
        }),
        End::Lost(failure) => Err(Failure::Engine(failure.clone())),
        End::Interrupted => Err(Failure::Interrupted),
    }
}

/// Reads the lines that `build.sh` writes after a failed step. The build could have written them
/// itself; all that it gains is another reason for its own failure.
fn from_status(spec: &BuildSpec, output: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(&output[..output.len().min(4096)]);
    let mut lines = text.lines();
    if lines.next() != Some("kmatrix-status 1") {
        return Failure::Aborted { code: 1 };
    }
    let value = |name: &str| {
        text.lines().find_map(|line| {
            line.strip_prefix(name)
                .and_then(|rest| rest.strip_prefix(' '))
        })
    };
    let number = |name: &str| value(name).and_then(|text| text.parse::<i64>().ok());
    if number("processes-refused-max").is_some_and(|count| count > 0) {
        Failure::TooManyProcesses {
            limit: spec.limits.processes,
        }
    } else if value("disk").is_some() {
        Failure::DiskFull {
            bytes: spec.limits.disk_bytes,
        }
    } else {
        match number("make") {
            // A shell's way to say that a signal ended a command.
            Some(code) if code > 128 => Failure::Killed { signal: code - 128 },
            Some(code) => Failure::Compile { code },
            None => Failure::Aborted {
                code: number("copy").unwrap_or(1),
            },
        }
    }
}

#[cfg(test)]
mod tests;
