//! The lock: every input of a plan pinned by digest, with where it came from and who vouched for
//! it. A value; reading and writing the file is the state's.

mod fewer;
mod sharing;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::catalog::facts::DistroFacts;
use crate::catalog::kernel_source::{KernelOrigin, KernelSource};
use crate::catalog::{DistroKernels, PackageRef, SuiteRecord};
use crate::digest::Sha256Digest;
use crate::image::ImageRecord;
use crate::ledger::CellRecord;
use crate::matrix::{self, Matrix, ModuleEntry, Produces};
use crate::name::{Arch, CellId, ImageName, ModuleName, Target};
use crate::recipe::{
    BuiltBy, CellInputs, KERNEL_BUILD_AT, Limits, NeededModule, PREPARATION, Preparation, RECIPE,
};
use crate::source::SourceRecord;

pub use fewer::lost;
pub use sharing::{PackageSum, Sharing};

/// The lock of one matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lock {
    pub schema_version: u32,
    /// The digest of the plan that was locked.
    pub plan: Sha256Digest,
    /// The digest of the facts of each distribution release, such as `debian-12`.
    pub facts: BTreeMap<String, Sha256Digest>,
    pub sources: BTreeMap<ModuleName, SourceRecord>,
    pub images: BTreeMap<ImageName, ImageRecord>,
    /// The suites that were read, each in the state that was authenticated.
    pub suites: Vec<SuiteRecord>,
    pub targets: Vec<LockedTarget>,
    pub cells: Vec<LockedCell>,
    /// Cells that were locked once and were let go on somebody's word when their kernels had gone,
    /// ordered by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub let_go: Vec<LetGo>,
}

/// One cell that was let go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LetGo {
    pub cell: CellId,
    /// When somebody said so.
    pub accepted: Timestamp,
}

/// One kernel with its packages pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LockedTarget {
    pub target: Target,
    pub image: ImageName,
    /// What of the packages is mounted (globs of directories).
    pub mounts: Vec<String>,
    /// The kernel's build directory, absolute.
    pub build_directory: String,
    pub packages: Vec<PackageRef>,
    /// What the kernel is prepared from, where there are no packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<KernelSource>,
}

/// One cell by the numbers of its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LockedCell {
    pub id: CellId,
    /// The index of its target in [`Lock::targets`].
    pub target: usize,
}

/// The schema of the lock that this program writes. In version 1 the ids of cells had no package
/// version.
pub const SCHEMA: u32 = 2;

/// Says why a plan cannot be locked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    #[error("the cell {cell} is planned, but its kernel is in no list of kernels")]
    NoKernel { cell: Box<CellId> },
    #[error("there are no facts for {distro_release}")]
    NoFacts { distro_release: String },
}

/// Pins what a plan's cells are built from. Pure: everything is handed in.
pub fn lock<'a>(
    plan: Sha256Digest,
    cells: impl IntoIterator<Item = (&'a CellId, &'a Target)>,
    facts: &[DistroFacts],
    kernels: &[DistroKernels],
    images: BTreeMap<ImageName, ImageRecord>,
    sources: BTreeMap<ModuleName, SourceRecord>,
) -> Result<Lock, LockError> {
    let mut known = BTreeMap::new();
    for list in kernels {
        for kernel in &list.kernels {
            known.insert(&kernel.target, kernel);
        }
    }
    let mut at: BTreeMap<&Target, usize> = BTreeMap::new();
    let mut targets = Vec::new();
    let mut locked = Vec::new();
    for (id, target) in cells {
        let index = match at.get(target) {
            Some(index) => *index,
            None => {
                let kernel = known.get(target).ok_or_else(|| LockError::NoKernel {
                    cell: Box::new(id.clone()),
                })?;
                let facts = facts
                    .iter()
                    .find(|facts| {
                        facts.distro == target.distro
                            && facts.distro_release == target.distro_release
                    })
                    .ok_or_else(|| LockError::NoFacts {
                        distro_release: format!("{}-{}", target.distro, target.distro_release),
                    })?;
                targets.push(LockedTarget {
                    target: target.clone(),
                    image: facts.image_for(target.arch).clone(),
                    mounts: facts.kernel.mounts.clone(),
                    build_directory: match &kernel.source {
                        Some(_) => KERNEL_BUILD_AT.to_owned(),
                        None => facts.kernel.build_directory(facts.format, target),
                    },
                    packages: kernel.packages.clone(),
                    source: kernel.source.clone(),
                });
                at.insert(target, targets.len() - 1);
                targets.len() - 1
            }
        };
        locked.push(LockedCell {
            id: id.clone(),
            target: index,
        });
    }
    Ok(Lock {
        schema_version: SCHEMA,
        plan,
        facts: facts
            .iter()
            .map(|facts| (facts.name(), facts.digest))
            .collect(),
        sources,
        images,
        suites: kernels
            .iter()
            .flat_map(|list| list.suites.iter().cloned())
            .collect(),
        targets,
        cells: locked,
        let_go: Vec::new(),
    })
}

impl Lock {
    /// Takes over what an older lock of the same matrix let go, save for cells that are back, and
    /// adds to it.
    pub fn let_go_as(&mut self, older: &Self, more: impl IntoIterator<Item = LetGo>) {
        self.let_go = older.let_go.iter().cloned().chain(more).collect();
        let is_back = |let_go: &LetGo| self.cells.iter().any(|cell| cell.id == let_go.cell);
        let gone: Vec<LetGo> = self
            .let_go
            .iter()
            .filter(|cell| !is_back(cell))
            .cloned()
            .collect();
        self.let_go = gone;
        self.let_go.sort();
        self.let_go.dedup_by(|a, b| a.cell == b.cell);
    }

    /// Puts each cell's inputs together with what is known of them.
    ///
    /// `build_arch` is the architecture of the machine that builds. Cells whose module, image or
    /// target the lock does not have are left out; a lock made by [`lock`] has none.
    pub fn cells(&self, matrix: &Matrix, build_arch: Arch) -> Vec<CellRecord> {
        self.cells
            .iter()
            .filter_map(|cell| {
                let target = self.targets.get(cell.target)?;
                let module = matrix
                    .modules
                    .iter()
                    .find(|module| module.name == cell.id.module)?;
                let source = self.sources.get(&cell.id.module)?;
                let image = self.images.get(&target.image)?;
                let needed = self.needed(matrix, module)?;
                Some(CellRecord {
                    id: cell.id.clone(),
                    needed_sources: needed
                        .iter()
                        .filter_map(|needed| {
                            let source = self.sources.get(&needed.module)?;
                            Some((needed.module.clone(), source.clone()))
                        })
                        .collect(),
                    inputs: inputs(module, target, source, image, matrix, needed, build_arch),
                    source: source.clone(),
                    packages: target.packages.clone(),
                    kernel_source: target.source.clone(),
                    vouched: self.vouched(target),
                    image: image.clone(),
                    rebuilds: matrix.build.least_rebuilds(),
                    axes: matrix.build.axes(),
                    warn_after: SignedDuration::try_from(matrix.policy.warn_after).ok(),
                    stale_after: SignedDuration::try_from(matrix.policy.stale_after)
                        .unwrap_or(SignedDuration::ZERO),
                })
            })
            .collect()
    }

    /// Returns the packages of each cell.
    pub fn cell_packages(&self) -> impl Iterator<Item = &[PackageRef]> {
        self.cells
            .iter()
            .filter_map(|cell| Some(self.targets.get(cell.target)?.packages.as_slice()))
    }

    /// Returns every module that has to be built before this one, in an order in which each comes
    /// after those that it needs; `None` if the lock does not have them all.
    fn needed(&self, matrix: &Matrix, module: &ModuleEntry) -> Option<Vec<NeededModule>> {
        let mut order = Vec::new();
        put_before(matrix, module, &mut order);
        order
            .into_iter()
            .map(|entry| {
                Some(NeededModule {
                    module: entry.name.clone(),
                    source_tree: self.sources.get(&entry.name)?.tree,
                    built_by: BuiltBy::from(&entry.recipe),
                    make: entry.make.iter().map(ToString::to_string).collect(),
                    needs: direct_needs(entry),
                })
            })
            .collect()
    }

    fn vouched(&self, target: &LockedTarget) -> Vec<SuiteRecord> {
        self.suites
            .iter()
            .filter(|suite| {
                let of_source = target.source.as_ref().is_some_and(|source| {
                    matches!(&source.origin, KernelOrigin::Archive { archive, suite: of, .. }
                        if *archive == suite.archive && *of == suite.suite)
                });
                let mut packages = target.packages.iter();
                of_source
                    || packages.any(|package| {
                        package.archive == suite.archive && package.suite == suite.suite
                    })
            })
            .cloned()
            .collect()
    }
}

/// Adds what a module needs, and what that needs before it. The matrix has no cycles.
fn put_before<'m>(matrix: &'m Matrix, module: &ModuleEntry, order: &mut Vec<&'m ModuleEntry>) {
    for name in direct_needs(module) {
        let entry = matrix.modules.iter().find(|entry| entry.name == name);
        if let Some(entry) = entry
            && !order.iter().any(|known| known.name == name)
        {
            put_before(matrix, entry, order);
            order.push(entry);
        }
    }
}

fn direct_needs(module: &ModuleEntry) -> Vec<ModuleName> {
    let mut needs = module.needs.clone();
    needs.sort();
    needs
}

fn inputs(
    module: &ModuleEntry,
    target: &LockedTarget,
    source: &SourceRecord,
    image: &ImageRecord,
    matrix: &Matrix,
    needed: Vec<NeededModule>,
    build_arch: Arch,
) -> CellInputs {
    let arch = target.target.arch;
    let cross = (arch != build_arch).then(|| format!("{}-", arch.gnu_triplet()));
    CellInputs {
        recipe: RECIPE,
        module: module.name.clone(),
        target: target.target.clone(),
        source_tree: source.tree,
        built_by: BuiltBy::from(&module.recipe),
        needs: direct_needs(module),
        needed,
        image: image.id,
        packages: target
            .packages
            .iter()
            .map(|package| (package.name.clone(), package.sha256))
            .collect(),
        prepared: target.source.as_ref().map(|source| Preparation {
            recipe: PREPARATION,
            source: source.pinned,
            signers: source
                .origin
                .signature()
                .map_or_else(Vec::new, |signature| signature.signers.clone()),
            config: source.config,
            unanswered: source.unanswered,
            level: source.level,
            arch,
            cross: cross.clone(),
            kernel_release: target.target.kernel_release.clone(),
            make: source.make.clone(),
            image: image.id,
            limits: of_matrix(&matrix.build.preparation.limits),
            cpus: matrix.build.preparation.cpus.map(NonZeroU32::get),
        }),
        mounts: target.mounts.clone(),
        build_directory: target.build_directory.clone(),
        cross,
        make: module.make.iter().map(ToString::to_string).collect(),
        produces: match &module.produces {
            Produces::AtLeastOne => Vec::new(),
            Produces::Exactly(paths) => paths.iter().map(ToString::to_string).collect(),
        },
        limits: of_matrix(&matrix.build.limits),
    }
}

fn of_matrix(limits: &matrix::Limits) -> Limits {
    Limits {
        memory_bytes: limits.memory.bytes(),
        processes: limits.processes.get(),
        seconds: limits.time.as_secs().max(1),
        disk_bytes: limits.disk.bytes(),
        log_bytes: limits.log.bytes(),
        output_bytes: limits.output.bytes(),
    }
}
