//! The `kmatrix` program: parse, call, exit status.

use std::process::ExitCode;

fn main() -> ExitCode {
    kmatrix::cli::main().into()
}
