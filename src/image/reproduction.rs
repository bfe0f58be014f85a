//! Whether a bootstrapped image can be made again with the same bits.

use std::fs::File;
use std::io::BufReader;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::catalog::SuiteRecord;
use crate::catalog::surroundings::Surroundings;
use crate::digest::Sha256Digest;
use crate::image::ImageRecord;
use crate::image::definition::{ImageDefinition, ImageOrigin};
use crate::image::make::ImageError;
use crate::image::root::make_root;
use crate::image::tar_difference::{TarDifference, tar_differences};
use crate::name::{Arch, ImageName};
use crate::store::StoreError;

/// What came of making an image again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageReproduction {
    pub schema_version: u32,
    pub image: ImageName,
    /// The image that it speaks of.
    pub id: Sha256Digest,
    pub at: Timestamp,
    #[serde(flatten)]
    pub answer: Reproduction,
}

/// The version of the record that this program reads and writes.
pub const SCHEMA: u32 = 1;

/// Whether the second bootstrap gave the same root file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reproduced", rename_all = "camelCase")]
pub enum Reproduction {
    /// The tars have one digest.
    Yes,
    /// From the same states of the archives came other bits.
    #[serde(rename_all = "camelCase")]
    No {
        /// The digest of the second tar; the store keeps it.
        other: Sha256Digest,
        /// The first of them, by path.
        differences: Vec<TarDifference>,
        /// How many there are.
        count: usize,
    },
    /// Nothing can be said.
    #[serde(rename_all = "camelCase")]
    Unattempted { reason: String },
}

impl Reproduction {
    /// Returns the word that is shown for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No { .. } => "no",
            Self::Unattempted { .. } => "unattempted",
        }
    }
}

/// Bootstraps the image again, with the date of the first time, and compares the tars.
///
/// Other bits count as a difference only if they came from the very states of the archives that the
/// image was made from; an archive that has moved on explains any difference, and none is claimed.
/// The same bits are the same bits in either case.
pub async fn reproduce(
    definition: &ImageDefinition,
    record: &ImageRecord,
    arch: Arch,
    at: &Surroundings<'_>,
) -> Result<ImageReproduction, ImageError> {
    let answer = answer(definition, record, arch, at).await?;
    Ok(ImageReproduction {
        schema_version: SCHEMA,
        image: record.name.clone(),
        id: record.id,
        at: at.now,
        answer,
    })
}

async fn answer(
    definition: &ImageDefinition,
    record: &ImageRecord,
    arch: Arch,
    at: &Surroundings<'_>,
) -> Result<Reproduction, ImageError> {
    let unattempted = |reason: &str| {
        Ok(Reproduction::Unattempted {
            reason: reason.to_owned(),
        })
    };
    let ImageOrigin::Bootstrap(wanted) = &definition.origin else {
        return unattempted("only a bootstrapped image can be made again with the same bits");
    };
    let Some(root) = record.root else {
        return unattempted("no root file system is recorded of it");
    };
    if record.definition != definition.digest {
        return unattempted("its definition has changed since it was made");
    }
    let again = make_root(wanted, arch, record.archive_date, at).await?;
    if again.root.digest == root.digest {
        return Ok(Reproduction::Yes);
    }
    if let Some((then, now)) = moved(&record.suites, &again.suites) {
        return Ok(Reproduction::Unattempted {
            reason: format!(
                "the archive has moved on since it was made: `{}` was of {}, and is of {}",
                then.suite, then.date, now.date
            ),
        });
    }
    let open = |digest| {
        let path = at
            .store
            .blob_path(&digest)
            .ok_or(StoreError::NoBlob { digest })?;
        File::open(&path)
            .map(BufReader::new)
            .map_err(|source| ImageError::Root {
                path: path.display().to_string(),
                source,
            })
    };
    let (first, second) = (open(root.digest)?, open(again.root.digest)?);
    let compared = tokio::task::spawn_blocking(move || tar_differences(first, second)).await;
    let compared = compared.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    let (differences, count) = compared.map_err(|source| ImageError::Root {
        path: root.digest.to_string(),
        source,
    })?;
    Ok(Reproduction::No {
        other: again.root.digest,
        differences,
        count,
    })
}

/// Returns a suite whose state is another one than it was, as it was and as it is.
fn moved<'r>(
    then: &'r [SuiteRecord],
    now: &'r [SuiteRecord],
) -> Option<(&'r SuiteRecord, &'r SuiteRecord)> {
    now.iter().find_map(|now| {
        let then = then
            .iter()
            .find(|then| then.archive == now.archive && then.suite == now.suite)?;
        (then.index != now.index).then_some((then, now))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(name: &str, content: &str) -> SuiteRecord {
        SuiteRecord {
            archive: "debian".parse().expect("an archive"),
            suite: name.parse().expect("a suite"),
            date: Timestamp::UNIX_EPOCH,
            valid_until: None,
            arch: None,
            index: Sha256Digest::of(content.as_bytes()),
            signed_by: Vec::new(),
            exceptions: Vec::new(),
            unneeded: Vec::new(),
            passed_over: Vec::new(),
            signature: None,
        }
    }

    #[test]
    fn an_archive_has_moved_if_any_suite_of_it_has() {
        let then = [suite("a", "1"), suite("b", "1")];
        assert_eq!(moved(&then, &then), None);
        let now = [suite("a", "1"), suite("b", "2")];
        assert_eq!(moved(&then, &now), Some((&then[1], &now[1])));
    }

    #[test]
    fn the_answer_is_one_word_in_json() {
        let answer = Reproduction::Unattempted {
            reason: "x".to_owned(),
        };
        let json = serde_json::to_value(&answer).expect("json");
        assert_eq!(json["reproduced"], answer.as_str());
        assert_eq!(
            serde_json::to_value(Reproduction::Yes).expect("json")["reproduced"],
            Reproduction::Yes.as_str()
        );
    }
}
