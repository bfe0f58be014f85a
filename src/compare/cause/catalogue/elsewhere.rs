//! What the build asks a repository or the network for.

use super::{Entry, Tried};
use crate::compare::cause::Cause;

pub(super) const ENTRIES: [Entry; 2] = [
    Entry {
        cause: Cause::RepositoryState,
        id: "repository-state",
        noun: "the state of a repository",
        bytes: "a commit, what `git describe` prints, or `-dirty`",
        build: "`git describe`, `git rev-parse` or `setlocalversion` in a makefile",
        axis: None,
        rules: &["repository"],
        fix: "write the version into a file of the source when it is released, and read that",
        tried: Tried::ByCompiler,
    },
    Entry {
        cause: Cause::NetworkContent,
        id: "network-content",
        noun: "something of the network",
        bytes: "anything; named only if the build was not sealed, and the source or a command asks the network",
        build: "`curl`, `wget` or `git clone` in a makefile or a command",
        axis: None,
        rules: &["network"],
        fix: "fetch it before, pin it by digest, and make it part of the source",
        tried: Tried::ByCompiler,
    },
];
