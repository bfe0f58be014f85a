//! What could still make a build differ although its rebuilds agree: what its source, its commands,
//! its kernel and its tools show, and nothing has excluded.

use std::collections::BTreeSet;

use crate::compare::rate_not_excluded;
use crate::ledger::{AttemptRecord, CellRecord};
use crate::name::ModuleName;
use crate::outcome::{Commands, Outcome, Sign};
use crate::recipe::threads_change_order;
use crate::recipe::toolchain::pahole_version;
use crate::source::{SettledBy, Suspicion};
use crate::variation::Axis;

/// The share of builds that may still flip for what is known to flip to count as excluded.
const MOST_FLIPS: f64 = 0.05;

/// What the rebuilds that agree have shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Agreed<'a> {
    /// The axes that were varied together.
    pub varied: &'a BTreeSet<Axis>,
    /// How many had all of these varied.
    pub rebuilds: u32,
    /// True if every attempt was sealed.
    pub sealed: bool,
}

impl Agreed<'_> {
    /// Returns true if they show that what is settled by this has no effect.
    fn settle(&self, by: SettledBy) -> bool {
        match by {
            SettledBy::Axis(axis) => self.rebuilds > 0 && self.varied.contains(&axis),
            SettledBy::Rebuild => self.rebuilds > 0,
            SettledBy::Rebuilds => {
                self.rebuilds > 0 && rate_not_excluded(self.rebuilds) <= MOST_FLIPS
            }
            SettledBy::Isolation => self.sealed,
            SettledBy::Inputs | SettledBy::Agreement => true,
        }
    }
}

/// All that raises doubts.
#[derive(Debug, Clone)]
pub(super) struct Shown<'a> {
    /// The attempts that made modules.
    pub built: Vec<&'a AttemptRecord>,
    /// What the image's pahole says of its version.
    pub pahole: Option<&'a str>,
    /// Lines of the source, and of whose, where it is not the module's own.
    pub lines: Vec<(Option<&'a ModuleName>, &'a Suspicion)>,
}

impl<'a> Shown<'a> {
    /// Collects what the records of a cell have.
    pub(super) fn of(cell: &'a CellRecord, attempts: &'a [AttemptRecord]) -> Self {
        let own = cell.source.suspicions.iter().map(|line| (None, line));
        let needed = cell.needed_sources.iter().flat_map(|(name, source)| {
            let lines = source.suspicions.iter();
            lines.map(move |line| (Some(name), line))
        });
        let built = attempts
            .iter()
            .filter(|attempt| matches!(attempt.outcome, Outcome::Built { .. }));
        Self {
            built: built.collect(),
            pahole: cell.image.tools.get("pahole").map(String::as_str),
            lines: own.chain(needed).collect(),
        }
    }

    /// Returns everything that is not settled, the commands' first.
    pub(super) fn doubts(&self, agreed: &Agreed<'_>) -> Vec<String> {
        let mut doubts = Vec::new();
        doubts.extend(unsteady_types(&self.built, self.pahole, agreed));
        doubts.extend(signs(&self.built, agreed));
        doubts.extend(unseen(&self.built, agreed));
        doubts.extend(lines(&self.lines, agreed));
        doubts
    }
}

fn commands<'a>(built: &'a [&AttemptRecord]) -> impl Iterator<Item = &'a Commands> {
    built.iter().filter_map(|attempt| attempt.commands.as_ref())
}

/// Returns what commands show, each rule once.
fn signs(built: &[&AttemptRecord], agreed: &Agreed<'_>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut doubts = Vec::new();
    for sign in commands(built).flat_map(|commands| &commands.signs) {
        let Some(rule) = sign.rule().filter(|rule| seen.insert(rule.id)) else {
            continue;
        };
        if agreed.settle(rule.settled_by) || is_about_types(sign) {
            continue;
        }
        let (object, word) = (&sign.object, &sign.word);
        let (says, kept_from) = (rule.says, rule.kept_from);
        doubts.push(format!(
            "the command of `{object}` {says} (`{word}`; {}, or kept from it by {kept_from})",
            excluded_by(rule.settled_by)
        ));
    }
    let is_seen = |attempt: &&&AttemptRecord| {
        let commands = attempt.commands.as_ref();
        commands.is_some_and(|commands| commands.whole && commands.links > 0)
    };
    // Where commands are not known, what the kernel is configured for has to do.
    if built.iter().filter(is_seen).count() < built.len() && !agreed.settle(SettledBy::Rebuilds) {
        let options: BTreeSet<&String> = built
            .iter()
            .flat_map(|attempt| &attempt.toolchain.random_options)
            .collect();
        let excluded = excluded_by(SettledBy::Rebuilds);
        doubts.extend(options.into_iter().map(|option| {
            format!("its kernel has `{option}`, which lets the compiler draw random numbers ({excluded})")
        }));
    }
    doubts
}

/// Returns true for a sign whose weight hangs on a version, which [`unsteady_types`] looks at.
fn is_about_types(sign: &Sign) -> bool {
    sign.rule == "threads-of-pahole"
}

/// Returns what is wrong with agreement if BTF may come in another order each time: so few rebuilds
/// as are made can well agree by chance. How pahole was called counts where that is known, and what
/// the kernel's makefiles do where it is not.
fn unsteady_types(
    built: &[&AttemptRecord],
    said: Option<&str>,
    agreed: &Agreed<'_>,
) -> Option<String> {
    let pahole = said.and_then(pahole_version);
    let is_seen = |attempt: &&AttemptRecord| {
        let commands = attempt.commands.as_ref();
        commands.is_some_and(|commands| commands.whole && commands.pahole > 0)
    };
    let has_threads = commands(built).any(|commands| commands.signs.iter().any(is_about_types));
    let may_shuffle = if has_threads {
        pahole.is_none_or(threads_change_order)
    } else if built.iter().all(is_seen) {
        false
    } else {
        built.iter().any(|attempt| {
            let record = &attempt.toolchain;
            record.makes_btf && pahole.is_some_and(|pahole| record.btf_jobs.may_shuffle(pahole))
        })
    };
    (may_shuffle && !agreed.settle(SettledBy::Rebuilds)).then(|| {
        format!(
            "pahole {} is run with `-j`, which writes BTF in an order that changes (steady from \
             v1.29, or {})",
            said.unwrap_or("of an unknown version"),
            excluded_by(SettledBy::Rebuilds)
        )
    })
}

/// Returns what was not seen of commands that should be there. Records of before there were any say
/// nothing.
fn unseen(built: &[&AttemptRecord], agreed: &Agreed<'_>) -> Option<String> {
    if agreed.settle(SettledBy::Rebuilds) {
        return None;
    }
    let excluded = excluded_by(SettledBy::Rebuilds);
    if commands(built).any(|commands| !commands.whole) {
        return Some(format!(
            "its commands are not known whole: they are cut, or more than are looked at ({excluded})"
        ));
    }
    commands(built).any(|commands| commands.links == 0).then(|| {
        format!("the build has left no command that linked a module, so nobody saw how it was made ({excluded})")
    })
}

/// Returns what lines of the source take in, each rule once.
fn lines(lines: &[(Option<&ModuleName>, &Suspicion)], agreed: &Agreed<'_>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut doubts = Vec::new();
    for (of, line) in lines {
        let Some(rule) = line.rule().filter(|rule| seen.insert(rule.id)) else {
            continue;
        };
        if agreed.settle(rule.settled_by) {
            continue;
        }
        let of = of.map_or_else(String::new, |name| format!(" of `{name}`"));
        let (path, number, takes) = (&line.path, line.line, rule.takes);
        let excluded = excluded_by(rule.settled_by);
        doubts.push(format!(
            "`{path}:{number}`{of} takes in {takes} ({excluded})"
        ));
    }
    doubts
}

/// Says what would exclude an effect.
fn excluded_by(by: SettledBy) -> String {
    match by {
        SettledBy::Axis(axis) => format!("excluded by rebuilds with another {}", axis.noun()),
        SettledBy::Rebuild => "excluded by a rebuild".to_owned(),
        SettledBy::Rebuilds => {
            let count = (1..).find(|count| rate_not_excluded(*count) <= MOST_FLIPS);
            format!("excluded by {} rebuilds", count.unwrap_or(u32::MAX))
        }
        SettledBy::Isolation => "excluded where every attempt is sealed".to_owned(),
        SettledBy::Inputs => "excluded by its digest".to_owned(),
        SettledBy::Agreement => "excluded by agreement".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::attempt;
    use crate::recipe::BtfJobs;

    const MODULE: &str = "cmd_m.ko := ld -r -o m.ko m.o";
    const ENTROPY: &str = "cmd_m.o := gcc -fplugin=./latent_entropy_plugin.so -c m.c";

    fn built(commands: Option<&str>) -> AttemptRecord {
        let modules = Vec::new();
        let mut built = attempt(0, Outcome::Built { modules });
        built.commands = commands.map(|text| Commands::read(text.as_bytes(), "/build/module"));
        built
    }

    fn with(lines: &[&str]) -> AttemptRecord {
        built(Some(&format!("{MODULE}\n{}\nend\n", lines.join("\n"))))
    }

    /// Returns the doubts about one attempt after so many rebuilds with all axes varied.
    fn doubts(attempt: &AttemptRecord, pahole: Option<&str>, rebuilds: u32) -> Vec<String> {
        let shown = Shown {
            built: vec![attempt],
            pahole,
            lines: Vec::new(),
        };
        shown.doubts(&Agreed {
            varied: &Axis::all(),
            rebuilds,
            sealed: true,
        })
    }

    #[test]
    fn what_chance_has_a_part_in_stays_in_doubt_until_so_many_rebuilds_agree() {
        let mut configured = built(None);
        configured.toolchain.random_options = vec!["CONFIG_GCC_PLUGIN_LATENT_ENTROPY".to_owned()];
        for (attempt, begins) in [
            (
                with(&[ENTROPY]),
                "the command of `m.o` lets the compiler draw random numbers \
                 (`-fplugin=./latent_entropy_plugin.so`; excluded by 59 rebuilds",
            ),
            (
                configured,
                "its kernel has `CONFIG_GCC_PLUGIN_LATENT_ENTROPY`",
            ),
            (built(Some(MODULE)), "its commands are not known whole"),
            (
                built(Some("end\n")),
                "the build has left no command that linked",
            ),
        ] {
            let found = doubts(&attempt, None, 58);
            assert!(
                found.len() == 1 && found[0].starts_with(begins),
                "{found:?}"
            );
            assert_eq!(doubts(&attempt, None, 59), [""; 0], "{begins}");
        }
    }

    #[test]
    fn what_is_fixed_or_varied_or_of_before_is_not_in_doubt() {
        let mut configured = with(&[]);
        configured.toolchain.random_options = vec!["CONFIG_GCC_PLUGIN_LATENT_ENTROPY".to_owned()];
        for attempt in [
            built(None),
            with(&["cmd_m.o := gcc -fplugin=latent_entropy_plugin.so -frandom-seed=m.o"]),
            with(&["cmd_m.o := gcc -fplugin=randomize_layout_plugin.so"]),
            with(&[
                "cmd_m.o := gcc -Wno-date-time",
                "cmd_s := mktemp",
                "cmd_f := curl",
            ]),
            // Its commands say that the option has no effect here.
            configured,
        ] {
            assert_eq!(doubts(&attempt, None, 1), [""; 0], "{:?}", attempt.commands);
        }
    }

    #[test]
    fn how_pahole_was_called_counts_before_what_makefiles_have() {
        let threads = "called pahole -J -j m.ko";
        let steady = "called pahole -J m.ko";
        for (commands, jobs, pahole, is_doubted) in [
            (Some(threads), BtfJobs::Never, Some("v1.24"), true),
            (Some(threads), BtfJobs::UnlessStamped, Some("v1.29"), false),
            (Some(threads), BtfJobs::Never, None, true),
            (Some(steady), BtfJobs::Always, Some("v1.24"), false),
            (None, BtfJobs::Always, Some("v1.24"), true),
            (None, BtfJobs::UnlessStamped, Some("v1.24"), false),
        ] {
            let mut attempt = commands.map_or_else(|| built(None), |line| with(&[line]));
            attempt.toolchain.makes_btf = true;
            attempt.toolchain.btf_jobs = jobs;
            let found = doubts(&attempt, pahole, 1);
            assert_eq!(
                found.len(),
                usize::from(is_doubted),
                "{commands:?} {pahole:?} {found:?}"
            );
            assert_eq!(doubts(&attempt, pahole, 59), [""; 0]);
        }
    }

    #[test]
    fn lines_and_commands_are_settled_by_what_they_take_in() {
        let line = |rule: &str| Suspicion {
            rule: rule.to_owned(),
            path: "Kbuild".to_owned(),
            line: 3,
            text: String::new(),
        };
        let attempt = with(&["cmd_m.o := gcc -Wno-date-time", "cmd_f := curl"]);
        let found = [line("clock-in-script"), line("random"), line("network")];
        let needed: ModuleName = "base".parse().expect("a name");
        let shown = Shown {
            built: vec![&attempt],
            pahole: None,
            lines: found.iter().map(|line| (Some(&needed), line)).collect(),
        };
        let varied = BTreeSet::from([Axis::BuildPath]);
        let agreed = Agreed {
            varied: &varied,
            rebuilds: 3,
            sealed: false,
        };
        let doubts = shown.doubts(&agreed);
        let begins = [
            "the command of `f` asks the network (`curl`",
            "the command of `m.o` lets code take in the time of the build (`-Wno-date-time`; \
             excluded by rebuilds with another clock",
            "`Kbuild:3` of `base` takes in the time of the build (excluded by rebuilds with \
             another clock)",
            "`Kbuild:3` of `base` takes in something of the network",
        ];
        assert_eq!(doubts.len(), begins.len(), "{doubts:?}");
        for (doubt, begin) in doubts.iter().zip(begins) {
            assert!(doubt.starts_with(begin), "{doubt}");
        }
    }
}
