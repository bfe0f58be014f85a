//! What a registry was given.

use std::io::{self, Write};

use serde::Serialize;

use crate::digest::Sha256Digest;
use crate::oci::Repository;
use crate::publish::{Pushed, Release};

/// What was pushed, with the name by which each thing is had.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PushedDocument {
    schema_version: u32,
    /// The registry and the name in it.
    repository: String,
    tag: String,
    /// The digest of the index that the tag names.
    release: Sha256Digest,
    /// Attestations that refer to the index.
    attestations: usize,
    modules: Vec<PushedModuleDocument>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PushedModuleDocument {
    /// Its path in the directory.
    module: String,
    /// The digest of the file.
    sha256: Sha256Digest,
    /// The digest of its manifest.
    manifest: Sha256Digest,
    /// `REPOSITORY@DIGEST`.
    reference: String,
    attestations: usize,
    /// Those that name the manifest too.
    attestations_by_manifest: usize,
    /// False if the registry had the module's bytes before.
    sent: bool,
}

impl PushedDocument {
    /// Puts together what there was and what came of it.
    pub fn new(release: &Release, pushed: &Pushed, repository: &Repository) -> Self {
        let modules = release.modules.iter().zip(&pushed.modules);
        Self {
            schema_version: 1,
            repository: repository.to_string(),
            tag: repository.tag().to_owned(),
            release: pushed.index.digest(),
            attestations: pushed.bundles,
            modules: modules
                .map(|(module, sent)| PushedModuleDocument {
                    module: module.place.clone(),
                    sha256: module.file.digest,
                    manifest: module.manifest.digest(),
                    reference: repository.at(module.manifest.digest()),
                    attestations: sent.bundles,
                    attestations_by_manifest: module.named_in_registry(),
                    sent: sent.sent,
                })
                .collect(),
        }
    }

    /// Returns how many modules have an attestation that names them only as files, which a client
    /// that comes from the registry does not accept for them.
    pub fn named_as_files_only(&self) -> usize {
        let missing = |one: &&PushedModuleDocument| one.attestations_by_manifest < one.attestations;
        self.modules.iter().filter(missing).count()
    }
}

/// Prints one line for each thing, with its name first.
pub fn print_pushed(to: &mut impl Write, document: &PushedDocument) -> io::Result<()> {
    for module in &document.modules {
        let (reference, place) = (&module.reference, &module.module);
        writeln!(
            to,
            "{reference} {place}, {}",
            attestations(module.attestations)
        )?;
    }
    let (repository, tag, release) = (&document.repository, &document.tag, document.release);
    let count = document.modules.len();
    let modules = if count == 1 { "module" } else { "modules" };
    writeln!(
        to,
        "{repository}@{release} `{tag}`, {count} {modules}, {}",
        attestations(document.attestations)
    )
}

fn attestations(count: usize) -> String {
    match count {
        1 => "1 attestation".to_owned(),
        count => format!("{count} attestations"),
    }
}
