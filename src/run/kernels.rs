//! Preparing kernels from source: each once, for all cells that are built against it, and once more
//! to see whether the same comes out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::Mutex as AsyncMutex;

use crate::catalog::kernel_source::PinnedSource;
use crate::digest::Sha256Digest;
use crate::engine::{End, Locations};
use crate::gate::Symvers;
use crate::ledger::PreparationRecord;
use crate::outcome::{
    PreparationFailure, PreparationOutcome, PreparedKernel, Reached, read_preparation,
};
use crate::package::{Limits, Strip};
use crate::recipe::toolchain::KernelToolchain;
use crate::recipe::{Preparation, preparation_spec};
use crate::run::attempt::CellTask;
use crate::run::exports;
use crate::run::kernel_trees::{
    btf_jobs, config_tree, differing, kept_tree, read_toolchain, take_in,
};
use crate::run::prepare::{PrepareError, blocking};
use crate::run::{Event, InputError, Message, needed_preparations};
use crate::store::StoreError;
use crate::tree::{self, Entries};
use crate::variation::Variation;

/// The kernels of a run.
#[derive(Clone, Default)]
pub(crate) struct Kernels {
    known: Arc<Mutex<BTreeMap<Sha256Digest, Shared>>>,
    /// One at a time: each takes all processors.
    turn: Arc<AsyncMutex<()>>,
}

type Shared = Arc<AsyncMutex<OneKernel>>;

/// What is known of one kernel.
#[derive(Default)]
struct OneKernel {
    records: Vec<PreparationRecord>,
    /// What came of it in this run.
    ended: Option<Result<Arc<KernelTrees>, InputError>>,
}

/// A prepared kernel, ready to be mounted.
pub(crate) struct KernelTrees {
    pub source: Sha256Digest,
    pub source_directory: PathBuf,
    pub build: Sha256Digest,
    pub build_directory: PathBuf,
    pub toolchain: KernelToolchain,
    /// What the kernel exports, where the whole of it was built.
    pub symvers: Option<Arc<Symvers>>,
}

impl Kernels {
    /// Takes over what the ledger knows of a kernel.
    pub(crate) fn know(&self, kernel: Sha256Digest, records: Vec<PreparationRecord>) {
        let mut known = self.known.lock().expect("no holder panics");
        known.entry(kernel).or_insert_with(|| {
            Arc::new(AsyncMutex::new(OneKernel {
                records,
                ended: None,
            }))
        });
    }

    fn one(&self, kernel: Sha256Digest) -> Shared {
        let mut known = self.known.lock().expect("no holder panics");
        known.entry(kernel).or_default().clone()
    }
}

/// The trees that a kernel is prepared from.
struct Sources {
    source: Sha256Digest,
    source_directory: PathBuf,
    config: Sha256Digest,
    config_directory: PathBuf,
}

/// One preparation that has ended.
struct Made {
    record: PreparationRecord,
    entries: Entries,
}

impl CellTask {
    /// Returns the cell's kernel, prepared as often as the cell needs it; `None` if the run was over
    /// before that, or if nothing is missing and the kernel is not `wanted`.
    ///
    /// The preparation that shows whether the same comes out again may fail or differ: that is a
    /// finding about the kernel, and cells are built all the same.
    pub(super) async fn kernel(
        &self,
        preparation: &Preparation,
        wanted: bool,
    ) -> Result<Option<Arc<KernelTrees>>, PrepareError> {
        let shared = self.kernels.one(preparation.digest());
        let mut kernel = shared.lock().await;
        if let Some(ended) = &kernel.ended {
            return ended.clone().map(Some).map_err(PrepareError::NoInput);
        }
        if !wanted && needed_preparations(&kernel.records, self.cell.rebuilds).is_empty() {
            return Ok(None);
        }
        let _turn = self.kernels.turn.lock().await;
        if self.is_over() {
            return Ok(None);
        }
        match self.prepare_kernel(preparation, &mut kernel.records).await {
            Ok(trees) => {
                kernel.ended = trees.clone().map(Ok);
                Ok(trees)
            }
            Err(PrepareError::NoInput(error)) => {
                kernel.ended = Some(Err(error.clone()));
                Err(PrepareError::NoInput(error))
            }
            Err(error @ PrepareError::Store(_)) => Err(error),
        }
    }

    async fn prepare_kernel(
        &self,
        preparation: &Preparation,
        records: &mut Vec<PreparationRecord>,
    ) -> Result<Option<Arc<KernelTrees>>, PrepareError> {
        let sources = self.kernel_sources(preparation).await?;
        let missing = needed_preparations(records, self.cell.rebuilds);
        let known = records.iter().find_map(|record| match &record.outcome {
            PreparationOutcome::Prepared { kernel } if record.number == 0 => Some(kernel.clone()),
            PreparationOutcome::Prepared { .. } | PreparationOutcome::Failed { .. } => None,
        });
        let (kernel, entries) = match known.clone() {
            Some(kernel) if self.has_tree(&kernel).await => {
                let entries = self.open(&kernel).await?.1;
                (kernel, entries)
            }
            Some(_) | None => {
                let Some(made) = self.make(preparation, &sources, 0, None).await? else {
                    return Ok(None);
                };
                let log = made.record.log;
                let outcome = made.record.outcome.clone();
                if known.is_none() {
                    records.push(made.record);
                }
                let failure = match outcome {
                    PreparationOutcome::Failed { failure } => failure,
                    PreparationOutcome::Prepared { kernel: again }
                        if known.as_ref().is_some_and(|known| known.tree != again.tree) =>
                    {
                        PreparationFailure::Changed
                    }
                    PreparationOutcome::Prepared { kernel } => {
                        return self
                            .finish(preparation, &sources, kernel, made.entries, missing)
                            .await;
                    }
                };
                return Err(PrepareError::NoInput(InputError::Kernel {
                    kernel: preparation.kernel_release.clone(),
                    failure,
                    log: self.workshop.store.blob_path(&log).unwrap_or_default(),
                }));
            }
        };
        self.finish(preparation, &sources, kernel, entries, missing)
            .await
    }

    /// Prepares the kernel once more if nobody has, and hands out the first one.
    async fn finish(
        &self,
        preparation: &Preparation,
        sources: &Sources,
        kernel: PreparedKernel,
        entries: Entries,
        missing: Vec<u32>,
    ) -> Result<Option<Arc<KernelTrees>>, PrepareError> {
        if missing.contains(&1) {
            let made = self.make(preparation, sources, 1, Some(&entries)).await?;
            if made.is_none() {
                return Ok(None);
            }
        }
        let (directory, entries) = self.open(&kernel).await?;
        let mut toolchain = read_toolchain(&directory, &entries)?;
        toolchain.btf_jobs = btf_jobs(&sources.source_directory)?;
        let symvers = exports::read_symvers(&directory, "", &entries)?;
        Ok(Some(Arc::new(KernelTrees {
            source: sources.source,
            source_directory: sources.source_directory.clone(),
            build: kernel.tree,
            build_directory: directory,
            toolchain,
            symvers,
        })))
    }

    /// Returns true if the store can still give a prepared kernel.
    async fn has_tree(&self, kernel: &PreparedKernel) -> bool {
        match self.open(kernel).await {
            Ok((directory, entries)) => directory.is_dir() && tree::digest(&entries) == kernel.tree,
            Err(_) => false,
        }
    }

    async fn open(&self, kernel: &PreparedKernel) -> Result<(PathBuf, Entries), StoreError> {
        let (store, tarball) = (self.workshop.store.clone(), kernel.tarball);
        let opened =
            blocking(move || store.tarball_tree(&tarball, Strip::Nothing, &Limits::tarball()));
        let opened = opened.await?;
        Ok((opened.directory, opened.entries))
    }

    /// Gets the kernel's source and configuration.
    async fn kernel_sources(&self, preparation: &Preparation) -> Result<Sources, PrepareError> {
        let store = self.workshop.store.clone();
        if let Some(source) = &self.cell.kernel_source {
            let fetched = self.workshop.packages.fetch_kernel(source).await;
            fetched.map_err(|error| PrepareError::NoInput(InputError::Catalog(Arc::new(error))))?;
        }
        let (pinned, config) = (preparation.source, preparation.config);
        let origin = self
            .cell
            .kernel_source
            .as_ref()
            .map(|source| source.origin.clone());
        let sources = blocking(move || {
            let (source, source_directory) = match pinned {
                PinnedSource::Tarball(tarball) => {
                    let tree =
                        store.tarball_tree(&tarball, Strip::TopDirectory, &Limits::tarball())?;
                    (tree.digest, tree.directory)
                }
                PinnedSource::Tree(tree) => (tree, kept_tree(&store, origin.as_ref(), &tree)?),
            };
            let (config, config_directory) = config_tree(&store, &config)?;
            Ok::<_, StoreError>(Sources {
                source,
                source_directory,
                config,
                config_directory,
            })
        });
        Ok(sources.await?)
    }

    /// Prepares a kernel; `None` if the run was over before that had an end. `reference` is what the
    /// first preparation made, if this is another.
    async fn make(
        &self,
        preparation: &Preparation,
        sources: &Sources,
        number: u32,
        reference: Option<&Entries>,
    ) -> Result<Option<Made>, PrepareError> {
        let variation = Variation::of_preparation(number);
        let spec = preparation_spec(preparation, sources.source, sources.config, variation);
        let locations = Locations::from([
            (sources.source, sources.source_directory.clone()),
            (sources.config, sources.config_directory.clone()),
        ]);
        let slot = self.slots.take().await;
        if self.is_over() {
            return Ok(None);
        }
        let kernel = preparation.kernel_release.clone();
        self.event(Event::KernelStarted { kernel, number });
        let (started, clock) = (Timestamp::now(), Instant::now());
        let execution = self.execute(number, &spec, &locations, slot.cpu).await;
        drop(slot);
        let wall = clock.elapsed();
        match &execution.end {
            End::Interrupted => return Ok(None),
            End::Lost(failure) => {
                self.lost.send_replace(Some(failure.clone()));
                return Ok(None);
            }
            End::Exited { .. }
            | End::OutOfMemory { .. }
            | End::TimedOut
            | End::OutputLimit
            | End::LogLimit => {}
        }
        let store = self.workshop.store.clone();
        let (kept, wanted) = (spec.clone(), preparation.clone());
        let (observed, steps) = (execution.observed.clone(), execution.steps);
        let reached = Reached::read(&execution.log.bytes);
        let (read, log) = blocking(move || {
            let read = match read_preparation(&kept, &execution) {
                Ok(output) => take_in(&store, output, &wanted)?,
                Err(failure) => Err(failure),
            };
            store.put(&serde_json::to_vec(&kept).expect("plain values serialise"))?;
            let log = store.put(&execution.log.bytes)?;
            Ok::<_, StoreError>((read, log))
        })
        .await
        .map_err(PrepareError::Store)?;
        let (outcome, entries) = match read {
            Ok((kernel, entries)) => (PreparationOutcome::Prepared { kernel }, entries),
            Err(failure) => (PreparationOutcome::Failed { failure }, Entries::new()),
        };
        let differing = match (&outcome, reference) {
            (PreparationOutcome::Prepared { .. }, Some(reference)) => {
                differing(reference, &entries)
            }
            (PreparationOutcome::Prepared { .. } | PreparationOutcome::Failed { .. }, _) => {
                Vec::new()
            }
        };
        let record = PreparationRecord {
            number,
            run: self.run.clone(),
            spec: spec.digest(),
            variation: spec.variation,
            started,
            wall,
            steps,
            engine: self.workshop.docker.identity().clone(),
            observed,
            reached,
            outcome,
            differing,
            log,
        };
        self.send(Message::Preparation {
            kernel: preparation.digest(),
            release: preparation.kernel_release.clone(),
            record: Box::new(record.clone()),
        });
        Ok(Some(Made { record, entries }))
    }
}
