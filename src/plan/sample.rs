//! Kernels and matrices for tests.

use crate::catalog::format::ArchiveFormat;
use crate::catalog::{DistroKernels, Kernel};
use crate::digest::Sha256Digest;
use crate::document::Document;
use crate::matrix::Matrix;
use crate::name::Target;

/// A kernel of Debian 12.
pub(super) fn target(arch: &str, release: &str, version: &str, flavour: &str) -> Target {
    Target {
        distro: "debian".parse().expect("a distro"),
        distro_release: "12".parse().expect("a distro release"),
        arch: arch.parse().expect("an architecture"),
        kernel_release: release.parse().expect("a kernel release"),
        package_version: version.parse().expect("a version"),
        flavour: flavour.parse().expect("a flavour"),
    }
}

/// The catalog of a Debian release.
pub(super) fn catalog(distro_release: &str, targets: Vec<Target>) -> DistroKernels {
    let kernels = targets.into_iter().map(|target| Kernel {
        target: Target {
            distro_release: distro_release.parse().expect("a distro release"),
            ..target
        },
        built: None,
        packages: Vec::new(),
        source: None,
    });
    DistroKernels {
        distro: "debian".parse().expect("a distro"),
        distro_release: distro_release.parse().expect("a distro release"),
        format: ArchiveFormat::Apt,
        facts: Sha256Digest::of(b"facts"),
        suites: Vec::new(),
        unresolved: Vec::new(),
        kernels: kernels.collect(),
    }
}

/// The kernels of Debian 12 and 13, or near enough.
pub(super) fn debian() -> Vec<DistroKernels> {
    let twelve = [
        ("amd64", "6.1.0-9-amd64", "6.1.27-1", "generic"),
        ("amd64", "6.1.0-55-amd64", "6.1.192-1", "generic"),
        ("amd64", "6.1.0-56-amd64", "6.1.192-2", "generic"),
        ("amd64", "6.1.0-55-cloud-amd64", "6.1.192-1", "cloud"),
        ("amd64", "6.1.0-56-cloud-amd64", "6.1.192-2", "cloud"),
        ("amd64", "6.1.0-56-rt-amd64", "6.1.192-2", "rt"),
        ("arm64", "6.1.0-55-arm64", "6.1.192-1", "generic"),
        ("arm64", "6.1.0-56-arm64", "6.1.192-2", "generic"),
        (
            "amd64",
            "6.12.95+deb12-amd64",
            "6.12.95-1~bpo12+1",
            "generic",
        ),
        (
            "amd64",
            "6.12.117+deb12-amd64",
            "6.12.117-1~deb12u1",
            "generic",
        ),
        (
            "arm64",
            "6.12.117+deb12-arm64-16k",
            "6.12.117-1~deb12u1",
            "16k",
        ),
    ];
    let thirteen = [
        ("amd64", "6.12.107+deb13-amd64", "6.12.107-1", "generic"),
        ("amd64", "6.12.117+deb13-amd64", "6.12.117-1", "generic"),
        ("amd64", "7.2.12+deb13-amd64", "7.2.12-1~bpo13+1", "generic"),
    ];
    let targets = |kernels: &[(&str, &str, &str, &str)]| {
        kernels
            .iter()
            .map(|(arch, release, version, flavour)| target(arch, release, version, flavour))
            .collect()
    };
    vec![
        catalog("12", targets(&twelve)),
        catalog("13", targets(&thirteen)),
    ]
}

/// A matrix of two modules and what is appended to them.
pub(super) fn matrix(rest: &str) -> Matrix {
    let text = format!(
        "schema = 1\n\
         [[module]]\nname = 'm2'\nsource = '../m2'\n\
         [[module]]\nname = 'm10'\nsource = '../m10'\n{rest}"
    );
    let document = Document::from_bytes("matrix/nightly.toml", text.as_bytes()).expect("text");
    Matrix::from_document(&document).unwrap_or_else(|problems| panic!("{problems}"))
}
