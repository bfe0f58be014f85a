//! What the program needs of the machine that it is copied to.

use std::collections::BTreeSet;
use std::fs;

use object::elf::DT_NEEDED;
use object::read::elf::{ElfFile64, FileHeader};

/// Everything that a C library and a compiler's runtime bring, and every distribution has. The loader
/// has the architecture in its name.
fn is_everywhere(library: &str) -> bool {
    ["libc.so.6", "libm.so.6", "libgcc_s.so.1"].contains(&library)
        || library.starts_with("ld-linux")
}

/// Returns the names of the libraries that a program says it needs (System V ABI, "Dynamic Section").
fn needed(bytes: &[u8]) -> BTreeSet<String> {
    let file: ElfFile64 = ElfFile64::parse(bytes).expect("an ELF file");
    let endian = file.endian();
    let header = file.elf_header();
    let sections = header.sections(endian, bytes).expect("sections");
    let table = sections.dynamic_table(endian, bytes).expect("a table");
    table
        .iter()
        .filter(|entry| entry.tag == DT_NEEDED)
        .map(|entry| {
            let name = table.string(entry).expect("a name");
            String::from_utf8(name.to_vec()).expect("UTF-8")
        })
        .collect()
}

#[test]
fn the_program_needs_the_c_library_and_nothing_else() {
    let bytes = fs::read(env!("CARGO_BIN_EXE_kmatrix")).expect("the program");
    let needed = needed(&bytes);
    assert!(needed.contains("libc.so.6"), "{needed:?}");
    let more: Vec<&String> = needed
        .iter()
        .filter(|library| !is_everywhere(library))
        .collect();
    assert!(more.is_empty(), "it needs {more:?} too");
}
