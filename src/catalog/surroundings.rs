//! What reading an archive needs beside the facts.

use jiff::Timestamp;

use super::SuiteRecord;
use super::fetch::Fetcher;
use super::site::Site;
use crate::name::{Arch, ArchiveName, Suite};
use crate::store::Store;

/// What reading an archive needs beside the facts.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    pub site: &'a Site,
    pub store: &'a Store,
    pub fetcher: &'a Fetcher,
    /// Whether only this machine may be asked.
    pub offline: bool,
    /// The time that signatures and validity are judged at.
    pub now: Timestamp,
    /// Every state that was ever recorded; no suite may be older than it was then.
    pub seen: &'a [SuiteRecord],
}

impl Surroundings<'_> {
    /// Returns the date of the newest state of a suite that was recorded before; of one architecture,
    /// if each has an index of its own.
    pub(super) fn newest_seen(
        &self,
        archive: &ArchiveName,
        suite: &Suite,
        arch: Option<Arch>,
    ) -> Option<Timestamp> {
        self.seen
            .iter()
            .filter(|record| {
                record.archive == *archive && record.suite == *suite && record.arch == arch
            })
            .map(|record| record.date)
            .max()
    }
}
