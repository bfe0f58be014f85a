//! What has changed in archives, as people and programs read it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::kernels::time;
use crate::catalog::change::{Change, Replaced, successor};
use crate::catalog::look::Look;
use crate::catalog::version_order::VersionOrder;
use crate::catalog::{Kernel, SuiteRecord, UnresolvedKernel};
use crate::exit::Exit;
use crate::lock::{Lock, LockedTarget};
use crate::name::{ArchiveName, CellId, Suite, Target};
use crate::plan::Plan;

/// What is different at one distribution release.
#[derive(Debug)]
pub struct Compared<'a> {
    /// Such as `debian-12`.
    pub name: String,
    /// `None` if nobody looked before.
    pub before: Option<&'a Look>,
    pub now: &'a Look,
    pub change: Change<'a>,
    /// Locked kernels that are not there any more, each with the lock's name.
    pub lost: Vec<(&'a str, &'a Target)>,
    /// Whether `now` was recorded in the place of `before`.
    pub is_recorded: bool,
}

/// What `kernels update --format json` and `kernels diff --format json` print.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangesDocument<'a> {
    schema_version: u32,
    exit: u8,
    distro_releases: Vec<ComparedDocument<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ComparedDocument<'a> {
    name: &'a str,
    looked_before: Option<Timestamp>,
    looked_now: Option<Timestamp>,
    recorded: bool,
    /// How many kernels there were; `null` if nobody looked before.
    kernels_before: Option<usize>,
    kernels_now: usize,
    suites: Vec<SuiteDates<'a>>,
    new: Vec<KernelLine<'a>>,
    gone: Vec<KernelLine<'a>>,
    superseded: Vec<KernelLine<'a>>,
    unresolved: &'a [UnresolvedKernel],
    locked_and_gone: Vec<LockedKernel<'a>>,
}

/// The dates of the two states of a suite.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SuiteDates<'a> {
    archive: &'a ArchiveName,
    suite: &'a Suite,
    before: Option<Timestamp>,
    now: Timestamp,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct KernelLine<'a> {
    name: String,
    target: &'a Target,
    built: Option<Timestamp>,
    /// The kernel that stands for it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LockedKernel<'a> {
    lock: &'a str,
    name: String,
}

impl<'a> From<&Replaced<'a>> for KernelLine<'a> {
    fn from(replaced: &Replaced<'a>) -> Self {
        Self {
            name: replaced.kernel.target.to_string(),
            target: &replaced.kernel.target,
            built: replaced.kernel.built,
            by: replaced.by.map(ToString::to_string),
        }
    }
}

impl<'a> ChangesDocument<'a> {
    /// Puts together what changed and how the command ends.
    pub fn new(exit: Exit, compared: &'a [Compared<'a>]) -> Self {
        Self {
            schema_version: 1,
            exit: exit.code(),
            distro_releases: compared.iter().map(ComparedDocument::from).collect(),
        }
    }
}

impl<'a> From<&'a Compared<'a>> for ComparedDocument<'a> {
    fn from(compared: &'a Compared<'a>) -> Self {
        let Compared {
            name,
            before,
            now,
            change,
            lost,
            is_recorded,
        } = compared;
        let by_itself = |kernel| Replaced { kernel, by: None };
        Self {
            name,
            looked_before: before.and_then(|look| look.at),
            looked_now: now.at,
            recorded: *is_recorded,
            kernels_before: before.map(|look| look.list.kernels.len()),
            kernels_now: now.list.kernels.len(),
            suites: suites(compared),
            new: change
                .new
                .iter()
                .map(|kernel| KernelLine::from(&by_itself(kernel)))
                .collect(),
            gone: change.gone.iter().map(KernelLine::from).collect(),
            superseded: change.superseded.iter().map(KernelLine::from).collect(),
            unresolved: change.unresolved,
            locked_and_gone: lost
                .iter()
                .map(|(lock, target)| LockedKernel {
                    lock,
                    name: target.to_string(),
                })
                .collect(),
        }
    }
}

fn suites<'a>(compared: &Compared<'a>) -> Vec<SuiteDates<'a>> {
    let before = compared
        .before
        .map_or(&[][..], |look| look.list.suites.as_slice());
    let is_same = |a: &SuiteRecord, b: &SuiteRecord| {
        a.archive == b.archive && a.suite == b.suite && a.arch == b.arch
    };
    compared
        .now
        .list
        .suites
        .iter()
        .map(|suite| SuiteDates {
            archive: &suite.archive,
            suite: &suite.suite,
            before: before
                .iter()
                .find(|old| is_same(old, suite))
                .map(|old| old.date),
            now: suite.date,
        })
        .collect()
}

/// Prints what changed, a line per kernel.
pub fn print_changes(to: &mut impl Write, all: &[Compared<'_>]) -> io::Result<()> {
    for (index, compared) in all.iter().enumerate() {
        if index > 0 {
            writeln!(to)?;
        }
        let Compared {
            name,
            before,
            now,
            change,
            lost,
            is_recorded: _,
        } = compared;
        writeln!(
            to,
            "{name}: {} kernels, {} new, {} gone, {} superseded, {} cannot be had",
            now.list.kernels.len(),
            change.new.len(),
            change.gone.len(),
            change.superseded.len(),
            change.unresolved.len()
        )?;
        match before {
            Some(look) => writeln!(
                to,
                "  looked at {} ({} kernels), and now at {}",
                time(look.at),
                look.list.kernels.len(),
                time(now.at)
            )?,
            None => writeln!(to, "  never looked at before; now at {}", time(now.at))?,
        }
        for suite in suites(compared) {
            let before = suite
                .before
                .map_or_else(|| "never read".to_owned(), |at| time(Some(at)));
            let state = if suite.before == Some(suite.now) {
                format!("still of {before}")
            } else {
                format!("of {}, before {before}", time(Some(suite.now)))
            };
            writeln!(to, "  {}/{} {state}", suite.archive, suite.suite)?;
        }
        for kernel in &change.new {
            writeln!(to, "  new         {}", kernel.target)?;
        }
        print_replaced(to, "gone", &change.gone)?;
        print_replaced(to, "superseded", &change.superseded)?;
        for kernel in change.unresolved {
            writeln!(
                to,
                "  unresolved  {}/{}={}: {}",
                kernel.arch, kernel.kernel_release, kernel.package_version, kernel.reason
            )?;
        }
        for (lock, target) in lost {
            writeln!(
                to,
                "  locked      {target} has gone, and the lock {lock} has it"
            )?;
        }
    }
    Ok(())
}

fn print_replaced(to: &mut impl Write, word: &str, all: &[Replaced<'_>]) -> io::Result<()> {
    for replaced in all {
        write!(to, "  {word:<10}  {}", replaced.kernel.target)?;
        if let Some(by) = replaced.by {
            write!(to, ", by {}={}", by.kernel_release, by.package_version)?;
        }
        writeln!(to)?;
    }
    Ok(())
}

/// What is different between a lock and what its matrix would select from the archives now.
#[derive(Debug)]
pub struct LockChange<'a> {
    /// Cells that the lock has not.
    pub new: Vec<&'a CellId>,
    /// Locked cells that would not be selected any more.
    pub left: Vec<LeftCell<'a>>,
    /// Cells that are in both, but whose packages are others.
    pub other_packages: Vec<&'a CellId>,
    /// How many cells stay as they are.
    pub same: usize,
}

/// A locked cell that would not be selected any more, and why.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftCell<'a> {
    pub id: &'a CellId,
    /// Whether the archives have its kernel no longer.
    pub gone: bool,
    /// The newest kernel that supersedes its own.
    pub by: Option<&'a Target>,
}

/// What `kernels diff MATRIX --format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LockChangeDocument<'a> {
    schema_version: u32,
    same: usize,
    new: &'a [&'a CellId],
    left: &'a [LeftCell<'a>],
    other_packages: &'a [&'a CellId],
}

impl<'a> From<&'a LockChange<'a>> for LockChangeDocument<'a> {
    fn from(change: &'a LockChange<'a>) -> Self {
        Self {
            schema_version: 1,
            same: change.same,
            new: &change.new,
            left: &change.left,
            other_packages: &change.other_packages,
        }
    }
}

impl<'a> LockChange<'a> {
    /// Compares a lock with a plan over the kernels that there are now.
    pub fn new(lock: &'a Lock, plan: &'a Plan, looks: &'a [Look]) -> Self {
        let locked: BTreeMap<&CellId, &LockedTarget> = lock
            .cells
            .iter()
            .filter_map(|cell| Some((&cell.id, lock.targets.get(cell.target)?)))
            .collect();
        let planned: BTreeSet<&CellId> = plan.cells.iter().map(|cell| &cell.id).collect();
        let there: BTreeMap<&Target, &Kernel> = looks
            .iter()
            .flat_map(|look| {
                look.list
                    .kernels
                    .iter()
                    .map(|kernel| (&kernel.target, kernel))
            })
            .collect();
        let list_of = |target: &Target| {
            looks.iter().map(|look| &look.list).find(|list| {
                list.distro == target.distro && list.distro_release == target.distro_release
            })
        };
        let mut change = Self {
            new: Vec::new(),
            left: Vec::new(),
            other_packages: Vec::new(),
            same: 0,
        };
        for cell in &plan.cells {
            let Some(target) = locked.get(&cell.id) else {
                change.new.push(&cell.id);
                continue;
            };
            let kernel = there.get(&*cell.target);
            if kernel.is_some_and(|kernel| kernel.packages == target.packages) {
                change.same += 1;
            } else {
                change.other_packages.push(&cell.id);
            }
        }
        for cell in &lock.cells {
            let Some(locked) = locked.get(&cell.id).filter(|_| !planned.contains(&cell.id)) else {
                continue;
            };
            change.left.push(LeftCell {
                id: &cell.id,
                gone: !there.contains_key(&locked.target),
                by: list_of(&locked.target).and_then(|list| {
                    successor(&locked.target, &list.kernels, VersionOrder::of(list.format))
                }),
            });
        }
        change
    }
}

/// Prints what a lock would gain and lose.
pub fn print_lock_change(to: &mut impl Write, change: &LockChange<'_>) -> io::Result<()> {
    for id in &change.new {
        writeln!(to, "new       {id}")?;
    }
    for left in &change.left {
        let why = if left.gone { "gone" } else { "left out" };
        write!(to, "{why:<8}  {}", left.id)?;
        if let Some(by) = left.by {
            write!(
                to,
                ", superseded by {}={}",
                by.kernel_release, by.package_version
            )?;
        }
        writeln!(to)?;
    }
    for id in &change.other_packages {
        writeln!(to, "repinned  {id}")?;
    }
    writeln!(
        to,
        "{} cells stay, {} new, {} no longer, {} with other packages",
        change.same,
        change.new.len(),
        change.left.len(),
        change.other_packages.len()
    )
}
