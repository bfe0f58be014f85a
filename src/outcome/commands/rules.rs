//! What is looked for in commands: one table.

use super::line::{Command, program_of};
use crate::source::SettledBy;
use crate::variation::Axis;

/// One thing that is looked for in commands.
#[derive(Debug)]
pub struct SignRule {
    pub id: &'static str,
    /// What it says of the commands that show it, after "the command".
    pub says: &'static str,
    pub settled_by: SettledBy,
    /// What would keep them from it, for people.
    pub kept_from: &'static str,
    /// Finds the word that shows it.
    find: fn(&Command) -> Option<String>,
}

impl SignRule {
    /// Returns the word of a command that shows it.
    pub(super) fn found_in(&self, command: &Command) -> Option<String> {
        (self.find)(command)
    }
}

/// Every rule.
pub static SIGNS: [SignRule; 7] = [
    SignRule {
        id: "unseeded",
        says: "lets the compiler draw random numbers",
        settled_by: SettledBy::Rebuilds,
        kept_from: "`-frandom-seed=` with the object's name",
        find: unseeded,
    },
    SignRule {
        id: "layout-seed",
        says: "lays structures out by a seed that the kernel's tree has",
        settled_by: SettledBy::Inputs,
        kept_from: "a kernel without `CONFIG_RANDSTRUCT`",
        find: |command| word_of(command, is_layout),
    },
    SignRule {
        id: "threads-of-pahole",
        says: "lets pahole number types in the order in which its threads end",
        settled_by: SettledBy::Rebuilds,
        kept_from: "`KBUILD_BUILD_TIMESTAMP`, `--btf_features=reproducible_build` or pahole v1.29",
        find: threads,
    },
    SignRule {
        id: "clock-allowed",
        says: "lets code take in the time of the build",
        settled_by: SettledBy::Axis(Axis::Clock),
        kept_from: "`-Werror=date-time`, as the kernel has it",
        find: clock_allowed,
    },
    SignRule {
        id: "clock-in-command",
        says: "has a date in it",
        settled_by: SettledBy::Axis(Axis::Clock),
        kept_from: "a date of the source instead of the build's",
        find: |command| word_of(command, is_dated),
    },
    SignRule {
        id: "random-in-command",
        says: "takes in random bytes",
        settled_by: SettledBy::Rebuild,
        kept_from: "a fixed value",
        find: |command| {
            let found = word_of(command, |word| {
                ["/dev/urandom", "/dev/random", "random/uuid", "$RANDOM"]
                    .iter()
                    .any(|name| word.contains(name))
            });
            found.or_else(|| program(command, &["uuidgen", "mktemp"]))
        },
    },
    SignRule {
        id: "network-in-command",
        says: "asks the network",
        settled_by: SettledBy::Isolation,
        kept_from: "what it fetches in the source",
        find: |command| {
            let found = program(command, &["curl", "wget", "scp", "rsync", "ftp"]);
            found.or_else(|| {
                let mut parts = command.parts();
                parts.find_map(|words| {
                    let verb = words.get(1).map_or("", String::as_str);
                    let is_git = program_of(words) == "git";
                    (is_git && ["clone", "fetch", "pull"].contains(&verb))
                        .then(|| format!("git {verb}"))
                })
            })
        },
    },
];

/// Plugins of the kernel's own that draw no random number (Linux, `scripts/gcc-plugins`).
const STEADY_PLUGINS: [&str; 5] = [
    "arm_ssp_per_task_plugin",
    "cyc_complexity_plugin",
    "sancov_plugin",
    "stackleak_plugin",
    "structleak_plugin",
];
/// The one whose seed is compiled in when the kernel is built.
const LAYOUT_PLUGIN: &str = "randomize_layout_plugin";

/// Finds an option by which GCC draws random numbers, in a command without a seed (GCC manual,
/// "Developer Options", `-frandom-seed`).
fn unseeded(command: &Command) -> Option<String> {
    command.parts().find_map(|words| {
        let is_clang = program_of(words).contains("clang");
        let has_seed = words.iter().any(|word| word.starts_with("-frandom-seed="));
        let draws = |word: &&String| {
            let plugin = plugin(word);
            let is_known = |name| STEADY_PLUGINS.contains(&name) || name == LAYOUT_PLUGIN;
            plugin.is_some_and(|name| !is_known(name))
                || (!is_clang
                    && (matches!(word.as_str(), "-fprofile-arcs" | "--coverage" | "-flto")
                        || word.starts_with("-flto=")))
        };
        (!has_seed).then(|| words.iter().find(draws).cloned())?
    })
}

/// Returns the name of the plugin that a word loads.
fn plugin(word: &str) -> Option<&str> {
    let path = word
        .strip_prefix("-fplugin=")
        .or_else(|| word.strip_prefix("-fpass-plugin="))?;
    let file = path.rsplit('/').next().unwrap_or(path);
    Some(file.strip_suffix(".so").unwrap_or(file))
}

fn is_layout(word: &str) -> bool {
    // Clang takes the seed itself (Linux, `security/Kconfig.hardening`).
    plugin(word) == Some(LAYOUT_PLUGIN) || word.starts_with("-frandomize-layout-seed")
}

/// Finds what makes pahole number types by its threads (dwarves, changes of v1.22, v1.27 and v1.29).
fn threads(command: &Command) -> Option<String> {
    command.parts().find_map(|words| {
        let is_steady = words.iter().any(|word| word.contains("reproducible_build"));
        let jobs = words.iter().find(|word| {
            let number = word.strip_prefix("-j");
            number.is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
                || word.starts_with("--jobs")
        });
        (program_of(words) == "pahole" && !is_steady).then(|| jobs.cloned())?
    })
}

/// Finds the option that lets `__DATE__` pass; the last one counts.
fn clock_allowed(command: &Command) -> Option<String> {
    command.parts().find_map(|words| {
        let mut about = words.iter().filter(|word| word.ends_with("date-time"));
        let last = about.next_back()?;
        last.starts_with("-Wno-").then(|| last.clone())
    })
}

/// Returns true for a definition that has a date, a time of day or seconds of the epoch in its value.
fn is_dated(word: &str) -> bool {
    let Some((_, value)) = word
        .strip_prefix("-D")
        .and_then(|definition| definition.split_once('='))
    else {
        return false;
    };
    let runs: Vec<&str> = value.split(|c: char| !c.is_ascii_digit()).collect();
    let shape: String = value
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    let is_month = |word: &str| {
        [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        .contains(&word)
    };
    let has_digits = value.bytes().any(|byte| byte.is_ascii_digit());
    shape.contains("0000-00-00")
        || shape.contains("00:00:00")
        || runs.iter().any(|run| {
            (run.len() == 10 && run.starts_with(['1', '2']))
                || ((run.len() == 8 || run.len() == 14) && run.starts_with("20"))
        })
        || (has_digits
            && value
                .split(|c: char| !c.is_ascii_alphabetic())
                .any(is_month))
}

fn word_of(command: &Command, shows: impl Fn(&str) -> bool) -> Option<String> {
    let mut words = command.parts().flatten();
    words.find(|word| shows(word)).cloned()
}

fn program(command: &Command, names: &[&str]) -> Option<String> {
    let mut programs = command.parts().map(program_of);
    programs
        .find(|program| names.contains(program))
        .map(str::to_owned)
}
