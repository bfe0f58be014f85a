//! What a module wants of the kernel, and whether its licence allows that.

use std::collections::BTreeMap;

use super::{Export, Gate, GateResult, Needed, Symvers, Target, Verdict, none_of, result};
use crate::ko::{self, Module, Symbol, SymbolPlace};

/// Licences that count as compatible with the kernel's (Linux, `include/linux/license.h`).
const COMPATIBLE: [&str; 6] = [
    "GPL",
    "GPL v2",
    "GPL and additional rights",
    "Dual BSD/GPL",
    "Dual MIT/GPL",
    "Dual MPL/GPL",
];

/// Returns the symbols that a module wants of others.
///
/// Left out are weak ones, which may be missing, and those that the loader makes up (Linux,
/// `scripts/mod/modpost.c`, `ignore_undef_symbol`).
fn wanted(module: &Module<'_>) -> Vec<String> {
    let is_made_up = |name: &[u8]| {
        matches!(
            name,
            b"" | b"_GLOBAL_OFFSET_TABLE_" | b"__this_module" | b".TOC." | b"TOC."
        ) || [
            &b"_restgpr"[..],
            b"_savegpr",
            b"_rest32gpr",
            b"_save32gpr",
            b"_restvr",
            b"_savevr",
        ]
        .iter()
        .any(|begin| name.starts_with(begin))
    };
    module
        .symbols
        .iter()
        .filter(|symbol| {
            symbol.place == SymbolPlace::Undefined
                && symbol.binding != Symbol::WEAK
                && !is_made_up(symbol.name)
        })
        .map(Symbol::shown)
        .collect()
}

/// Returns how a symbol is exported by the first of these that does, and whether its list has CRCs.
fn exported<'a>(name: &str, lists: &[Option<&'a Symvers>]) -> Option<(&'a Export, bool)> {
    let mut lists = lists.iter().flatten();
    lists.find_map(|list| Some((list.get(name)?, list.has_crcs)))
}

/// Holds what a module wants against what the kernel exports.
pub(super) fn symbols(module: &Module<'_>, target: &Target<'_>) -> GateResult {
    let Some(symvers) = target.symvers else {
        let evidence = vec!["the kernel's tree has no readable `Module.symvers`".to_owned()];
        return result(Gate::Symbols, Verdict::Unknown, evidence);
    };
    let versions = match ko::versions(module) {
        Ok(versions) => versions,
        Err(error) => return result(Gate::Symbols, Verdict::Failed, vec![error.to_string()]),
    };
    let versions: BTreeMap<String, u32> = versions
        .into_iter()
        .map(|version| (ko::shown(version.name), version.crc))
        .collect();
    let fields = ko::modinfo(module).unwrap_or_default();
    let imports = |namespace: &str| fields.contains(&("import_ns", namespace));
    let (mut failed, mut unknown) = (Vec::new(), Vec::new());
    let wanted = wanted(module);
    for name in &wanted {
        if target.beside.contains(name) {
            continue;
        }
        let of_needed = target.needed.exports();
        let Some((export, has_crcs)) = exported(name, &[Some(symvers), of_needed]) else {
            match target.needed {
                Needed::Unread => unknown.push(format!(
                    "`{name}` is not exported by the kernel, maybe by what it needs"
                )),
                Needed::Nothing | Needed::Exports(_) => {
                    failed.push(format!("`{name}` is not exported"));
                }
            }
            continue;
        };
        if let Some(namespace) = &export.namespace
            && !imports(namespace)
        {
            failed.push(format!(
                "`{name}` is of the namespace `{namespace}`, which it does not import"
            ));
        }
        if !has_crcs {
            continue;
        }
        match versions.get(name) {
            Some(crc) if *crc == export.crc => {}
            Some(crc) => failed.push(format!(
                "`{name}` has CRC {crc:#010x}, it is exported with {:#010x}",
                export.crc
            )),
            None => failed.push(format!("`{name}` has no CRC")),
        }
    }
    // `module_layout` stands for how the kernel and the module see a module itself.
    let layout = symvers.get("module_layout");
    if let (Some(export), Some(crc)) = (layout, versions.get("module_layout"))
        && export.crc != *crc
    {
        failed.push("`module_layout` has another CRC than the kernel's".to_owned());
    }
    if !failed.is_empty() {
        return result(Gate::Symbols, Verdict::Failed, failed);
    }
    if !unknown.is_empty() {
        return result(Gate::Symbols, Verdict::Unknown, unknown);
    }
    let how = if symvers.has_crcs {
        "with the CRC of each"
    } else {
        "which has no CRCs"
    };
    let count = wanted.len();
    let beside = match target.needed {
        Needed::Exports(needed) => format!(" or in that of what it needs, {},", needed.digest),
        Needed::Nothing | Needed::Unread => ",".to_owned(),
    };
    let evidence = format!(
        "{count} symbols are in `Module.symvers` {}{beside} {how}",
        symvers.digest
    );
    result(Gate::Symbols, Verdict::Passed, vec![evidence])
}

/// Says what the licence is, and what loading the module taints the kernel with (Linux,
/// `Documentation/admin-guide/tainted-kernels.rst`).
pub(super) fn licence(module: &Module<'_>, target: &Target<'_>) -> GateResult {
    let fields = ko::modinfo(module).unwrap_or_default();
    let licences: Vec<&str> = fields
        .iter()
        .filter(|(key, _)| *key == "license")
        .map(|(_, value)| *value)
        .collect();
    if licences.is_empty() {
        return none_of(Gate::Licence, vec!["it names no licence".to_owned()]);
    }
    let is_compatible = licences.iter().all(|licence| COMPATIBLE.contains(licence));
    if !is_compatible && let Some(symvers) = target.symvers {
        let lists = [Some(symvers), target.needed.exports()];
        let is_gpl_only =
            |name: &String| exported(name, &lists).is_some_and(|(export, _)| export.gpl_only);
        let found: Vec<String> = wanted(module)
            .into_iter()
            .filter(is_gpl_only)
            .map(|name| {
                let licence = licences.join("`, `");
                format!("`{name}` is for modules under the GPL, and its licence is `{licence}`")
            })
            .collect();
        if !found.is_empty() {
            return result(Gate::Licence, Verdict::Failed, found);
        }
    }
    let mut taints = Vec::new();
    if !is_compatible {
        taints.push("P (proprietary)");
    }
    if !fields.contains(&("intree", "Y")) {
        taints.push("O (out of tree)");
    }
    if fields.iter().any(|(key, _)| *key == "staging") {
        taints.push("C (staging)");
    }
    let evidence = format!(
        "licence `{}`; loading it taints: {}",
        licences.join("`, `"),
        if taints.is_empty() {
            "nothing".to_owned()
        } else {
            taints.join(", ")
        }
    );
    let verdict = match (is_compatible, target.symvers) {
        (true, _) | (false, Some(_)) => Verdict::Passed,
        (false, None) => Verdict::Unknown,
    };
    result(Gate::Licence, verdict, vec![evidence])
}
