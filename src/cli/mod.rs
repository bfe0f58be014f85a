//! The command line: arguments, calls, exit status. One file per command, and none decides anything
//! that a stage could.

mod attest;
mod audit;
mod build;
mod bundle;
mod diffoscope;
mod explain;
mod explain_beside;
mod explain_pair;
mod find;
mod gate;
mod images;
mod init;
mod interrupt;
mod judging;
mod judging_archive;
mod judging_release;
mod kernels;
mod keys;
mod label;
mod lock;
mod locked_run;
mod plan;
mod policy;
mod prepare;
mod push;
mod query;
mod recording;
mod refusal;
mod report;
mod signing;
mod sources;
mod store;
mod trust_root;
mod trusting;
mod verifications;
mod verify;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tokio::runtime;

use crate::catalog::site::MirrorFlag;
use crate::exit::Exit;
use crate::report::{Colour, Status};

pub use refusal::Refusal;

/// Builds a kernel module for every kernel, rebuilds each in a clean environment, compares the
/// bytes, and says how much of the result is proven.
#[derive(Debug, Parser)]
#[command(name = "kmatrix", version, max_term_width = 100, after_help = EXITS)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

const EXITS: &str = "\
Exit status: 0 all that was asked for holds, 2 usage or state in use, 10 a file is invalid, 11 no \
cells, 20 engine unavailable, 21 an input cannot be had or authenticated, 22 fewer or older kernels than \
recorded, 30 cells failed, 31 a \
rebuild differs, 32 below the required tier, 33 stale, 40 signing failed, 41 verification failed, 42 evidence \
missing, 70 internal error, 130 \
interrupted. docs/exit-status.md has the order of precedence.";

/// Where the state is if nobody says.
const DEFAULT_STATE: &str = ".kmatrix";

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
struct Common {
    /// Where everything that is learnt and made is kept
    #[arg(
        long,
        global = true,
        env = "KMATRIX_STATE",
        default_value = DEFAULT_STATE,
        value_name = "DIR"
    )]
    state: PathBuf,

    /// Where the facts about distribution releases are
    #[arg(
        long,
        global = true,
        env = "KMATRIX_KERNELS",
        default_value = "kernels",
        value_name = "DIR"
    )]
    kernels: PathBuf,

    /// Where the definitions of builder images are
    #[arg(
        long,
        global = true,
        env = "KMATRIX_IMAGES",
        default_value = "images",
        value_name = "DIR"
    )]
    images: PathBuf,

    /// Where an archive is, before the environment (KMATRIX_MIRROR_<NAME>), the site file and the
    /// machine's own apt configuration; may be given several times
    #[arg(long, global = true, value_name = "NAME=URL")]
    mirror: Vec<MirrorFlag>,

    /// The site file [default: /etc/kmatrix/site.toml]
    #[arg(long, global = true, env = "KMATRIX_SITE", value_name = "FILE")]
    site: Option<PathBuf>,

    /// Never use the network
    #[arg(long, global = true)]
    offline: bool,

    /// Print only what somebody must look at
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a matrix file for a module or a DKMS package
    Init(init::Arguments),
    /// Show the cells that a matrix asks for, and what it leaves out and why
    Plan(plan::Arguments),
    /// Pin every input of a matrix by digest
    Lock(lock::Arguments),
    /// Build, rebuild, compare and label every cell of a matrix
    Build(build::Arguments),
    /// Sign what is recorded of a run: provenance, rebuilds, labels, scope and what is in its images
    Attest(Box<attest::Arguments>),
    /// Show everything that is known of one cell, or what two modules differ in
    Explain(explain::Arguments),
    /// Show how a release stands: its label, its scope, how alike its modules are
    Report(report::Arguments),
    /// List or make builder images
    #[command(subcommand)]
    Images(images::Command),
    /// List the kernels that the archives hold, and what has changed
    #[command(subcommand)]
    Kernels(kernels::Command),
    /// List, check or clean up what is stored
    #[command(subcommand)]
    Store(store::Command),
    /// Say by a policy whether modules hold what is claimed of them
    Verify(Box<verify::Arguments>),
    /// Decide on a host whether a module may be loaded
    Gate(gate::Arguments),
    /// Begin, check or test a policy, and list the rules
    #[command(subcommand)]
    Policy(policy::Command),
    /// Evaluate Rego for another process of this program
    #[command(hide = true)]
    Rego,
    /// Put attested modules into an OCI registry, with their attestations attached
    Push(push::Arguments),
    /// Export a release's evidence, or take somebody else's in
    #[command(subcommand)]
    Bundle(bundle::Command),
    /// Build a sample of somebody else's release again, and say what that proves
    Audit(Box<audit::Arguments>),
    /// Find out what was built from what, and signed by whom
    Query(query::Arguments),
    /// Show how labels are made
    #[command(subcommand)]
    Label(label::Command),
    /// Make or show keys that sign
    #[command(subcommand)]
    Keys(keys::Command),
    /// Fetch a trust root from a TUF repository, beginning at a pinned root
    TrustRoot(trust_root::Arguments),
}

impl Command {
    /// Returns what it runs on: what answers at once, on a host before a module is loaded even, starts no
    /// threads for it.
    fn runtime(&self) -> runtime::Builder {
        match self {
            Self::Init(_)
            | Self::Explain(_)
            | Self::Store(_)
            | Self::Verify(_)
            | Self::Gate(_)
            | Self::Policy(_)
            | Self::Rego
            | Self::Query(_)
            | Self::Label(_)
            | Self::Keys(_)
            | Self::TrustRoot(_) => runtime::Builder::new_current_thread(),
            Self::Plan(_)
            | Self::Lock(_)
            | Self::Build(_)
            | Self::Attest(_)
            | Self::Report(_)
            | Self::Images(_)
            | Self::Kernels(_)
            | Self::Push(_)
            | Self::Bundle(_)
            | Self::Audit(_) => runtime::Builder::new_multi_thread(),
        }
    }
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Human,
    Json,
}

/// Runs the program and returns how it ended.
pub fn main() -> Exit {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("KMATRIX_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("kmatrix=warn")),
        )
        .without_time()
        .with_target(false)
        .with_ansi(Colour::of_standard_error() == Colour::Always)
        .with_writer(io::stderr)
        .init();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers; everything else is a usage error.
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Success
            };
            // A closed output is no reason for another status.
            let _ = error.print();
            return exit;
        }
    };
    let status = Status::new(cli.common.quiet);
    let runtime = match cli.command.runtime().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return Refusal::new(Exit::Internal, "cannot start the runtime")
                .caused_by(&error)
                .print();
        }
    };
    let result = runtime.block_on(call(cli, &status));
    // A task that still waits for a lost engine must not keep the process.
    runtime.shutdown_background();
    match result {
        Ok(exit) => exit,
        Err(refusal) => {
            status.end_bar();
            refusal.print()
        }
    }
}

async fn call(cli: Cli, status: &Status) -> Result<Exit, Refusal> {
    let common = &cli.common;
    match cli.command {
        Command::Init(arguments) => init::run(common, &arguments, status),
        Command::Plan(arguments) => plan::run(common, arguments, status).await,
        Command::Lock(arguments) => lock::run(common, arguments, status).await,
        Command::Build(arguments) => build::run(common, arguments, status).await,
        Command::Attest(arguments) => attest::run(common, *arguments, status).await,
        Command::Explain(arguments) => explain::run(common, &arguments),
        Command::Report(arguments) => report::run(common, arguments, status).await,
        Command::Images(command) => images::run(common, command, status).await,
        Command::Kernels(command) => kernels::run(common, command, status).await,
        Command::Store(command) => store::run(common, &command, status),
        Command::Verify(arguments) => verify::run(common, &arguments, status).await,
        Command::Gate(arguments) => gate::run(common, &arguments),
        Command::Policy(command) => policy::run(&command),
        Command::Rego => rego(),
        Command::Push(arguments) => push::run(common, arguments, status).await,
        Command::Bundle(command) => bundle::run(common, command, status).await,
        Command::Audit(arguments) => audit::run(common, *arguments, status).await,
        Command::Query(arguments) => query::run(common, arguments),
        Command::Label(command) => label::run(&command),
        Command::Keys(command) => keys::run(common, &command, status).await,
        Command::TrustRoot(arguments) => trust_root::run(common, &arguments, status).await,
    }
}

/// Answers one question about Rego, from standard input to standard output.
fn rego() -> Result<Exit, Refusal> {
    crate::verify::rego::answer(io::stdin().lock(), io::stdout().lock())
        .map(|()| Exit::Success)
        .map_err(|error| Refusal::new(Exit::Internal, "cannot evaluate Rego").caused_by(&error))
}

/// Writes an answer to standard output.
///
/// A reader that has gone away (`kmatrix plan ... | head`) has had enough, which is no error.
fn answer(
    write: impl FnOnce(&mut io::BufWriter<io::StdoutLock<'static>>) -> io::Result<()>,
) -> Result<(), Refusal> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => {
            Err(Refusal::new(Exit::Internal, "cannot write the answer").caused_by(&error))
        }
    }
}

fn answer_json(value: &impl serde::Serialize) -> Result<(), Refusal> {
    answer(|out| {
        serde_json::to_writer_pretty(&mut *out, value)?;
        writeln!(out)
    })
}
