//! What an attempt made: looked at, taken apart, kept, and held against what the reference made.

use crate::compare::cause::Context;
use crate::compare::{self, Basis, ModuleLayers, Opened};
use crate::digest::Sha256Digest;
use crate::gate::{self, ModuleGates, Needed, Symvers};
use crate::ko::BtfBase;
use crate::outcome::{BuiltModule, ModuleFile};
use crate::recipe::BuildSpec;
use crate::store::{Store, StoreError};

/// Where everything is that only a build's container has.
const OUR_DIRECTORIES: [&str; 2] = ["/build/", "/kmatrix/"];

/// Looks at what an attempt made through every gate.
pub(super) fn examine(
    spec: &BuildSpec,
    symvers: Option<&Symvers>,
    needed: &Needed,
    files: &[ModuleFile],
) -> Vec<ModuleGates> {
    let exported: Vec<String> = files
        .iter()
        .flat_map(|file| gate::exported(&file.bytes))
        .collect();
    let target = gate::Target {
        machine: spec.expected.machine,
        kernel_release: &spec.expected.kernel_release,
        symvers,
        beside: &exported,
        needed,
        directories: &OUR_DIRECTORIES,
    };
    files
        .iter()
        .map(|file| ModuleGates {
            path: file.path.clone(),
            gates: gate::examine(&file.bytes, &target),
        })
        .collect()
}

/// Takes apart what an attempt made. What cannot be taken apart has no layers.
pub(super) fn layers(files: &[ModuleFile], base: Option<BtfBase>) -> Vec<ModuleLayers> {
    let of = |file: &ModuleFile| {
        let opened = Opened::open(&file.bytes).ok()?;
        let apart = opened.apart(Basis::Recorded(base)).ok()?;
        Some(ModuleLayers {
            path: file.path.clone(),
            layers: apart.layers,
        })
    };
    files.iter().filter_map(of).collect()
}

/// Writes what an attempt leaves into the store, and returns the log's digest. The modules are
/// there before any record names them.
pub(super) fn keep(
    store: &Store,
    spec: &BuildSpec,
    log: &[u8],
    commands: Option<&[u8]>,
    files: &[ModuleFile],
) -> Result<Sha256Digest, StoreError> {
    if let Some(text) = commands {
        store.put(text)?;
    }
    for file in files {
        store.put(&file.bytes)?;
    }
    store.put(&serde_json::to_vec(spec).expect("plain values serialise"))?;
    store.put(log)
}

/// Holds what a rebuild made against what the reference did, module by module.
pub(super) fn differences(
    store: &Store,
    (reference, rebuild): (&[BuiltModule], &[BuiltModule]),
    base: Option<BtfBase>,
    context: &Context<'_>,
) -> Result<Vec<compare::ModuleDifference>, StoreError> {
    let open = |path: &str, digest: Option<Sha256Digest>| {
        digest
            .map(|digest| {
                Ok(ModuleFile {
                    path: path.to_owned(),
                    bytes: store.read_blob(&digest, crate::ko::MAX_BYTES)?,
                })
            })
            .transpose()
    };
    compare::differing(reference, rebuild)
        .into_iter()
        .map(|(path, first, second)| {
            let (a, b) = (open(path, first)?, open(path, second)?);
            Ok(compare::explain(
                path,
                (first, second),
                a.as_ref(),
                b.as_ref(),
                base,
                context,
            ))
        })
        .collect()
}
