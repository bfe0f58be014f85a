//! `kmatrix gate`: the decision on a host, before a module is loaded. It needs no network and nothing
//! beside the policy, the module and its attestations. A state directory that is named gets a record of
//! each decision, and knows the newest build of each cell; without one nothing is let pass by an exception.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;

use crate::cli::judging::{Evidence, Trusting, judge_module, open_policy, trust};
use crate::cli::recording::{Circumstances, Recording};
use crate::cli::trusting::must_be_readable;
use crate::cli::verify::shown;
use crate::cli::{Common, DEFAULT_STATE, Format, Refusal, answer, answer_json};
use crate::exit::Exit;
use crate::ledger::VerifyingCommand;
use crate::name::{Arch, KernelRelease};
use crate::report::{Judgement, VerdictsDocument, print_verdicts};
use crate::state::State;
use crate::verify::files;
use crate::verify::policy::{ExceptionState, Expectation, Mode};

/// Where packages put attestations, by kernel release and the module's name.
const INSTALLED: &str = "/usr/share/kmatrix/attestations";

/// Where the kernel says its release (Linux, `Documentation/admin-guide/sysctl/kernel.rst`).
const RELEASE: &str = "/proc/sys/kernel/osrelease";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The module that is about to be loaded
    #[arg(value_name = "MODULE.ko")]
    module: PathBuf,
    /// Attestations, or a directory of them [default: those beside the module, and those below
    /// /usr/share/kmatrix/attestations/KERNEL/NAME]
    #[arg(long, value_name = "FILE|DIR")]
    bundle: Vec<PathBuf>,
    /// By which policy
    #[arg(long, value_name = "FILE", default_value = "/etc/kmatrix/policy.toml")]
    policy: PathBuf,
    #[command(flatten)]
    trusting: Trusting,
    /// The kernel release that it is to run on [default: this host's]
    #[arg(long, value_name = "RELEASE")]
    kernel: Option<KernelRelease>,
    /// The architecture that it is to run on [default: this host's]
    #[arg(long, value_name = "ARCH")]
    arch: Option<Arch>,
    /// List the rules that hold too
    #[arg(long, short)]
    verbose: bool,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(crate) fn run(common: &Common, arguments: &Arguments) -> Result<Exit, Refusal> {
    must_be_readable(&arguments.module)?;
    let policy = open_policy(&arguments.policy)?;
    let trust = trust(&policy, &arguments.trusting)?;
    let kernel = match &arguments.kernel {
        Some(kernel) => kernel.clone(),
        None => running_kernel()?,
    };
    let arch = arguments
        .arch
        .or_else(Arch::of_this_machine)
        .ok_or_else(|| {
            Refusal::new(
                Exit::Usage,
                "no module is built for this machine's architecture",
            )
            .hint("name the one that it is for with `--arch`".to_owned())
        })?;
    let evidence = Evidence::read(&attestations(arguments, &kernel)?, &trust)?;
    let expectation = Expectation {
        kernel: Some(kernel),
        arch: Some(arch),
        ..Expectation::default()
    };
    let at = Timestamp::now();
    // Where a host happens to stand when a module is loaded says nothing: only what is named counts.
    let state = if common.state == Path::new(DEFAULT_STATE) {
        None
    } else {
        State::existing(&common.state)?
    };
    let circumstances = Circumstances {
        command: VerifyingCommand::Gate,
        at,
        policy: Some(policy.digest),
        warn_only: false,
    };
    let recording = Recording::open(state.as_ref(), circumstances)?;
    let module = &arguments.module;
    let evidence = [&evidence];
    let judged = judge_module(
        module,
        &expectation,
        &evidence,
        &policy,
        at,
        Some(&recording),
    )?;
    recording.finish()?;
    let mut exceptions = judged.verdict.exceptions.iter();
    if !recording.is_kept() && exceptions.any(|one| one.state == ExceptionState::Used) {
        let message = format!(
            "an exception lets `{}` pass, and there is nowhere to record it",
            module.display()
        );
        let hint =
            "make a directory for it, such as /var/lib/kmatrix, and name it with `--state` or \
                    KMATRIX_STATE"
                .to_owned();
        return Err(Refusal::new(Exit::VerificationFailed, message).hint(hint));
    }
    let exit = match policy.mode {
        Mode::Enforce => judged.verdict.exit(),
        Mode::Audit => Exit::Success,
    };
    let judgement = Judgement {
        at,
        policy: policy.digest,
        warn_only: false,
        modules: &[judged],
        releases: &[],
        exit,
        recorded: recording.is_kept(),
        left_out: &[],
    };
    match arguments.format {
        Format::Human => answer(|out| print_verdicts(out, &judgement, shown(arguments.verbose)))?,
        Format::Json => answer_json(&VerdictsDocument::from(&judgement))?,
    }
    Ok(exit)
}

fn attestations(arguments: &Arguments, kernel: &KernelRelease) -> Result<Vec<PathBuf>, Refusal> {
    if !arguments.bundle.is_empty() {
        let mut given = Vec::new();
        for path in &arguments.bundle {
            given.extend(files::under(path)?);
        }
        return Ok(given);
    }
    let mut found = files::beside(&arguments.module)?;
    let installed = Path::new(INSTALLED)
        .join(kernel.as_str())
        .join(files::name_of(&arguments.module));
    if installed.is_dir() {
        found.extend(files::under(&installed)?);
    }
    Ok(found)
}

fn running_kernel() -> Result<KernelRelease, Refusal> {
    let refuse = |error: &dyn std::error::Error| {
        Refusal::new(
            Exit::Usage,
            format!("`{RELEASE}` does not say which kernel runs here"),
        )
        .caused_by(error)
        .hint("name the one that the module is for with `--kernel`".to_owned())
    };
    let text = fs::read_to_string(RELEASE).map_err(|error| refuse(&error))?;
    text.trim().parse().map_err(|error| refuse(&error))
}
