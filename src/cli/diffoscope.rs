//! Pairs of modules handed to diffoscope.

use std::path::Path;
use std::process::Command;

use crate::cli::Refusal;
use crate::exit::Exit;

/// Runs diffoscope over a pair, with its output behind ours.
pub(super) fn hand_over(first: &Path, second: &Path) -> Result<(), Refusal> {
    let refused = || {
        Refusal::new(
            Exit::InputUnavailable,
            "cannot hand the modules to diffoscope",
        )
    };
    // What begins with a dash would be an option to it.
    let status = Command::new("diffoscope")
        .arg("--")
        .args([first, second])
        .status()
        .map_err(|error| {
            refused().caused_by(&error).hint(
                "install it (`apt install diffoscope-minimal`, `pip install diffoscope`), or leave \
                 `--diffoscope` out"
                    .to_owned(),
            )
        })?;
    // 0 is the same, 1 is different (diffoscope(1), "EXIT STATUS").
    match status.code() {
        Some(0 | 1) => Ok(()),
        Some(_) | None => Err(refused().hint(format!("it ended with {status}"))),
    }
}
