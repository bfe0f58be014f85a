//! What a policy judges of an archive: the modules of its release with the statements beside them, one
//! cell after the other, from the archive as it is.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::bundle::format::{Limits, MemberPath};
use crate::bundle::held::Contradiction;
use crate::bundle::import::{ImportError, open};
use crate::bundle::index::{Kind, Member};
use crate::bundle::read::ArchiveReader;
use crate::bundle::seal::Trusting;
use crate::digest::Sha256Digest;

/// Where in it stands what is said of its builder images.
const IMAGES: &str = "images/";

/// Where the release stands.
const RELEASE: &str = "release/";

/// How many directories a cell's id has.
const DEPTH_OF_A_CELL: usize = 4;

/// The most bytes of one statement, and of all that one cell has.
const MOST_OF_A_STATEMENT: u64 = 64 << 20;
const MOST_OF_A_CELL: u64 = 512 << 20;

/// What an archive has of one cell.
#[derive(Debug, Default)]
pub struct ReleaseFolder {
    /// Where it stands: `release/`, and the id of the cell.
    pub place: String,
    pub modules: Vec<ReleaseMember>,
    pub statements: Vec<ReleaseMember>,
}

/// One file.
#[derive(Debug)]
pub struct ReleaseMember {
    pub path: MemberPath,
    /// Nothing if it is larger than is read.
    pub bytes: Option<Vec<u8>>,
}

/// Reads what is said of the release as a whole and of its builder images. `digest` is the archive's, for [`for_each_cell`].
pub fn statements_of_release(
    path: &Path,
    limits: &Limits,
) -> Result<(Sha256Digest, Vec<ReleaseMember>), ImportError> {
    let (mut reader, checked) = open(path, limits, &Trusting { trust: None })?;
    let is_one = |member: &Member| {
        let name = member.path.as_str().strip_prefix(RELEASE);
        let of_whole = |name: &str| !name.strip_prefix(IMAGES).unwrap_or(name).contains('/');
        member.kind == Kind::Attestation && name.is_some_and(of_whole)
    };
    let mut left = checked.index.members.iter().filter(|m| is_one(m)).count();
    let mut statements = Vec::with_capacity(left);
    let mut total = 0;
    while left > 0 {
        let Some(member) = reader.upcoming().cloned() else {
            break;
        };
        if is_one(&member) {
            left -= 1;
            statements.push(take(&mut reader, path, &member, &mut total)?);
        } else {
            let skipped = reader.copy_to(&mut io::sink());
            skipped.map_err(|error| ImportError::of(path, error))?;
        }
    }
    Ok((checked.digest, statements))
}

/// Hands over what an archive has of each cell, and reads it to its end. What is handed over is as the
/// index says; that nothing after it is damaged is known when this returns.
pub fn for_each_cell<E: From<ImportError>>(
    path: &Path,
    limits: &Limits,
    digest: &Sha256Digest,
    mut each: impl FnMut(ReleaseFolder) -> Result<(), E>,
) -> Result<(), E> {
    let (mut reader, checked) = open(path, limits, &Trusting { trust: None })?;
    if checked.digest != *digest {
        let why = "the archive was changed while it was read".to_owned();
        return Err(ImportError::Signature(why).into());
    }
    let mut folder = ReleaseFolder::default();
    let mut total = 0;
    while let Some(member) = reader.upcoming().cloned() {
        let place = place_of(&member);
        if place != Some(folder.place.as_str()) {
            if !folder.place.is_empty() {
                each(std::mem::take(&mut folder))?;
            }
            total = 0;
            folder.place = place.unwrap_or_default().to_owned();
        }
        let files = match (place, member.kind) {
            (Some(_), Kind::Module) => &mut folder.modules,
            (Some(_), Kind::Attestation) => &mut folder.statements,
            (Some(_) | None, _) => {
                let skipped = reader.copy_to(&mut io::sink());
                skipped.map_err(|error| ImportError::of(path, error))?;
                continue;
            }
        };
        files.push(take(&mut reader, path, &member, &mut total)?);
    }
    if !folder.place.is_empty() {
        each(folder)?;
    }
    let ended = reader.finish();
    ended.map_err(|error| ImportError::of(path, error))?;
    Ok(())
}

/// Returns which cell's a member is, by where it stands.
fn place_of(member: &Member) -> Option<&str> {
    let path = member.path.as_str();
    let below = path.strip_prefix(RELEASE)?;
    let mut ends = below.match_indices('/').map(|(at, _)| RELEASE.len() + at);
    Some(&path[..ends.nth(DEPTH_OF_A_CELL - 1)?])
}

/// Reads the member that comes next, unless it is larger than is read.
fn take(
    reader: &mut ArchiveReader<File>,
    path: &Path,
    member: &Member,
    total: &mut u64,
) -> Result<ReleaseMember, ImportError> {
    let is_read = member.kind == Kind::Module || member.bytes <= MOST_OF_A_STATEMENT;
    if !is_read {
        let skipped = reader.copy_to(&mut io::sink());
        skipped.map_err(|error| ImportError::of(path, error))?;
        return Ok(ReleaseMember {
            path: member.path.clone(),
            bytes: None,
        });
    }
    *total += member.bytes;
    if *total > MOST_OF_A_CELL {
        return Err(Contradiction::Member {
            member: member.path.to_string(),
            why: format!("what stands beside it has more than {MOST_OF_A_CELL} bytes"),
        }
        .into());
    }
    let mut bytes = Vec::new();
    let copied = reader.copy_to(&mut bytes);
    copied.map_err(|error| ImportError::of(path, error))?;
    Ok(ReleaseMember {
        path: member.path.clone(),
        bytes: Some(bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_belongs_to_the_cell_that_it_lies_below() {
        let place = |path: &str| {
            let member = Member {
                path: MemberPath::new(path).expect("a path"),
                bytes: 0,
                sha256: Sha256Digest::of(b""),
                kind: Kind::Module,
            };
            place_of(&member).map(str::to_owned)
        };
        let cell = "release/debian-13/amd64/6.12.1-x=6.12.1-1/m";
        for (path, expected) in [
            (format!("{cell}/m.ko"), Some(cell)),
            (format!("{cell}/sub/m.ko"), Some(cell)),
            ("release/release.scope.sigstore.json".to_owned(), None),
            ("release/images/12ab.sbom.dsse.json".to_owned(), None),
            (cell.to_owned(), None),
            (format!("blobs/{cell}/m.ko"), None),
        ] {
            assert_eq!(place(&path).as_deref(), expected, "{path}");
        }
    }
}
