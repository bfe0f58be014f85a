//! The plan as JSON: what `kmatrix plan --format json` prints and what the plan's digest covers.

use std::io::{self, BufWriter, Write};

use jiff::civil::Date;
use serde::{Serialize, Serializer};

use crate::digest::{Hashing, Sha256Digest};
use crate::name::{Arch, CellId};
use crate::plan::cell::{Exclusion, Plan, PlannedCell};

/// The version of the JSON form.
const SCHEMA_VERSION: u32 = 1;

/// A plan in its printed form. It borrows the plan, and its lists are made as they are written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanDocument<'p> {
    schema_version: u32,
    /// Absent from the bytes that it is the digest of.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<Sha256Digest>,
    #[serde(serialize_with = "each_cell")]
    cells: &'p [PlannedCell],
    #[serde(serialize_with = "each_exclusion")]
    exclusions: Places<'p>,
}

/// Exclusions, with or without their lines in the matrix file.
#[derive(Debug)]
enum Places<'p> {
    Shown(&'p [Exclusion]),
    /// For the digest, which an empty line in the matrix file must not change.
    Hidden(&'p [Exclusion]),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CellDocument<'p> {
    #[serde(serialize_with = "as_text")]
    id: &'p CellId,
    distro: &'p str,
    distro_release: &'p str,
    arch: Arch,
    kernel_release: &'p str,
    package_version: &'p str,
    flavour: &'p str,
    module: &'p str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExclusionDocument<'p> {
    #[serde(serialize_with = "as_text")]
    id: &'p CellId,
    reason: &'p str,
    ticket: Option<&'p str>,
    expires: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
}

impl<'p> From<&'p Plan> for PlanDocument<'p> {
    fn from(plan: &'p Plan) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            digest: Some(plan.digest),
            cells: &plan.cells,
            exclusions: Places::Shown(&plan.exclusions),
        }
    }
}

impl PlanDocument<'_> {
    /// Writes the document as one line of JSON.
    pub fn write(&self, writer: impl Write) -> io::Result<()> {
        let mut writer = BufWriter::new(writer);
        serde_json::to_writer(&mut writer, self)?;
        writer.write_all(b"\n")?;
        writer.flush()
    }
}

/// Hashes the cells and exclusions of a plan in their JSON form.
pub(super) fn digest(cells: &[PlannedCell], exclusions: &[Exclusion]) -> Sha256Digest {
    let document = PlanDocument {
        schema_version: SCHEMA_VERSION,
        digest: None,
        cells,
        exclusions: Places::Hidden(exclusions),
    };
    let mut hashing = Hashing::new(io::sink());
    document
        .write(&mut hashing)
        .expect("a hash takes every byte, and names are strings");
    hashing.finish().1
}

fn each_cell<S: Serializer>(cells: &[PlannedCell], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(cells.iter().map(|cell| CellDocument {
        id: &cell.id,
        distro: cell.target.distro.as_str(),
        distro_release: cell.target.distro_release.as_str(),
        arch: cell.target.arch,
        kernel_release: cell.target.kernel_release.as_str(),
        package_version: cell.target.package_version.as_str(),
        flavour: cell.target.flavour.as_str(),
        module: cell.id.module.as_str(),
    }))
}

fn each_exclusion<S: Serializer>(places: &Places<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    let (exclusions, with_lines) = match places {
        Places::Shown(exclusions) => (exclusions, true),
        Places::Hidden(exclusions) => (exclusions, false),
    };
    serializer.collect_seq(exclusions.iter().map(|exclusion| ExclusionDocument {
        id: &exclusion.id,
        reason: &exclusion.reason,
        ticket: exclusion.ticket.as_deref(),
        expires: exclusion.expires,
        line: with_lines.then_some(exclusion.place.line),
    }))
}

fn as_text<S: Serializer>(id: &CellId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}
