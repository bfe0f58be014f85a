//! `kmatrix explain A.ko B.ko`: any two modules, without a ledger.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use crate::cli::{Format, Refusal, answer, answer_json};
use crate::compare::cause::{Context, causes};
use crate::compare::{Basis, Layer, Which, differences};
use crate::exit::Exit;
use crate::ko;
use crate::report::{PairDocument, explain_pair};

/// Holds two files against each other.
pub(crate) fn run(
    first: &Path,
    second: &Path,
    format: Format,
    diffoscope: bool,
) -> Result<Exit, Refusal> {
    let (one, two) = (read(first)?, read(second)?);
    let found = differences(&one, &two, Basis::Inferred).map_err(|(which, error)| {
        let path = match which {
            Which::First => first,
            Which::Second => second,
        };
        Refusal::new(
            Exit::Invalid,
            format!("`{}` is no kernel module that can be read", path.display()),
        )
        .caused_by(&error)
        .hint("a module is a `.ko`, or one as `.ko.gz`, `.ko.xz` or `.ko.zst`".to_owned())
    })?;
    let named = causes(&found, &Context::default());
    let (first_name, second_name) = (first.display().to_string(), second.display().to_string());
    let names = [first_name.as_str(), second_name.as_str()];
    match format {
        Format::Json => answer_json(&PairDocument::new(names, &found, &named))?,
        Format::Human => answer(|out| explain_pair(out, names, &found, &named))?,
    }
    if diffoscope {
        hand_over(first, second)?;
    }
    Ok(match found.agreement {
        Some(agreement) if agreement.layer == Layer::File => Exit::Success,
        Some(_) | None => Exit::RebuildDiffers,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Refusal> {
    let refused = || {
        Refusal::new(
            Exit::InputUnavailable,
            format!("cannot read the module `{}`", path.display()),
        )
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(ko::MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            refused().caused_by(&error).hint(
                "`explain` takes two files, or one cell's id; `kmatrix plan` lists cells"
                    .to_owned(),
            )
        })?;
    if bytes.len() as u64 > ko::MAX_BYTES {
        let limit = ko::MAX_BYTES;
        return Err(refused().hint(format!("it has more than {limit} bytes")));
    }
    Ok(bytes)
}

/// Runs diffoscope over the pair, with its output behind ours.
fn hand_over(first: &Path, second: &Path) -> Result<(), Refusal> {
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
