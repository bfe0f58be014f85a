//! Getting a cell's inputs: packages into the store, trees unpacked, mounts and toolchain read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use tokio::sync::Mutex as AsyncMutex;

use crate::catalog::PackageRef;
use crate::catalog::error::CatalogError;
use crate::catalog::kernel_source::KernelSource;
use crate::digest::Sha256Digest;
use crate::engine::Locations;
use crate::gate::Symvers;
use crate::ledger::CellRecord;
use crate::package;
use crate::recipe::toolchain::{self, KernelToolchain};
use crate::recipe::{BtfJobs, KERNEL_BUILD_AT, KERNEL_SOURCE_AT, Mount};
use crate::run::exports;
use crate::run::kernels::KernelTrees;
use crate::run::{InputError, Workshop};
use crate::store::{PackageTree, StoreError};
use crate::tree::{self, Entries, Entry};

/// The most bytes of a kernel configuration that are read.
const MAX_RECORD: u64 = 16 << 20;

/// Where a kernel's makefiles say how pahole is called, the newest first.
pub(super) const BTF_SCRIPTS: [&str; 2] = ["scripts/Makefile.btf", "scripts/pahole-flags.sh"];

/// Gets packages, and says which may be used.
pub trait PackageSource: Send + Sync {
    /// Has one package in the store, known by its digest, and signed by whom it has to be. It is asked
    /// for packages that are in the store too, before they are unpacked.
    fn fetch<'a>(
        &'a self,
        package: &'a PackageRef,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<(), CatalogError>> + Send + 'a>>;

    /// Has the tarball of a kernel in the store.
    fn fetch_kernel<'a>(
        &'a self,
        source: &'a KernelSource,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<(), CatalogError>> + Send + 'a>>;
}

/// Why a cell's inputs are not there, and whether any other cell can go on.
pub(crate) enum PrepareError {
    NoInput(InputError),
    /// The store cannot be written.
    Store(StoreError),
}

impl From<StoreError> for PrepareError {
    fn from(error: StoreError) -> Self {
        if error.is_full() {
            Self::Store(error)
        } else {
            Self::NoInput(InputError::Store(Arc::new(error)))
        }
    }
}

/// A cell's inputs, ready.
pub(crate) struct Prepared {
    pub mounts: Vec<Mount>,
    pub locations: Locations,
    pub toolchain: KernelToolchain,
    /// What the kernel exports, where its tree says it.
    pub symvers: Option<Arc<Symvers>>,
}

/// Trees that cells which are being prepared have open. Cells share packages: each is fetched,
/// unpacked and read once while any of them needs it, and forgotten then.
#[derive(Clone, Default)]
pub(crate) struct Unpacked(Arc<Mutex<BTreeMap<Sha256Digest, Shared>>>);

type Shared = Arc<AsyncMutex<Weak<PackageTree>>>;

impl Unpacked {
    async fn tree(
        &self,
        workshop: &Workshop,
        package: &PackageRef,
    ) -> Result<Arc<PackageTree>, PrepareError> {
        let shared = {
            let mut known = self.0.lock().expect("no holder panics");
            known.entry(package.sha256).or_default().clone()
        };
        let mut slot = shared.lock().await;
        if let Some(tree) = slot.upgrade() {
            return Ok(tree);
        }
        let tree = open(workshop, package).await?;
        *slot = Arc::downgrade(&tree);
        Ok(tree)
    }
}

async fn open(workshop: &Workshop, package: &PackageRef) -> Result<Arc<PackageTree>, PrepareError> {
    workshop
        .packages
        .fetch(package)
        .await
        .map_err(|error| PrepareError::NoInput(InputError::Catalog(Arc::new(error))))?;
    let store = workshop.store.clone();
    let (digest, format) = (package.sha256, package.format);
    let opened = blocking(move || {
        let limits = package::Limits::default();
        store.package_tree(&digest, format, &limits)
    })
    .await;
    Ok(Arc::new(opened?))
}

/// Fetches, unpacks and reads what a cell is built from.
pub(crate) async fn prepare(
    workshop: &Workshop,
    unpacked: &Unpacked,
    cell: &CellRecord,
    kernel: Option<&KernelTrees>,
) -> Result<Prepared, PrepareError> {
    let mut mounts = Vec::new();
    let mut locations = Locations::new();
    let mut record = None;
    let mut symvers = None;
    let globs = globs(&cell.inputs.mounts);
    let mut open = Vec::new();
    for package in &cell.packages {
        let tree = unpacked.tree(workshop, package).await?;
        if tree.identity.name != package.name || tree.identity.version != package.version {
            return Err(PrepareError::NoInput(InputError::OtherPackage {
                wanted: format!("{} {}", package.name, package.version),
                found: format!("{} {}", tree.identity.name, tree.identity.version),
            }));
        }
        open.push(tree);
    }
    for tree in &open {
        for (name, entry) in &tree.entries {
            let mounted = match entry {
                Entry::Directory => globs.is_match(name),
                Entry::File { .. } | Entry::Symlink { .. } => false,
            };
            if !mounted {
                continue;
            }
            let digest = tree::digest(&tree::below(&tree.entries, name));
            locations.insert(digest, tree.directory.join(name));
            mounts.push(Mount {
                path: name.clone(),
                tree: digest,
            });
        }
        if record.is_none() {
            record = read_toolchain(cell, tree)?;
        }
        if symvers.is_none()
            && let Some(root) = header_root(cell, tree)
        {
            symvers = exports::read_symvers(&tree.directory, &root, &tree.entries)?;
        }
    }
    if let Some(kernel) = kernel {
        for (at, tree, directory) in [
            (KERNEL_SOURCE_AT, kernel.source, &kernel.source_directory),
            (KERNEL_BUILD_AT, kernel.build, &kernel.build_directory),
        ] {
            locations.insert(tree, directory.clone());
            mounts.push(Mount {
                path: at.trim_start_matches('/').to_owned(),
                tree,
            });
        }
        record = Some(kernel.toolchain.clone());
        symvers = kernel.symvers.clone();
    }
    if let Some(record) = &mut record
        && kernel.is_none()
    {
        record.btf_jobs = btf_jobs(open.iter().map(|tree| (&*tree.directory, &tree.entries)))?;
    }
    mounts.sort_by(|a, b| a.path.cmp(&b.path));
    let needed = cell.inputs.needed.iter().map(|needed| needed.source_tree);
    for tree in std::iter::once(cell.inputs.source_tree).chain(needed) {
        if let Some(source) = workshop.sources.get(&tree) {
            let (store, source) = (workshop.store.clone(), source.clone());
            let place =
                blocking(move || store.source_tree(&source.entries, &source.directory)).await?;
            locations.insert(tree, place);
        }
    }
    Ok(Prepared {
        mounts,
        locations,
        toolchain: record.unwrap_or_default(),
        symvers,
    })
}

/// Reads how the kernel's makefiles call pahole, from whichever tree has them.
fn btf_jobs<'a>(
    trees: impl Iterator<Item = (&'a Path, &'a Entries)> + Clone,
) -> Result<BtfJobs, StoreError> {
    for name in BTF_SCRIPTS {
        for (directory, entries) in trees.clone() {
            let found = entries.iter().find(|(path, entry)| {
                let is_file = matches!(entry, Entry::File { bytes, .. } if *bytes <= MAX_RECORD);
                is_file && (path.as_str() == name || path.ends_with(&format!("/{name}")))
            });
            if let Some((path, _)) = found {
                let path = directory.join(path);
                let script = std::fs::read(&path).map_err(|source| StoreError::Io {
                    doing: "read",
                    path,
                    source,
                })?;
                return Ok(BtfJobs::read(&String::from_utf8_lossy(&script)));
            }
        }
    }
    Ok(BtfJobs::Unknown)
}

/// Reads the kernel's record of its tools from the header tree that the build is pointed at.
fn read_toolchain(
    cell: &CellRecord,
    tree: &PackageTree,
) -> Result<Option<KernelToolchain>, StoreError> {
    let Some(root) = header_root(cell, tree) else {
        return Ok(None);
    };
    let read = |name: &str| -> Result<Option<String>, StoreError> {
        let relative = format!("{root}/{name}");
        match tree.entries.get(&relative) {
            Some(Entry::File { bytes, .. }) if *bytes <= MAX_RECORD => {
                let path: PathBuf = tree.directory.join(&relative);
                let text = std::fs::read(&path).map_err(|source| StoreError::Io {
                    doing: "read",
                    path,
                    source,
                })?;
                Ok(Some(String::from_utf8_lossy(&text).into_owned()))
            }
            Some(Entry::File { .. } | Entry::Directory | Entry::Symlink { .. }) | None => Ok(None),
        }
    };
    // Upstream's own packages have the configuration only as Kbuild reads it.
    let config = match read(".config")? {
        Some(config) => Some(config),
        None => read("include/config/auto.conf")?,
    };
    let Some(config) = config else {
        return Ok(None);
    };
    let variables = read(".kernelvariables")?;
    let has_vmlinux = tree.entries.contains_key(&format!("{root}/vmlinux"));
    let mut record = toolchain::read_record(&config, variables.as_deref(), has_vmlinux);
    if record.makes_btf {
        record.btf_base = exports::read_btf_base(&tree.directory, &root, &tree.entries)?;
    }
    Ok(Some(record))
}

/// Finds the directory of a package's tree that the cell's build directory is or links to.
fn header_root(cell: &CellRecord, tree: &PackageTree) -> Option<String> {
    let build = cell.inputs.build_directory.trim_start_matches('/');
    let alternatives = [build.to_owned(), format!("usr/{build}")];
    let place = alternatives
        .iter()
        .find(|place| tree.entries.contains_key(*place))?;
    match tree.entries.get(place)? {
        Entry::Directory => Some(place.clone()),
        Entry::Symlink { target } => tree::link_target(place, target),
        Entry::File { .. } => None,
    }
}

fn globs(patterns: &[String]) -> GlobSet {
    let mut builder = GlobSetBuilder::new();
    // The facts' reader has refused patterns that are none.
    let compiled = patterns
        .iter()
        .filter_map(|text| GlobBuilder::new(text).literal_separator(true).build().ok());
    for glob in compiled {
        builder.add(glob);
    }
    builder.build().unwrap_or_else(|_| GlobSet::empty())
}

/// Runs work that blocks on the thread pool that is there for it.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
