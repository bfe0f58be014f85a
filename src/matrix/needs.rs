//! Modules that need others: every name known, and no module needing itself by any way.

use crate::document::{ProblemCode, Read, Reported, Value, suggest};
use crate::matrix::definition::ModuleEntry;
use crate::name::ModuleName;

/// A need as it is written: who needs which other module, and the value that says so.
pub(super) struct Need<'d> {
    pub by: ModuleName,
    pub needed: ModuleName,
    pub value: Value<'d>,
}

/// Refuses needs that nothing can meet.
pub(super) fn check(modules: &[ModuleEntry], needs: &[Need<'_>]) -> Read<()> {
    let mut reported = None;
    let known: Vec<&str> = modules.iter().map(|module| module.name.as_str()).collect();
    for need in needs {
        if !known.contains(&need.needed.as_str()) {
            let message = format!("the matrix has no module `{}`", need.needed);
            let hint = suggest(need.needed.as_str(), &known);
            reported = Some(refuse(need, ProblemCode::BadValue, message, Some(hint)));
        }
    }
    for (index, need) in needs.iter().enumerate() {
        // A cycle is told once: at the first need of the file that is part of it.
        let Some(way) = way(needs, &need.needed, &need.by) else {
            continue;
        };
        let is_first = !needs[..index]
            .iter()
            .any(|earlier| way.contains(&&earlier.by) && way.contains(&&earlier.needed));
        if is_first {
            let names: Vec<String> = std::iter::once(&need.by)
                .chain(way)
                .map(|name| format!("`{name}`"))
                .collect();
            let message = format!("modules need each other: {}", names.join(" needs "));
            reported = Some(refuse(need, ProblemCode::Conflict, message, None));
        }
    }
    reported.map_or(Ok(()), Err)
}

/// Returns the modules on the way from one to another, both included; `None` if there is no way.
fn way<'n>(
    needs: &'n [Need<'_>],
    from: &'n ModuleName,
    to: &ModuleName,
) -> Option<Vec<&'n ModuleName>> {
    let mut ways = vec![vec![from]];
    let mut seen = vec![from];
    while let Some(way) = ways.pop() {
        let last = way.last().copied()?;
        if last == to {
            return Some(way);
        }
        for need in needs.iter().filter(|need| need.by == *last) {
            if !seen.contains(&&need.needed) {
                seen.push(&need.needed);
                let mut longer = way.clone();
                longer.push(&need.needed);
                ways.push(longer);
            }
        }
    }
    None
}

fn refuse(need: &Need<'_>, code: ProblemCode, message: String, hint: Option<String>) -> Reported {
    need.value.refuse(code, message, hint)
}
