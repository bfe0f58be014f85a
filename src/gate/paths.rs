//! Paths of the build machine that were left in a module.

use memchr::memmem;

use super::readable::Readable;
use super::{Gate, GateResult, none_where_read};

/// How much of a path is shown.
const MOST_PATH: usize = 160;

/// Looks for directories of the build machine in every section.
pub(super) fn build_paths(readable: &Readable<'_>, directories: &[&str]) -> GateResult {
    let mut found = Vec::new();
    for (name, data) in &readable.parts {
        for directory in directories {
            for at in memmem::find_iter(data, directory.as_bytes()) {
                if !begins_a_path(data, at) {
                    continue;
                }
                let rest = &data[at..data.len().min(at + MOST_PATH)];
                let end = rest.iter().position(|byte| !is_of_path(*byte));
                let path = String::from_utf8_lossy(&rest[..end.unwrap_or(rest.len())]).into_owned();
                found.push(format!("{name}+{at:#x}: `{path}`"));
            }
        }
    }
    none_where_read(Gate::BuildPaths, found, readable)
}

/// Returns true if what stands before is no part of the path, as in `../build/x`.
fn begins_a_path(data: &[u8], at: usize) -> bool {
    at == 0 || !is_of_path(data[at - 1]) || data[at - 1] == b'='
}

fn is_of_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/._-+~@=,%".contains(&byte)
}
