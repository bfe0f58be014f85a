//! The names of things: each a type of its own, whose `parse` and `Display` are exact inverses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Says why a string cannot be a name of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {wanted}")]
pub struct ParseNameError {
    text: String,
    wanted: &'static str,
}

fn refuse(text: &str, wanted: &'static str) -> ParseNameError {
    ParseNameError {
        text: text.chars().take(80).collect(),
        wanted,
    }
}

/// Returns true if `text` can stand in a path, a label and a cell id without any quoting.
///
/// The set is that of Debian package versions and `uname -r` strings, and what a kind of name has
/// `besides`. It has no `/`, no white space and no control characters, and a name never begins with
/// a dot or a dash.
fn is_plain(text: &str, most: usize, besides: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
        && text.len() <= most
        && bytes.all(|b| {
            b.is_ascii_alphanumeric() || b"._+~:-".contains(&b) || besides.as_bytes().contains(&b)
        })
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $most:literal, $wanted:literal) => {
        name!($(#[$doc])* $type, $most, $wanted, with "", without "");
    };
    ($(#[$doc:meta])* $type:ident, $most:literal, $wanted:literal, with $besides:literal) => {
        name!($(#[$doc])* $type, $most, $wanted, with $besides, without "");
    };
    ($(#[$doc:meta])* $type:ident, $most:literal, $wanted:literal, without $banned:literal) => {
        name!($(#[$doc])* $type, $most, $wanted, with "", without $banned);
    };
    (
        $(#[$doc:meta])* $type:ident, $most:literal, $wanted:literal,
        with $besides:literal, without $banned:literal
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Returns the name as it was written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = ParseNameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                if is_plain(text, $most, $besides) && !text.contains(|c| $banned.contains(c)) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(refuse(text, $wanted))
                }
            }
        }

        impl TryFrom<String> for $type {
            type Error = ParseNameError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name!(
    /// A distribution, such as `debian`.
    Distro, 32, "a distribution's name (letters, digits, `._+-`)"
);
name!(
    /// A release of a distribution, such as `12`. It has no dash, so that `debian-12` reads one way.
    DistroRelease, 32, "a distribution release (letters, digits, `._+`)", without "-"
);
name!(
    /// What `uname -r` prints, such as `6.1.0-56-cloud-amd64`. It is never split to compare: which
    /// of two is newer is answered by their package versions.
    KernelRelease, 64, "a kernel release as `uname -r` prints it"
);
name!(
    /// The version of the package that carries the headers, such as `6.1.192-2`. RPM has `^` in
    /// versions, for snapshots behind a release.
    PackageVersion, 128, "a package version", with "^"
);
name!(
    /// The name of a package, such as `linux-headers-6.1.0-56-cloud-amd64`. pacman has `@` in
    /// names, RPM `^`.
    PackageName, 128, "a package name", with "@^"
);
name!(
    /// A kernel's flavour, such as `generic`, `cloud` or `rt`.
    Flavour, 32, "a kernel flavour (letters, digits, `._+-`)"
);
name!(
    /// A module to build, such as `workload-identity`; the `.ko` may be called otherwise.
    ModuleName, 64, "a module name (letters, digits, `._+-`)"
);
name!(
    /// A package archive as facts files call it; where it lives is site configuration.
    ArchiveName, 64, "an archive name (letters, digits, `._+-`)"
);
name!(
    /// A suite of an archive, such as `bookworm-security`.
    Suite, 64, "a suite name (letters, digits, `._+-`)"
);
name!(
    /// A builder image recipe, such as `debian-12`.
    ImageName, 64, "an image name (letters, digits, `._+-`)"
);
name!(
    /// A kernel series, such as `6.1`: the releases that begin with it and then `.` or `-` or `+`.
    Series, 32, "a kernel series such as `6.1`"
);

impl Series {
    /// Names the series of a release: its first two numbers, such as `6.1` of `6.1.0-56-amd64`.
    ///
    /// This groups kernels where nobody names a series; it says nothing about which is newer. The
    /// series contains the release.
    pub fn of(release: &KernelRelease) -> Option<Self> {
        let text = release.as_str();
        let number = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let first = number(text);
        let after = &text[first..];
        let second = after.strip_prefix('.').map_or(0, number);
        let end = if second == 0 {
            first
        } else {
            first + 1 + second
        };
        let series: Self = text[..end].parse().ok()?;
        series.contains(release).then_some(series)
    }

    /// Returns true if the release belongs to this series.
    pub fn contains(&self, release: &KernelRelease) -> bool {
        release
            .as_str()
            .strip_prefix(self.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '+']))
    }
}

/// A machine architecture, by Debian's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    Amd64,
    Arm64,
    Armhf,
    Ppc64el,
    Riscv64,
    S390x,
}

impl Arch {
    /// Every architecture, in the order of their names.
    pub const ALL: [Self; 6] = [
        Self::Amd64,
        Self::Arm64,
        Self::Armhf,
        Self::Ppc64el,
        Self::Riscv64,
        Self::S390x,
    ];

    /// Returns Debian's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
            Self::Armhf => "armhf",
            Self::Ppc64el => "ppc64el",
            Self::Riscv64 => "riscv64",
            Self::S390x => "s390x",
        }
    }

    /// Returns the architecture of the machine that this program runs on, or `None` where modules
    /// cannot be built.
    pub fn of_this_machine() -> Option<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Self::Amd64),
            "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }

    /// Returns the kernel build system's `ARCH=`.
    pub fn kbuild(self) -> &'static str {
        match self {
            Self::Amd64 => "x86",
            Self::Arm64 => "arm64",
            Self::Armhf => "arm",
            Self::Ppc64el => "powerpc",
            Self::Riscv64 => "riscv",
            Self::S390x => "s390",
        }
    }

    /// Returns the GNU triplet, whose tools a cross build uses.
    pub fn gnu_triplet(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-linux-gnu",
            Self::Arm64 => "aarch64-linux-gnu",
            Self::Armhf => "arm-linux-gnueabihf",
            Self::Ppc64el => "powerpc64le-linux-gnu",
            Self::Riscv64 => "riscv64-linux-gnu",
            Self::S390x => "s390x-linux-gnu",
        }
    }

    /// Returns ELF's `e_machine` (System V ABI, "Machine" table).
    pub fn elf_machine(self) -> u16 {
        match self {
            Self::Amd64 => 62,
            Self::Arm64 => 183,
            Self::Armhf => 40,
            Self::Ppc64el => 21,
            Self::Riscv64 => 243,
            Self::S390x => 22,
        }
    }

    /// Returns OCI's name (image-spec, config.md, `architecture`, from Go's `GOARCH`).
    pub fn oci(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
            Self::Armhf => "arm",
            Self::Ppc64el => "ppc64le",
            Self::Riscv64 => "riscv64",
            Self::S390x => "s390x",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Arch {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|arch| arch.as_str() == text)
            .ok_or_else(|| {
                refuse(
                    text,
                    "an architecture (`amd64`, `arm64`, `armhf`, `ppc64el`, `riscv64`, `s390x`)",
                )
            })
    }
}

/// What one cell is built for. The whole tuple is the identity: two uploads of one kernel release
/// are two targets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    pub distro: Distro,
    pub distro_release: DistroRelease,
    pub arch: Arch,
    pub kernel_release: KernelRelease,
    pub package_version: PackageVersion,
    pub flavour: Flavour,
}

impl Target {
    /// Returns the name without the package version, which two uploads share.
    pub fn without_version(&self) -> String {
        let Self {
            distro,
            distro_release,
            arch,
            kernel_release,
            package_version: _,
            flavour: _,
        } = self;
        format!("{distro}-{distro_release}/{arch}/{kernel_release}")
    }
}

/// Prints the name, such as `debian-12/amd64/6.1.0-56-cloud-amd64=6.1.192-2`: release and version
/// as apt's `package=version` has them. The flavour follows from the rest.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.without_version(), self.package_version)
    }
}

/// Names a cell, such as `debian-12/amd64/6.1.0-56-cloud-amd64=6.1.192-2/workload-identity`: its
/// target and its module.
///
/// The target's flavour is not part of it: discovery knows no two flavours of one release and
/// version of one architecture.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CellId {
    pub distro: Distro,
    pub distro_release: DistroRelease,
    pub arch: Arch,
    pub kernel_release: KernelRelease,
    pub package_version: PackageVersion,
    pub module: ModuleName,
}

impl CellId {
    /// Names the cell of a module and a target.
    pub fn new(target: &Target, module: &ModuleName) -> Self {
        Self {
            distro: target.distro.clone(),
            distro_release: target.distro_release.clone(),
            arch: target.arch,
            kernel_release: target.kernel_release.clone(),
            package_version: target.package_version.clone(),
            module: module.clone(),
        }
    }

    /// Returns the id without the package version, which the cells of two uploads share. People
    /// may write it where it names one cell alone.
    pub fn without_version(&self) -> String {
        let Self {
            distro,
            distro_release,
            arch,
            kernel_release,
            package_version: _,
            module,
        } = self;
        format!("{distro}-{distro_release}/{arch}/{kernel_release}/{module}")
    }
}

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            distro,
            distro_release,
            arch,
            kernel_release,
            package_version,
            module,
        } = self;
        write!(
            f,
            "{distro}-{distro_release}/{arch}/{kernel_release}={package_version}/{module}"
        )
    }
}

impl FromStr for CellId {
    type Err = ParseNameError;

    /// Splits at the slashes; the distribution's release is what follows the last dash before the
    /// first of them, and the package version what follows the `=`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted =
            "a cell id such as `debian-12/amd64/6.1.0-56-amd64=6.1.192-2/workload-identity`";
        let parts: Vec<&str> = text.split('/').collect();
        let [place, arch, kernel, module] = parts[..] else {
            return Err(refuse(text, wanted));
        };
        let (kernel_release, package_version) =
            kernel.split_once('=').ok_or_else(|| refuse(text, wanted))?;
        let (distro, distro_release) =
            place.rsplit_once('-').ok_or_else(|| refuse(text, wanted))?;
        Ok(Self {
            distro: distro.parse()?,
            distro_release: distro_release.parse()?,
            arch: arch.parse()?,
            kernel_release: kernel_release.parse()?,
            package_version: package_version.parse()?,
            module: module.parse()?,
        })
    }
}

impl TryFrom<String> for CellId {
    type Error = ParseNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<CellId> for String {
    fn from(id: CellId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cell_ids_parse_and_print_as_inverses() {
        for text in [
            "debian-12/amd64/6.1.0-56-cloud-amd64=6.1.192-2/workload-identity",
            "debian-13/arm64/6.12.115+deb13.1-arm64-16k=6.12.115-1~deb13u1/v4l2loopback",
            "open-suse-15.6/amd64/6.4.0-150600.21-default=2:6.4.0-150600.21/m",
        ] {
            let id: CellId = text.parse().expect(text);
            assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn broken_cell_ids_are_refused() {
        for text in [
            "",
            "debian-12",
            "debian/amd64/6.1=1/m",
            "debian-12/x86/6.1=1/m",
            "debian-12/amd64/6.1=1/m/n",
            "debian-12/amd64/6.1/m",
            "debian-12/amd64/6.1=/m",
            "debian-12/amd64/=1/m",
            "debian-12/amd64/6.1=1=2/m",
            "debian-12/amd64//m",
            "debian-12/amd64/../m",
            "debian-12/amd64/6.1=../m",
        ] {
            assert!(text.parse::<CellId>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_cell_id_that_is_made_is_read_back(
            distro in "[a-z][a-z0-9.+-]{0,8}",
            distro_release in "[0-9][a-z0-9.+]{0,8}",
            arch in proptest::sample::select(Arch::ALL.to_vec()),
            release in "[0-9][A-Za-z0-9._+~:-]{0,30}",
            version in "[0-9][A-Za-z0-9._+~:-]{0,60}",
            module in "[a-z][A-Za-z0-9._+~:-]{0,30}",
        ) {
            let target = Target {
                distro: distro.parse().expect("a distro"),
                distro_release: distro_release.parse().expect("a distro release"),
                arch,
                kernel_release: release.parse().expect("a kernel release"),
                package_version: version.parse().expect("a version"),
                flavour: "generic".parse().expect("a flavour"),
            };
            let id = CellId::new(&target, &module.parse().expect("a module"));
            let text = id.to_string();
            prop_assert_eq!(text.parse::<CellId>().expect("an id"), id.clone());
            prop_assert_eq!(format!("{target}/{module}"), text);
            prop_assert_eq!(id.without_version(), format!("{}/{module}", target.without_version()));
        }

        #[test]
        fn whatever_is_read_as_a_cell_id_is_printed_as_it_was(text in "[a-z0-9]-[0-9]/amd64/[0-9=.]{1,5}/[a-z=]{1,3}") {
            if let Ok(id) = text.parse::<CellId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn names_cannot_leave_a_path_or_a_line() {
        for text in ["", ".", "..", "-rf", "a/b", "a b", "a\n", "a\0", "é", "*"] {
            assert!(text.parse::<KernelRelease>().is_err(), "{text:?}");
        }
        assert!("a".repeat(65).parse::<KernelRelease>().is_err());
    }

    #[test]
    fn names_and_versions_of_every_package_format_are_taken() {
        for text in [
            "kernel-devel",
            "linux-lts-headers",
            "linux6@dev",
            "nodejs^20",
        ] {
            let name: PackageName = text.parse().expect(text);
            assert_eq!(name.to_string(), text);
        }
        for text in [
            "6.1.192-2",
            "1:6.4.0~rc3-150600.21.1",
            "6.11.4^20241018git1234567-301.fc41",
            "6.12.1.arch1-1",
            "6.6.58-r0",
        ] {
            let version: PackageVersion = text.parse().expect(text);
            assert_eq!(version.to_string(), text);
        }
        for text in ["", "@a", "^1", "a/b", "..", "a b", "a%2f", "a\n"] {
            assert!(text.parse::<PackageName>().is_err(), "{text:?}");
            assert!(text.parse::<PackageVersion>().is_err(), "{text:?}");
        }
        assert!("6.1^a".parse::<KernelRelease>().is_err());
        assert!("6.1@a".parse::<PackageVersion>().is_err());
    }

    #[test]
    fn a_series_is_the_first_two_numbers() {
        for (release, series) in [
            ("6.1.0-56-cloud-amd64", Some("6.1")),
            ("6.12.117+deb12-amd64", Some("6.12")),
            ("5.14.0-503.el9.x86_64", Some("5.14")),
            ("7-rc1", Some("7")),
            ("6.1", Some("6.1")),
            ("6.x", Some("6")),
            ("6rc.1", None),
            ("linux", None),
        ] {
            let release: KernelRelease = release.parse().expect("a release");
            let found = Series::of(&release);
            assert_eq!(found.as_ref().map(Series::as_str), series, "{release}");
        }
    }

    #[test]
    fn a_series_is_not_a_string_prefix() {
        let series: Series = "6.1".parse().expect("a series");
        let release = |text: &str| text.parse::<KernelRelease>().expect("a release");
        assert!(series.contains(&release("6.1.0-56-amd64")));
        assert!(series.contains(&release("6.1-rc1")));
        assert!(!series.contains(&release("6.12.117+deb12-amd64")));
    }
}
