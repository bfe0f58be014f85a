//! Where it is built.

use super::{Entry, Tried};
use crate::compare::cause::Cause;
use crate::variation::Axis;

pub(super) const ENTRIES: [Entry; 4] = [
    Entry {
        cause: Cause::BuildPathCode,
        id: "build-path-code",
        noun: "the build path, by `__FILE__`",
        bytes: "a string of `.rodata.str*` that is one source file below two directories",
        build: "`__FILE__` in a source or in a macro of a header (`WARN_ON`, `BUG_ON`, assertions); the path on the compiler's line in the `.cmd` file",
        axis: Some(Axis::BuildPath),
        rules: &["file-macro"],
        fix: "map the path away: `ccflags-y += -ffile-prefix-map=$(src)=.`, or `-fmacro-prefix-map` for code alone",
        tried: Tried::ByCompiler,
    },
    Entry {
        cause: Cause::BuildPathDebug,
        id: "build-path-debug",
        noun: "the build path, by debug information",
        bytes: "paths in `.debug_line_str` or `.debug_str`",
        build: "`-g` on the compiler's line, with no `-fdebug-prefix-map` or `-ffile-prefix-map`",
        axis: Some(Axis::BuildPath),
        rules: &[],
        fix: "map the path away: `ccflags-y += -ffile-prefix-map=$(src)=.`, or build with `-g0`",
        tried: Tried::ByCompiler,
    },
    Entry {
        cause: Cause::BuildPathGenerated,
        id: "build-path-generated",
        noun: "the build path, by a makefile or a generated file",
        bytes: "a directory in a string, which no compiler option maps",
        build: "`$(src)`, `$(obj)`, `$(CURDIR)`, `$(PWD)` or `pwd` in a `-D` or in what writes a header",
        axis: Some(Axis::BuildPath),
        rules: &["build-path", "own-directory"],
        fix: "take the path out of the makefile's `-D` or the generated file, or write a fixed word for it",
        tried: Tried::ByCompiler,
    },
    Entry {
        cause: Cause::HeaderPath,
        id: "header-path",
        noun: "the path of the kernel's headers",
        bytes: "a string or a name in debug sections with the directory of the kernel's headers, twice otherwise",
        build: "`__FILE__` in an inline function of a kernel header; `-I` with an absolute path",
        axis: Some(Axis::HeaderPath),
        rules: &["kernel-directory"],
        fix: "build against headers in one place, or map it: `-ffile-prefix-map=<header root>=`",
        tried: Tried::ByCompiler,
    },
];
