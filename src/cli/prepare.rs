//! What several commands need first: kernels listed, a plan, images, sources, a lock.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use futures_util::future::join_all;
use jiff::Timestamp;

use crate::catalog::change::Change;
use crate::catalog::error::CatalogError;
use crate::catalog::facts::{self, DistroFacts};
use crate::catalog::fetch::{FetchBounds, Fetcher};
use crate::catalog::kernel_source::{KernelSource, TarballOrigin};
use crate::catalog::look::Look;
use crate::catalog::package::fetch_package;
use crate::catalog::package_signature::verify_package;
use crate::catalog::read::read_distro;
use crate::catalog::site::Site;
use crate::catalog::source::fetch_tarball;
use crate::catalog::surroundings::Surroundings;
use crate::catalog::{DistroKernels, PackageRef, SuiteRecord};
use crate::cli::{Common, Refusal};
use crate::digest::Sha256Digest;
use crate::engine::Docker;
use crate::exit::Exit;
use crate::image::definition::ImageDefinition;
use crate::image::{self, ImageRecord};
use crate::lock::{self, LetGo, Lock, Sharing};
use crate::matrix::Matrix;
use crate::name::{Arch, CellId, ImageName, ModuleName};
use crate::plan::{Plan, plan};
use crate::report::Status;
use crate::retention;
use crate::run::PackageSource;
use crate::source::Source;
use crate::state::{self, State};
use crate::store::Store;

/// How new the inputs are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// Take what is recorded, and look for the rest.
    Missing,
    /// Ask the archives again.
    Update,
    /// Take what is recorded, and refuse if anything is missing.
    Locked,
}

impl Renewal {
    /// Reads the flags of a command, which exclude each other.
    pub(crate) fn of(update: bool, locked: bool) -> Self {
        if update {
            Self::Update
        } else if locked {
            Self::Locked
        } else {
            Self::Missing
        }
    }
}

/// Whether a lock may lose cells whose kernels have gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fewer {
    Refuse,
    Accept,
}

impl Fewer {
    /// Reads the flag `--accept-fewer`.
    pub(crate) fn of(accept: bool) -> Self {
        if accept { Self::Accept } else { Self::Refuse }
    }
}

/// Why the archives could not be asked.
#[derive(Debug)]
pub(crate) enum LookError {
    /// An archive cannot be read, or does not hold.
    Catalog(CatalogError),
    /// The archives were not asked at all.
    Refused(Refusal),
}

impl From<CatalogError> for LookError {
    fn from(error: CatalogError) -> Self {
        Self::Catalog(error)
    }
}

impl From<Refusal> for LookError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<LookError> for Refusal {
    fn from(error: LookError) -> Self {
        match error {
            LookError::Catalog(error) => error.into(),
            LookError::Refused(refusal) => refusal,
        }
    }
}

/// What commands that look at inputs work with.
pub(crate) struct Inputs<'a> {
    pub state: State,
    pub store: Store,
    site: Site,
    fetcher: Fetcher,
    pub(super) common: &'a Common,
    pub(super) status: &'a Status,
}

impl<'a> Inputs<'a> {
    pub(crate) fn open(common: &'a Common, status: &'a Status) -> Result<Self, Refusal> {
        let state = State::open(&common.state)?;
        let store = retention::open_store(&state)?;
        let counting = status.clone();
        let fetcher = Fetcher::new(FetchBounds::default())
            .map_err(|error| {
                Refusal::new(Exit::Internal, "cannot set up fetching").caused_by(&error)
            })?
            .with_progress(Arc::new(move |bytes| counting.fetched(bytes)));
        Ok(Self {
            state,
            store,
            site: Site::of_this_machine(common.mirror.clone(), common.site.clone()),
            fetcher,
            common,
            status,
        })
    }

    pub(crate) fn surroundings<'s>(&'s self, seen: &'s [SuiteRecord]) -> Surroundings<'s> {
        Surroundings {
            site: &self.site,
            store: &self.store,
            fetcher: &self.fetcher,
            now: Timestamp::now(),
            seen,
        }
    }

    /// Returns every state of a suite that a list of kernels or an image was made from.
    pub(crate) fn seen(&self) -> Result<Vec<SuiteRecord>, Refusal> {
        let mut seen = Vec::new();
        for path in self.state.all_kernels()? {
            let look: Option<Look> = state::read_versioned(&path)?;
            seen.extend(look.into_iter().flat_map(|look| look.list.suites));
        }
        for image in self.known_images()? {
            seen.extend(image.suites);
        }
        Ok(seen)
    }

    /// Returns the records of all images that were ever made here.
    fn known_images(&self) -> Result<Vec<ImageRecord>, Refusal> {
        let mut known = Vec::new();
        for path in self.state.all_images()? {
            let image: Option<ImageRecord> = state::read_json(&path)?;
            known.extend(image);
        }
        Ok(known)
    }

    /// Refuses to go on if an archive has to be asked and that was forbidden.
    pub(crate) fn online(&self, what: &str) -> Result<(), Refusal> {
        if self.common.offline {
            return Err(Refusal::new(
                Exit::InputUnavailable,
                format!("{what} is not in `{}`", self.state.root().display()),
            )
            .hint("run without `--offline` once".to_owned()));
        }
        Ok(())
    }

    /// Reads the facts of every distribution release.
    pub(crate) fn facts(&self) -> Result<Vec<DistroFacts>, Refusal> {
        Ok(facts::read_all(&self.common.kernels)?)
    }

    /// Lists the kernels of one distribution release, from the record or from its archives.
    pub(crate) async fn kernels(
        &self,
        facts: &DistroFacts,
        renewal: Renewal,
    ) -> Result<DistroKernels, Refusal> {
        let name = facts.name();
        let place = self.state.kernels(&name);
        let known: Option<Look> = state::read_versioned(&place)?;
        let known = known.map(|look| look.list);
        let usable = known
            .as_ref()
            .filter(|known| known.facts == facts.digest && renewal != Renewal::Update);
        if let Some(known) = usable {
            return Ok(known.clone());
        }
        if renewal == Renewal::Locked {
            return Err(locked(&format!("the list of kernels of {name}")));
        }
        let look = self.look(facts).await?;
        if let Some(known) = &known {
            self.warn_of_fewer(&name, known, &look.list);
        }
        self.record(&look)?;
        Ok(look.list)
    }

    /// Asks the archives of a distribution release which kernels they hold now, and records nothing.
    pub(crate) async fn look(&self, facts: &DistroFacts) -> Result<Look, LookError> {
        let name = facts.name();
        if !facts.archives.is_empty() {
            self.online(&format!("the list of kernels of {name}"))?;
        }
        self.status.busy("Listing", &format!("kernels of {name}"));
        let archs = facts.archs();
        let build_arch = build_arch()?;
        let seen = self.seen()?;
        let at = self.surroundings(&seen);
        let list = read_distro(facts, &archs, build_arch, &at).await?;
        Ok(Look::new(at.now, list))
    }

    /// Returns the last look that is recorded.
    pub(crate) fn last_look(&self, facts: &DistroFacts) -> Result<Option<Look>, Refusal> {
        Ok(state::read_versioned(&self.state.kernels(&facts.name()))?)
    }

    /// Records a look in the place of the last one.
    pub(crate) fn record(&self, look: &Look) -> Result<(), Refusal> {
        let list = &look.list;
        let name = format!("{}-{}", list.distro, list.distro_release);
        Ok(state::write_json(&self.state.kernels(&name), look)?)
    }

    fn warn_of_fewer(&self, name: &str, known: &DistroKernels, now: &DistroKernels) {
        let gone: Vec<String> = Change::between(&known.kernels, now)
            .gone
            .iter()
            .map(|gone| gone.kernel.target.kernel_release.to_string())
            .collect();
        if !gone.is_empty() {
            self.status.warn(&format!(
                "{} of {} kernels of {name} have gone since the last look: {}",
                gone.len(),
                known.kernels.len(),
                gone.join(", ")
            ));
        }
    }

    /// Says which locked cells a plan loses because their kernels have gone, and returns them.
    pub(crate) fn lost<'l>(
        &self,
        known: &'l Lock,
        plan: &'l Plan,
        kernels: &[DistroKernels],
    ) -> Vec<&'l CellId> {
        let cells = plan.cells.iter().map(|cell| (&cell.id, &*cell.target));
        let lost = lock::lost(known, cells, kernels);
        for id in &lost {
            self.status
                .warn(&format!("{id} is locked, and its kernel has gone"));
        }
        lost
    }

    /// Adds up what the cells of a lock share, by what the store has unpacked.
    pub(crate) fn sharing(&self, lock: &Lock) -> Result<Sharing, Refusal> {
        Ok(Sharing::of(lock.cell_packages(), |package| {
            self.store.unpacked_bytes(&package.sha256, package.format)
        })?)
    }

    /// Returns the recorded lock of a matrix.
    pub(crate) fn last_lock(&self, matrix: &Matrix) -> Result<Option<Lock>, Refusal> {
        Ok(state::read_versioned(&self.state.lock(&matrix.path))?)
    }

    /// Expands a matrix over the kernels of the distribution releases that it names.
    pub(crate) async fn plan(
        &self,
        matrix: &Matrix,
        renewal: Renewal,
    ) -> Result<(Plan, Vec<DistroFacts>, Vec<DistroKernels>), Refusal> {
        let wanted = wanted(matrix);
        let mut all_facts = Vec::new();
        let mut kernels = Vec::new();
        // Not read, but a plan that refuses a release names those that there are.
        let mut others = Vec::new();
        for facts in self.facts()? {
            if !wanted.contains(&facts.name()) {
                others.push(DistroKernels::unread(&facts));
                continue;
            }
            let list = self.kernels(&facts, renewal).await?;
            if let Some(first) = list.unresolved.first() {
                self.status.warn(&format!(
                    "{} kernels of {} cannot be built for, such as {}: {}",
                    list.unresolved.len(),
                    facts.name(),
                    first.kernel_release,
                    first.reason
                ));
            }
            kernels.push(list);
            all_facts.push(facts);
        }
        let today = jiff::Zoned::now().date();
        others.extend_from_slice(&kernels);
        let plan = plan(matrix, &others, today)?;
        Ok((plan, all_facts, kernels))
    }

    /// Expands a matrix over what the archives hold now, and records nothing.
    pub(crate) async fn plan_of_now(&self, matrix: &Matrix) -> Result<(Plan, Vec<Look>), Refusal> {
        let wanted = wanted(matrix);
        let mut lists = Vec::new();
        let mut looks = Vec::new();
        for facts in self.facts()? {
            if wanted.contains(&facts.name()) {
                let look = self.look(&facts).await?;
                lists.push(look.list.clone());
                looks.push(look);
            } else {
                lists.push(DistroKernels::unread(&facts));
            }
        }
        let plan = plan(matrix, &lists, jiff::Zoned::now().date())?;
        Ok((plan, looks))
    }

    /// Has every image that these facts name: recorded, loaded again, or made.
    pub(crate) async fn images(
        &self,
        names: &BTreeSet<ImageName>,
        docker: &Docker,
        renewal: Renewal,
    ) -> Result<BTreeMap<ImageName, ImageRecord>, Refusal> {
        let mut records = BTreeMap::new();
        let mut to_make = Vec::new();
        for name in names {
            let path = self.common.images.join(format!("{name}.toml"));
            if !path.exists() {
                return Err(Refusal::new(
                    Exit::Invalid,
                    format!("there is no image `{name}`, which facts of kernels name"),
                )
                .hint(format!(
                    "write `{}`: docs/kernels.md says what is in it",
                    path.display()
                )));
            }
            let definition = ImageDefinition::read(&path)?;
            match self.image(&definition, docker, renewal).await? {
                Some(record) => {
                    records.insert(name.clone(), record);
                }
                None => to_make.push(definition),
            }
        }
        for record in self.make_images(&to_make, docker, renewal).await? {
            records.insert(record.name.clone(), record);
        }
        Ok(records)
    }

    /// Returns an image that is recorded and can be had; `None` if it has to be made.
    async fn image(
        &self,
        definition: &ImageDefinition,
        docker: &Docker,
        renewal: Renewal,
    ) -> Result<Option<ImageRecord>, Refusal> {
        let known: Option<ImageRecord> = state::read_json(&self.state.image(&definition.name))?;
        match known {
            Some(record) if renewal != Renewal::Update => {
                let had = image::have(definition, record.clone(), docker, &self.store).await?;
                if let Some(completed) = had.as_ref().filter(|had| **had != record) {
                    state::write_json(&self.state.image(&definition.name), completed)?;
                }
                Ok(had)
            }
            Some(_) | None => Ok(None),
        }
    }

    /// Makes images side by side, and records each.
    async fn make_images(
        &self,
        definitions: &[ImageDefinition],
        docker: &Docker,
        renewal: Renewal,
    ) -> Result<Vec<ImageRecord>, Refusal> {
        if definitions.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<String> = definitions
            .iter()
            .map(|definition| definition.name.to_string())
            .collect();
        let names = names.join(", ");
        if renewal == Renewal::Locked {
            return Err(locked(&format!("the image {names}")));
        }
        self.online(&format!("the image {names}"))?;
        let seen = self.seen()?;
        let at = self.surroundings(&seen);
        let known = self.known_images()?;
        self.status
            .begin_spinner("Making", &format!("image {names}"));
        let made = join_all(
            definitions
                .iter()
                .map(|definition| image::make(definition, &known, docker, &at)),
        )
        .await;
        self.status.end_bar();
        let mut records = Vec::new();
        let mut failed = None;
        for made in made {
            match made {
                Ok(record) => {
                    state::write_json(&self.state.image(&record.name), &record)?;
                    self.status.done(
                        "Made",
                        &format!(
                            "image {} {} ({} packages)",
                            record.name,
                            record.id.short(),
                            record.packages.len()
                        ),
                    );
                    records.push(record);
                }
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
        }
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(records),
        }
    }

    /// Returns images that are recorded as they are defined now, without an engine.
    fn recorded_images(
        &self,
        names: &BTreeSet<ImageName>,
    ) -> Result<BTreeMap<ImageName, ImageRecord>, Refusal> {
        let mut records = BTreeMap::new();
        for name in names {
            let path = self.common.images.join(format!("{name}.toml"));
            let definition = ImageDefinition::read(&path)?;
            let known: Option<ImageRecord> = state::read_json(&self.state.image(name))?;
            let record = known
                .filter(|record| record.definition == definition.digest)
                .ok_or_else(|| locked(&format!("the image {name}")))?;
            records.insert(name.clone(), record);
        }
        Ok(records)
    }

    /// Returns the lock of a matrix: the recorded one if it still says what is wanted, or a new one.
    ///
    /// Without an engine, images are taken as they are recorded. A new lock that loses cells because
    /// their kernels have gone is refused, unless that is accepted; then it is recorded in the lock.
    pub(crate) async fn lock(
        &self,
        matrix: &Matrix,
        docker: Option<&Docker>,
        renewal: Renewal,
        fewer: Fewer,
    ) -> Result<(Plan, Lock, BTreeMap<ModuleName, Source>), Refusal> {
        let sources = self.sources(matrix, renewal).await?;
        let (plan, facts, kernels) = self.plan(matrix, renewal).await?;
        let names: BTreeSet<ImageName> = plan
            .cells
            .iter()
            .filter_map(|cell| {
                let facts = facts.iter().find(|facts| {
                    cell.id.distro == facts.distro && cell.id.distro_release == facts.distro_release
                })?;
                Some(facts.image_for(cell.id.arch).clone())
            })
            .collect();
        let images = match docker {
            Some(docker) => self.images(&names, docker, renewal).await?,
            None => self.recorded_images(&names)?,
        };
        let records = sources
            .iter()
            .map(|(name, source)| (name.clone(), source.record.clone()))
            .collect();
        let cells = plan.cells.iter().map(|cell| (&cell.id, &*cell.target));
        let mut new = lock::lock(plan.digest, cells, &facts, &kernels, images, records)?;
        let place = self.state.lock(&matrix.path);
        let known = self.last_lock(matrix)?;
        let mut lost = Vec::new();
        if let Some(known) = &known {
            lost = self.lost(known, &plan, &kernels);
            let accepted = Timestamp::now();
            let let_go = lost.iter().map(|id| LetGo {
                cell: CellId::clone(id),
                accepted,
            });
            new.let_go_as(known, let_go.filter(|_| fewer == Fewer::Accept));
        }
        if known.as_ref() != Some(&new) {
            if renewal == Renewal::Locked {
                return Err(locked(&format!("the lock of `{}`", matrix.path.display())));
            }
            if !lost.is_empty() && fewer == Fewer::Refuse {
                return Err(loses(matrix, lost.len()));
            }
            state::write_json(&place, &new)?;
            self.status.done(
                "Locked",
                &format!("{} cells, {} kernels", new.cells.len(), new.targets.len()),
            );
        }
        Ok((plan, new, sources))
    }

    /// Returns what fetches packages during a run.
    pub(crate) fn packages(&self) -> Result<Arc<dyn PackageSource>, Refusal> {
        Ok(Arc::new(Archives {
            facts: Arc::new(self.facts()?),
            site: self.site.clone(),
            fetcher: self.fetcher.clone(),
            store: self.store.clone(),
            offline: self.common.offline,
        }))
    }
}

/// Fetches packages from where the site says that their archives are, and holds their signatures
/// against the keys that facts pin.
struct Archives {
    facts: Arc<Vec<DistroFacts>>,
    site: Site,
    fetcher: Fetcher,
    store: Store,
    offline: bool,
}

impl PackageSource for Archives {
    fn fetch<'a>(
        &'a self,
        package: &'a PackageRef,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<(), CatalogError>> + Send + 'a>> {
        Box::pin(async move {
            if self.store.blob_path(&package.sha256).is_none() {
                if self.offline {
                    return Err(CatalogError::Offline {
                        name: package.name.clone(),
                        version: package.version.clone(),
                    });
                }
                fetch_package(&self.store, &self.site, &self.fetcher, package).await?;
            }
            let (store, facts) = (self.store.clone(), self.facts.clone());
            let package = package.clone();
            // Hashing what is signed takes a processor for a while.
            let verified = tokio::task::spawn_blocking(move || {
                verify_package(&store, &package, &facts, Timestamp::now())
            });
            verified.await.map_err(|error| CatalogError::Internal {
                reason: error.to_string(),
            })?
        })
    }

    fn fetch_kernel<'a>(
        &'a self,
        source: &'a KernelSource,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<(), CatalogError>> + Send + 'a>> {
        Box::pin(async move {
            let is_here = self.store.blob_path(&source.tarball).is_some();
            match &source.origin {
                TarballOrigin::Archive { .. } if self.offline && !is_here => {
                    Err(CatalogError::OfflineKernel {
                        source_name: source.origin.shown(),
                    })
                }
                TarballOrigin::Archive { .. } | TarballOrigin::File { .. } => {
                    fetch_tarball(&self.store, &self.site, &self.fetcher, source).await
                }
            }
        })
    }
}

/// Returns the names of the distribution releases that a matrix asks for.
fn wanted(matrix: &Matrix) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for target in &matrix.targets {
        for release in &target.distro_releases {
            names.insert(format!("{}-{}", target.distro.value, release.value));
        }
    }
    for include in &matrix.includes {
        names.insert(format!(
            "{}-{}",
            include.distro.value, include.distro_release.value
        ));
    }
    names
}

/// Returns the architecture that builds run on.
pub(crate) fn build_arch() -> Result<Arch, Refusal> {
    Arch::of_this_machine().ok_or_else(|| {
        Refusal::new(
            Exit::EngineUnavailable,
            format!(
                "modules cannot be built on `{}` machines",
                std::env::consts::ARCH
            ),
        )
    })
}

/// Reads a matrix file.
pub(crate) fn read_matrix(path: &Path) -> Result<Matrix, Refusal> {
    Ok(Matrix::read(path)?)
}

/// Returns the digests of all sources, for looking one up by its tree.
pub(crate) fn by_tree(sources: BTreeMap<ModuleName, Source>) -> BTreeMap<Sha256Digest, Source> {
    sources
        .into_values()
        .map(|source| (source.record.tree, source))
        .collect()
}

fn loses(matrix: &Matrix, count: usize) -> Refusal {
    let noun = if count == 1 { "cell" } else { "cells" };
    Refusal::new(
        Exit::FewerKernels,
        format!(
            "the lock of `{}` would lose {count} {noun} whose kernels have gone",
            matrix.path.display()
        ),
    )
    .hint(
        "look at the archives again with `kmatrix kernels update`, or let them go with \
         `--accept-fewer`, which the lock records"
            .to_owned(),
    )
}

pub(super) fn locked(what: &str) -> Refusal {
    Refusal::new(
        Exit::InputUnavailable,
        format!("{what} is missing or out of date"),
    )
    .hint("`--locked` and `--check` change nothing: run `kmatrix lock` first".to_owned())
}
