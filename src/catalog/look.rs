//! One look at a distribution release's archives, as it is recorded.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::DistroKernels;

/// The version of the recorded form.
///
/// Version 1 was the list alone and did not name a version; every archive was apt's then.
pub const SCHEMA: u32 = 2;

/// What a distribution release's archives held, and when that was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Look {
    schema_version: u32,
    /// When the archives were asked; `None` of a look that version 1 recorded.
    pub at: Option<Timestamp>,
    pub list: DistroKernels,
}

impl Look {
    /// Puts a list together with the time that it was made at.
    pub fn new(at: Timestamp, list: DistroKernels) -> Self {
        Self {
            schema_version: SCHEMA,
            at: Some(at),
            list,
        }
    }

    /// Takes the list of version 1.
    pub fn of_version_1(list: DistroKernels) -> Self {
        Self {
            schema_version: SCHEMA,
            at: None,
            list,
        }
    }
}
