//! What happened when one attempt of a cell was built: the end of an execution, read against what
//! the spec expected. Pure.

mod commands;
mod modules;
mod preparation;
mod reached;
mod status;

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::engine::{End, EngineFailure, Execution};
use crate::ko::ModuleFacts;
use crate::recipe::BuildSpec;

pub use commands::{
    Changed, CommandText, Commands, MOST_OF_COMMANDS, Options, SIGNS, Sign, SignRule, WordKind,
    changed, options, parts_of,
};
use modules::Handed;
pub use modules::ModuleFile;
pub use preparation::{PreparationFailure, PreparationOutcome, PreparedKernel, read_preparation};
pub use reached::Reached;

/// What happened when one attempt of a cell was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "camelCase")]
pub enum Outcome {
    Built {
        modules: Vec<BuiltModule>,
    },
    Failed {
        failure: Failure,
    },
    /// The module says that it is not for this kernel, which is neither a success nor a failure.
    Excluded {
        exclusion: Exclusion,
    },
}

/// What a module says of a kernel that it is not for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("excluded by its dkms.conf: `{directive}` is `{value}`")]
pub struct Exclusion {
    /// The directive of its `dkms.conf`, such as `BUILD_EXCLUSIVE_KERNEL`.
    pub directive: String,
    /// What the directive says.
    pub value: String,
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
    #[error("the command of its recipe ended with exit code {code}")]
    Command { code: i64 },
    #[error("its dkms.conf cannot be used: {reason}")]
    DkmsConf { reason: String },
    #[error("the patch `{name}` of its dkms.conf cannot be applied")]
    Patch { name: String },
    #[error(
        "the script `{name}` that its dkms.conf names as {directive} failed (exit code {code})"
    )]
    Script {
        directive: String,
        name: String,
        code: i64,
    },
    /// A module that is built before it was not.
    #[error("`{module}`, which it needs, was not built: {reason}")]
    NeededModule {
        module: String,
        /// The class of that module's own failure, `no-symvers` if it left no `Module.symvers`, or
        /// `excluded`.
        because: String,
        reason: String,
    },
    #[error("it is not for this kernel in attempt {excluded}, and is in attempt {included}")]
    UnsteadyExclusion { excluded: u32, included: u32 },
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
    /// The classes of the failures that say nothing about the module itself.
    pub const INFRASTRUCTURE: [&'static str; 2] = ["engine", "interrupted"];

    /// Returns true if the failure says nothing about the module itself.
    pub fn is_infrastructure(&self) -> bool {
        match self {
            Self::Engine(_) | Self::Interrupted => true,
            Self::Compile { .. }
            | Self::Command { .. }
            | Self::DkmsConf { .. }
            | Self::Patch { .. }
            | Self::Script { .. }
            | Self::NeededModule { .. }
            | Self::UnsteadyExclusion { .. }
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
            Self::Command { .. } => "command",
            Self::DkmsConf { .. } => "dkms-conf",
            Self::Patch { .. } => "patch",
            Self::Script { .. } => "script",
            Self::NeededModule { .. } => "needed-module",
            Self::UnsteadyExclusion { .. } => "unsteady-exclusion",
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
            Self::Command { .. } => "the log has what the command printed",
            Self::DkmsConf { .. } => "dkms(8) has what a dkms.conf must set",
            Self::Patch { .. } => {
                "the log has what `patch` printed; patches stand in `patches/`, and PATCH_MATCH \
                 says for which kernels"
            }
            Self::Script { .. } => "the log has what the script printed",
            Self::NeededModule { .. } => {
                "correct the module that is needed, or exclude this one for the kernel"
            }
            Self::UnsteadyExclusion { .. } => {
                "its dkms.conf must decide by the kernel, and by nothing of the place of the build"
            }
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

/// What an execution left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    pub outcome: Outcome,
    /// The modules' bytes, if there are any.
    pub files: Vec<ModuleFile>,
    /// What the commands reveal by which they were made, with their text; none if there is no module.
    pub commands: Option<(Commands, Vec<u8>)>,
    /// What the needed modules export, as the build handed it out.
    pub exports: Option<Vec<u8>>,
}

/// Reads an execution against its spec.
pub fn read(spec: &BuildSpec, execution: &Execution) -> Left {
    let without = |outcome: Outcome| Left {
        outcome,
        files: Vec::new(),
        commands: None,
        exports: None,
    };
    match judge(spec, execution) {
        Ok((modules, handed)) => {
            let text = handed.commands.unwrap_or_default();
            Left {
                outcome: Outcome::Built { modules },
                files: handed.files,
                commands: Some((Commands::read(&text, &spec.built_at()), text)),
                exports: handed.exports,
            }
        }
        Err(NoModules::Failed(failure)) => without(Outcome::Failed { failure }),
        Err(NoModules::Excluded(exclusion)) => without(Outcome::Excluded { exclusion }),
    }
}

/// Why there are no modules.
enum NoModules {
    Failed(Failure),
    Excluded(Exclusion),
}

impl From<Failure> for NoModules {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

fn judge(spec: &BuildSpec, execution: &Execution) -> Result<(Vec<BuiltModule>, Handed), NoModules> {
    let limits = &spec.limits;
    let failure = match &execution.end {
        End::Exited { code: 0 } => {
            return modules::read(&spec.expected, &execution.output).map_err(NoModules::from);
        }
        End::Exited { code: 1 } => return Err(status::read(spec, &execution.output)),
        End::Exited { code } if *code > 128 => Failure::Killed { signal: code - 128 },
        End::Exited { code } => Failure::Aborted { code: *code },
        End::OutOfMemory { .. } => Failure::OutOfMemory {
            bytes: limits.memory_bytes,
        },
        End::TimedOut => Failure::TimedOut {
            seconds: limits.seconds,
        },
        End::OutputLimit => Failure::OutputTooLarge {
            bytes: limits.output_bytes,
        },
        End::LogLimit => Failure::LogTooLarge {
            bytes: limits.log_bytes,
        },
        End::Lost(failure) => Failure::Engine(failure.clone()),
        End::Interrupted => Failure::Interrupted,
    };
    Err(failure.into())
}

#[cfg(test)]
mod tests;
