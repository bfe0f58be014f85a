//! What an archive says, held against itself: before anything of it is written, and before anything of it
//! is taken in.

use std::collections::BTreeSet;
use std::io::Read;

use crate::bundle::attested::{MOST_OF_A_STATEMENT, modules_of};
use crate::bundle::contents::{LEDGER, TreeList};
use crate::bundle::format::Limits;
use crate::bundle::index::Index;
use crate::bundle::known::Known;
use crate::bundle::lines::Lines;
use crate::bundle::promised::Promised;
use crate::bundle::row::Row;
use crate::bundle::tree_lists::tree_lists;
use crate::digest::Sha256Digest;
use crate::ledger::RunRecord;
use crate::store::{Staging, StoreError, unreadable};

/// Says where what one signer put together contradicts itself.
#[derive(Debug, thiserror::Error)]
pub enum Contradiction {
    #[error("line {line} of `{LEDGER}` does not hold: {why}")]
    Record { line: u64, why: String },
    #[error("`{member}` does not hold: {why}")]
    Member { member: String, why: String },
}

/// Says why an archive cannot be held against itself, or does not hold.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unheld {
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where the members of an archive are, by their digests.
pub(super) trait Members {
    fn open(&self, digest: &Sha256Digest) -> Result<Box<dyn Read + '_>, StoreError>;
}

impl Members for Staging {
    fn open(&self, digest: &Sha256Digest) -> Result<Box<dyn Read + '_>, StoreError> {
        Self::open(self, digest)
    }
}

/// Reads a member, or as many bytes of it.
pub(super) fn read(
    members: &impl Members,
    digest: &Sha256Digest,
    most: u64,
) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    members
        .open(digest)?
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(error, digest.to_hex().into()))?;
    Ok(bytes)
}

/// Holds records, lock, statements and lists of trees against each other, and returns the lists.
pub(super) fn hold(
    members: &impl Members,
    index: &Index,
    limits: &Limits,
) -> Result<Vec<TreeList>, Unheld> {
    hold_rows(members, index, limits)?;
    tree_lists(members, index)
}

/// Returns the digest of the member of a name.
pub(super) fn digest_of(index: &Index, path: &str) -> Result<Sha256Digest, Contradiction> {
    let mut members = index.members.iter();
    let found = members.find(|member| member.path.as_str() == path);
    let member = found.ok_or_else(|| Contradiction::Member {
        member: path.to_owned(),
        why: "it is not there".to_owned(),
    })?;
    Ok(member.sha256)
}

/// Reads every record, and refuses those that contradict the index, the lock, each other, or what they
/// name.
fn hold_rows(members: &impl Members, index: &Index, limits: &Limits) -> Result<(), Unheld> {
    let promised = Promised::read(members, index)?;
    let mut known = Known::new(index, &promised, limits);
    let mut last = 0;
    for line in Lines::of(members.open(&digest_of(index, LEDGER)?)?) {
        let (row, line) = line?;
        last = line;
        let refuse = |why: String| Contradiction::Record { line, why };
        let mut modules = BTreeSet::new();
        let of_release = |record: &RunRecord| {
            record.id == index.release.run && record.plan == index.release.plan
        };
        if line == 1 && !matches!(&row, Row::Run { record } if of_release(record)) {
            return Err(refuse("it is not the run that the index names".to_owned()).into());
        }
        if let Row::Attestation { record } = &row {
            let form = |digest| match read(members, digest, MOST_OF_A_STATEMENT) {
                Err(error @ StoreError::NoBlob { .. }) => Err(refuse(error.to_string()).into()),
                read => read.map_err(Unheld::from),
            };
            let (envelope, bundle) = (form(&record.envelope)?, form(&record.bundle)?);
            modules = modules_of(&envelope, &bundle, record).map_err(refuse)?;
        }
        known.take(&row, modules).map_err(refuse)?;
    }
    known
        .finish()
        .map_err(|why| Contradiction::Record { line: last, why }.into())
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::bundle::contents::{LOCK, TREES};
    use crate::bundle::index::{Kind, Member};
    use crate::bundle::tests::index_of;

    /// A disk from which nothing can be read.
    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broken"))
        }
    }

    impl Members for Broken {
        fn open(&self, _: &Sha256Digest) -> Result<Box<dyn Read + '_>, StoreError> {
            Ok(Box::new(Self))
        }
    }

    #[test]
    fn a_disk_that_cannot_be_read_contradicts_nothing() {
        let lock = Member {
            path: crate::bundle::MemberPath::new(LOCK).expect("a path"),
            bytes: 1,
            sha256: Sha256Digest::of(b"lock"),
            kind: Kind::Lock,
        };
        let list = Member {
            path: crate::bundle::MemberPath::new(format!("{TREES}list.json")).expect("a path"),
            kind: Kind::Source,
            ..lock.clone()
        };
        let mut index = index_of(&[], false);
        index.members = vec![lock, list];
        let is_the_disks = |error| matches!(error, Unheld::Store(StoreError::Io { .. }));
        assert!(Promised::read(&Broken, &index).is_err_and(is_the_disks));
        assert!(tree_lists(&Broken, &index).is_err_and(is_the_disks));
        let line = Lines::of(Broken).next().expect("an error");
        assert!(line.is_err_and(is_the_disks));
        let statement = read(&Broken, &Sha256Digest::of(b"envelope"), 1);
        assert!(matches!(statement, Err(StoreError::Io { .. })));
    }
}
