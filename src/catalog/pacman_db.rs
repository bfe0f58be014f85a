//! Databases of pacman's archives, such as `core.db` (repo-add(8)): a tar archive with a file `desc`
//! for every package (libalpm, `be_sync.c`; there is no other specification).

use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;

use super::archive_path::{ArchivePathError, check_archive_path};
use super::dependency::DependencyError;
use super::index_field::{followed, is_architecture, moment, number, wanted};
use super::index_tar::{IndexTarError, TarEnd, TarLimits, for_each_file};
use super::indexed_package::{Ambiguous, IndexedPackage, without_repeats};
use super::kernels::KernelPatterns;
use crate::digest::{ParseDigestError, Sha256Digest};
use crate::name::ParseNameError;

const LIMITS: TarLimits = TarLimits {
    entries: 400_000,
    file_bytes: 1 << 20,
};
const MOST_WANTED: usize = 100_000;
const MOST_SIGNATURE: usize = 16 << 10;

/// What a database holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacmanDb {
    /// When the newest of its packages was built: a database has no date of its own.
    pub date: Timestamp,
    /// Those whose names are wanted, in its order; their paths are relative to the database's
    /// directory.
    pub packages: Vec<IndexedPackage>,
}

/// Says why a database is refused.
#[derive(Debug, thiserror::Error)]
pub enum PacmanDbError {
    #[error("cannot unpack it")]
    Unpack(#[from] std::io::Error),
    #[error(transparent)]
    Tar(#[from] IndexTarError),
    #[error("it has no package")]
    Empty,
    #[error("more than {MOST_WANTED} of its packages have to be looked at")]
    TooManyWanted,
    #[error("the package `{package}` is not described as it has to be: {reason}")]
    Package { package: String, reason: DescError },
    #[error(transparent)]
    Ambiguous(#[from] Ambiguous),
}

/// Says why one package's `desc` is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescError {
    #[error("it is not UTF-8")]
    NotUtf8,
    #[error("`{0}` stands where a field's name is due")]
    NotAField(String),
    #[error("it has the field `{0}` twice")]
    Twice(String),
    #[error("it has no `{0}`")]
    Lacks(&'static str),
    #[error("`{0}` has more than one line")]
    NotOneLine(&'static str),
    #[error("it is of {0}")]
    OtherPackage(String),
    #[error("`{field}` is no number: `{text}`")]
    Number { field: &'static str, text: String },
    #[error(transparent)]
    Name(#[from] ParseNameError),
    #[error("`SHA256SUM` is no digest")]
    Digest(#[from] ParseDigestError),
    #[error("`FILENAME` is not the name of a file: `{0}`")]
    NotAFile(String),
    #[error(transparent)]
    Path(#[from] ArchivePathError),
    #[error("`ARCH` is not one word: `{0}`")]
    Architecture(String),
    #[error("`PGPSIG` is not base64, or too long")]
    Signature,
    #[error(transparent)]
    Dependency(#[from] DependencyError),
}

impl PacmanDb {
    /// Reads a database, unpacked, to its end.
    pub fn read(reader: impl Read, patterns: &KernelPatterns) -> Result<Self, PacmanDbError> {
        let mut date = None;
        let mut packages = Vec::new();
        for_each_file(reader, LIMITS, TarEnd::Marked, |path, content| {
            // The archive with the files' names beside has more than `desc`.
            let Some((directory, "desc")) = path.rsplit_once('/') else {
                return Ok(());
            };
            let refused = |reason| PacmanDbError::Package {
                package: directory.chars().take(80).collect(),
                reason,
            };
            let desc = Desc::parse(content).map_err(refused)?;
            let built = desc.built().map_err(refused)?;
            date = date.max(Some(built));
            let name = desc.one("NAME").map_err(refused)?;
            let version = desc.one("VERSION").map_err(refused)?;
            if directory != format!("{name}-{version}") {
                let other = format!("`{name}` {version}").chars().take(120).collect();
                return Err(refused(DescError::OtherPackage(other)));
            }
            if patterns.wants(name) {
                if packages.len() == MOST_WANTED {
                    return Err(PacmanDbError::TooManyWanted);
                }
                packages.push(desc.indexed(built, patterns).map_err(refused)?);
            }
            Ok(())
        })?;
        Ok(Self {
            date: date.ok_or(PacmanDbError::Empty)?,
            packages: without_repeats(packages)?,
        })
    }
}

fn not_a_number(field: &'static str, text: &str) -> DescError {
    DescError::Number {
        field,
        text: text.chars().take(40).collect(),
    }
}

/// The fields of one `desc`, each with its lines.
struct Desc<'a>(BTreeMap<&'a str, Vec<&'a str>>);

impl<'a> Desc<'a> {
    /// Parses `%NAME%`, its lines, and an empty one after them.
    fn parse(content: &'a [u8]) -> Result<Self, DescError> {
        let text = std::str::from_utf8(content).map_err(|_| DescError::NotUtf8)?;
        let mut fields = BTreeMap::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if line.is_empty() {
                continue;
            }
            let name = line
                .strip_prefix('%')
                .and_then(|rest| rest.strip_suffix('%'))
                .filter(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric()))
                .ok_or_else(|| DescError::NotAField(line.chars().take(80).collect()))?;
            let values = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            if fields.insert(name, values).is_some() {
                return Err(DescError::Twice(name.chars().take(80).collect()));
            }
        }
        Ok(Self(fields))
    }

    fn lines(&self, field: &str) -> &[&'a str] {
        self.0.get(field).map_or(&[], Vec::as_slice)
    }

    fn optional(&self, field: &'static str) -> Result<Option<&'a str>, DescError> {
        match self.lines(field) {
            [] => Ok(None),
            [line] => Ok(Some(line)),
            [_, _, ..] => Err(DescError::NotOneLine(field)),
        }
    }

    fn one(&self, field: &'static str) -> Result<&'a str, DescError> {
        self.optional(field)?.ok_or(DescError::Lacks(field))
    }

    fn number(&self, field: &'static str) -> Result<u64, DescError> {
        let text = self.one(field)?;
        number(text).ok_or_else(|| not_a_number(field, text))
    }

    fn built(&self) -> Result<Timestamp, DescError> {
        let text = self.one("BUILDDATE")?;
        moment(text).ok_or_else(|| not_a_number("BUILDDATE", text))
    }

    fn indexed(
        &self,
        built: Timestamp,
        patterns: &KernelPatterns,
    ) -> Result<IndexedPackage, DescError> {
        let name = self.one("NAME")?;
        let architecture = self.one("ARCH")?;
        if !is_architecture(architecture) {
            return Err(DescError::Architecture(
                architecture.chars().take(80).collect(),
            ));
        }
        let file = self.one("FILENAME")?;
        if file.contains('/') {
            return Err(DescError::NotAFile(file.chars().take(120).collect()));
        }
        // The first segment of a path has no colon, which epochs do; it never stands alone.
        check_archive_path(&format!("x/{file}"))?;
        let signature = self.optional("PGPSIG")?;
        if let Some(signature) = signature
            && (signature.len() > MOST_SIGNATURE || BASE64.decode(signature).is_err())
        {
            return Err(DescError::Signature);
        }
        Ok(IndexedPackage {
            name: name.parse()?,
            version: self.one("VERSION")?.parse()?,
            source: self.optional("BASE")?.unwrap_or(name).parse()?,
            architecture: architecture.to_owned(),
            depends: followed(self.lines("DEPENDS").iter().copied(), patterns)?,
            provides: wanted(self.lines("PROVIDES").iter().copied(), patterns)?,
            built: Some(built),
            path: file.to_owned(),
            bytes: self.number("CSIZE")?,
            sha256: Sha256Digest::from_hex(self.one("SHA256SUM")?)?,
            signature: signature.map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::facts::{FlavourFacts, HeaderPackage, KernelFacts, Rewriting};
    use crate::catalog::format::ArchiveFormat;
    use crate::name::Arch;

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn patterns() -> KernelPatterns {
        let facts = KernelFacts {
            follow: vec!["pahole".to_owned()],
            host: Vec::new(),
            mounts: Vec::new(),
            build: String::new(),
            flavours: vec![FlavourFacts {
                arch: Arch::Amd64,
                flavour: "generic".parse().expect("a flavour"),
                headers: HeaderPackage::Version {
                    name: "linux-headers".parse().expect("a name"),
                    rewritings: vec![Rewriting {
                        from: "(.*)".to_owned(),
                        to: "$1".to_owned(),
                    }],
                },
            }],
        };
        KernelPatterns::new(&facts, ArchiveFormat::Pacman).expect("patterns")
    }

    fn desc(name: &str) -> String {
        format!(
            "%FILENAME%\n{name}-6.11.1.arch1-1-x86_64.pkg.tar.zst\n\n%NAME%\n{name}\n\n%BASE%\nlinux\n\n\
             %VERSION%\n6.11.1.arch1-1\n\n%DESC%\nheaders\n\n%CSIZE%\n120\n\n%ISIZE%\n500\n\n\
             %SHA256SUM%\n{DIGEST}\n\n%PGPSIG%\niQEzBAABCAAd\n\n%ARCH%\nx86_64\n\n\
             %BUILDDATE%\n1700000001\n\n%LICENSE%\nGPL\nother\n\n%PROVIDES%\nLINUX-HEADERS=1\n\n\
             %DEPENDS%\npahole>=1.25\nglibc\n\n"
        )
    }

    fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder
                .append_data(&mut header, name, *content)
                .expect("memory");
        }
        builder.into_inner().expect("memory")
    }

    fn db(text: &str) -> Vec<u8> {
        let other = desc("aaa");
        tar(&[
            ("aaa-6.11.1.arch1-1/desc", other.as_bytes()),
            ("linux-headers-6.11.1.arch1-1/desc", text.as_bytes()),
            ("linux-headers-6.11.1.arch1-1/files", b"%FILES%\nusr/\n"),
        ])
    }

    fn read(file: &[u8]) -> Result<PacmanDb, PacmanDbError> {
        PacmanDb::read(file, &patterns())
    }

    #[test]
    fn wanted_packages_are_found_among_others() {
        let newer = desc("linux-headers").replace("1700000001", "1700000009");
        let db = read(&db(&newer)).expect("a database");
        assert_eq!(db.date.as_second(), 1_700_000_009);
        let [package] = &db.packages[..] else {
            panic!("one package");
        };
        assert_eq!(package.name.as_str(), "linux-headers");
        assert_eq!(package.source.as_str(), "linux");
        assert_eq!(package.version.as_str(), "6.11.1.arch1-1");
        assert_eq!(
            package.path,
            "linux-headers-6.11.1.arch1-1-x86_64.pkg.tar.zst"
        );
        assert_eq!(
            (package.bytes, package.sha256.to_hex().as_str()),
            (120, DIGEST)
        );
        assert_eq!(package.signature.as_deref(), Some("iQEzBAABCAAd"));
        assert_eq!(package.depends.len(), 1);
        assert_eq!(package.depends[0].to_string(), "pahole (>= 1.25)");
        assert_eq!(package.provides, []);
    }

    #[test]
    fn packages_that_are_not_described_well_are_refused() {
        let cases = [
            ("%NAME%\nlinux-headers", "%NAME%\nlinux", "it is of `linux`"),
            ("%NAME%\n", "%NAM%\n", "no `NAME`"),
            ("%NAME%\n", "NAME\n", "where a field's name is due"),
            ("%DESC%\n", "%NAME%\n", "field `NAME` twice"),
            (
                "%ARCH%\nx86_64",
                "%ARCH%\nx86_64\nany",
                "more than one line",
            ),
            ("%ARCH%\nx86_64", "%ARCH%\nx86 64", "not one word"),
            ("%CSIZE%\n120", "%CSIZE%\n-120", "no number"),
            ("%CSIZE%\n120", "%CSIZE%\n99999999999999999999", "no number"),
            ("1700000001", "soon", "no number"),
            (DIGEST, "abc", "no digest"),
            ("%SHA256SUM%", "%MD5SUM%", "no `SHA256SUM`"),
            ("iQEzBAABCAAd", "not base64!", "not base64"),
            ("%FILENAME%\n", "%FILENAME%\n../", "not the name of a file"),
            ("%FILENAME%\n", "%FILENAME%\n.", "not a plain relative path"),
            (
                "%FILENAME%\n",
                "%FILENAME%\n%2e",
                "not a plain relative path",
            ),
            ("pahole>=1.25", "pahole~1", "cannot be read"),
        ];
        for (from, to, why) in cases {
            let broken = desc("linux-headers").replacen(from, to, 1);
            assert_ne!(broken, desc("linux-headers"), "{from}");
            let error = read(&db(&broken)).expect_err(to);
            assert!(error.to_string().contains(why), "{to}: {error}");
        }
        let not_utf8 = [b"%NAME%\n\xff\n".as_slice(), desc("x").as_bytes()].concat();
        let error = read(&tar(&[("x-1/desc", &not_utf8)])).expect_err("not UTF-8");
        assert!(error.to_string().contains("not UTF-8"), "{error}");
    }

    #[test]
    fn a_package_that_is_described_twice_has_to_be_described_alike() {
        let directory = "linux-headers-6.11.1.arch1-1/desc";
        let text = desc("linux-headers");
        let twice = tar(&[(directory, text.as_bytes()), (directory, text.as_bytes())]);
        assert_eq!(read(&twice).expect("a database").packages.len(), 1);
        let other = text.replace(DIGEST, &DIGEST.replace('e', "f"));
        let two = tar(&[(directory, text.as_bytes()), (directory, other.as_bytes())]);
        assert!(matches!(read(&two), Err(PacmanDbError::Ambiguous(_))));
    }

    #[test]
    fn archives_that_are_no_database_are_refused() {
        assert!(matches!(read(&tar(&[])), Err(PacmanDbError::Empty)));
        let large = vec![b'x'; LIMITS.file_bytes as usize + 1];
        assert!(matches!(
            read(&tar(&[("x/desc", &large)])),
            Err(PacmanDbError::Tar(IndexTarError::TooLarge { .. }))
        ));
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder
            .append_link(&mut header, "x/desc", "/etc/passwd")
            .expect("memory");
        let link = builder.into_inner().expect("memory");
        assert!(matches!(
            read(&link),
            Err(PacmanDbError::Tar(IndexTarError::Kind(_)))
        ));
        // A size that the archive does not have.
        let mut absurd = db(&desc("linux-headers"));
        absurd[124..136].copy_from_slice(b"77777777777\0");
        assert!(read(&absurd).is_err());
    }

    #[test]
    fn a_database_that_is_cut_anywhere_is_refused() {
        let db = db(&desc("linux-headers"));
        let marked = db.len() - 1024;
        for end in (0..marked).step_by(97) {
            assert!(read(&db[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn any_other_byte_anywhere_never_panics() {
        let db = db(&desc("linux-headers"));
        for at in (0..db.len()).step_by(3) {
            let mut other = db.clone();
            other[at] ^= 0xff;
            let _ = read(&other);
        }
    }
}
