//! What cells are built from, as it goes into an archive.

use crate::bundle::contents::{Gathering, TREES, TreeList, by_digest};
use crate::bundle::gathered::{ExportError, From};
use crate::bundle::index::{InputKind, Kind};
use crate::catalog::SuiteRecord;
use crate::catalog::kernel_source::PinnedSource;
use crate::digest::Sha256Digest;
use crate::ledger::CellRecord;
use crate::tree::Entry;

impl Gathering<'_> {
    /// Takes in what a cell names: who vouched for what it is built from, and that itself where it was asked
    /// for.
    pub(super) fn cell(&mut self, cell: &CellRecord) -> Result<(), ExportError> {
        for suite in &cell.vouched {
            self.suite(suite)?;
        }
        for suite in &cell.image.suites {
            self.suite(suite)?;
        }
        if let Some(source) = &cell.kernel_source {
            self.blob(&source.config, Kind::Source, "a kernel's configuration")?;
        }
        if self.wants.contains(&InputKind::Packages) {
            for package in &cell.packages {
                let what = format!("the package {} {}", package.name, package.version);
                self.blob(&package.sha256, Kind::Package, &what)?;
            }
            if let Some(source) = &cell.kernel_source
                && let PinnedSource::Tarball(digest) = &source.pinned
            {
                self.blob(digest, Kind::Package, "a kernel's source")?;
            }
        }
        if self.wants.contains(&InputKind::Images)
            && let Some(root) = &cell.image.root
        {
            let what = format!("the root file system of the image {}", cell.image.name);
            self.blob(&root.digest, Kind::Image, &what)?;
        }
        if self.wants.contains(&InputKind::Sources) {
            let needed = cell.inputs.needed.iter().map(|needed| needed.source_tree);
            for tree in std::iter::once(cell.inputs.source_tree).chain(needed) {
                self.tree(&tree)?;
            }
        }
        Ok(())
    }

    fn suite(&mut self, suite: &SuiteRecord) -> Result<(), ExportError> {
        let what = format!("what {}/{} signed", suite.archive, suite.suite);
        self.blob(&suite.index, Kind::Signed, &what)?;
        match &suite.signature {
            Some(signature) => self.blob(signature, Kind::Signed, &what),
            None => Ok(()),
        }
    }

    /// Takes in a source tree: its list, and its files by their digests.
    fn tree(&mut self, tree: &Sha256Digest) -> Result<(), ExportError> {
        let path = format!("{TREES}{}.json", tree.to_hex());
        if self.has(&path) {
            return Ok(());
        }
        let kept = self.store.kept_source(tree)?;
        let (directory, entries) = kept.ok_or_else(|| ExportError::Missing {
            what: "a source".to_owned(),
            digest: *tree,
        })?;
        for (name, entry) in &entries {
            if let Entry::File { digest, bytes, .. } = entry {
                let from = From::File(directory.join(name));
                self.insert(&by_digest(digest), Kind::Source, *digest, *bytes, from)?;
            }
        }
        let list = TreeList {
            tree: *tree,
            entries,
        };
        let bytes = serde_json::to_vec(&list).expect("plain values serialise");
        self.extra(&path, Kind::Source, bytes)
    }
}
