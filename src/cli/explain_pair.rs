//! `kmatrix explain A.ko B.ko`: any two modules, without a ledger.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::cli::diffoscope::hand_over;
use crate::cli::explain_beside::Beside;
use crate::cli::{Format, Refusal, answer, answer_json};
use crate::compare::cause::{Context, causes};
use crate::compare::{Basis, Layer, Which, differences};
use crate::exit::Exit;
use crate::ko;
use crate::outcome::changed;
use crate::report::{PairDocument, explain_pair};

/// Holds two files against each other, and their commands where both have them: `recorded` returns
/// those that a run recorded, and else they stand beside the modules.
pub(crate) fn run(
    first: &Path,
    second: &Path,
    recorded: impl Fn(&Path) -> Result<Option<Beside>, Refusal>,
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
    let commands = |path: &Path| -> Result<Option<Beside>, Refusal> {
        Ok(recorded(path)?.or_else(|| Beside::read(path)))
    };
    let both = [commands(first)?, commands(second)?];
    let commands = match &both {
        [Some(one), Some(two)] => Some(changed(&one.as_text(), &two.as_text())),
        [Some(_), None] | [None, Some(_) | None] => None,
    };
    let signs = both.each_ref().map(|commands| {
        let commands = commands.as_ref();
        commands.map_or_else(Vec::new, Beside::signs)
    });
    let context = Context {
        commands: commands.as_deref().unwrap_or_default(),
        signs: [&signs[0], &signs[1]],
        // Nobody says of builds elsewhere that they were sealed.
        open: !both
            .iter()
            .all(|commands| commands.as_ref().is_some_and(Beside::is_sealed)),
        ..Context::default()
    };
    let named = causes(&found, &context);
    let (first_name, second_name) = (first.display().to_string(), second.display().to_string());
    let names = [first_name.as_str(), second_name.as_str()];
    match format {
        Format::Json => answer_json(&PairDocument::new(
            names,
            &found,
            &named,
            commands.as_deref(),
        ))?,
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
