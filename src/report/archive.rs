//! What is said of evidence archives.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use crate::bundle::{Checked, Imported, Index, Kind, Release};
use crate::digest::Sha256Digest;
use crate::ledger::Added;
use crate::report::size;

/// What `bundle export`, `list` and `verify` print.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ArchiveDocument<'a> {
    schema_version: u32,
    /// The digest of the index.
    digest: Sha256Digest,
    release: &'a Release,
    signed: bool,
    /// Who signed it: as found out by `verify`, as told by `export`. `list` finds nothing out.
    signer: Option<String>,
    /// True if every byte and every record was checked.
    verified: bool,
    /// True if what `verify` found is in a ledger; `None` if nothing was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded: Option<bool>,
    inputs: Vec<&'static str>,
    absent: usize,
    kinds: BTreeMap<&'static str, Sum>,
    members: &'a [crate::bundle::Member],
}

#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Sum {
    members: u64,
    bytes: u64,
}

impl<'a> ArchiveDocument<'a> {
    /// Says what an archive's index says.
    pub fn listed(checked: &'a Checked) -> Self {
        Self::new(&checked.index, checked.digest, None, false)
    }

    /// Says what was checked.
    pub fn verified(checked: &'a Checked, recorded: bool) -> Self {
        let signer = checked.signer.clone();
        Self {
            recorded: Some(recorded),
            ..Self::new(&checked.index, checked.digest, signer, true)
        }
    }

    /// Says what was written.
    pub fn written(index: &'a Index, signer: Option<String>) -> Self {
        let digest = Sha256Digest::of(&index.to_bytes());
        Self::new(index, digest, signer, false)
    }

    fn new(index: &'a Index, digest: Sha256Digest, signer: Option<String>, verified: bool) -> Self {
        let mut kinds: BTreeMap<&'static str, Sum> = BTreeMap::new();
        for member in &index.members {
            let sum = kinds.entry(member.kind.word()).or_default();
            sum.members += 1;
            sum.bytes += member.bytes;
        }
        Self {
            schema_version: 1,
            digest,
            release: &index.release,
            signed: index.signed,
            signer,
            verified,
            recorded: None,
            inputs: index.inputs.iter().map(|kind| kind.word()).collect(),
            absent: index.absent.len(),
            kinds,
            members: &index.members,
        }
    }
}

/// Prints an archive for people: what it is of, who signed it, and how much of what it holds.
pub fn print_archive(out: &mut impl Write, archive: &ArchiveDocument<'_>) -> io::Result<()> {
    let release = archive.release;
    writeln!(out, "{} of the run {}", release.name, release.run)?;
    writeln!(out, "  index    {}", archive.digest)?;
    writeln!(out, "  plan     {}", release.plan)?;
    let signer = match (&archive.signer, archive.signed) {
        (Some(signer), _) => signer.clone(),
        (None, true) if archive.verified => "somebody, and nobody asked who".to_owned(),
        (None, true) => "somebody; `kmatrix bundle verify` finds out who".to_owned(),
        (None, false) => "nobody".to_owned(),
    };
    writeln!(out, "  signed   by {signer}")?;
    let inputs = match &archive.inputs[..] {
        [] => "none; they are fetched to build cells again".to_owned(),
        some => some.join(", "),
    };
    writeln!(out, "  inputs   {inputs}")?;
    for kind in Kind::ALL {
        if let Some(sum) = archive.kinds.get(kind.word()) {
            let files = if sum.members == 1 { "file" } else { "files" };
            let bytes = size(sum.bytes);
            writeln!(
                out,
                "  {:<12} {:>7} {files:<5} {bytes}",
                kind.word(),
                sum.members
            )?;
        }
    }
    if archive.absent > 0 {
        writeln!(
            out,
            "  {} logs and specs of attempts that no longer count are not kept",
            archive.absent
        )?;
    }
    if archive.recorded == Some(false) {
        writeln!(
            out,
            "note: nothing is recorded, because there is no state directory (`--state`)"
        )?;
    }
    Ok(())
}

/// What `bundle import` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportedDocument<'a> {
    schema_version: u32,
    digest: Sha256Digest,
    release: &'a Release,
    signer: Option<&'a str>,
    /// False if it was there already.
    is_new: bool,
    records: Added,
    blobs: usize,
}

impl<'a> From<&'a Imported> for ImportedDocument<'a> {
    fn from(imported: &'a Imported) -> Self {
        Self {
            schema_version: 1,
            digest: imported.checked.digest,
            release: &imported.checked.index.release,
            signer: imported.checked.signer.as_deref(),
            is_new: imported.is_new,
            records: imported.records,
            blobs: imported.blobs,
        }
    }
}

/// Prints what an import came to.
pub fn print_imported(out: &mut impl Write, imported: &Imported) -> io::Result<()> {
    let release = &imported.checked.index.release;
    let signer = imported.checked.signer.as_deref().unwrap_or("nobody");
    writeln!(
        out,
        "{} of the run {}, signed by {signer}",
        release.name, release.run
    )?;
    if !imported.is_new {
        return writeln!(out, "  it was imported before");
    }
    let Added { new, known } = imported.records;
    writeln!(
        out,
        "  {new} records, and {known} that were known; {} new files",
        imported.blobs
    )?;
    writeln!(
        out,
        "  they count for no label here: `kmatrix audit` builds cells again"
    )
}
