//! What the caller expects, and what the module itself says.

use super::case::Case;
use super::found::Found;
use super::others::listed;
use super::version;
use super::what::{every, source_of};
use crate::name::CellId;

/// What a rule says that was not asked for.
const NOTHING: &str = "the caller expects nothing in particular";

pub(super) fn expectations(case: &Case<'_>) -> Found {
    let mut expects = case.policy.expects.iter();
    match expects.find(|expected| !case.expectation.has(**expected)) {
        Some(expected) => Found::missing(format!(
            "the policy wants the caller to say which {expected} it expects"
        )),
        None if case.policy.expects.is_empty() => Found::holds("the caller need not say anything"),
        None => {
            let words: Vec<&str> = case.policy.expects.iter().map(|e| e.word()).collect();
            Found::holds(format!("the caller says: {}", words.join(", ")))
        }
    }
}

pub(super) fn source(case: &Case<'_>) -> Found {
    let Some(wanted) = &case.expectation.source else {
        return Found::holds(NOTHING);
    };
    every(case, |_, provenance| {
        let found = source_of(provenance)?;
        let with_commit = found.commit.map(|commit| format!("{}@{commit}", found.uri));
        let is_uri = |text: &str| text == wanted || text.strip_prefix("git+") == Some(wanted);
        let is_it = !found.uri.is_empty()
            && (is_uri(found.uri) || with_commit.is_some_and(|uri| is_uri(&uri)));
        if is_it || *wanted == found.tree.to_string() {
            return Ok(format!("the source is `{wanted}`"));
        }
        let shown = found.shown();
        Err(Found::fails(format!(
            "the caller expects `{wanted}`, and the source is {shown}"
        )))
    })
}

pub(super) fn commit(case: &Case<'_>) -> Found {
    let Some(wanted) = &case.expectation.commit else {
        return Found::holds(NOTHING);
    };
    every(case, |_, provenance| {
        let found = source_of(provenance)?;
        match found.commit {
            Some(commit) if commit == wanted => Ok(format!("the commit is {commit}")),
            Some(_) | None => {
                let shown = found.shown();
                Err(Found::fails(format!(
                    "the caller expects {wanted}, and the source is {shown}"
                )))
            }
        }
    })
}

pub(super) fn kernel(case: &Case<'_>) -> Found {
    let wanted = case.expectation.kernel.as_ref();
    of_cell(case, "kernel", wanted, |cell| cell.kernel_release.clone())
}

pub(super) fn arch(case: &Case<'_>) -> Found {
    of_cell(
        case,
        "architecture",
        case.expectation.arch.as_ref(),
        |cell| cell.arch,
    )
}

pub(super) fn module(case: &Case<'_>) -> Found {
    let wanted = case.expectation.module.as_ref();
    if let (Some(wanted), Ok(module)) = (wanted, &case.artifact.module)
        && module.facts.name.as_deref() == Some(wanted.as_str())
    {
        return Found::holds(format!("the kernel knows it as `{wanted}`"));
    }
    of_cell(case, "module", wanted, |cell| cell.module.clone())
}

fn of_cell<T: PartialEq + std::fmt::Display>(
    case: &Case<'_>,
    noun: &str,
    wanted: Option<&T>,
    part: impl Fn(&CellId) -> T,
) -> Found {
    let Some(wanted) = wanted else {
        return Found::holds(NOTHING);
    };
    let Some(cell) = case.cell() else {
        return Found::missing(format!("no provenance says which {noun} it is for"));
    };
    let found = part(cell);
    if found == *wanted {
        return Found::holds(format!("the {noun} is {found}"));
    }
    Found::fails(format!(
        "the caller expects the {noun} {wanted}, and it is for {found}"
    ))
}

/// The cell as a whole: where a module lies in a release says it, its distribution and the version of its
/// kernel's package included.
pub(super) fn cell(case: &Case<'_>) -> Found {
    of_cell(case, "cell", case.expectation.cell.as_ref(), CellId::clone)
}

pub(super) fn kernel_version(case: &Case<'_>) -> Found {
    let wanted = case.expectation.kernel_version.as_ref();
    of_cell(case, "version of the kernel's package", wanted, |cell| {
        cell.package_version.clone()
    })
}

pub(super) fn version(case: &Case<'_>) -> Found {
    let Some(wanted) = &case.expectation.version else {
        return Found::holds(NOTHING);
    };
    let found = version::all_of_module(case);
    if let Some(same) = found.iter().find(|one| one.version == *wanted) {
        return Found::holds(format!("it is {wanted} by {}", same.said_by));
    }
    let said: Vec<String> = found
        .iter()
        .map(|one| format!("{} by {}", one.version.escape_debug(), one.said_by))
        .collect();
    if said.is_empty() {
        return Found::missing("neither the module nor its source says a version");
    }
    let said = said.join(" and ");
    Found::fails(format!(
        "the caller expects version {wanted}, and it is {said}"
    ))
}

pub(super) fn release(case: &Case<'_>) -> Found {
    let Some(wanted) = &case.expectation.release else {
        return Found::holds(NOTHING);
    };
    let mut others = Vec::new();
    for (claim, scope) in case.scopes() {
        if claim.signer.is_none() {
            continue;
        }
        if scope.release != *wanted {
            others.push(scope.release.as_str());
            continue;
        }
        if let Err(why) = listed(case, scope) {
            return Found::fails(why);
        }
        return Found::holds(format!("the scope of `{wanted}` lists it"));
    }
    match others.first() {
        Some(other) => Found::fails(format!(
            "the caller expects `{wanted}`, and it is listed in `{other}`"
        )),
        None => Found::missing(format!("no scope statement of `{wanted}` lists it")),
    }
}

pub(super) fn vermagic(case: &Case<'_>) -> Found {
    let module = match &case.artifact.module {
        Ok(module) => module,
        Err(why) => return Found::fails(format!("it is no kernel module: {why}")),
    };
    let Some(cell) = case.cell() else {
        return Found::missing("no provenance says which kernel it is for");
    };
    let vermagic = module.facts.vermagic.as_deref().unwrap_or_default();
    let release = vermagic.split(' ').next().unwrap_or_default();
    if release != cell.kernel_release.as_str() {
        return Found::fails(format!(
            "its vermagic begins with `{}`, and its cell is of {}",
            release.escape_debug(),
            cell.kernel_release
        ));
    }
    if module.facts.machine != cell.arch.elf_machine() {
        let machine = module.facts.machine;
        return Found::fails(format!(
            "its machine is {machine}, and its cell is of {}",
            cell.arch
        ));
    }
    Found::holds(format!("it is of {release}, {}", cell.arch))
}
