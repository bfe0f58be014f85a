//! The order in which objects are linked.

use super::{Entry, Tried};
use crate::compare::cause::Cause;
use crate::variation::Axis;

pub(super) const ENTRIES: [Entry; 4] = [
    Entry {
        cause: Cause::LinkOrderWildcard,
        id: "link-order-wildcard",
        noun: "the order of objects, from `wildcard`",
        bytes: "the same symbols in another order",
        build: "`$(wildcard *.c)` in what lists the objects; GNU make sorts it since 4.3, and before 3.82",
        axis: Some(Axis::FileOrder),
        rules: &["file-order"],
        fix: "sort it: `$(sort $(wildcard *.c))`, or list the objects",
        tried: Tried::ByTools,
    },
    Entry {
        cause: Cause::LinkOrderReaddir,
        id: "link-order-readdir",
        noun: "the order of objects, from a directory",
        bytes: "the same symbols in another order",
        build: "`find`, `ls -U` or `os.listdir` in what lists the objects",
        axis: Some(Axis::FileOrder),
        rules: &["file-order", "listing"],
        fix: "sort it: `$(sort $(shell find ...))`, or list the objects",
        tried: Tried::InCorpus("link-order-of-a-directory"),
    },
    Entry {
        cause: Cause::LinkOrderParallel,
        id: "link-order-parallel",
        noun: "the order of objects, from what ends first under `-j`",
        bytes: "the same symbols in another order, with nothing varied or under another `-j`",
        build: "a rule that appends to a list or to an archive as objects get done",
        axis: Some(Axis::Cpus),
        rules: &["appending", "cpus"],
        fix: "name the objects in the rule (`$^`), and do not append as they get done",
        tried: Tried::InCorpus("link-order-of-a-race"),
    },
    Entry {
        cause: Cause::LinkOrder,
        id: "link-order",
        noun: "the order of objects",
        bytes: "the same symbols in another order",
        build: "what lists the objects: `wildcard`, `find`, `ls`, or a list that is appended to",
        axis: None,
        rules: &["file-order", "listing", "random", "appending"],
        fix: "list the objects, or sort what lists them: `$(sort ...)`",
        tried: Tried::ByCompiler,
    },
];
