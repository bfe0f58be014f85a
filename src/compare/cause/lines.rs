//! Where a cause comes from: a line of the source, or what the matrix gives the build.

use super::{Cause, Evidence, commands};
use crate::source::{Suspicion, has_word, rules_of};

/// All that a build is told beside what the kernel's own makefiles have.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lines<'a> {
    /// The lines of the source that take in what differs.
    pub source: &'a [Suspicion],
    /// What the matrix gives: variables of make, and the words of a command.
    pub given: &'a [String],
}

impl Lines<'_> {
    /// Returns true if a line of the source has this rule.
    pub(super) fn has(&self, rule: &str) -> bool {
        self.source.iter().any(|line| line.rule == rule)
    }

    /// Returns the line that takes a cause in: of those that its rules point at the first, or the first
    /// with the option that the commands of both builds differ in; that one also where no rule does.
    pub(super) fn line_of(&self, cause: Cause, evidence: &[Evidence]) -> Option<Suspicion> {
        let options: Vec<&str> = evidence.iter().filter_map(commands::option_of).collect();
        let has_option = |line: &&Suspicion| {
            let mut options = options.iter();
            options.any(|option| mentions(&line.text, option))
        };
        let rules = cause.entry().rules;
        let pointed = rules
            .iter()
            .flat_map(|rule| self.source.iter().filter(move |line| line.rule == *rule));
        let mut all = pointed.clone();
        let shown = all.find(has_option).or_else(|| pointed.clone().next());
        shown
            .or_else(|| self.source.iter().find(has_option))
            .cloned()
    }

    /// Returns what the matrix gives that takes a cause in.
    pub(super) fn given_for(&self, cause: Cause, evidence: &[Evidence]) -> Option<String> {
        let rules = cause.entry().rules;
        let points = |given: &&String| {
            // A variable that only has another name for options says nothing by its name.
            let value = given
                .split_once('=')
                .map_or(given.as_str(), |(_, value)| value);
            let mut of_value = rules_of(value);
            let mut options = evidence.iter().filter_map(commands::option_of);
            of_value.any(|rule| rules.contains(&rule))
                || options.any(|option| mentions(value, option))
        };
        self.given.iter().find(points).cloned()
    }
}

/// Returns true if a text has an option; of `-O` the level is another word's.
fn mentions(text: &str, option: &str) -> bool {
    match option {
        "-O" => text.contains("-O"),
        option => has_word(text, option),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(rule: &str, number: u32, text: &str) -> Suspicion {
        Suspicion {
            rule: rule.to_owned(),
            path: "Kbuild".to_owned(),
            line: number,
            text: text.to_owned(),
        }
    }

    fn command(first: &str) -> Evidence {
        Evidence {
            place: format!("{}main.o", commands::PLACE),
            first: Some(first.to_owned()),
            ..Evidence::default()
        }
    }

    #[test]
    fn a_line_is_the_one_that_rules_and_commands_point_at() {
        let source = [
            line("clock-in-script", 2, "rm -f $(shell date)"),
            line("options", 3, "ccflags-y += -DPLANTED=$(shell date +%z) -DX"),
            line(
                "time-zone",
                3,
                "ccflags-y += -DPLANTED=$(shell date +%z) -DX",
            ),
            line("clock-in-script", 4, "ccflags-y += -DMORE=$(shell date)"),
            line("options", 5, "ccflags-y += -O$(LEVEL)"),
        ];
        let lines = Lines {
            source: &source,
            given: &[],
        };
        for (cause, evidence, expected) in [
            (Cause::TimeZone, vec![], Some(3)),
            (Cause::ClockGenerated, vec![], Some(2)),
            (Cause::ClockGenerated, vec![command("-DMORE=1")], Some(4)),
            (Cause::CompilerFlags, vec![command("-O3")], Some(5)),
            (Cause::CompilerFlags, vec![], Some(3)),
            (Cause::Home, vec![], None),
            (Cause::Unexplained, vec![command("-DPLANTED=1")], Some(3)),
            (Cause::Unexplained, vec![command("-DPLANT=1")], None),
        ] {
            let found = lines.line_of(cause, &evidence).map(|line| line.line);
            assert_eq!(found, expected, "{cause} {evidence:?}");
        }
    }

    #[test]
    fn what_the_matrix_gives_is_named_by_its_value() {
        let given = ["V=1", "LDFLAGS_MODULE=--build-id=uuid", "KCFLAGS=-O3 -DA=1"];
        let given = given.map(str::to_owned);
        let lines = Lines {
            source: &[],
            given: &given,
        };
        for (cause, evidence, expected) in [
            (Cause::BuildIdAlone, vec![], Some(&given[1])),
            (Cause::CompilerFlags, vec![command("-O3")], Some(&given[2])),
            (Cause::CompilerFlags, vec![], None),
            (Cause::Home, vec![command("-DA=2")], Some(&given[2])),
            (Cause::Home, vec![], None),
        ] {
            let found = lines.given_for(cause, &evidence);
            assert_eq!(found.as_ref(), expected, "{cause} {evidence:?}");
        }
    }
}
