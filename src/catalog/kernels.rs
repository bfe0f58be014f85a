//! Which kernels a set of packages holds, and what each is built against (pure).

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use globset::{Glob, GlobMatcher, GlobSet, GlobSetBuilder};
use regex::Regex;

use super::dependency::Dependency;
use super::facts::{HeaderPackage, KernelFacts, Rewriting};
use super::format::ArchiveFormat;
use super::indexed_package::IndexedPackage;
use super::version_order::VersionOrder;
use super::{Fingerprint, Kernel, PackageRef, UnresolvedKernel};
use crate::name::{
    Arch, ArchiveName, Distro, DistroRelease, Flavour, KernelRelease, PackageName, PackageVersion,
    Suite, Target,
};
use crate::package::PackageFormat;

/// How kernels are recognised, ready to be matched.
pub struct KernelPatterns {
    follow: GlobSet,
    host: GlobSet,
    /// What the names that `follow` or `host` match begin with: nearly every name of an index is told
    /// apart by that, at a fraction of the cost.
    beginnings: Vec<String>,
    flavours: Vec<FlavourPattern>,
    order: VersionOrder,
}

/// How the kernels of one flavour of one architecture are recognised.
struct FlavourPattern {
    arch: Arch,
    flavour: Flavour,
    headers: HeaderPattern,
}

enum HeaderPattern {
    Named {
        before_release: String,
        after_release: String,
        ending: String,
        requires: GlobMatcher,
    },
    Provides {
        name: PackageName,
        capability: String,
    },
    Version {
        name: PackageName,
        /// Each expression with what a version that it matches becomes.
        rewritings: Vec<(Regex, String)>,
    },
}

/// Says which pattern of the facts is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the pattern `{pattern}` is not valid: {reason}")]
pub struct PatternError {
    pub pattern: String,
    pub reason: String,
}

/// What one suite offers for one architecture, in the order of the facts.
#[derive(Debug)]
pub struct Offer {
    pub archive: ArchiveName,
    pub suite: Suite,
    pub arch: Arch,
    /// The format of all its packages.
    pub format: PackageFormat,
    /// See [`PackageRef::signers`].
    pub signers: Vec<Fingerprint>,
    pub packages: Vec<IndexedPackage>,
}

/// What was found: the kernels, and those that lack a package.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// Ordered by target.
    pub kernels: Vec<Kernel>,
    /// Ordered.
    pub unresolved: Vec<UnresolvedKernel>,
}

impl KernelPatterns {
    /// Compiles the patterns of the facts.
    pub fn new(facts: &KernelFacts, format: ArchiveFormat) -> Result<Self, PatternError> {
        let flavours: Result<Vec<_>, _> = facts
            .flavours
            .iter()
            .map(|flavour| {
                Ok(FlavourPattern {
                    arch: flavour.arch,
                    flavour: flavour.flavour.clone(),
                    headers: HeaderPattern::new(&flavour.headers)?,
                })
            })
            .collect();
        Ok(Self {
            follow: glob_set(&facts.follow)?,
            host: glob_set(&facts.host)?,
            beginnings: facts
                .follow
                .iter()
                .chain(&facts.host)
                .map(|pattern| beginning(pattern).to_owned())
                .collect(),
            flavours: flavours?,
            order: VersionOrder::of(format),
        })
    }

    /// Returns true if a package of this name may be a kernel's headers or belong to them.
    pub fn wants(&self, name: &str) -> bool {
        self.flavours
            .iter()
            .any(|flavour| flavour.headers.may_be(name))
            || (self.beginnings.iter().any(|begin| name.starts_with(begin))
                && (self.follow.is_match(name) || self.host.is_match(name)))
    }

    /// Returns true if a dependency on this name belongs to the kernel interface.
    pub fn follows(&self, name: &str) -> bool {
        self.follow.is_match(name)
    }

    /// Returns true if facts ask for this capability of packages.
    pub fn wants_capability(&self, capability: &str) -> bool {
        self.flavours.iter().any(|flavour| match &flavour.headers {
            HeaderPattern::Provides {
                capability: wanted, ..
            } => wanted == capability,
            HeaderPattern::Named { .. } | HeaderPattern::Version { .. } => false,
        }) || self.follow.is_match(capability)
    }

    /// Returns the kernel release and flavour if this is a real kernel's header package.
    fn kernel_of(&self, package: &IndexedPackage, arch: Arch) -> Option<(KernelRelease, &Flavour)> {
        self.flavours
            .iter()
            .filter(|flavour| flavour.arch == arch)
            .filter_map(|flavour| {
                let release = flavour.headers.release(package)?;
                Some((flavour.headers.precedence(), release, &flavour.flavour))
            })
            .max_by_key(|(precedence, ..)| *precedence)
            .map(|(_, release, flavour)| (release, flavour))
    }
}

impl HeaderPattern {
    fn new(facts: &HeaderPackage) -> Result<Self, PatternError> {
        Ok(match facts {
            HeaderPackage::Named {
                pattern,
                ending,
                requires,
            } => {
                let (before, after) =
                    pattern
                        .split_once("{release}")
                        .ok_or_else(|| PatternError {
                            pattern: pattern.clone(),
                            reason: "it has no `{release}`".to_owned(),
                        })?;
                Self::Named {
                    before_release: before.to_owned(),
                    after_release: after.to_owned(),
                    ending: ending.clone(),
                    requires: glob(requires)?.compile_matcher(),
                }
            }
            HeaderPackage::Provides { name, capability } => Self::Provides {
                name: name.clone(),
                capability: capability.clone(),
            },
            HeaderPackage::Version { name, rewritings } => Self::Version {
                name: name.clone(),
                rewritings: rewritings
                    .iter()
                    .map(|Rewriting { from, to }| Ok((whole(from)?, to.clone())))
                    .collect::<Result<_, _>>()?,
            },
        })
    }

    fn may_be(&self, name: &str) -> bool {
        match self {
            Self::Named {
                before_release,
                after_release,
                ..
            } => release_in(name, before_release, after_release).is_some(),
            Self::Provides { name: wanted, .. } | Self::Version { name: wanted, .. } => {
                wanted.as_str() == name
            }
        }
    }

    /// Of several flavours that know a package, the one with the longest ending decides.
    fn precedence(&self) -> usize {
        match self {
            Self::Named { ending, .. } => ending.len(),
            Self::Provides { .. } | Self::Version { .. } => 0,
        }
    }

    /// Returns the release of the kernel that a package has the headers of.
    fn release(&self, package: &IndexedPackage) -> Option<KernelRelease> {
        match self {
            Self::Named {
                before_release,
                after_release,
                ending,
                requires,
            } => {
                let name = package.name.as_str();
                let release = release_in(name, before_release, after_release)?;
                let is_real = release.ends_with(ending)
                    && package
                        .depends
                        .iter()
                        .flat_map(|dependency| &dependency.alternatives)
                        .any(|alternative| requires.is_match(alternative.name.as_str()));
                release.parse().ok().filter(|_| is_real)
            }
            Self::Provides { name, capability } => {
                let provided = package
                    .provides
                    .iter()
                    .find(|provided| provided.name == *capability)?;
                let release = provided.version.as_ref()?.as_str();
                release.parse().ok().filter(|_| package.name == *name)
            }
            Self::Version { name, rewritings } => {
                if package.name != *name {
                    return None;
                }
                let (captures, to) = rewritings
                    .iter()
                    .find_map(|(from, to)| Some((from.captures(package.version.as_str())?, to)))?;
                let mut release = String::new();
                captures.expand(to, &mut release);
                release.parse().ok()
            }
        }
    }
}

fn release_in<'a>(name: &'a str, before: &str, after: &str) -> Option<&'a str> {
    name.strip_prefix(before)?.strip_suffix(after)
}

/// Compiles an expression that has to match all of a text, whatever it says itself.
fn whole(expression: &str) -> Result<Regex, PatternError> {
    Regex::new(&format!("^(?:{expression})$")).map_err(|error| PatternError {
        pattern: expression.to_owned(),
        reason: error.to_string(),
    })
}

fn glob(pattern: &str) -> Result<Glob, PatternError> {
    Glob::new(pattern).map_err(|error| PatternError {
        pattern: pattern.to_owned(),
        reason: error.kind().to_string(),
    })
}

/// Returns what every name that a glob matches begins with.
fn beginning(pattern: &str) -> &str {
    let end = pattern.find(['*', '?', '[', ']', '{', '}', '\\']);
    &pattern[..end.unwrap_or(pattern.len())]
}

fn glob_set(patterns: &[String]) -> Result<GlobSet, PatternError> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(glob(pattern)?);
    }
    set.build().map_err(|error| PatternError {
        pattern: patterns.join(" "),
        reason: error.kind().to_string(),
    })
}

/// What every name can be had from: packages of that name, and those that provide it, each with the
/// version that it has it in.
type ByName<'a> = BTreeMap<(Arch, &'a str), Vec<(Candidate<'a>, Option<&'a PackageVersion>)>>;

/// A package and where it is offered; `order` counts through the suites of the facts.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    offer: &'a Offer,
    order: usize,
    package: &'a IndexedPackage,
}

impl Candidate<'_> {
    /// Orders by version, and of one version the suite that the facts name first is the greatest.
    fn preference(&self, other: &Self, order: VersionOrder) -> Ordering {
        order
            .compare(&self.package.version, &other.package.version)
            .then(other.order.cmp(&self.order))
    }

    fn to_ref(self) -> PackageRef {
        PackageRef {
            name: self.package.name.clone(),
            version: self.package.version.clone(),
            architecture: self.package.architecture.clone(),
            archive: self.offer.archive.clone(),
            suite: self.offer.suite.clone(),
            path: self.package.path.clone(),
            bytes: self.package.bytes,
            sha256: self.package.sha256,
            format: self.offer.format,
            signers: self.offer.signers.clone(),
            signature: self.package.signature.clone(),
        }
    }
}

/// The header packages of one kernel release and version.
struct Header<'a> {
    /// The one that is taken.
    candidate: Candidate<'a>,
    /// The flavours that the packages stand for, each with a package that does; more than one is one
    /// too many.
    flavours: BTreeMap<&'a Flavour, &'a PackageName>,
}

impl<'a> Header<'a> {
    fn new(candidate: Candidate<'a>) -> Self {
        Self {
            candidate,
            flavours: BTreeMap::new(),
        }
    }

    /// Returns the flavour, or why it cannot be told: release, version and architecture have to
    /// name one kernel alone.
    fn flavour(&self) -> Result<&'a Flavour, String> {
        if let [flavour] = self.flavours.keys().copied().collect::<Vec<_>>()[..] {
            return Ok(flavour);
        }
        let flavours: Vec<String> = self
            .flavours
            .iter()
            .map(|(flavour, package)| format!("`{flavour}` by `{package}`"))
            .collect();
        Err(format!(
            "the facts know it as several flavours ({}), and release and version have to name one \
             kernel alone",
            flavours.join(", ")
        ))
    }
}

/// Finds the kernels for `archs`, each with every package that it is built against on a machine of
/// `build_arch`.
///
/// Two uploads of one kernel release are two kernels; of one upload in several suites the first suite
/// counts. A release and version that two flavours claim is unresolved.
pub fn discover(
    distro: &Distro,
    distro_release: &DistroRelease,
    patterns: &KernelPatterns,
    offers: &[Offer],
    archs: &BTreeSet<Arch>,
    build_arch: Arch,
) -> Discovery {
    let mut by_name = ByName::new();
    let mut headers: BTreeMap<(Arch, KernelRelease, &PackageVersion), Header> = BTreeMap::new();
    for (order, offer) in offers.iter().enumerate() {
        for package in &offer.packages {
            let candidate = Candidate {
                offer,
                order,
                package,
            };
            by_name
                .entry((offer.arch, package.name.as_str()))
                .or_default()
                .push((candidate, Some(&package.version)));
            for provided in &package.provides {
                by_name
                    .entry((offer.arch, &provided.name))
                    .or_default()
                    .push((candidate, provided.version.as_ref()));
            }
            if !archs.contains(&offer.arch) {
                continue;
            }
            let Some((release, flavour)) = patterns.kernel_of(package, offer.arch) else {
                continue;
            };
            let kept = headers
                .entry((offer.arch, release, &package.version))
                .or_insert_with(|| Header::new(candidate));
            kept.flavours.insert(flavour, &package.name);
            if candidate
                .preference(&kept.candidate, patterns.order)
                .is_gt()
            {
                kept.candidate = candidate;
            }
        }
    }
    let mut discovery = Discovery::default();
    for ((arch, kernel_release, _), found) in headers {
        let header = found.candidate;
        let resolved = found.flavour().and_then(|flavour| {
            Ok((
                flavour,
                follow(header, arch, patterns, &by_name, build_arch)?,
            ))
        });
        match resolved {
            Ok((flavour, packages)) => discovery.kernels.push(Kernel {
                target: Target {
                    distro: distro.clone(),
                    distro_release: distro_release.clone(),
                    arch,
                    kernel_release,
                    package_version: header.package.version.clone(),
                    flavour: flavour.clone(),
                },
                built: header.package.built,
                packages,
                source: None,
            }),
            Err(reason) => discovery.unresolved.push(UnresolvedKernel {
                arch,
                kernel_release,
                package_version: header.package.version.clone(),
                reason,
            }),
        }
    }
    discovery.kernels.sort_by(|a, b| a.target.cmp(&b.target));
    discovery.unresolved.sort();
    discovery
}

/// Returns the header package and everything that it needs and the facts say to follow, ordered, or
/// why something of that cannot be had.
fn follow(
    header: Candidate,
    arch: Arch,
    patterns: &KernelPatterns,
    by_name: &ByName,
    build_arch: Arch,
) -> Result<Vec<PackageRef>, String> {
    let mut taken = BTreeSet::from([header.to_ref()]);
    let mut open = vec![(header, arch)];
    while let Some((needing, arch)) = open.pop() {
        for dependency in &needing.package.depends {
            match satisfy(dependency, arch, patterns, by_name, build_arch) {
                Satisfied::NotFollowed => {}
                Satisfied::By(candidate, arch) => {
                    if taken.insert(candidate.to_ref()) {
                        open.push((candidate, arch));
                    }
                }
                Satisfied::Not(why) => {
                    return Err(format!(
                        "`{}` needs `{dependency}`, but {why}",
                        needing.package.name
                    ));
                }
            }
        }
    }
    Ok(taken.into_iter().collect())
}

enum Satisfied<'a> {
    /// The dependency is none of the kernel interface's.
    NotFollowed,
    By(Candidate<'a>, Arch),
    Not(String),
}

/// Takes the first alternative that is followed and can be had, in the newest version that will do.
fn satisfy<'a>(
    dependency: &Dependency,
    arch: Arch,
    patterns: &KernelPatterns,
    by_name: &ByName<'a>,
    build_arch: Arch,
) -> Satisfied<'a> {
    let mut missing = Vec::new();
    for alternative in &dependency.alternatives {
        if !patterns.follow.is_match(alternative.name.as_str()) {
            continue;
        }
        let arch = if patterns.host.is_match(alternative.name.as_str()) {
            build_arch
        } else {
            arch
        };
        let offered = by_name
            .get(&(arch, alternative.name.as_str()))
            .map_or(&[][..], Vec::as_slice);
        let admitted = offered.iter().filter(|(_, version)| {
            alternative.constraint.as_ref().is_none_or(|constraint| {
                version.is_some_and(|version| constraint.admits(version, patterns.order))
            })
        });
        match admitted.max_by(|(a, _), (b, _)| a.preference(b, patterns.order)) {
            Some((candidate, _)) => return Satisfied::By(*candidate, arch),
            None if offered.is_empty() => {
                missing.push(format!("no suite has `{}` for {arch}", alternative.name));
            }
            None => {
                let versions: Vec<&str> = offered
                    .iter()
                    .map(|(_, version)| version.map_or("no version", PackageVersion::as_str))
                    .collect();
                missing.push(format!(
                    "the suites have `{}` for {arch} in {} only",
                    alternative.name,
                    versions.join(", ")
                ));
            }
        }
    }
    if missing.is_empty() {
        Satisfied::NotFollowed
    } else {
        Satisfied::Not(missing.join(", and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::dependency::parse_depends;
    use crate::catalog::facts::FlavourFacts;
    use crate::catalog::indexed_package::Provided;
    use crate::digest::Sha256Digest;

    fn facts() -> KernelFacts {
        let flavour = |arch, flavour: &str, ending: &str| FlavourFacts {
            arch,
            flavour: flavour.parse().expect("a flavour"),
            headers: HeaderPackage::Named {
                pattern: "linux-headers-{release}".to_owned(),
                ending: ending.to_owned(),
                requires: "linux-kbuild-*".to_owned(),
            },
        };
        KernelFacts {
            follow: vec![
                "linux-headers-*-common*".to_owned(),
                "linux-kbuild-*".to_owned(),
            ],
            host: vec!["linux-kbuild-*".to_owned()],
            mounts: Vec::new(),
            build: String::new(),
            flavours: vec![
                flavour(Arch::Amd64, "generic", "-amd64"),
                flavour(Arch::Amd64, "cloud", "-cloud-amd64"),
                flavour(Arch::Arm64, "generic", "-arm64"),
            ],
        }
    }

    fn package(name: &str, version: &str, arch: &str, depends: &str) -> IndexedPackage {
        IndexedPackage {
            name: name.parse().expect(name),
            version: version.parse().expect(version),
            source: "linux".parse().expect("a name"),
            architecture: arch.to_owned(),
            depends: parse_depends(depends).expect(depends),
            provides: Vec::new(),
            signature: None,
            built: None,
            path: format!("pool/{name}_{version}_{arch}.deb"),
            bytes: 1,
            sha256: Sha256Digest::of(format!("{name} {version} {arch}").as_bytes()),
        }
    }

    fn offer(suite: &str, arch: Arch, packages: Vec<IndexedPackage>) -> Offer {
        Offer {
            archive: "debian".parse().expect("an archive"),
            suite: suite.parse().expect("a suite"),
            arch,
            format: PackageFormat::Deb,
            signers: Vec::new(),
            packages,
        }
    }

    /// The packages of one kernel of one version.
    fn kernel(abi: &str, version: &str, arch: Arch) -> Vec<IndexedPackage> {
        let depends = format!(
            "linux-headers-{abi}-common (= {version}), linux-kbuild-6.1 (>= {version}), gcc-12, \
             linux-image-{abi}-{arch} (= {version}) | linux-image-{abi}-{arch}-unsigned"
        );
        vec![
            package(
                &format!("linux-headers-{abi}-{arch}"),
                version,
                arch.as_str(),
                &depends,
            ),
            package(&format!("linux-headers-{abi}-common"), version, "all", ""),
            package("linux-kbuild-6.1", version, arch.as_str(), "libc6"),
        ]
    }

    fn found(offers: &[Offer], archs: &[Arch]) -> Discovery {
        discover(
            &"debian".parse().expect("a distro"),
            &"12".parse().expect("a release"),
            &KernelPatterns::new(&facts(), ArchiveFormat::Apt).expect("patterns"),
            offers,
            &archs.iter().copied().collect(),
            Arch::Amd64,
        )
    }

    fn packages(kernel: &Kernel) -> Vec<String> {
        let of =
            |p: &PackageRef| format!("{} {} {} {}", p.name, p.version, p.architecture, p.suite);
        kernel.packages.iter().map(of).collect()
    }

    #[test]
    fn globs_are_told_apart_by_what_they_begin_with() {
        for (pattern, begin) in [
            ("linux-kbuild-*", "linux-kbuild-"),
            ("linux-{a,b}", "linux-"),
            ("[kl]inux", ""),
            ("a\\*b", "a"),
            ("linux", "linux"),
        ] {
            assert_eq!(beginning(pattern), begin, "{pattern}");
        }
        let facts = KernelFacts {
            follow: vec!["{linux,kernel}-x*".to_owned(), "?-common".to_owned()],
            ..facts()
        };
        let patterns = KernelPatterns::new(&facts, ArchiveFormat::Apt).expect("patterns");
        for (name, wanted) in [
            ("kernel-xy", true),
            ("linux-x", true),
            ("a-common", true),
            ("ab-common", false),
            ("linux-kbuild-6.1", true),
            ("linux-image-6.1", false),
        ] {
            assert_eq!(patterns.wants(name), wanted, "{name}");
        }
    }

    #[test]
    fn a_kernel_comes_with_the_packages_it_is_built_against() {
        let discovery = found(
            &[offer(
                "bookworm",
                Arch::Amd64,
                kernel("6.1.0-1", "6.1.1-1", Arch::Amd64),
            )],
            &[Arch::Amd64],
        );
        assert_eq!(discovery.unresolved, []);
        let [kernel] = &discovery.kernels[..] else {
            panic!("one kernel, not {}", discovery.kernels.len());
        };
        assert_eq!(kernel.target.kernel_release.as_str(), "6.1.0-1-amd64");
        assert_eq!(kernel.target.flavour.as_str(), "generic");
        assert_eq!(
            packages(kernel),
            [
                "linux-headers-6.1.0-1-amd64 6.1.1-1 amd64 bookworm",
                "linux-headers-6.1.0-1-common 6.1.1-1 all bookworm",
                "linux-kbuild-6.1 6.1.1-1 amd64 bookworm",
            ]
        );
    }

    #[test]
    fn programs_that_run_during_the_build_are_the_build_machines() {
        let discovery = found(
            &[
                offer(
                    "bookworm",
                    Arch::Amd64,
                    kernel("6.1.0-1", "6.1.1-1", Arch::Amd64),
                ),
                offer(
                    "bookworm",
                    Arch::Arm64,
                    kernel("6.1.0-1", "6.1.1-1", Arch::Arm64),
                ),
            ],
            &[Arch::Arm64],
        );
        let [kernel] = &discovery.kernels[..] else {
            panic!("one kernel, not {}", discovery.kernels.len());
        };
        assert_eq!(
            packages(kernel),
            [
                "linux-headers-6.1.0-1-arm64 6.1.1-1 arm64 bookworm",
                "linux-headers-6.1.0-1-common 6.1.1-1 all bookworm",
                "linux-kbuild-6.1 6.1.1-1 amd64 bookworm",
            ]
        );
    }

    #[test]
    fn the_newest_version_that_will_do_is_taken_and_of_one_version_the_first_suite() {
        let discovery = found(
            &[
                offer(
                    "bookworm",
                    Arch::Amd64,
                    kernel("6.1.0-1", "6.1.9-1", Arch::Amd64),
                ),
                offer(
                    "bookworm-security",
                    Arch::Amd64,
                    kernel("6.1.0-1", "6.1.9-1", Arch::Amd64),
                ),
                offer(
                    "backports",
                    Arch::Amd64,
                    kernel("6.1.0-2", "6.1.10-1", Arch::Amd64),
                ),
            ],
            &[Arch::Amd64],
        );
        assert_eq!(discovery.kernels.len(), 2);
        assert_eq!(
            packages(&discovery.kernels[0]),
            [
                "linux-headers-6.1.0-1-amd64 6.1.9-1 amd64 bookworm",
                "linux-headers-6.1.0-1-common 6.1.9-1 all bookworm",
                "linux-kbuild-6.1 6.1.10-1 amd64 backports",
            ]
        );
    }

    #[test]
    fn two_uploads_of_one_kernel_are_two() {
        let discovery = found(
            &[
                offer(
                    "bookworm",
                    Arch::Amd64,
                    kernel("6.1.0-1", "6.1.9-1", Arch::Amd64),
                ),
                offer(
                    "bookworm-security",
                    Arch::Amd64,
                    kernel("6.1.0-1", "6.1.10-1", Arch::Amd64),
                ),
            ],
            &[Arch::Amd64],
        );
        let common: Vec<&str> = discovery
            .kernels
            .iter()
            .map(|kernel| kernel.packages[1].version.as_str())
            .collect();
        assert_eq!(common, ["6.1.10-1", "6.1.9-1"]);
        assert!(
            discovery
                .kernels
                .iter()
                .all(|kernel| kernel.packages[1].version == kernel.target.package_version)
        );
    }

    #[test]
    fn a_release_is_what_a_package_provides_or_what_its_version_becomes() {
        let mut facts = facts();
        let flavour = |flavour: &str, headers| FlavourFacts {
            arch: Arch::Amd64,
            flavour: flavour.parse().expect("a flavour"),
            headers,
        };
        let name = |name: &str| name.parse().expect("a name");
        facts.flavours = vec![
            flavour(
                "generic",
                HeaderPackage::Provides {
                    name: name("kernel-devel"),
                    capability: "kernel-devel-uname-r".to_owned(),
                },
            ),
            flavour(
                "arch",
                HeaderPackage::Version {
                    name: name("linux-headers"),
                    rewritings: [
                        (r"([0-9]+\.[0-9]+)\.(arch[0-9]+-[0-9]+)", "$1.0-$2"),
                        (r"(.+)\.(arch[0-9]+-[0-9]+)", "$1-$2"),
                    ]
                    .map(|(from, to)| Rewriting {
                        from: from.to_owned(),
                        to: to.to_owned(),
                    })
                    .to_vec(),
                },
            ),
        ];
        let mut devel = package("kernel-devel", "5.14.0-503.el9", "x86_64", "");
        devel.provides = vec![Provided {
            name: "kernel-devel-uname-r".to_owned(),
            version: Some("5.14.0-503.el9.x86_64".parse().expect("a version")),
        }];
        let mut other = devel.clone();
        other.name = name("kernel-debug-devel");
        let packages = vec![
            devel,
            other,
            package("linux-headers", "6.17.1.arch1-1", "x86_64", ""),
            package("linux-headers", "6.18.arch1-1", "x86_64", ""),
            package("linux-headers", "6.17.1.zen1-1", "x86_64", ""),
        ];
        let patterns = KernelPatterns::new(&facts, ArchiveFormat::RpmMd).expect("patterns");
        assert!(patterns.wants("linux-headers") && !patterns.wants("kernel-debug-devel"));
        assert!(patterns.wants_capability("kernel-devel-uname-r"));
        let discovery = discover(
            &"x".parse().expect("a distro"),
            &"1".parse().expect("a release"),
            &patterns,
            &[offer("base", Arch::Amd64, packages)],
            &BTreeSet::from([Arch::Amd64]),
            Arch::Amd64,
        );
        let found: Vec<(&str, &str)> = discovery
            .kernels
            .iter()
            .map(|kernel| {
                let Target {
                    kernel_release,
                    flavour,
                    ..
                } = &kernel.target;
                (kernel_release.as_str(), flavour.as_str())
            })
            .collect();
        assert_eq!(
            found,
            [
                ("5.14.0-503.el9.x86_64", "generic"),
                ("6.17.1-arch1-1", "arch"),
                ("6.18.0-arch1-1", "arch"),
            ]
        );
    }

    #[test]
    fn a_release_and_version_of_two_flavours_is_not_taken() {
        let mut facts = facts();
        let flavour = |flavour: &str, name: &str| FlavourFacts {
            arch: Arch::Amd64,
            flavour: flavour.parse().expect("a flavour"),
            headers: HeaderPackage::Provides {
                name: name.parse().expect("a name"),
                capability: "uname-r".to_owned(),
            },
        };
        facts.flavours = vec![flavour("generic", "devel"), flavour("debug", "debug-devel")];
        let provides = |name: &str, release: &str| IndexedPackage {
            provides: vec![Provided {
                name: "uname-r".to_owned(),
                version: Some(release.parse().expect("a version")),
            }],
            built: Some(jiff::Timestamp::UNIX_EPOCH),
            ..package(name, "5.14.0-1", "x86_64", "")
        };
        let packages = vec![
            provides("devel", "5.14.0-1.x86_64"),
            provides("debug-devel", "5.14.0-1.x86_64"),
            provides("debug-devel", "5.14.0-1.x86_64+debug"),
        ];
        let discovery = discover(
            &"x".parse().expect("a distro"),
            &"1".parse().expect("a release"),
            &KernelPatterns::new(&facts, ArchiveFormat::RpmMd).expect("patterns"),
            &[offer("base", Arch::Amd64, packages)],
            &BTreeSet::from([Arch::Amd64]),
            Arch::Amd64,
        );
        let releases: Vec<&str> = discovery
            .kernels
            .iter()
            .map(|kernel| kernel.target.kernel_release.as_str())
            .collect();
        assert_eq!(releases, ["5.14.0-1.x86_64+debug"]);
        assert_eq!(
            discovery.kernels[0].built,
            Some(jiff::Timestamp::UNIX_EPOCH)
        );
        let [unresolved] = &discovery.unresolved[..] else {
            panic!("one kernel, not {}", discovery.unresolved.len());
        };
        assert_eq!(
            unresolved.reason,
            "the facts know it as several flavours (`debug` by `debug-devel`, `generic` by \
             `devel`), and release and version have to name one kernel alone"
        );
    }

    #[test]
    fn the_longest_ending_decides_the_flavour_and_meta_packages_are_left_out() {
        let mut all = kernel("6.1.0-1", "6.1.1-1", Arch::Amd64);
        let mut cloud = all[0].clone();
        cloud.name = "linux-headers-6.1.0-1-cloud-amd64".parse().expect("a name");
        all.push(cloud);
        all.push(package(
            "linux-headers-cloud-amd64",
            "6.1.1-1",
            "amd64",
            "linux-headers-6.1.0-1-cloud-amd64 (= 6.1.1-1)",
        ));
        all.push(package(
            "linux-headers-6.1.0-1-riscv64",
            "6.1.1-1",
            "amd64",
            "linux-kbuild-6.1",
        ));
        let discovery = found(&[offer("bookworm", Arch::Amd64, all)], &[Arch::Amd64]);
        let flavours: Vec<&str> = discovery
            .kernels
            .iter()
            .map(|kernel| kernel.target.flavour.as_str())
            .collect();
        assert_eq!(flavours, ["generic", "cloud"]);
    }

    #[test]
    fn a_kernel_that_lacks_a_package_is_told_of() {
        let mut without = kernel("6.1.0-1", "6.1.1-1", Arch::Amd64);
        without.remove(1);
        let mut older = kernel("6.1.0-2", "6.1.2-1", Arch::Amd64);
        older.remove(2);
        without.extend(older);
        let discovery = found(&[offer("bookworm", Arch::Amd64, without)], &[Arch::Amd64]);
        assert_eq!(discovery.kernels, []);
        let reasons: Vec<&str> = discovery
            .unresolved
            .iter()
            .map(|u| u.reason.as_str())
            .collect();
        assert_eq!(
            reasons,
            [
                "`linux-headers-6.1.0-1-amd64` needs `linux-headers-6.1.0-1-common (= 6.1.1-1)`, \
                 but no suite has `linux-headers-6.1.0-1-common` for amd64",
                "`linux-headers-6.1.0-2-amd64` needs `linux-kbuild-6.1 (>= 6.1.2-1)`, \
                 but the suites have `linux-kbuild-6.1` for amd64 in 6.1.1-1 only",
            ]
        );
    }

    #[test]
    fn the_order_of_suites_packages_and_architectures_does_not_show() {
        let mut amd64 = kernel("6.1.0-1", "6.1.1-1", Arch::Amd64);
        amd64.extend(kernel("6.1.0-2", "6.1.2-1", Arch::Amd64));
        let arm64 = kernel("6.1.0-2", "6.1.2-1", Arch::Arm64);
        let mut reversed = amd64.clone();
        reversed.reverse();
        let one = found(
            &[
                offer("s", Arch::Amd64, amd64),
                offer("s", Arch::Arm64, arm64.clone()),
            ],
            &Arch::ALL,
        );
        let other = found(
            &[
                offer("s", Arch::Arm64, arm64),
                offer("s", Arch::Amd64, reversed),
            ],
            &Arch::ALL,
        );
        assert_eq!(one, other);
        assert_eq!(one.kernels.len(), 3);
    }

    #[test]
    fn patterns_that_are_none_are_named() {
        let broken = |change: fn(&mut KernelFacts)| {
            let mut facts = facts();
            change(&mut facts);
            KernelPatterns::new(&facts, ArchiveFormat::Apt)
                .err()
                .expect("an error")
                .pattern
        };
        fn only(facts: &mut KernelFacts, headers: HeaderPackage) {
            facts.flavours.truncate(1);
            facts.flavours[0].headers = headers;
        }
        fn named(pattern: &str, requires: &str) -> HeaderPackage {
            HeaderPackage::Named {
                pattern: pattern.to_owned(),
                ending: String::new(),
                requires: requires.to_owned(),
            }
        }
        assert_eq!(
            broken(|f| only(f, named("linux-headers", "*"))),
            "linux-headers"
        );
        assert_eq!(broken(|f| only(f, named("x{release}", "a["))), "a[");
        let version = || HeaderPackage::Version {
            name: "x".parse().expect("a name"),
            rewritings: vec![Rewriting {
                from: "(".to_owned(),
                to: String::new(),
            }],
        };
        let mut facts = facts();
        only(&mut facts, version());
        assert!(KernelPatterns::new(&facts, ArchiveFormat::Pacman).is_err());
        assert_eq!(broken(|f| f.follow = vec!["b[".to_owned()]), "b[");
    }
}
