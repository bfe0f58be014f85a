//! The machine's own apt configuration as a source of mirrors (sources.list(5)).

use std::io;
use std::path::{Path, PathBuf};

use super::deb822::{Stanza, StanzaLimits};
use super::mirror::{Mirror, MirrorSource};
use super::site::SiteError;
use crate::name::ArchiveName;

const LIMITS: StanzaLimits = StanzaLimits {
    fields: 64,
    line: 64 * 1024,
};

/// Returns the addresses of apt sources whose last path segment is the archive's name, in the order
/// in which apt reads them, each once.
///
/// Sources of other schemes than `http` and `https` are passed over, and so is what apt itself
/// would refuse: a broken line is a warning, since the machine's configuration is not ours.
pub(super) fn mirrors_of(archive: &ArchiveName, apt_root: &Path) -> Result<Vec<Mirror>, SiteError> {
    let mut mirrors: Vec<Mirror> = Vec::new();
    for path in source_files(apt_root)? {
        let text = std::fs::read_to_string(&path).map_err(|source| SiteError::Read {
            path: path.clone(),
            source,
        })?;
        let uris = if path.extension().is_some_and(|ending| ending == "sources") {
            stanza_uris(&text, &path)
        } else {
            text.lines()
                .filter_map(line_uri)
                .map(str::to_owned)
                .collect()
        };
        for uri in uris {
            let Ok(mirror) = Mirror::new(&uri, MirrorSource::Apt(path.clone())) else {
                continue;
            };
            let known = mirrors
                .iter()
                .any(|other| other.to_string() == mirror.to_string());
            if mirror.last_segment() == Some(archive.as_str()) && !known {
                mirrors.push(mirror);
            }
        }
    }
    Ok(mirrors)
}

/// Returns `sources.list` and the files beside it that apt reads, in apt's order.
fn source_files(apt_root: &Path) -> Result<Vec<PathBuf>, SiteError> {
    let mut files = Vec::new();
    let list = apt_root.join("sources.list");
    if list.is_file() {
        files.push(list);
    }
    let directory = apt_root.join("sources.list.d");
    let failed = |source| SiteError::Read {
        path: directory.clone(),
        source,
    };
    let entries = match std::fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
        Err(error) => return Err(failed(error)),
    };
    let mut beside = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let read = path
            .extension()
            .is_some_and(|ending| ending == "list" || ending == "sources");
        if read && path.is_file() {
            beside.push(path);
        }
    }
    beside.sort();
    files.extend(beside);
    Ok(files)
}

/// Returns the address in a one-line source: `deb [options] URI suite component...`.
fn line_uri(line: &str) -> Option<&str> {
    let line = line.split('#').next().unwrap_or("").trim();
    let rest = line.strip_prefix("deb")?;
    let rest = rest
        .starts_with(char::is_whitespace)
        .then(|| rest.trim_start())?;
    let rest = if rest.starts_with('[') {
        rest.split_once(']')?.1
    } else {
        rest
    };
    rest.split_whitespace().next()
}

/// Returns the addresses in a file of stanzas.
fn stanza_uris(text: &str, path: &Path) -> Vec<String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let mut uris = Vec::new();
    for block in lines.split(|line| line.trim().is_empty()) {
        if block.is_empty() {
            continue;
        }
        let block = block.join("\n");
        let stanza = match Stanza::parse(&block, LIMITS) {
            Ok(stanza) => stanza,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "passed over a broken apt source");
                continue;
            }
        };
        let has = |field: &str, word: &str| {
            stanza.get(field).is_some_and(|value| {
                value
                    .split_whitespace()
                    .any(|w| w.eq_ignore_ascii_case(word))
            })
        };
        if has("Types", "deb") && !has("Enabled", "no") {
            let named = stanza.get("URIs").unwrap_or("");
            uris.extend(named.split_whitespace().map(str::to_owned));
        }
    }
    uris
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)], archive: &str) -> Vec<String> {
        let root = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(root.path().join("sources.list.d")).expect("a directory");
        for (name, text) in files {
            std::fs::write(root.path().join(name), text).expect("a file");
        }
        mirrors_of(&archive.parse().expect("a name"), root.path())
            .expect("mirrors")
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn both_formats_are_read_in_order_and_each_mirror_once() {
        let files = [
            (
                "sources.list",
                "# deb http://no.test/debian x main\n\
                 deb-src http://no.test/debian x main\n\
                 deb cdrom:[disc]/ x main\n\
                 deb [arch=amd64 signed-by=/k.gpg] http://a.test/debian/ bookworm main # why\n\
                 deb http://a.test/debian bookworm-updates main\n\
                 deb http://a.test/debian-security s main\n",
            ),
            (
                "sources.list.d/b.sources",
                "# what this is\nTypes: deb deb-src\n# once was http://no.test/debian\n\
                 URIs: http://b.test/debian\n https://c.test/x/debian\nSuites: bookworm\n\n\
                 Enabled: no\nTypes: deb\nURIs: http://no.test/debian\n\n\
                 Types: deb-src\nURIs: http://no.test/debian\n",
            ),
            (
                "sources.list.d/c.disabled",
                "deb http://no.test/debian x main\n",
            ),
        ];
        assert_eq!(
            found(&files, "debian"),
            [
                "http://a.test/debian/",
                "http://b.test/debian/",
                "https://c.test/x/debian/"
            ]
        );
        assert_eq!(
            found(&files, "debian-security"),
            ["http://a.test/debian-security/"]
        );
    }

    #[test]
    fn a_machine_without_apt_has_no_mirrors() {
        let root = tempfile::tempdir().expect("a directory");
        let archive = "debian".parse().expect("a name");
        assert_eq!(
            mirrors_of(&archive, &root.path().join("absent"))
                .expect("nothing")
                .len(),
            0
        );
    }
}
