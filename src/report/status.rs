//! Status lines and progress on standard error: bars on a terminal, plain lines elsewhere. The only
//! file that knows `indicatif`.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::outcome::PreparationOutcome;
use crate::run::{Event, Standing, failure_of};

/// Whether colours may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Never,
    Always,
}

impl Colour {
    /// Returns what standard error takes: colours on a terminal, unless `NO_COLOR` is set
    /// (no-color.org) or `TERM` is `dumb`.
    pub fn of_standard_error() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if std::io::stderr().is_terminal() && !refused {
            Self::Always
        } else {
            Self::Never
        }
    }
}

/// How a status line looks: good news, work in progress, or something to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Good,
    Busy,
    Bad,
}

/// Prints what is going on.
#[derive(Clone)]
pub struct Status {
    inner: Arc<Inner>,
}

struct Inner {
    quiet: bool,
    colour: Colour,
    on_terminal: bool,
    bar: Mutex<ProgressBar>,
    fetched: AtomicU64,
}

impl Status {
    /// Starts a status for this process. A quiet one prints only what somebody must look at.
    pub fn new(quiet: bool) -> Self {
        Self {
            inner: Arc::new(Inner {
                quiet,
                colour: Colour::of_standard_error(),
                on_terminal: std::io::stderr().is_terminal(),
                bar: Mutex::new(ProgressBar::hidden()),
                fetched: AtomicU64::new(0),
            }),
        }
    }

    /// Says what is being done to what.
    pub fn busy(&self, verb: &str, what: &str) {
        self.line(Mood::Busy, verb, what);
    }

    /// Says what has been done.
    pub fn done(&self, verb: &str, what: &str) {
        self.line(Mood::Good, verb, what);
    }

    /// Says what somebody must look at.
    pub fn bad(&self, verb: &str, what: &str) {
        self.line(Mood::Bad, verb, what);
    }

    /// Warns.
    pub fn warn(&self, what: &str) {
        self.print(&match self.inner.colour {
            Colour::Always => format!("\x1b[1;33mwarning\x1b[0m: {what}"),
            Colour::Never => format!("warning: {what}"),
        });
    }

    /// Shows a bar of `total` steps until [`Self::end_bar`].
    pub fn begin_bar(&self, total: u64) {
        if self.inner.quiet || !self.inner.on_terminal {
            return;
        }
        let style = ProgressStyle::with_template(
            &self.paint("{prefix:>12.cyan.bold} [{bar:27}] {pos}/{len} {msg}"),
        )
        .map(|style| style.progress_chars("=> "))
        .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr())
            .with_style(style)
            .with_prefix("Attempts");
        bar.enable_steady_tick(Duration::from_millis(250));
        *self.bar() = bar;
    }

    /// Shows that something without a known end goes on, until [`Self::end_bar`].
    pub fn begin_spinner(&self, verb: &str, what: &str) {
        if self.inner.quiet || !self.inner.on_terminal {
            self.busy(verb, what);
            return;
        }
        let style = ProgressStyle::with_template(
            &self.paint("{prefix:>12.cyan.bold} {msg} {elapsed:.dim}"),
        )
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
            .with_style(style)
            .with_prefix(verb.to_owned())
            .with_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(250));
        *self.bar() = bar;
    }

    /// Takes the colours out of a template where there are to be none.
    fn paint(&self, template: &str) -> String {
        match self.inner.colour {
            Colour::Always => template.to_owned(),
            Colour::Never => template.replace(".cyan.bold", "").replace(":.dim", ""),
        }
    }

    /// Takes the bar away.
    pub fn end_bar(&self) {
        self.bar().finish_and_clear();
        *self.bar() = ProgressBar::hidden();
    }

    /// Counts bytes that came over the network.
    pub fn fetched(&self, bytes: u64) {
        let total = self.inner.fetched.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.bar()
            .set_message(format!("{} fetched", HumanBytes(total)));
    }

    /// Returns how many bytes came over the network so far.
    pub fn fetched_bytes(&self) -> u64 {
        self.inner.fetched.load(Ordering::Relaxed)
    }

    /// Tells what happens during a run.
    pub fn event(&self, event: &Event) {
        match event {
            Event::Prepared { .. } => {}
            Event::KernelStarted { kernel, number } => {
                let what = if *number == 0 { "" } else { ", once more" };
                self.busy("Preparing", &format!("the kernel {kernel}{what}"));
            }
            Event::KernelEnded { kernel, record } => match &record.outcome {
                PreparationOutcome::Failed { failure } => {
                    self.bad("Failed", &format!("the kernel {kernel}: {failure}"));
                }
                PreparationOutcome::Prepared { .. } => match record.differing.first() {
                    Some(first) => {
                        let count = record.differing.len();
                        self.bad(
                            "Differs",
                            &format!(
                                "the kernel {kernel}: {count} files or more, such as `{first}`"
                            ),
                        );
                    }
                    None => self.done("Prepared", &format!("the kernel {kernel}")),
                },
            },
            Event::AttemptStarted { cell, number } => {
                let verb = if *number == 0 {
                    "Building"
                } else {
                    "Rebuilding"
                };
                self.busy(verb, &cell.to_string());
            }
            Event::AttemptEnded { cell, attempt } => {
                self.bar().inc(1);
                if let Some(failure) = failure_of(&attempt.outcome) {
                    self.bad("Failed", &format!("{cell}: {failure}"));
                }
            }
            Event::Restoring { cell } => {
                let why = "the store has lost its modules; building with nothing varied";
                self.busy("Restoring", &format!("{cell}: {why}"));
            }
            Event::Inquiring { cell, axes } => {
                self.bar().inc_length(1);
                let names: Vec<&str> = axes.iter().map(|axis| axis.noun()).collect();
                let varied = match names.as_slice() {
                    [] => "nothing".to_owned(),
                    names if names.len() > 4 => format!("{} axes", names.len()),
                    names => names.join(", "),
                };
                self.busy("Inquiring", &format!("{cell}: {varied} varied"));
            }
            Event::Retrying {
                cell,
                number,
                failure,
            } => self.warn(&format!(
                "attempt {number} of {cell} is made again: {failure}"
            )),
            Event::CellEnded { assessment } => match &assessment.standing {
                Standing::Labelled(label) => {
                    let id = &assessment.cell.id;
                    let (same, all) = assessment.agreement();
                    if same == all && all > 0 {
                        self.done("Reproduced", &format!("{id} {}", label.word()));
                    } else if all > 0 {
                        self.bad("Differs", &format!("{id}: {same} of {all} rebuilds agree"));
                    }
                }
                Standing::Excluded { exclusion } => {
                    let id = &assessment.cell.id;
                    self.done("Excluded", &format!("{id} {exclusion}"));
                }
                Standing::Failed { .. } | Standing::Missing { .. } => {}
            },
        }
    }

    fn line(&self, mood: Mood, verb: &str, what: &str) {
        if self.inner.quiet && mood != Mood::Bad {
            return;
        }
        self.print(&match (self.inner.colour, mood) {
            (Colour::Never, _) => format!("{verb:>12} {what}"),
            (Colour::Always, Mood::Good) => format!("\x1b[1;32m{verb:>12}\x1b[0m {what}"),
            (Colour::Always, Mood::Busy) => format!("\x1b[1;36m{verb:>12}\x1b[0m {what}"),
            (Colour::Always, Mood::Bad) => format!("\x1b[1;31m{verb:>12}\x1b[0m {what}"),
        });
    }

    fn print(&self, text: &str) {
        self.bar().suspend(|| {
            // A closed standard error is no reason to stop working.
            let _ = writeln!(std::io::stderr(), "{text}");
        });
    }

    fn bar(&self) -> std::sync::MutexGuard<'_, ProgressBar> {
        self.inner.bar.lock().expect("no holder panics")
    }
}
