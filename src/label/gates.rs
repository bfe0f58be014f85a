//! What gates found in the modules, and what that takes from the grade of the interface.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gate::{Gate, Verdict};
use crate::label::Grade;

/// One module that some attempt made, and what gates say of it in every attempt that made it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examined {
    /// The module's path below the source.
    pub module: String,
    /// A gate that was not recorded of every attempt is not here, unless it failed in one.
    pub gates: BTreeMap<Gate, Seen>,
}

/// What came of one gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The worst of all attempts.
    pub verdict: Verdict,
    /// The first of the evidence.
    pub because: String,
}

/// A gate that a module did not pass, or of which nobody knows whether it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub gate: Gate,
    /// The module's path below the source.
    pub module: String,
    /// `failed` or `unknown`.
    pub verdict: Verdict,
    /// The first of the evidence.
    pub because: String,
}

/// Returns every gate that is not known to be passed, by module.
pub(super) fn findings(examined: &[Examined]) -> Vec<Finding> {
    let of = |module: &Examined| -> Vec<Finding> {
        let each = Gate::ALL.into_iter();
        each.filter_map(|gate| finding(module, gate)).collect()
    };
    examined.iter().flat_map(of).collect()
}

fn finding(module: &Examined, gate: Gate) -> Option<Finding> {
    let (verdict, because) = match module.gates.get(&gate) {
        None => (Verdict::Unknown, "it is not recorded of every attempt"),
        Some(seen) => match seen.verdict {
            Verdict::Passed => return None,
            Verdict::Failed | Verdict::Unknown => (seen.verdict, seen.because.as_str()),
        },
    };
    Some(Finding {
        gate,
        module: module.module.clone(),
        verdict,
        because: because.to_owned(),
    })
}

/// Lowers the grade of the interface where a module is not known to have been built for it: what is
/// known of the kernel's tree then says nothing about this module. That nobody could look counts like
/// a failure, or to take away what a gate needs would raise a label.
pub(super) fn built_for(
    (grade, because): (Grade, String),
    examined: &[Examined],
) -> (Grade, String) {
    if examined.is_empty() {
        let because = "nobody looked whether the modules fit the kernel".to_owned();
        return (Grade::InterfaceUnpinned, because);
    }
    let all = findings(examined);
    let of_the_kernel = || all.iter().filter(|found| found.gate.is_about_the_kernel());
    let failed = of_the_kernel().find(|found| found.verdict == Verdict::Failed);
    let Some(found) = failed.or_else(|| of_the_kernel().next()) else {
        return (grade, because);
    };
    let Finding {
        gate,
        module,
        verdict,
        because,
    } = found;
    let says = match verdict {
        Verdict::Failed => "does not fit the kernel",
        Verdict::Unknown | Verdict::Passed => "is not known to fit the kernel",
    };
    (
        Grade::InterfaceUnpinned,
        format!("`{module}` {says} (gate `{gate}`): {because}"),
    )
}
