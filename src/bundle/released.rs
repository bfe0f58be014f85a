//! What stands under `release/`, which is what people unpack and hand on, held against the records.
//!
//! # Security
//!
//! An audit draws from the cells of which records claim a module. What is handed out without such a
//! record would never be drawn, and what a record claims and nobody hands out would be drawn in its
//! place. So the two have to be the same, file by file.

use std::collections::{BTreeMap, BTreeSet};

use crate::bundle::format::MemberPath;
use crate::bundle::index::{Index, Kind};
use crate::digest::Sha256Digest;
use crate::ledger::AttestationRecord;
use crate::name::CellId;

/// What the records say that a release holds.
#[derive(Default)]
pub(super) struct Released {
    /// The modules of each cell's reference, by where they have to stand.
    modules: BTreeMap<String, Sha256Digest>,
    /// The modules that the statements about a cell speak of.
    attested: BTreeMap<CellId, BTreeSet<Sha256Digest>>,
    /// Signed statements: below which folder, and their digests in both forms.
    statements: BTreeSet<(String, Sha256Digest)>,
}

impl Released {
    /// Takes a signed statement and the modules that it speaks of.
    pub(super) fn statement(
        &mut self,
        record: &AttestationRecord,
        modules: BTreeSet<Sha256Digest>,
    ) -> Result<(), String> {
        let folder = match &record.cell {
            Some(cell) => folder(cell),
            None => RELEASE.to_owned(),
        };
        for digest in [record.envelope, record.bundle] {
            self.statements.insert((folder.clone(), digest));
        }
        let Some(cell) = &record.cell else {
            return Ok(());
        };
        let known = self.attested.entry(cell.clone());
        if *known.or_insert_with(|| modules.clone()) == modules {
            return Ok(());
        }
        Err(format!(
            "two statements about the cell {cell} speak of different modules"
        ))
    }

    /// Takes the modules of a cell's reference; none if it made none.
    pub(super) fn cell(
        &mut self,
        cell: &CellId,
        modules: &[(String, Sha256Digest)],
    ) -> Result<(), String> {
        let made: BTreeSet<Sha256Digest> = modules.iter().map(|(_, digest)| *digest).collect();
        if let Some(attested) = self.attested.get(cell)
            && *attested != made
        {
            return Err(format!(
                "what is signed of the cell {cell} speaks of other modules than its reference made"
            ));
        }
        for (path, digest) in modules {
            let path = format!("{}{path}", folder(cell));
            // What no archive can name stands among the blobs.
            if MemberPath::new(path.as_str()).is_some() {
                self.modules.insert(path, *digest);
            }
        }
        Ok(())
    }

    /// Holds the members against what was taken in: nothing more may be there, and nothing less.
    pub(super) fn hold(mut self, index: &Index) -> Result<(), String> {
        for member in &index.members {
            let path = member.path.as_str();
            if !path.starts_with(RELEASE) {
                continue;
            }
            let is_known = match member.kind {
                Kind::Module => self.modules.remove(path) == Some(member.sha256),
                Kind::Attestation => self.is_statement(path, &member.sha256),
                Kind::Ledger
                | Kind::Lock
                | Kind::Matrix
                | Kind::Policy
                | Kind::Trust
                | Kind::Report
                | Kind::Spec
                | Kind::Log
                | Kind::Signed
                | Kind::Package
                | Kind::Image
                | Kind::Source => false,
            };
            if !is_known {
                return Err(format!("`{path}` is handed out, and no record is of it"));
            }
        }
        if let Some((path, _)) = self.modules.first_key_value() {
            return Err(format!("a record claims `{path}`, which is not handed out"));
        }
        let here: BTreeSet<Sha256Digest> = index
            .members
            .iter()
            .filter(|member| member.path.as_str().starts_with(RELEASE))
            .map(|member| member.sha256)
            .collect();
        match self.statements.iter().find(|(_, one)| !here.contains(one)) {
            Some((folder, digest)) => Err(format!(
                "a record names the statement {digest}, which is not under `{folder}`"
            )),
            None => Ok(()),
        }
    }

    fn is_statement(&self, path: &str, digest: &Sha256Digest) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| at + 1);
        let mut folders = ends.map(|end| path[..end].to_owned());
        folders.any(|folder| self.statements.contains(&(folder, *digest)))
    }
}

const RELEASE: &str = "release/";

fn folder(cell: &CellId) -> String {
    format!("{RELEASE}{cell}/")
}
