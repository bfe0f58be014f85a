//! The file that is judged.

use crate::digest::Sha256Digest;
use crate::ko::{self, ModuleFacts};

/// A module's file, with what it is itself rather than what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Of the file as it was handed in.
    pub digest: Sha256Digest,
    /// The module in it: what a kernel runs. `Err` says why there is none.
    pub module: Result<ArtifactModule, String>,
}

/// The module in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactModule {
    /// Of the module, unpacked and without the signature behind it.
    pub payload: Sha256Digest,
    pub facts: ModuleFacts,
    /// The `version` field of `.modinfo` (`MODULE_VERSION`).
    pub version: Option<String>,
}

impl Artifact {
    /// Reads a file: signed or not, compressed or not.
    pub fn read(bytes: &[u8]) -> Self {
        Self {
            digest: Sha256Digest::of(bytes),
            module: module(bytes).map_err(|error| error.to_string()),
        }
    }

    /// Returns the digest of the module in it, if there is one.
    pub fn payload(&self) -> Option<Sha256Digest> {
        self.module.as_ref().ok().map(|module| module.payload)
    }
}

fn module(bytes: &[u8]) -> Result<ArtifactModule, ko::ModuleError> {
    let expanded = ko::expand(bytes)?;
    let payload = ko::cut_signature(&expanded.bytes)?.module;
    let module = ko::Module::parse(payload)?;
    let fields = ko::modinfo(&module)?;
    let version = fields.iter().find(|(name, _)| *name == "version");
    Ok(ArtifactModule {
        payload: Sha256Digest::of(payload),
        facts: ModuleFacts::of(&module)?,
        version: version.map(|(_, version)| (*version).to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ko::testing::{Form, module};

    #[test]
    fn every_form_of_a_module_has_the_same_payload() {
        let bytes = module(Form::AMD64);
        let plain = Artifact::read(&bytes);
        assert_eq!(plain.payload(), Some(Sha256Digest::of(&bytes)));
        let mut signed = bytes.clone();
        signed.extend_from_slice(b"SIG\0\0\x02\0\0\0\0\0\0\0\0\x03~Module signature appended~\n");
        let packed = zstd::encode_all(&signed[..], 3).expect("memory");
        for other in [&signed, &packed] {
            let found = Artifact::read(other);
            assert_ne!(found.digest, plain.digest);
            assert_eq!(found.module, plain.module);
        }
    }

    #[test]
    fn other_files_have_none() {
        let found = Artifact::read(b"#!/bin/sh\n");
        assert_eq!(found.payload(), None);
    }
}
