//! Asking one mirror after the other for the state of a suite, and keeping what was wrong with those
//! that were passed over.

use super::PassedOver;
use super::error::CatalogError;
use super::fetch_error::{FetchError, Tried};
use super::mirror::Mirror;
use crate::name::{ArchiveName, Suite};

/// The mirrors that were asked for one suite and had no good state of it.
///
/// A mirror whose state is refused is passed over like one that does not answer: what it serves says
/// nothing about the archive.
pub(super) struct Attempts<'a> {
    archive: &'a ArchiveName,
    suite: &'a Suite,
    passed_over: Vec<PassedOver>,
    /// The first refusal, since it says more than silence.
    refused: Option<CatalogError>,
    silent: Vec<Tried>,
    path: String,
}

impl<'a> Attempts<'a> {
    /// Begins before the first mirror; `path` is the file that all are asked for.
    pub(super) fn new(archive: &'a ArchiveName, suite: &'a Suite, path: &str) -> Self {
        Self {
            archive,
            suite,
            passed_over: Vec::new(),
            refused: None,
            silent: Vec::new(),
            path: path.to_owned(),
        }
    }

    /// Passes a mirror over.
    ///
    /// # Errors
    ///
    /// The error itself, if it is this machine's or the facts' and no other mirror can help.
    pub(super) fn pass_over(
        &mut self,
        mirror: &Mirror,
        error: CatalogError,
    ) -> Result<(), CatalogError> {
        if !error.is_of_mirror() {
            return Err(error);
        }
        let why = error.in_one_line();
        tracing::warn!(%mirror, suite = %self.suite, why, "passed over a mirror");
        self.passed_over.push(PassedOver {
            mirror: mirror.to_string(),
            path: self.path.clone(),
            why,
        });
        match error {
            CatalogError::Unreachable { source, .. } | CatalogError::NoSuchFile { source, .. } => {
                if let FetchError::NoMirrorHasIt { tried, .. } = *source {
                    self.silent.extend(tried);
                }
            }
            refused => {
                self.refused.get_or_insert(refused);
            }
        }
        Ok(())
    }

    /// Returns those that were passed over before a good one was found.
    pub(super) fn succeeded(self) -> Vec<PassedOver> {
        self.passed_over
    }

    /// Returns why no mirror would do, with every place that was tried.
    pub(super) fn failed(self) -> CatalogError {
        let because = self.refused.unwrap_or_else(|| {
            let error = FetchError::NoMirrorHasIt {
                path: self.path.clone(),
                tried: self.silent,
            };
            CatalogError::of_fetch(self.archive, &self.path, error)
        });
        CatalogError::NoGoodState {
            archive: self.archive.clone(),
            suite: self.suite.clone(),
            tried: self.passed_over,
            because: Box::new(because),
        }
    }
}

impl PassedOver {
    /// Returns what became of the mirrors that were asked for a file before one had it.
    pub(super) fn on_the_way(path: &str, tried: Vec<Tried>) -> Vec<Self> {
        tried
            .into_iter()
            .map(|Tried { mirror, error }| Self {
                mirror,
                path: path.to_owned(),
                why: error.to_string(),
            })
            .collect()
    }
}
