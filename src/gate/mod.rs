//! What is looked at in a module after it was built, whatever its bits are: gates, each with a
//! verdict and its evidence. Pure.

mod paths;
mod readable;
mod secrets;
mod symbols;
mod symvers;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ko::{self, Module, SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, Width};

use readable::Readable;

pub use symvers::{Export, Symvers, SymversError};

/// How many findings of one gate are recorded.
const MOST_EVIDENCE: usize = 20;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// The ELF machine and class are those of the target.
    Elf,
    /// The vermagic begins with the target's kernel release.
    Vermagic,
    /// The kernel exports every symbol that the module wants, with the CRC that the module wants.
    Symbols,
    /// The licence allows the symbols that it uses.
    Licence,
    /// No section can be written and executed.
    WritableCode,
    /// No path of the build machine is in it.
    BuildPaths,
    /// No private key and no token is in it.
    Secrets,
}

impl Gate {
    pub const ALL: [Self; 7] = [
        Self::Elf,
        Self::Vermagic,
        Self::Symbols,
        Self::Licence,
        Self::WritableCode,
        Self::BuildPaths,
        Self::Secrets,
    ];

    /// Returns the name that records and messages use.
    pub fn id(self) -> &'static str {
        match self {
            Self::Elf => "elf",
            Self::Vermagic => "vermagic",
            Self::Symbols => "symbols",
            Self::Licence => "licence",
            Self::WritableCode => "writable-code",
            Self::BuildPaths => "build-paths",
            Self::Secrets => "secrets",
        }
    }

    /// Returns true if a module that does not pass was not built for the kernel that it is called
    /// for, whatever its inputs were.
    pub fn is_about_the_kernel(self) -> bool {
        match self {
            Self::Elf | Self::Vermagic | Self::Symbols => true,
            Self::Licence | Self::WritableCode | Self::BuildPaths | Self::Secrets => false,
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

/// What came of one gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Passed,
    Failed,
    /// What it needs was not there.
    Unknown,
}

/// One gate of one module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GateResult {
    pub gate: Gate,
    pub verdict: Verdict,
    /// What was found, in sentences.
    pub evidence: Vec<String>,
    /// How many findings more there are.
    #[serde(default)]
    pub left_out: u64,
}

/// All gates of one module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModuleGates {
    /// The path below the source directory.
    pub path: String,
    pub gates: Vec<GateResult>,
}

/// What the modules export that a module needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needed {
    /// It needs none.
    Nothing,
    /// They may export what it wants; nobody can tell.
    Unread,
    /// As their build says.
    Exports(Box<Symvers>),
}

impl Needed {
    fn exports(&self) -> Option<&Symvers> {
        match self {
            Self::Exports(symvers) => Some(symvers),
            Self::Nothing | Self::Unread => None,
        }
    }
}

/// What a module was built for, and among what.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    pub machine: u16,
    pub kernel_release: &'a str,
    /// What the kernel exports; `None` if its tree does not say.
    pub symvers: Option<&'a Symvers>,
    /// The names that modules of the same build export.
    pub beside: &'a [String],
    /// What modules export that were built before it.
    pub needed: &'a Needed,
    /// Directories of the build machine.
    pub directories: &'a [&'a str],
}

/// Looks at a module through every gate.
pub fn examine(bytes: &[u8], target: &Target<'_>) -> Vec<GateResult> {
    let module = match Module::parse(bytes) {
        Ok(module) => module,
        Err(error) => {
            let unknown = |gate| result(gate, Verdict::Unknown, vec![error.to_string()]);
            return Gate::ALL.into_iter().map(unknown).collect();
        }
    };
    let readable = readable::readable(&module);
    Gate::ALL
        .into_iter()
        .map(|gate| match gate {
            Gate::Elf => elf(&module, target),
            Gate::Vermagic => vermagic(&module, target),
            Gate::Symbols => symbols::symbols(&module, target),
            Gate::Licence => symbols::licence(&module, target),
            Gate::WritableCode => writable_code(&module),
            Gate::BuildPaths => paths::build_paths(&readable, target.directories),
            Gate::Secrets => secrets::secrets(&readable),
        })
        .collect()
}

/// Returns the names that a module exports: `EXPORT_SYMBOL` makes a `__ksymtab_NAME` of each (Linux,
/// `include/linux/export-internal.h`).
pub fn exported(bytes: &[u8]) -> Vec<String> {
    let Ok(module) = Module::parse(bytes) else {
        return Vec::new();
    };
    let names = module
        .symbols
        .iter()
        .filter_map(|symbol| symbol.name.strip_prefix(b"__ksymtab_"));
    names.map(ko::shown).collect()
}

fn result(gate: Gate, verdict: Verdict, mut evidence: Vec<String>) -> GateResult {
    let left_out = evidence.len().saturating_sub(MOST_EVIDENCE) as u64;
    evidence.truncate(MOST_EVIDENCE);
    GateResult {
        gate,
        verdict,
        evidence,
        left_out,
    }
}

/// Passes if nothing was found.
fn none_of(gate: Gate, found: Vec<String>) -> GateResult {
    let verdict = if found.is_empty() {
        Verdict::Passed
    } else {
        Verdict::Failed
    };
    result(gate, verdict, found)
}

/// Passes if nothing was found and everything was looked through.
fn none_where_read(gate: Gate, found: Vec<String>, readable: &Readable<'_>) -> GateResult {
    if found.is_empty() && !readable.unread.is_empty() {
        return result(gate, Verdict::Unknown, readable.unread.clone());
    }
    none_of(gate, found)
}

fn elf(module: &Module<'_>, target: &Target<'_>) -> GateResult {
    // System V ABI supplements: of the machines that there are kernels for, these are of 32 bits.
    const ARM: u16 = 40;
    let expected = if target.machine == ARM {
        Width::Bits32
    } else {
        Width::Bits64
    };
    let mut found = Vec::new();
    if module.machine != target.machine {
        let (is, wanted) = (module.machine, target.machine);
        found.push(format!("its machine is {is}, the target's is {wanted}"));
    }
    if module.width != expected {
        found.push("its class is not the target's".to_owned());
    }
    none_of(Gate::Elf, found)
}

fn vermagic(module: &Module<'_>, target: &Target<'_>) -> GateResult {
    let fields = ko::modinfo(module).unwrap_or_default();
    let of = |key: &str| fields.iter().find(|(name, _)| *name == key).map(|f| f.1);
    let Some(vermagic) = of("vermagic") else {
        let evidence = vec!["it has no vermagic".to_owned()];
        return result(Gate::Vermagic, Verdict::Failed, evidence);
    };
    let verdict = if vermagic.split(' ').next() == Some(target.kernel_release) {
        Verdict::Passed
    } else {
        Verdict::Failed
    };
    let shown: String = vermagic.trim_end().chars().take(128).collect();
    let evidence = format!("vermagic `{shown}`, target `{}`", target.kernel_release);
    result(Gate::Vermagic, verdict, vec![evidence])
}

fn writable_code(module: &Module<'_>) -> GateResult {
    const BOTH: u64 = SHF_ALLOC | SHF_WRITE | SHF_EXECINSTR;
    let found = module
        .parts
        .iter()
        .filter(|part| part.flags & BOTH == BOTH)
        .map(|part| format!("`{}` can be written and executed", part.name));
    none_of(Gate::WritableCode, found.collect())
}

#[cfg(test)]
mod tests;
