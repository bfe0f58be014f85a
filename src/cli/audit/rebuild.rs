//! Building the cells of a sample again, here, from what their maker locked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use crate::attest::Unsigned;
use crate::bundle::{Again, Audited, Circumstances, Claim, Finding, claim, comparison_statement};
use crate::cli::Refusal;
use crate::cli::build::{chain, watched};
use crate::cli::prepare::Inputs;
use crate::digest::Sha256Digest;
use crate::engine::Docker;
use crate::exit::Exit;
use crate::image;
use crate::label::{Grade, Independent, Signing};
use crate::ledger::{AttemptRecord, CellRecord, Ledger, RunRecord, RunStatus};
use crate::name::{CellId, ModuleName};
use crate::outcome::Outcome;
use crate::recipe::RECIPE;
use crate::run::{Finished, Theirs, Workshop, compare_beside, label_beside};
use crate::sign::CiJob;
use crate::source::{self, Origin, Repository, Revision, Source, SourceRecord};

/// All that rebuilding a sample takes.
pub(super) struct Work<'a> {
    pub inputs: &'a Inputs<'a>,
    pub circumstances: &'a Circumstances,
    pub sources: &'a [(ModuleName, PathBuf)],
    pub builder: &'a str,
    pub jobs: Option<u32>,
    /// Of whoever signs for the audit.
    pub grade: Option<Grade>,
}

/// What came of it.
pub(super) struct Rebuilt {
    /// The id of the run that was made here.
    pub run: String,
    /// In the order in which they were asked for.
    pub cells: Vec<Audited>,
    /// About every cell that was built and compared.
    pub statements: Vec<Unsigned>,
    /// How the run ended, whatever was found.
    pub exit: Exit,
}

impl Work<'_> {
    /// Builds cells again and holds each against what is claimed of it.
    pub(super) async fn rebuild(
        &self,
        ledger: &mut Ledger,
        wanted: &[(CellId, Sha256Digest)],
    ) -> Result<Rebuilt, Refusal> {
        let docker = Docker::connect(&self.inputs.state.id()?).await?;
        docker.sweep().await?;
        let archive = self.circumstances.archive;
        let mut claims = Vec::new();
        let mut missing: BTreeMap<CellId, String> = BTreeMap::new();
        let mut sources = BTreeMap::new();
        for (id, inputs) in wanted {
            match claim(ledger, &archive, id, inputs)? {
                Some(claim) => {
                    if let Err(reason) = self.ready(&claim.cell, &docker, &mut sources).await? {
                        missing.insert(id.clone(), reason);
                    }
                    claims.push(claim);
                }
                None => {
                    missing.insert(id.clone(), "nothing is claimed of it".to_owned());
                }
            }
        }
        let cells: Vec<CellRecord> = claims
            .iter()
            .filter(|claim| !missing.contains_key(&claim.cell.id))
            .map(|claim| CellRecord {
                // One build of ours is held against theirs.
                rebuilds: 0,
                ..claim.cell.clone()
            })
            .collect();
        let sources = Arc::new(sources);
        let finished = self.build(ledger, &docker, &sources, &cells, "").await?;
        for (cell, error) in &finished.missing_inputs {
            missing.insert(cell.clone(), chain(error));
        }
        let mut rebuilt = Rebuilt {
            run: finished.record.id.clone(),
            cells: Vec::new(),
            statements: Vec::new(),
            exit: exit(&finished),
        };
        for (id, inputs) in wanted {
            let claim = claims.iter().find(|claim| claim.cell.id == *id);
            let finding = match (missing.remove(id), claim) {
                (Some(reason), _) => Finding::Missing { reason },
                (None, None) => Finding::Missing {
                    reason: "nothing is claimed of it".to_owned(),
                },
                (None, Some(claim)) => {
                    let (finding, statement) = self.compare(ledger, claim)?;
                    rebuilt.statements.extend(statement);
                    finding
                }
            };
            rebuilt.cells.push(Audited {
                cell: id.clone(),
                inputs: *inputs,
                finding,
            });
        }
        self.again(ledger, &docker, &sources, &claims, &mut rebuilt)
            .await?;
        Ok(rebuilt)
    }

    /// Has what a cell is built from, as far as a run does not fetch it itself; or says what is missing.
    async fn ready(
        &self,
        cell: &CellRecord,
        docker: &Docker,
        sources: &mut BTreeMap<Sha256Digest, Source>,
    ) -> Result<Result<(), String>, Refusal> {
        if cell.inputs.recipe != RECIPE {
            let theirs = cell.inputs.recipe;
            return Ok(Err(format!(
                "it was built by version {theirs} of the recipe, and this program has {RECIPE}"
            )));
        }
        let own = (&cell.inputs.module, &cell.source);
        for (module, record) in std::iter::once(own).chain(&cell.needed_sources) {
            if sources.contains_key(&record.tree) {
                continue;
            }
            match self.source(module, record).await? {
                Ok(source) => {
                    sources.insert(record.tree, source);
                }
                Err(reason) => return Ok(Err(reason)),
            }
        }
        let (store, offline) = (&self.inputs.store, self.inputs.common.offline);
        match image::obtain(&cell.image, docker, store, offline).await {
            Ok(true) => Ok(Ok(())),
            Ok(false) => Ok(Err(format!(
                "the engine does not have the image {} {}, and the archive does not hold it",
                cell.image.name, cell.image.id
            ))),
            Err(image::ImageError::Engine(error)) if error.is_retryable() => Err(error.into()),
            Err(error) => Ok(Err(chain(&error))),
        }
    }

    /// Has a module's source: from the archive, from where somebody says that it is, or from the
    /// repository that it was taken from.
    async fn source(
        &self,
        module: &ModuleName,
        record: &SourceRecord,
    ) -> Result<Result<Source, String>, Refusal> {
        let store = &self.inputs.store;
        if let Some((directory, entries)) = store.kept_source(&record.tree)? {
            return Ok(Ok(Source {
                module: module.clone(),
                directory,
                entries,
                record: record.clone(),
            }));
        }
        let given = self.sources.iter().find(|(name, _)| name == module);
        let read = match (given, &record.origin, &record.revision) {
            (Some((_, directory)), _, _) => source::read(module, directory),
            (None, Origin::Git { repository, path }, Revision::Committed { commit }) => {
                let at = (Repository::try_from(repository.clone()), commit.parse());
                let (Ok(Repository::Url(url)), Ok(commit)) = at else {
                    return Ok(Err(absent(module)));
                };
                let path = path.as_deref().and_then(|path| path.parse().ok());
                let offline = self.inputs.common.offline;
                let fetched = source::fetch_commit(module, &url, &commit, store, offline).await;
                let repository = Repository::Url(url);
                fetched.and_then(|()| {
                    source::read_commit(module, &repository, &commit, path.as_ref(), store)
                })
            }
            (None, _, _) => return Ok(Err(absent(module))),
        };
        Ok(match read {
            Ok(source) if source.record.tree == record.tree => Ok(source),
            Ok(source) => Err(format!(
                "the source of `{module}` in `{}` is another: {}, and not {}",
                source.directory.display(),
                source.record.tree,
                record.tree
            )),
            Err(error) => Err(chain(&error)),
        })
    }

    /// Builds cells in a run of their own, whose name ends so.
    pub(super) async fn build(
        &self,
        ledger: &mut Ledger,
        docker: &Docker,
        sources: &Arc<BTreeMap<Sha256Digest, Source>>,
        cells: &[CellRecord],
        ending: &str,
    ) -> Result<Finished, Refusal> {
        let started = Timestamp::now();
        let release = &self.circumstances.release;
        let record = RunRecord {
            id: format!(
                "audit-{}-{}{ending}",
                started.strftime("%Y%m%dT%H%M%S"),
                std::process::id()
            ),
            started,
            ended: None,
            status: RunStatus::Running,
            matrix: format!("audit of {} {}", release.name, release.run),
            plan: release.plan,
            rebuilds: 0,
            job: CiJob::current().map(|job| job.to_string()),
        };
        let workshop = Workshop {
            store: self.inputs.store.clone(),
            jobs: self.jobs.unwrap_or_else(|| docker.identity().cpus.max(1)),
            docker: docker.clone(),
            packages: self.inputs.packages()?,
            sources: sources.clone(),
            inquires: false,
        };
        self.inputs.status.begin_bar(cells.len() as u64);
        watched(workshop, ledger, record, cells, self.inputs.status).await
    }

    /// Holds what was built here against what is claimed.
    fn compare(
        &self,
        ledger: &Ledger,
        claim: &Claim,
    ) -> Result<(Finding, Option<Unsigned>), Refusal> {
        let inputs = claim.cell.inputs.digest();
        let attempts = ledger.attempts(&inputs)?;
        let Some(ours) = attempts.into_iter().find(|attempt| attempt.number == 0) else {
            let reason = "it was not built: the run ended before".to_owned();
            return Ok((Finding::Missing { reason }, None));
        };
        match &ours.outcome {
            Outcome::Built { .. } => {}
            Outcome::Failed { failure } if failure.is_infrastructure() => {
                let reason = failure.to_string();
                return Ok((Finding::Missing { reason }, None));
            }
            Outcome::Failed { failure } => {
                let reason = format!("{}: {failure}", failure.class());
                return Ok((Finding::NoModule { reason }, None));
            }
            Outcome::Excluded { exclusion } => {
                let reason = exclusion.to_string();
                return Ok((Finding::NoModule { reason }, None));
            }
        }
        let store = &self.inputs.store;
        let Some(comparison) = compare_beside(store, &claim.cell, &claim.reference, &ours)? else {
            let reason = "one of the two made no module".to_owned();
            return Ok((Finding::NoModule { reason }, None));
        };
        let label = self.label(ledger, claim, &ours, &comparison)?;
        let statement = comparison_statement(
            claim,
            &ours,
            &comparison,
            &label,
            self.circumstances,
            self.builder,
        );
        let finding = if comparison.is_same() {
            let modules = claim.modules().iter().map(|module| module.digest);
            Finding::Same {
                modules: modules.collect(),
            }
        } else {
            Finding::Differs {
                modules: comparison.differences,
                again: Again::Unknown {
                    reason: "the run ended before".to_owned(),
                },
            }
        };
        Ok((finding, Some(statement)))
    }

    /// Labels a cell by what was seen here. The same bits of somebody who is not known, or who is
    /// whoever signs here, raise nothing.
    fn label(
        &self,
        ledger: &Ledger,
        claim: &Claim,
        ours: &AttemptRecord,
        comparison: &crate::compare::Comparison,
    ) -> Result<crate::label::Label, Refusal> {
        let Circumstances {
            claimed_by,
            audited_by,
            ..
        } = self.circumstances;
        let independent = match (claimed_by, audited_by) {
            (Some(theirs), Some(own)) if theirs != own => Some(Independent {
                signed_by: theirs.clone(),
            }),
            (Some(_) | None, Some(_) | None) => None,
        };
        let signing = match (self.grade, audited_by) {
            (Some(grade), Some(by)) => Some(Signing {
                grade,
                by: by.clone(),
            }),
            (Some(_) | None, Some(_) | None) => None,
        };
        let preparations = match &claim.cell.inputs.prepared {
            Some(prepared) => ledger.preparations(&prepared.digest())?,
            None => Vec::new(),
        };
        let theirs = Theirs {
            reference: &claim.reference,
            comparison,
            independent: independent.as_ref(),
        };
        Ok(label_beside(
            &claim.cell,
            ours,
            theirs,
            &preparations,
            signing,
        ))
    }
}

fn absent(module: &ModuleName) -> String {
    format!(
        "the archive does not hold the source of `{module}`; name it with `--source {module}=DIR`"
    )
}

pub(super) fn exit(finished: &Finished) -> Exit {
    let mut exit = Exit::Success;
    if finished.record.status == RunStatus::Interrupted {
        exit = exit.or(Exit::Interrupted);
    }
    if finished.engine_lost.is_some() {
        exit = exit.or(Exit::EngineUnavailable);
    }
    exit
}
