//! Reading the lines that `build.sh` writes after a step that did not succeed.

use crate::outcome::{Exclusion, Failure, NoModules};
use crate::recipe::BuildSpec;

/// The most bytes of the lines, and the most characters of a name or a reason in them.
const MOST: usize = 4096;
const MOST_WORDS: usize = 400;

/// Says what the lines mean.
///
/// # Security
///
/// The build could have written them itself. All that it gains is another reason for its own failure,
/// or, where the recipe lets a module say for which kernels it is, what its `dkms.conf` could have said.
pub(super) fn read(spec: &BuildSpec, output: &[u8]) -> NoModules {
    let text = String::from_utf8_lossy(&output[..output.len().min(MOST)]);
    let mut lines = text.lines();
    let aborted = NoModules::Failed(Failure::Aborted { code: 1 });
    if lines.next() != Some("kmatrix-status 1") {
        return aborted;
    }
    let Some(step) = lines.next() else {
        return aborted;
    };
    let value = |name: &str| {
        text.lines().skip(2).find_map(|line| {
            line.strip_prefix(name)
                .and_then(|rest| rest.strip_prefix(' '))
        })
    };
    let refused = value("processes-refused-max").and_then(|text| text.parse::<u64>().ok());
    if refused.is_some_and(|count| count > 0) {
        return NoModules::Failed(Failure::TooManyProcesses {
            limit: spec.limits.processes,
        });
    }
    if value("disk").is_some() {
        return NoModules::Failed(Failure::DiskFull {
            bytes: spec.limits.disk_bytes,
        });
    }
    if let Some(module) = value("needed") {
        return NoModules::Failed(of_needed(words(module), step));
    }
    match of_step(step) {
        // Only a recipe that lets the module speak is asked.
        NoModules::Excluded(_) if !spec.expected.may_exclude => aborted,
        found => found,
    }
}

/// Reads `STEP CODE WORDS`.
fn of_step(line: &str) -> NoModules {
    let mut parts = line.splitn(3, ' ');
    let step = parts.next().unwrap_or_default();
    let code: i64 = parts.next().and_then(|code| code.parse().ok()).unwrap_or(1);
    let rest = words(parts.next().unwrap_or_default());
    if code > 128 {
        // A shell's way to say that a signal ended a command.
        return NoModules::Failed(Failure::Killed { signal: code - 128 });
    }
    let script = |directive: &str| Failure::Script {
        directive: directive.to_owned(),
        name: rest.clone(),
        code,
    };
    NoModules::Failed(match step {
        "make" => Failure::Compile { code },
        "command" => Failure::Command { code },
        "dkms-conf" => Failure::DkmsConf { reason: rest },
        "patch" => Failure::Patch { name: rest },
        "pre-build" => script("PRE_BUILD"),
        "post-build" => script("POST_BUILD"),
        "missing" => Failure::MissingModule { path: rest },
        "excluded" => {
            let (directive, value) = rest.split_once(' ').unwrap_or((&rest, ""));
            return NoModules::Excluded(Exclusion {
                directive: directive.to_owned(),
                value: value.to_owned(),
            });
        }
        _ => Failure::Aborted { code },
    })
}

fn of_needed(module: String, step: &str) -> Failure {
    let (because, reason) = if step.starts_with("symvers ") {
        let reason = "it left no `Module.symvers`";
        ("no-symvers", reason.to_owned())
    } else {
        match of_step(step) {
            NoModules::Failed(failure) => (failure.class(), failure.to_string()),
            NoModules::Excluded(exclusion) => ("excluded", exclusion.to_string()),
        }
    };
    Failure::NeededModule {
        module,
        because: because.to_owned(),
        reason,
    }
}

/// Returns text that can be printed on a line.
fn words(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(MOST_WORDS)
        .collect()
}
