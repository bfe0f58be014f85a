//! Lists of kernels, and one kernel, as people and programs read them.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::class_of;
use crate::catalog::facts::DistroFacts;
use crate::catalog::look::Look;
use crate::catalog::{DistroKernels, Kernel, PackageRef, SuiteRecord};
use crate::name::{CellId, Target};
use crate::run::Assessment;

/// One list, when it was made, and the facts that it was made by.
#[derive(Debug)]
pub struct Listed {
    pub facts: DistroFacts,
    pub at: Option<Timestamp>,
    pub list: DistroKernels,
}

/// What `kernels list --format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListDocument<'a> {
    schema_version: u32,
    distro_releases: Vec<ListedDocument<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ListedDocument<'a> {
    name: String,
    looked_at: Option<Timestamp>,
    checked: jiff::civil::Date,
    checked_against: &'static str,
    #[serde(flatten)]
    list: &'a DistroKernels,
}

impl<'a> From<&'a [Listed]> for ListDocument<'a> {
    fn from(listed: &'a [Listed]) -> Self {
        Self {
            schema_version: 1,
            distro_releases: listed
                .iter()
                .map(|Listed { facts, at, list }| ListedDocument {
                    name: facts.name(),
                    looked_at: *at,
                    checked: facts.checked,
                    checked_against: facts.checked_against.as_str(),
                    list,
                })
                .collect(),
        }
    }
}

/// Prints a heading per distribution release, its suites, and a line per kernel.
pub fn print_kernels(to: &mut impl Write, listed: &[Listed]) -> io::Result<()> {
    for (index, Listed { facts, at, list }) in listed.iter().enumerate() {
        if index > 0 {
            writeln!(to)?;
        }
        writeln!(
            to,
            "{}: {} kernels, looked at {}; facts checked {} against {}",
            facts.name(),
            list.kernels.len(),
            time(*at),
            facts.checked,
            against(facts.checked_against.as_str())
        )?;
        for suite in &list.suites {
            print_suite(to, suite)?;
        }
        for kernel in &list.kernels {
            let target = &kernel.target;
            let date = dated(kernel, &list.suites);
            writeln!(
                to,
                "{}-{} {} {:<28} {:<8} {:<22} {date}",
                target.distro,
                target.distro_release,
                target.arch,
                target.kernel_release,
                target.flavour,
                target.package_version
            )?;
        }
        for kernel in &list.unresolved {
            writeln!(
                to,
                "{}-{} {} {:<28} cannot be had: {}",
                list.distro, list.distro_release, kernel.arch, kernel.kernel_release, kernel.reason
            )?;
        }
    }
    Ok(())
}

fn against(word: &str) -> &str {
    match word {
        "live" => "the live archive",
        other => other,
    }
}

/// Says when a time was; of lists that older programs made it is not known.
pub(super) fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(
        || "at an unknown time".to_owned(),
        |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}

fn print_suite(to: &mut impl Write, suite: &SuiteRecord) -> io::Result<()> {
    let date = suite.date.strftime("%Y-%m-%d %H:%M UTC");
    let keys: Vec<String> = suite.signed_by.iter().map(ToString::to_string).collect();
    let signed = if keys.is_empty() {
        "signed by nobody".to_owned()
    } else {
        format!("signed by {}", keys.join(", "))
    };
    let arch = suite
        .arch
        .map_or_else(String::new, |arch| format!(" {arch}"));
    writeln!(
        to,
        "  {}/{}{arch} of {date}, {signed}",
        suite.archive, suite.suite
    )?;
    for exception in &suite.exceptions {
        writeln!(to, "    check turned off: {exception}")?;
    }
    Ok(())
}

/// Says when a kernel was built or, where the index does not tell, of when the suite is that has it.
fn dated(kernel: &Kernel, suites: &[SuiteRecord]) -> String {
    if let Some(built) = kernel.built {
        return format!("built {}", built.strftime("%Y-%m-%d"));
    }
    let Some(header) = kernel.header() else {
        return String::new();
    };
    match suite_of(header, suites) {
        Some(suite) => format!("{} of {}", suite.suite, suite.date.strftime("%Y-%m-%d")),
        None => header.suite.to_string(),
    }
}

fn suite_of<'s>(package: &PackageRef, suites: &'s [SuiteRecord]) -> Option<&'s SuiteRecord> {
    suites
        .iter()
        .find(|suite| suite.archive == package.archive && suite.suite == package.suite)
}

/// What `kernels show --format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KernelDocument<'a> {
    schema_version: u32,
    /// The target as it is called.
    name: String,
    target: &'a Target,
    built: Option<Timestamp>,
    looked_at: Option<Timestamp>,
    checked: Option<jiff::civil::Date>,
    checked_against: Option<&'static str>,
    packages: &'a [PackageRef],
    /// The suites that the packages are from.
    vouched: Vec<&'a SuiteRecord>,
    /// The locks that have it.
    locks: &'a [String],
    cells: Vec<KernelCell<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct KernelCell<'a> {
    id: &'a CellId,
    standing: &'static str,
    /// The tier with its qualifiers; `null` without a label.
    label: Option<String>,
}

impl<'a> KernelDocument<'a> {
    /// Puts together what is known of a kernel of a list.
    pub fn new(
        look: &'a Look,
        kernel: &'a Kernel,
        facts: Option<&DistroFacts>,
        locks: &'a [String],
        cells: &'a [Assessment],
    ) -> Self {
        let vouches = |suite: &&SuiteRecord| {
            kernel
                .packages
                .iter()
                .any(|package| package.archive == suite.archive && package.suite == suite.suite)
        };
        Self {
            schema_version: 1,
            name: kernel.target.to_string(),
            target: &kernel.target,
            built: kernel.built,
            looked_at: look.at,
            checked: facts.map(|facts| facts.checked),
            checked_against: facts.map(|facts| facts.checked_against.as_str()),
            packages: &kernel.packages,
            vouched: look.list.suites.iter().filter(vouches).collect(),
            locks,
            cells: cells
                .iter()
                .map(|assessment| KernelCell {
                    id: &assessment.cell.id,
                    standing: class_of(&assessment.standing),
                    label: assessment.label().map(crate::label::Label::word),
                })
                .collect(),
        }
    }
}

/// Prints everything about one kernel.
pub fn print_kernel(to: &mut impl Write, kernel: &KernelDocument<'_>) -> io::Result<()> {
    let target = kernel.target;
    writeln!(to, "{}", kernel.name)?;
    writeln!(
        to,
        "{} {}, {}, flavour {}, kernel release {}, package version {}",
        target.distro,
        target.distro_release,
        target.arch,
        target.flavour,
        target.kernel_release,
        target.package_version
    )?;
    if let Some(built) = kernel.built {
        writeln!(to, "built {}", time(Some(built)))?;
    }
    writeln!(to, "looked at {}", time(kernel.looked_at))?;
    if let (Some(checked), Some(word)) = (kernel.checked, kernel.checked_against) {
        writeln!(to, "facts checked {checked} against {}", against(word))?;
    }
    writeln!(to, "vouched for by")?;
    for suite in &kernel.vouched {
        print_suite(to, suite)?;
    }
    writeln!(to, "packages")?;
    for package in kernel.packages {
        writeln!(
            to,
            "  {} {} {} ({}/{}, {} bytes)",
            package.name,
            package.version,
            package.architecture,
            package.archive,
            package.suite,
            package.bytes
        )?;
        writeln!(to, "    {}", package.sha256)?;
    }
    match kernel.locks {
        [] => writeln!(to, "in no lock")?,
        locks => writeln!(to, "in the locks {}", locks.join(", "))?,
    }
    for cell in &kernel.cells {
        let label = cell.label.as_deref().unwrap_or(cell.standing);
        writeln!(to, "cell {}: {label}", cell.id)?;
    }
    if kernel.cells.is_empty() {
        writeln!(to, "no cell of it is recorded")?;
    }
    Ok(())
}
