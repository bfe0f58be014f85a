//! The scope statement: which cells a release promises, which of them were built, and of every other
//! one why not. Pure.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::name::CellId;
use crate::plan::Exclusion;

/// What a release speaks of, and what it does not. Each list is ordered as its cells were.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// The cells of the plan. Each of them is built, or in one of the next three lists.
    pub promised: usize,
    /// Those whose every attempt that was asked for was made and compared.
    pub built: usize,
    /// Those that their own modules exclude, such as by `BUILD_EXCLUSIVE_KERNEL`.
    pub excluded_by_modules: Vec<NotBuilt>,
    /// Those of which an attempt made no module.
    pub failed: Vec<NotBuilt>,
    /// Those of which not every attempt was made.
    pub missing: Vec<NotBuilt>,
    /// Cells that the matrix names and leaves out on purpose, which are not promised.
    pub excluded_by_matrix: Vec<LeftOut>,
    /// Cells that were locked once and were let go when their kernels had gone.
    pub let_go: Vec<LetGo>,
}

/// A promised cell that is not built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotBuilt {
    pub cell: CellId,
    pub reason: String,
}

/// A cell that an exclude of the matrix takes away. One that two take away stands here twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    pub cell: CellId,
    pub reason: String,
    pub ticket: Option<String>,
    /// The last day on which it holds.
    pub expires: Option<Date>,
}

/// A cell that somebody let go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LetGo {
    pub cell: CellId,
    pub accepted: Timestamp,
}

/// What came of one promised cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Built,
    ExcludedByModule(String),
    Failed(String),
    Missing(String),
}

/// States the scope of a release.
pub fn scope<'a>(
    promised: impl IntoIterator<Item = (&'a CellId, Fate)>,
    exclusions: &[Exclusion],
    let_go: impl IntoIterator<Item = (CellId, Timestamp)>,
) -> Scope {
    let mut scope = Scope {
        excluded_by_matrix: exclusions.iter().map(LeftOut::from).collect(),
        let_go: let_go
            .into_iter()
            .map(|(cell, accepted)| LetGo { cell, accepted })
            .collect(),
        ..Scope::default()
    };
    for (cell, fate) in promised {
        scope.promised += 1;
        let (list, reason) = match fate {
            Fate::Built => {
                scope.built += 1;
                continue;
            }
            Fate::ExcludedByModule(reason) => (&mut scope.excluded_by_modules, reason),
            Fate::Failed(reason) => (&mut scope.failed, reason),
            Fate::Missing(reason) => (&mut scope.missing, reason),
        };
        let cell = cell.clone();
        list.push(NotBuilt { cell, reason });
    }
    scope
}

impl From<&Exclusion> for LeftOut {
    fn from(exclusion: &Exclusion) -> Self {
        Self {
            cell: exclusion.id.clone(),
            reason: exclusion.reason.to_string(),
            ticket: exclusion.ticket.as_deref().map(str::to_owned),
            expires: exclusion.expires,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Place;

    fn id(module: &str) -> CellId {
        let text = format!("debian-12/amd64/6.1.0-1-amd64=1/{module}");
        text.parse().expect("a cell id")
    }

    #[test]
    fn every_promised_cell_is_built_or_has_its_reason() {
        let fates = [
            (id("a"), Fate::Built),
            (id("b"), Fate::Missing("interrupted".to_owned())),
            (id("c"), Fate::Failed("it does not compile".to_owned())),
            (id("d"), Fate::ExcludedByModule("too old".to_owned())),
            (id("e"), Fate::Built),
        ];
        let scope = scope(fates.iter().map(|(id, fate)| (id, fate.clone())), &[], []);
        assert_eq!((scope.promised, scope.built), (5, 2));
        let not_built = [&scope.missing, &scope.failed, &scope.excluded_by_modules];
        let reasons: Vec<(&CellId, &str)> = not_built
            .into_iter()
            .flatten()
            .map(|cell| (&cell.cell, cell.reason.as_str()))
            .collect();
        assert_eq!(
            reasons,
            [
                (&id("b"), "interrupted"),
                (&id("c"), "it does not compile"),
                (&id("d"), "too old"),
            ]
        );
    }

    #[test]
    fn what_the_matrix_leaves_out_is_not_promised_and_is_said() {
        let exclusion = Exclusion {
            id: id("a"),
            reason: "no such hardware".into(),
            ticket: Some("KM-1".into()),
            expires: None,
            place: Place { line: 1, column: 1 },
        };
        let scope = scope([], &[exclusion], [(id("b"), Timestamp::UNIX_EPOCH)]);
        assert_eq!((scope.promised, scope.built), (0, 0));
        let [left_out] = &scope.excluded_by_matrix[..] else {
            panic!("{scope:?}");
        };
        assert_eq!(left_out.reason, "no such hardware");
        assert_eq!(left_out.ticket.as_deref(), Some("KM-1"));
        assert_eq!(scope.let_go[0].cell, id("b"));
    }
}
