//! Paths of the build machine that were left in a module.

use memchr::memmem;

use super::{Gate, GateResult, Verdict, none_of, result};
use crate::ko::{Module, SHF_COMPRESSED};

/// How much of a path is shown.
const MOST_PATH: usize = 160;

/// Looks for directories of the build machine in every section.
pub(super) fn build_paths(module: &Module<'_>, directories: &[&str]) -> GateResult {
    let mut found = Vec::new();
    let mut packed = Vec::new();
    for part in &module.parts {
        if part.flags & SHF_COMPRESSED != 0 {
            packed.push(format!(
                "`{}` is compressed and was not looked through",
                part.name
            ));
            continue;
        }
        for directory in directories {
            for at in memmem::find_iter(part.data, directory.as_bytes()) {
                if !begins_a_path(part.data, at) {
                    continue;
                }
                let rest = &part.data[at..part.data.len().min(at + MOST_PATH)];
                let end = rest.iter().position(|byte| !is_of_path(*byte));
                let path = String::from_utf8_lossy(&rest[..end.unwrap_or(rest.len())]).into_owned();
                found.push(format!("{}+{at:#x}: `{path}`", part.name));
            }
        }
    }
    if found.is_empty() && !packed.is_empty() {
        return result(Gate::BuildPaths, Verdict::Unknown, packed);
    }
    none_of(Gate::BuildPaths, found)
}

/// Returns true if what stands before is no part of the path, as in `../build/x`.
fn begins_a_path(data: &[u8], at: usize) -> bool {
    at == 0 || !is_of_path(data[at - 1]) || data[at - 1] == b'='
}

fn is_of_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/._-+~@=,%".contains(&byte)
}
