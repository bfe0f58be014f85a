//! A root file system from the first mirrors that serve it whole.
//!
//! Mirrors of an archive are tried in their order, one archive at a time, so that what is recorded
//! as passed over is the mirror that failed. All suites of an archive come from one mirror.

use jiff::Timestamp;

use crate::catalog::SuiteRecord;
use crate::catalog::apt::{ArchiveStates, read_suites_of};
use crate::catalog::error::CatalogError;
use crate::catalog::facts::ArchiveFacts;
use crate::catalog::mirror::Mirror;
use crate::catalog::surroundings::Surroundings;
use crate::image::bootstrap::{BootstrapError, bootstrap};
use crate::image::definition::Bootstrap;
use crate::image::make::ImageError;
use crate::image::{PassedOver, RootRecord};
use crate::name::Arch;

/// A root file system, and what it was made from.
pub(super) struct MadeRoot {
    pub root: RootRecord,
    /// In the order of the definition.
    pub suites: Vec<SuiteRecord>,
    /// Mirrors that did not serve it.
    pub passed_over: Vec<PassedOver>,
}

/// Authenticates the archives and bootstraps from them.
///
/// `date` is what the files are dated with; the newest state's date if it is `None`.
pub(super) async fn make_root(
    wanted: &Bootstrap,
    arch: Arch,
    date: Option<Timestamp>,
    at: &Surroundings<'_>,
) -> Result<MadeRoot, ImageError> {
    let mut passed_over = Vec::new();
    let mut states = Vec::new();
    let mut others = Vec::new();
    for archive in &wanted.archives {
        let mut mirrors = at.site.resolve(&archive.name).map_err(CatalogError::from)?;
        states.push(first_state(archive, &mut mirrors, &mut passed_over, at).await?);
        others.push(mirrors);
    }
    let error = match attempt(wanted, arch, &states, date, at).await {
        Ok(root) => return Ok(made(root, states, passed_over)),
        Err(error) => error,
    };
    if !error.may_be_the_mirrors() {
        return Err(error.into());
    }
    for (index, archive) in wanted.archives.iter().enumerate() {
        while !others[index].is_empty() {
            let replaced = states[index].clone();
            let mut failed = vec![pass_over(archive, &replaced.mirror, &error)];
            let Ok(state) = first_state(archive, &mut others[index], &mut failed, at).await else {
                break;
            };
            states[index] = state;
            match attempt(wanted, arch, &states, date, at).await {
                Ok(root) => {
                    passed_over.extend(failed);
                    return Ok(made(root, states, passed_over));
                }
                Err(next) if !next.may_be_the_mirrors() => return Err(next.into()),
                // It is not this archive's mirror alone; the first failure is the one to tell.
                Err(_) => states[index] = replaced,
            }
        }
    }
    Err(error.into())
}

async fn attempt(
    wanted: &Bootstrap,
    arch: Arch,
    states: &[ArchiveStates],
    date: Option<Timestamp>,
    at: &Surroundings<'_>,
) -> Result<RootRecord, BootstrapError> {
    let suites = states.iter().flat_map(|state| &state.suites);
    let newest = suites.map(|suite| suite.date).max();
    let date = date.or(newest).ok_or(BootstrapError::NoSuite)?;
    bootstrap(wanted, arch, states, date, at.store).await
}

fn made(root: RootRecord, states: Vec<ArchiveStates>, passed_over: Vec<PassedOver>) -> MadeRoot {
    MadeRoot {
        root,
        suites: states.into_iter().flat_map(|state| state.suites).collect(),
        passed_over,
    }
}

/// Takes mirrors off the list until one gives every suite of the archive.
async fn first_state(
    archive: &ArchiveFacts,
    mirrors: &mut Vec<Mirror>,
    passed_over: &mut Vec<PassedOver>,
    at: &Surroundings<'_>,
) -> Result<ArchiveStates, ImageError> {
    let before = passed_over.len();
    let mut refused: Option<CatalogError> = None;
    while !mirrors.is_empty() {
        let mirror = mirrors.remove(0);
        match read_suites_of(archive, &mirror, at).await {
            Ok(state) => return Ok(state),
            Err(error) => {
                passed_over.push(pass_over(archive, &mirror, &error));
                // A refusal says more than silence.
                if refused.as_ref().is_none_or(is_silence) {
                    refused = Some(error);
                }
            }
        }
    }
    let refused = refused.ok_or(BootstrapError::NoSuite)?;
    let tried = passed_over.split_off(before);
    if tried.len() == 1 {
        return Err(refused.into());
    }
    let refused = Box::new(refused);
    Err(ImageError::Mirrors { tried, refused })
}

fn is_silence(error: &CatalogError) -> bool {
    matches!(
        error,
        CatalogError::Unreachable { .. } | CatalogError::NoSuchFile { .. }
    )
}

fn pass_over(archive: &ArchiveFacts, mirror: &Mirror, error: &dyn std::error::Error) -> PassedOver {
    let mut reason = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        reason = format!("{reason}: {cause}");
        next = cause.source();
    }
    tracing::warn!(archive = %archive.name, %mirror, reason, "passed over a mirror");
    PassedOver {
        archive: archive.name.clone(),
        mirror: mirror.to_string(),
        reason,
    }
}
