//! What reading an archive needs beside the facts.

use super::SuiteRecord;
use super::fetch::Fetcher;
use super::site::Site;
use crate::store::Store;

/// What reading an archive needs beside the facts.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    pub site: &'a Site,
    pub store: &'a Store,
    pub fetcher: &'a Fetcher,
    /// The time that signatures and validity are judged at.
    pub now: jiff::Timestamp,
    /// Every state that was ever recorded; no suite may be older than it was then.
    pub seen: &'a [SuiteRecord],
}
