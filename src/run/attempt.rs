//! One cell's task: prepare its inputs, make the attempts that it needs, compare them.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, maybe_done};
use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::compare::cause::{Context, Lines, Surroundings};
use crate::compare::{self, Comparison};
use crate::engine::{End, EngineFailure, Execution, Locations, Observed};
use crate::gate::{Needed, Symvers};
use crate::ko::BtfBase;
use crate::ledger::{AttemptRecord, CellRecord};
use crate::outcome::{self, Failure, Left, Outcome, Reached};
use crate::recipe::{BuildSpec, build_spec};
use crate::run::commands::{commands_apart, signs_of};
use crate::run::kernels::{KernelTrees, Kernels};
use crate::run::made::{differences, examine, keep, layers};
use crate::run::metadata::is_metadata_equal;
use crate::run::prepare::{PrepareError, Prepared, Unpacked, blocking, prepare};
use crate::run::slots::{Slot, Slots};
use crate::run::{Event, Message, Workshop, needed, next_trial, restoring};
use crate::store::StoreError;
use crate::variation::Variation;

/// How often an attempt is made again after the engine was lost, and how long is waited before.
const RETRIES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

/// All that one cell's task needs.
#[derive(Clone)]
pub(crate) struct CellTask {
    pub index: usize,
    pub run: String,
    pub cell: CellRecord,
    pub known: Vec<AttemptRecord>,
    /// The rebuilds that have been compared, with what came of it.
    pub compared: Vec<(u32, Comparison)>,
    pub workshop: Workshop,
    pub preparing: Arc<Semaphore>,
    pub slots: Slots,
    pub unpacked: Unpacked,
    pub kernels: Kernels,
    pub lost: watch::Sender<Option<EngineFailure>>,
    pub stop: watch::Receiver<bool>,
    pub sender: mpsc::UnboundedSender<Message>,
}

impl CellTask {
    pub(crate) async fn run(self) {
        let index = self.index;
        let sender = self.sender.clone();
        match self.build().await {
            Ok(()) => {}
            Err(PrepareError::NoInput(error)) => {
                let cell = self.cell.id.clone();
                self.send(Message::NoInput { cell, error });
            }
            Err(PrepareError::Store(error)) => self.send(Message::Broken(error)),
        }
        // The receiver is gone only when the run has failed already.
        let _ = sender.send(Message::CellEnded { index });
    }

    async fn build(&self) -> Result<(), PrepareError> {
        let mut made = self.known.clone();
        let mut compared = self.compared.clone();
        let mut wanted = needed(&made, self.cell.rebuilds, &self.cell.axes);
        let store = &self.workshop.store;
        if let Some(restoring) = restoring(&made, &wanted, |digest| store.has_blob(digest)) {
            let cell = self.cell.id.clone();
            self.event(Event::Restoring { cell });
            wanted.push(restoring);
        }
        let mut base = self.known.iter().find_map(|known| known.toolchain.btf_base);
        // A kernel is prepared as often as its cell asks, even if the cell itself needs nothing more.
        let mut kernel = match &self.cell.inputs.prepared {
            Some(preparation) if !self.is_over() => {
                self.kernel(preparation, !wanted.is_empty()).await?
            }
            Some(_) | None => None,
        };
        let mut prepared = None;
        loop {
            if !wanted.is_empty() && prepared.is_none() {
                if let (Some(preparation), None, false) =
                    (&self.cell.inputs.prepared, &kernel, self.is_over())
                {
                    kernel = self.kernel(preparation, true).await?;
                }
                prepared = self.prepare(kernel.as_deref()).await?;
                base = base.or(prepared.as_ref().and_then(|p| p.toolchain.btf_base));
            }
            if let Some(prepared) = &prepared {
                self.restore_specs(&made, prepared)
                    .map_err(PrepareError::Store)?;
                for attempt in self.attempts(wanted, prepared).await? {
                    made.retain(|known| known.number != attempt.number);
                    made.push(attempt);
                }
            }
            let new = self.compare(&made, &compared, base).await;
            compared.extend(new.map_err(PrepareError::Store)?);
            let is_inquiring = self.workshop.inquires && !self.is_over();
            match next_trial(&made, &compared).filter(|_| is_inquiring) {
                Some(variation) => {
                    self.event(Event::Inquiring {
                        cell: self.cell.id.clone(),
                        axes: variation.axes.clone(),
                    });
                    wanted = vec![variation];
                }
                None => return Ok(()),
            }
        }
    }

    /// Gets the inputs of the cell's attempts; `None` if the run was over before they were there.
    async fn prepare(
        &self,
        kernel: Option<&KernelTrees>,
    ) -> Result<Option<Arc<Prepared>>, PrepareError> {
        // Without its kernel the run was over before it was there.
        let is_ready = kernel.is_some() || self.cell.inputs.prepared.is_none();
        if !is_ready || self.is_over() {
            return Ok(None);
        }
        let permit = self.preparing.acquire().await;
        let prepared = prepare(&self.workshop, &self.unpacked, &self.cell, kernel).await?;
        drop(permit);
        self.event(Event::Prepared {
            cell: self.cell.id.clone(),
        });
        Ok(Some(Arc::new(prepared)))
    }

    /// Makes these attempts, as many at one time as there are slots.
    async fn attempts(
        &self,
        wanted: Vec<Variation>,
        prepared: &Arc<Prepared>,
    ) -> Result<Vec<AttemptRecord>, PrepareError> {
        let mut tasks = tokio::task::JoinSet::new();
        for (variation, place) in self.queue_up(wanted).await {
            let slot = place.await;
            let (task, prepared) = (self.clone(), prepared.clone());
            tasks.spawn(async move { task.attempt(variation, &prepared, slot).await });
        }
        let mut made = Vec::new();
        while let Some(joined) = tasks.join_next().await {
            let attempt = joined.unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic()));
            made.extend(attempt.map_err(PrepareError::Store)?);
        }
        Ok(made)
    }

    /// Puts back what attempts were made of, where the store has lost it: without that nobody can say that
    /// their provenance is the same.
    fn restore_specs(&self, made: &[AttemptRecord], prepared: &Prepared) -> Result<(), StoreError> {
        let store = &self.workshop.store;
        for attempt in made.iter().filter(|known| !store.has_blob(&known.spec)) {
            let variation = attempt.variation.clone();
            let spec = build_spec(&self.cell.inputs, &prepared.mounts, variation);
            if spec.digest() == attempt.spec {
                store.put(&serde_json::to_vec(&spec).expect("plain values serialise"))?;
            }
        }
        Ok(())
    }

    /// Queues up for a slot per attempt, all at once and in order: attempts begin in their order,
    /// and a cell is done before cells that come after it have begun.
    async fn queue_up(&self, wanted: Vec<Variation>) -> Vec<(Variation, BoxFuture<'_, Slot>)> {
        let mut places: Vec<_> = wanted
            .iter()
            .map(|_| Box::pin(maybe_done(self.slots.take())))
            .collect();
        // The first poll is what queues up.
        poll_fn(|context| {
            for place in &mut places {
                let _ = place.as_mut().poll(context);
            }
            Poll::Ready(())
        })
        .await;
        wanted
            .into_iter()
            .zip(places.into_iter().map(|mut place| -> BoxFuture<'_, Slot> {
                Box::pin(async move {
                    place.as_mut().await;
                    let slot = place.as_mut().take_output();
                    slot.expect("it is taken once")
                })
            }))
            .collect()
    }

    pub(super) fn is_over(&self) -> bool {
        *self.stop.borrow() || self.lost.borrow().is_some()
    }

    /// Makes one attempt; `None` if the run was over before it could begin.
    async fn attempt(
        &self,
        variation: Variation,
        prepared: &Prepared,
        slot: Slot,
    ) -> Result<Option<AttemptRecord>, StoreError> {
        let number = variation.attempt;
        let spec = build_spec(&self.cell.inputs, &prepared.mounts, variation);
        if self.is_over() {
            return Ok(None);
        }
        let cell = self.cell.id.clone();
        self.event(Event::AttemptStarted { cell, number });
        let (started, clock) = (Timestamp::now(), Instant::now());
        let locations = &prepared.locations;
        let execution = self.execute(number, &spec, locations, slot.cpu).await;
        drop(slot);
        let wall = clock.elapsed();
        if execution.end == End::Interrupted {
            return Ok(None);
        }
        let Left {
            outcome,
            files,
            commands,
            exports,
        } = outcome::read(&spec, &execution);
        if let Outcome::Failed {
            failure: Failure::Engine(failure),
        } = &outcome
        {
            self.lost.send_replace(Some(failure.clone()));
        }
        let reached = Reached::read(&execution.log.bytes);
        let needed = match exports.map(|bytes| Symvers::parse(&bytes)) {
            Some(Ok(exports)) => Needed::Exports(Box::new(exports)),
            Some(Err(_)) | None if self.cell.inputs.needed.is_empty() => Needed::Nothing,
            Some(Err(_)) | None => Needed::Unread,
        };
        let gates = examine(&spec, prepared.symvers.as_deref(), &needed, &files);
        let layers = layers(&files, prepared.toolchain.btf_base);
        let (observed, steps) = (execution.observed.clone(), execution.steps);
        let (store, to_keep, log) = (
            self.workshop.store.clone(),
            spec.clone(),
            execution.log.bytes,
        );
        let (commands, text) = commands.unzip();
        let log = blocking(move || keep(&store, &to_keep, &log, text.as_deref(), &files)).await?;
        let record = AttemptRecord {
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
            toolchain: prepared.toolchain.clone(),
            outcome,
            gates,
            layers,
            commands,
            log,
        };
        self.send(Message::Attempt {
            inputs: self.cell.inputs.digest(),
            cell: self.cell.id.clone(),
            record: Box::new(record.clone()),
        });
        Ok(Some(record))
    }

    pub(super) async fn execute(
        &self,
        number: u32,
        spec: &BuildSpec,
        locations: &Locations,
        cpu: u32,
    ) -> Execution {
        let docker = &self.workshop.docker;
        let mut retries = RETRIES.into_iter();
        loop {
            let execution = docker.run(spec, locations, cpu, self.stop.clone()).await;
            let failure = match &execution.end {
                End::Lost(failure) if failure.is_retryable() => failure.clone(),
                End::Lost(_)
                | End::Exited { .. }
                | End::OutOfMemory { .. }
                | End::TimedOut
                | End::OutputLimit
                | End::LogLimit
                | End::Interrupted => return execution,
            };
            let Some(wait) = retries.next() else {
                return execution;
            };
            if self.is_over() {
                return execution;
            }
            self.event(Event::Retrying {
                cell: self.cell.id.clone(),
                number,
                failure,
            });
            tokio::time::sleep(wait).await;
        }
    }

    /// Holds every rebuild that has not been compared yet against the reference.
    async fn compare(
        &self,
        made: &[AttemptRecord],
        compared: &[(u32, Comparison)],
        base: Option<BtfBase>,
    ) -> Result<Vec<(u32, Comparison)>, StoreError> {
        let inputs = self.cell.inputs.digest();
        let modules = |attempt: &AttemptRecord| match &attempt.outcome {
            Outcome::Built { modules } => Some(modules.clone()),
            Outcome::Failed { .. } | Outcome::Excluded { .. } => None,
        };
        let built = || {
            made.iter()
                .filter_map(|attempt| Some((attempt, modules(attempt)?)))
        };
        let Some((reference, of_reference)) = built().find(|(attempt, _)| attempt.number == 0)
        else {
            return Ok(Vec::new());
        };
        let mut new: Vec<(u32, Comparison)> = Vec::new();
        let given = self.cell.inputs.given();
        for (rebuild, of_rebuild) in built() {
            let number = rebuild.number;
            let is_known = |(known, _): &(u32, Comparison)| *known == number;
            if number == 0 || compared.iter().chain(&new).any(is_known) {
                continue;
            }
            let surroundings =
                |attempt: &AttemptRecord| Surroundings::of(&attempt.variation, &attempt.reached);
            let sealed = |attempt: &AttemptRecord| {
                attempt.observed.as_ref().is_some_and(Observed::is_sealed)
            };
            let (one, two) = (surroundings(reference), surroundings(rebuild));
            let store = &self.workshop.store;
            let mut differing = compare::differing(&of_reference, &of_rebuild).into_iter();
            let is_lost = differing.any(|(_, one, two)| {
                let mut both = [one, two].into_iter().flatten();
                both.any(|digest| !store.has_blob(&digest))
            });
            if is_lost {
                // Its digests say that it differs, and nothing is left to say in what.
                continue;
            }
            let commands = commands_apart(store, reference, rebuild)?;
            let context = Context {
                surroundings: Some((&one, &two)),
                lines: Lines {
                    source: &self.cell.source.suspicions,
                    given: &given,
                },
                commands: &commands,
                signs: [signs_of(reference), signs_of(rebuild)],
                same_source: true,
                open: !(sealed(reference) && sealed(rebuild)),
                answer: None,
            };
            let of = (&of_reference[..], &of_rebuild[..]);
            let differences = differences(store, of, base, &context)?;
            let agreed = compare::as_agreed(&of_reference, &of_rebuild, &differences);
            let comparison = Comparison {
                differences,
                metadata_equal: is_metadata_equal(
                    store,
                    &self.cell,
                    (reference, &of_reference),
                    (rebuild, &agreed),
                ),
            };
            self.send(Message::Comparison {
                inputs,
                number,
                comparison: comparison.clone(),
            });
            new.push((number, comparison));
        }
        Ok(new)
    }

    pub(super) fn event(&self, event: Event) {
        self.send(Message::Event(event));
    }

    pub(super) fn send(&self, message: Message) {
        // The receiver is gone only when the run has failed already.
        let _ = self.sender.send(message);
    }
}
