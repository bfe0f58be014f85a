//! Reading the modules, and the text of the commands, out of what a build wrote to standard output.

use std::io::Read;

use crate::digest::Sha256Digest;
use crate::ko;
use crate::outcome::commands;
use crate::outcome::{BuiltModule, Failure};
use crate::recipe::{COMMANDS, EXPORTS, Expected};
use crate::tree;

const MAX_MODULES: usize = 1_000;
const MAX_PATH: usize = 512;
/// A whole kernel exports two million bytes of names.
const MAX_EXPORTS: u64 = 16 << 20;

/// The bytes of one module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleFile {
    pub path: String,
    pub bytes: Vec<u8>,
}

/// What a tar has in it.
#[derive(Default)]
pub struct Handed {
    /// By path.
    pub files: Vec<ModuleFile>,
    /// The text of the commands; `None` if it was not handed out.
    pub commands: Option<Vec<u8>>,
    /// What the needed modules export; `None` if it was not handed out.
    pub exports: Option<Vec<u8>>,
}

/// Opens the tar and holds what is in it against what was expected.
///
/// # Security
///
/// The bytes are the build's and are not trusted: only regular files with plain relative names are
/// taken, nothing is written to a path, and the number and the size are bounded.
pub fn read(expected: &Expected, output: &[u8]) -> Result<(Vec<BuiltModule>, Handed), Failure> {
    let mut handed = unpack(output)?;
    let files = &mut handed.files;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    if let Some(pair) = files.windows(2).find(|pair| pair[0].path == pair[1].path) {
        return Err(bad(format!("`{}` is in it twice", pair[0].path)));
    }
    for path in &expected.modules {
        if !files.iter().any(|file| file.path == *path) {
            return Err(if files.is_empty() {
                Failure::NoModule
            } else {
                Failure::MissingModule { path: path.clone() }
            });
        }
    }
    if files.is_empty() {
        return Err(Failure::NoModule);
    }
    if !expected.modules.is_empty()
        && let Some(extra) = files
            .iter()
            .find(|file| !expected.modules.contains(&file.path))
    {
        return Err(Failure::ExtraModule {
            path: extra.path.clone(),
        });
    }
    let modules = files
        .iter()
        .map(|file| check(expected, file))
        .collect::<Result<_, _>>()?;
    Ok((modules, handed))
}

fn check(expected: &Expected, file: &ModuleFile) -> Result<BuiltModule, Failure> {
    let path = &file.path;
    let facts = ko::facts(&file.bytes).map_err(|error| Failure::NotAModule {
        path: path.clone(),
        reason: error.to_string(),
    })?;
    if facts.machine != expected.machine {
        return Err(Failure::WrongMachine {
            path: path.clone(),
            wanted: expected.machine,
            found: facts.machine,
        });
    }
    let found = facts
        .vermagic
        .as_deref()
        .and_then(|vermagic| vermagic.split(' ').next())
        .unwrap_or_default();
    if found != expected.kernel_release {
        return Err(Failure::WrongVermagic {
            path: path.clone(),
            wanted: expected.kernel_release.clone(),
            found: found.chars().take(128).collect(),
        });
    }
    Ok(BuiltModule {
        path: path.clone(),
        digest: Sha256Digest::of(&file.bytes),
        bytes: file.bytes.len() as u64,
        facts,
    })
}

fn unpack(output: &[u8]) -> Result<Handed, Failure> {
    let mut handed = Handed::default();
    let mut archive = tar::Archive::new(output);
    let entries = archive.entries().map_err(|e| bad(e.to_string()))?;
    for entry in entries {
        let mut entry = entry.map_err(|e| bad(e.to_string()))?;
        if handed.files.len() == MAX_MODULES {
            return Err(bad(format!("more than {MAX_MODULES} modules")));
        }
        if entry.header().entry_type() != tar::EntryType::Regular {
            return Err(bad("an entry that is no regular file".to_owned()));
        }
        let name = entry.path_bytes().into_owned();
        let name = String::from_utf8(name).map_err(|_| bad("a name that is not UTF-8".into()))?;
        let path = name.strip_prefix("./").unwrap_or(&name);
        let plain = !path.is_empty()
            && path.len() <= MAX_PATH
            && !path.chars().any(char::is_control)
            && !tree::link_leaves("", path)
            && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !plain {
            return Err(bad(format!("a name that is not plain: {path:?}")));
        }
        let beside = match path {
            COMMANDS => Some((&mut handed.commands, commands::MOST_BYTES as u64)),
            EXPORTS => Some((&mut handed.exports, MAX_EXPORTS)),
            _ => None,
        };
        let most = beside.as_ref().map_or(ko::MAX_BYTES, |(_, most)| *most);
        if entry.size() > most {
            return Err(bad(format!("`{path}` has {} bytes", entry.size())));
        }
        let mut bytes = Vec::new();
        entry
            .read_to_end(&mut bytes)
            .map_err(|e| bad(e.to_string()))?;
        if bytes.len() as u64 != entry.size() {
            return Err(bad(format!("`{path}` ends before its size")));
        }
        match beside {
            None => handed.files.push(ModuleFile {
                path: path.to_owned(),
                bytes,
            }),
            Some((place, _)) => {
                if place.replace(bytes).is_some() {
                    return Err(bad(format!("`{path}` is in it twice")));
                }
            }
        }
    }
    Ok(handed)
}

fn bad(reason: String) -> Failure {
    Failure::BadOutput { reason }
}
