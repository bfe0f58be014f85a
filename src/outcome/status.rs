//! Reading the lines that `build.sh` and `prepare.sh` write after a step that did not succeed.

use crate::outcome::{Exclusion, Failure, NoModules};
use crate::recipe::BuildSpec;

/// The most bytes of the lines, and the most characters of a name or a reason in them.
const MOST: usize = 4096;
const MOST_WORDS: usize = 400;

/// The lines, understood one by one.
///
/// # Security
///
/// The build could have written them itself. All that it gains is another reason for its own failure,
/// or, where the recipe lets a module say for which kernels it is, what its `dkms.conf` could have said.
pub(super) struct Lines {
    step: String,
    rest: String,
}

impl Lines {
    /// Finds the lines, if that is what was written.
    pub(super) fn read(output: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(&output[..output.len().min(MOST)]);
        let text = text.strip_prefix("kmatrix-status 1\n")?;
        let (step, rest) = text.split_once('\n').unwrap_or((text, ""));
        (!step.is_empty()).then(|| Self {
            step: step.to_owned(),
            rest: rest.to_owned(),
        })
    }

    /// Returns true if the limit on processes was reached.
    pub(super) fn refused_processes(&self) -> bool {
        let refused = self.value("processes-refused-max");
        refused.is_some_and(|text| text.parse::<u64>().is_ok_and(|count| count > 0))
    }

    /// Returns true if nothing more could be written to the work directory.
    pub(super) fn disk_is_full(&self) -> bool {
        self.value("disk").is_some()
    }

    /// Returns the step that failed, its code, and what more there is to say.
    pub(super) fn step(&self) -> (&str, i64, String) {
        parts_of(&self.step)
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.rest.lines().find_map(|line| {
            line.strip_prefix(name)
                .and_then(|rest| rest.strip_prefix(' '))
        })
    }
}

/// Reads `STEP CODE WORDS`.
fn parts_of(line: &str) -> (&str, i64, String) {
    let mut parts = line.splitn(3, ' ');
    let step = parts.next().unwrap_or_default();
    let code = parts.next().and_then(|code| code.parse().ok()).unwrap_or(1);
    (step, code, words(parts.next().unwrap_or_default()))
}

/// Says what the lines mean that `build.sh` has written.
pub(super) fn read(spec: &BuildSpec, output: &[u8]) -> NoModules {
    let aborted = NoModules::Failed(Failure::Aborted { code: 1 });
    let Some(lines) = Lines::read(output) else {
        return aborted;
    };
    if lines.refused_processes() {
        return NoModules::Failed(Failure::TooManyProcesses {
            limit: spec.limits.processes,
        });
    }
    if lines.disk_is_full() {
        return NoModules::Failed(Failure::DiskFull {
            bytes: spec.limits.disk_bytes,
        });
    }
    if let Some(module) = lines.value("needed") {
        return NoModules::Failed(of_needed(words(module), &lines.step));
    }
    match of_step(&lines.step) {
        // Only a recipe that lets the module speak is asked.
        NoModules::Excluded(_) if !spec.expected.may_exclude => aborted,
        found => found,
    }
}

fn of_step(line: &str) -> NoModules {
    let (step, code, rest) = parts_of(line);
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
