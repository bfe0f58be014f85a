//! The matrix as it is meant: every default filled in, every selector with its place in the file.

use std::num::NonZeroU32;
use std::path::PathBuf;

use globset::Glob;
use jiff::civil::Date;

use crate::digest::Sha256Digest;
use crate::document::{Place, Placed};
use crate::matrix::make_variable::MakeVariable;
use crate::matrix::module_path::ModulePath;
use crate::matrix::recipe::Recipe;
use crate::matrix::settings::{BuildSettings, PolicySettings};
use crate::name::{Arch, Distro, DistroRelease, Flavour, KernelRelease, ModuleName, Series};
use crate::source::{Declaration, WantedSource};

/// One matrix file. It has at least one module, and at least one target or include.
#[derive(Debug, Clone)]
pub struct Matrix {
    /// The file as it was named to us.
    pub path: PathBuf,
    /// The digest of the file's bytes.
    pub digest: Sha256Digest,
    pub modules: Vec<ModuleEntry>,
    pub targets: Vec<TargetSelector>,
    pub includes: Vec<Include>,
    pub excludes: Vec<Exclude>,
    pub build: BuildSettings,
    pub policy: PolicySettings,
}

/// A module to build.
#[derive(Debug, Clone)]
pub struct ModuleEntry {
    pub name: ModuleName,
    /// Where its source comes from; paths are found from where the matrix file is.
    pub source: WantedSource,
    /// Prebuilt objects among the sources that are known and named.
    pub closed_inputs: Vec<Declaration>,
    pub produces: Produces,
    /// Variables that are given to `make` beyond those of the recipe.
    pub make: Vec<MakeVariable>,
    pub recipe: Recipe,
    /// The modules whose exported symbols it uses; they are built before it.
    pub needs: Vec<ModuleName>,
    pub place: Place,
}

/// Which module files a build must leave behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Produces {
    /// Whatever the build makes, and at least one.
    AtLeastOne,
    /// These and no others.
    Exactly(Vec<ModulePath>),
}

/// Values of one axis of the matrix.
#[derive(Debug, Clone, PartialEq)]
pub enum Axis<T> {
    /// Every value that there is.
    Every,
    /// Those that are written.
    Only(Vec<Placed<T>>),
}

/// Kernels that are wanted: the product of the axes, narrowed by the kernel selector.
#[derive(Debug, Clone)]
pub struct TargetSelector {
    pub distro: Placed<Distro>,
    pub distro_releases: Vec<Placed<DistroRelease>>,
    pub archs: Vec<Placed<Arch>>,
    pub flavours: Axis<Flavour>,
    pub kernels: KernelSelector,
    pub modules: Axis<ModuleName>,
    pub place: Place,
}

/// Which kernels of a distribution release, an architecture and a flavour are wanted.
#[derive(Debug, Clone)]
pub struct KernelSelector {
    pub pick: KernelPick,
    pub latest: Latest,
}

/// What kernels are known by.
#[derive(Debug, Clone)]
pub enum KernelPick {
    Every,
    Series(Vec<Placed<Series>>),
    Release(Vec<Placed<KernelRelease>>),
    Glob(Vec<Placed<Glob>>),
}

/// How many of the picked kernels are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latest {
    All,
    /// The newest releases by package version, of each architecture, flavour and series, each in its
    /// newest upload.
    Newest(NonZeroU32),
}

/// Kernels that are wanted whatever the targets say, and whatever the excludes say.
#[derive(Debug, Clone)]
pub struct Include {
    pub distro: Placed<Distro>,
    pub distro_release: Placed<DistroRelease>,
    pub arch: Placed<Arch>,
    pub kernels: Vec<Placed<KernelRelease>>,
    pub modules: Axis<ModuleName>,
    pub place: Place,
}

/// Cells that are not wanted although a target names them; at least one axis is narrowed.
#[derive(Debug, Clone)]
pub struct Exclude {
    pub distros: Axis<Distro>,
    pub distro_releases: Axis<DistroRelease>,
    pub archs: Axis<Arch>,
    pub flavours: Axis<Flavour>,
    pub kernels: Axis<Glob>,
    pub series: Axis<Series>,
    pub modules: Axis<ModuleName>,
    pub reason: String,
    pub ticket: Option<String>,
    /// The last day on which the exclude holds.
    pub expires: Option<Date>,
    pub place: Place,
}

impl<T> Axis<T> {
    /// Returns true if a value passes, where `admits` says which values a written one admits.
    pub fn admits(&self, mut admits: impl FnMut(&T) -> bool) -> bool {
        match self {
            Self::Every => true,
            Self::Only(values) => values.iter().any(|placed| admits(&placed.value)),
        }
    }

    /// Returns what is written, which is nothing for every value.
    pub fn written(&self) -> &[Placed<T>] {
        match self {
            Self::Every => &[],
            Self::Only(values) => values,
        }
    }
}

impl<T> From<Option<Vec<Placed<T>>>> for Axis<T> {
    fn from(written: Option<Vec<Placed<T>>>) -> Self {
        written.map_or(Self::Every, Self::Only)
    }
}
