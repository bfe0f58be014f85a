//! Reading ledger and store for what statements are made from.

use std::collections::BTreeMap;

use crate::attest::{Attester, CellMaterial, NotAttestable, Shipped, Unsigned, cell_statements};
use crate::cli::Refusal;
use crate::cli::locked_run::{LockedRun, Wanted};
use crate::cli::prepare::Inputs;
use crate::compare::{Basis, Layers, Opened};
use crate::digest::Sha256Digest;
use crate::exit::Exit;
use crate::ko;
use crate::label::{Signing, Tier};
use crate::ledger::{AttemptRecord, Ledger};
use crate::lock::Lock;
use crate::matrix::Matrix;
use crate::name::CellId;
use crate::outcome::{BuiltModule, Outcome};
use crate::plan::Plan;
use crate::recipe::{BuildSpec, MAX_SPEC};
use crate::run::{Assessment, assess_cell_as_signed};
use crate::sign::{Shipping, ship};
use crate::store::Store;

/// A run with all that is recorded of it.
pub(super) struct Release {
    /// The matrix's name: its file's, without the ending.
    pub name: String,
    pub run: String,
    pub plan: Plan,
    pub lock: Lock,
    /// Of the lock's bytes, which are in the store.
    pub lock_digest: Sha256Digest,
    pub assessments: Vec<Assessment>,
}

/// Reads the run of a matrix that is asked for, or its newest, as it stands once `signing` signs for it.
pub(super) async fn release_of(
    inputs: &Inputs<'_>,
    ledger: &Ledger,
    matrix: &Matrix,
    wanted: Option<&str>,
    signing: &Signing,
) -> Result<Release, Refusal> {
    let wanted = Wanted {
        run: wanted,
        hint: "leave out `--run` for the newest",
    };
    let locked = LockedRun::read(inputs, ledger, matrix, wanted).await?;
    let cells = locked.cells.iter();
    let assessments = cells
        .map(|cell| assess_cell_as_signed(ledger, cell, Some(signing.clone())))
        .collect::<Result<_, _>>()?;
    let name = matrix.path.file_stem().unwrap_or_default();
    Ok(Release {
        name: name.to_string_lossy().into_owned(),
        run: locked.run.id,
        plan: locked.plan,
        lock: locked.lock,
        lock_digest: inputs.store.put(&locked.lock_bytes)?,
        assessments,
    })
}

/// What is claimed of the cells of a run.
pub(super) struct Statements {
    /// Of each cell that has a module.
    pub by_cell: BTreeMap<CellId, Vec<Unsigned>>,
    /// What is handed out in place of a module, by the digest of the module.
    pub shipped: BTreeMap<Sha256Digest, Shipped>,
}

impl Statements {
    /// Makes the statements of every cell, and the form of every module that is handed out.
    pub(super) async fn of_cells(
        assessments: &[Assessment],
        store: &Store,
        shipping: &Shipping,
        required: Tier,
        attester: &Attester,
    ) -> Result<Self, Refusal> {
        let mut by_cell = BTreeMap::new();
        let mut all_shipped = BTreeMap::new();
        let mut layers = BTreeMap::new();
        for assessment in assessments {
            let shipped = ship_all(assessment.modules(), store, shipping).await?;
            for attempt in &assessment.attempts {
                take_layers(attempt, store, &mut layers)?;
            }
            take_recorded(assessment, &mut layers);
            let material = CellMaterial {
                assessment,
                specs: &specs(assessment, store),
                layers: &layers,
                shipped: &shipped,
            };
            let statements = cell_statements(&material, required, attester)?;
            if !statements.is_empty() {
                by_cell.insert(assessment.cell.id.clone(), statements);
            }
            all_shipped.extend(shipped);
        }
        Ok(Self {
            by_cell,
            shipped: all_shipped,
        })
    }
}

async fn ship_all(
    modules: &[BuiltModule],
    store: &Store,
    shipping: &Shipping,
) -> Result<BTreeMap<Sha256Digest, Shipped>, Refusal> {
    let mut all = BTreeMap::new();
    if shipping.is_plain() {
        return Ok(all);
    }
    for module in modules {
        let payload = store.read_blob(&module.digest, ko::MAX_BYTES)?;
        let bytes = ship(&payload, shipping).await?;
        let digest = store.put(&bytes)?;
        let shipped = Shipped {
            ending: shipping.ending().to_owned(),
            digest,
            bytes: bytes.len() as u64,
        };
        all.insert(module.digest, shipped);
    }
    Ok(all)
}

/// Reads the build specs that the attempts name; one that the store does not have is missed by whoever
/// needs it.
fn specs(assessment: &Assessment, store: &Store) -> BTreeMap<Sha256Digest, BuildSpec> {
    let attempts = assessment.attempts.iter();
    attempts
        .filter_map(|attempt| {
            let bytes = store.read_blob(&attempt.spec, MAX_SPEC).ok()?;
            Some((attempt.spec, serde_json::from_slice(&bytes).ok()?))
        })
        .collect()
}

/// Takes the modules of an attempt apart, unless that was done. One that cannot be has no layers.
fn take_layers(
    attempt: &AttemptRecord,
    store: &Store,
    layers: &mut BTreeMap<Sha256Digest, Layers>,
) -> Result<(), Refusal> {
    let Outcome::Built { modules } = &attempt.outcome else {
        return Ok(());
    };
    let basis = Basis::Recorded(attempt.toolchain.btf_base);
    for module in modules {
        if layers.contains_key(&module.digest) {
            continue;
        }
        let bytes = store.read_blob(&module.digest, ko::MAX_BYTES)?;
        if let Ok(opened) = Opened::open(&bytes)
            && let Ok(apart) = opened.apart(basis)
        {
            layers.insert(module.digest, apart.layers);
        }
    }
    Ok(())
}

/// Prefers the layers that a comparison recorded: they are what it compared.
fn take_recorded(assessment: &Assessment, layers: &mut BTreeMap<Sha256Digest, Layers>) {
    let comparisons = assessment.comparisons.iter();
    let pairs = comparisons.flat_map(|(_, comparison)| &comparison.differences);
    for pair in pairs.filter_map(|difference| difference.layers.as_ref()) {
        for one in [&pair.reference, &pair.rebuild] {
            layers.insert(one.file, one.clone());
        }
    }
}

impl From<NotAttestable> for Refusal {
    fn from(error: NotAttestable) -> Self {
        let (exit, hint) = match &error {
            NotAttestable::NoSpec { .. } => (
                Exit::EvidenceMissing,
                "the store was cleaned up under another ledger; `kmatrix store verify` looks at it",
            ),
            NotAttestable::OtherProvenance { .. } => (
                Exit::SigningFailed,
                "nothing was signed: ledger and statements contradict each other, which is a defect of \
                 this program or a ledger that somebody changed",
            ),
        };
        Self::new(exit, error.to_string()).hint(hint.to_owned())
    }
}
