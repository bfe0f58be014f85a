//! Every facts file against packages named as its distribution names them: which kernel each is, and that
//! meta-packages and their like are none.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kmatrix::catalog::dependency::parse_depends;
use kmatrix::catalog::facts::{self, CheckedAgainst, DistroFacts};
use kmatrix::catalog::format::ArchiveFormat;
use kmatrix::catalog::indexed_package::{IndexedPackage, Provided};
use kmatrix::catalog::kernels::{KernelPatterns, Offer, discover};
use kmatrix::catalog::openpgp::PinnedKeys;
use kmatrix::digest::Sha256Digest;
use kmatrix::name::{Arch, Target};
use sequoia_openpgp::cert::CertParser;
use sequoia_openpgp::parse::Parse as _;
use sequoia_openpgp::policy::{HashAlgoSecurity, StandardPolicy};
use sequoia_openpgp::types::HashAlgorithm;

/// One kernel's header package as an index has it, and what it has to be found as.
struct Known {
    facts: &'static str,
    arch: Arch,
    /// Name and version.
    package: (&'static str, &'static str),
    /// What it depends on, in Debian's syntax whatever the format.
    depends: &'static str,
    /// What it provides: a capability and its version.
    provides: Capability,
    release: &'static str,
    flavour: &'static str,
    build: &'static str,
}

const fn apt(
    facts: &'static str,
    arch: Arch,
    package: (&'static str, &'static str),
    depends: &'static str,
    [release, flavour, build]: [&'static str; 3],
) -> Known {
    Known {
        facts,
        arch,
        package,
        depends,
        provides: None,
        release,
        flavour,
        build,
    }
}

const fn provides(
    facts: &'static str,
    arch: Arch,
    package: (&'static str, &'static str),
    release: &'static str,
    flavour: &'static str,
    build: &'static str,
) -> Known {
    Known {
        facts,
        arch,
        package,
        depends: "findutils",
        provides: Some(("kernel-devel-uname-r", release)),
        release,
        flavour,
        build,
    }
}

const fn version(
    facts: &'static str,
    arch: Arch,
    package: (&'static str, &'static str),
    depends: &'static str,
    [release, flavour, build]: [&'static str; 3],
) -> Known {
    apt(facts, arch, package, depends, [release, flavour, build])
}

#[rustfmt::skip]
const KNOWN: &[Known] = &[
    apt("debian-11", Arch::Amd64, ("linux-headers-5.10.0-46-amd64", "5.10.262-1"), "linux-headers-5.10.0-46-common (= 5.10.262-1), linux-kbuild-5.10 (>= 5.10.262-1)",
        ["5.10.0-46-amd64", "generic", "/lib/modules/5.10.0-46-amd64/build"]),
    apt("debian-11", Arch::Amd64, ("linux-headers-5.10.0-46-rt-amd64", "5.10.262-1"), "linux-headers-5.10.0-46-common-rt (= 5.10.262-1), linux-kbuild-5.10 (>= 5.10.262-1)",
        ["5.10.0-46-rt-amd64", "rt", "/lib/modules/5.10.0-46-rt-amd64/build"]),
    apt("debian-11", Arch::Armhf, ("linux-headers-5.10.0-32-armmp-lpae", "5.10.223-1"), "linux-headers-5.10.0-32-common (= 5.10.223-1), linux-kbuild-5.10 (>= 5.10.223-1)",
        ["5.10.0-32-armmp-lpae", "armmp-lpae", "/lib/modules/5.10.0-32-armmp-lpae/build"]),
    apt("debian-12", Arch::Amd64, ("linux-headers-6.1.0-56-cloud-amd64", "6.1.192-2"), "linux-headers-6.1.0-56-common (= 6.1.192-2), linux-kbuild-6.1 (>= 6.1.192-2)",
        ["6.1.0-56-cloud-amd64", "cloud", "/lib/modules/6.1.0-56-cloud-amd64/build"]),
    apt("debian-12", Arch::Arm64, ("linux-headers-6.12.117+deb12-arm64-16k", "6.12.117-1~deb12u1"), "linux-headers-6.12.117+deb12-common (= 6.12.117-1~deb12u1), linux-kbuild-6.12.117+deb12 (>= 6.12.117-1~deb12u1)",
        ["6.12.117+deb12-arm64-16k", "16k", "/lib/modules/6.12.117+deb12-arm64-16k/build"]),
    apt("debian-12", Arch::Armhf, ("linux-headers-6.1.0-50-rt-armmp", "6.1.176-1"), "linux-headers-6.1.0-50-common-rt (= 6.1.176-1), linux-kbuild-6.1 (>= 6.1.176-1)",
        ["6.1.0-50-rt-armmp", "rt", "/lib/modules/6.1.0-50-rt-armmp/build"]),
    apt("debian-12", Arch::Ppc64el, ("linux-headers-6.1.0-50-powerpc64le", "6.1.176-1"), "linux-headers-6.1.0-50-common (= 6.1.176-1), linux-kbuild-6.1 (>= 6.1.176-1)",
        ["6.1.0-50-powerpc64le", "generic", "/lib/modules/6.1.0-50-powerpc64le/build"]),
    apt("debian-12", Arch::S390x, ("linux-headers-6.1.0-50-s390x", "6.1.176-1"), "linux-headers-6.1.0-50-common (= 6.1.176-1), linux-kbuild-6.1 (>= 6.1.176-1)",
        ["6.1.0-50-s390x", "generic", "/lib/modules/6.1.0-50-s390x/build"]),
    apt("debian-13", Arch::Amd64, ("linux-headers-7.2.12+deb13-rt-amd64", "7.2.12-1~bpo13+1"), "linux-headers-7.2.12+deb13-common (= 7.2.12-1~bpo13+1), linux-kbuild-7.2.12+deb13 (>= 7.2.12-1~bpo13+1)",
        ["7.2.12+deb13-rt-amd64", "rt", "/lib/modules/7.2.12+deb13-rt-amd64/build"]),
    apt("debian-13", Arch::Ppc64el, ("linux-headers-6.12.107+deb13-powerpc64le-64k", "6.12.107-1"), "linux-headers-6.12.107+deb13-common (= 6.12.107-1), linux-kbuild-6.12.107+deb13 (>= 6.12.107-1)",
        ["6.12.107+deb13-powerpc64le-64k", "64k", "/lib/modules/6.12.107+deb13-powerpc64le-64k/build"]),
    apt("debian-13", Arch::Riscv64, ("linux-headers-6.12.107+deb13-riscv64", "6.12.107-1"), "linux-headers-6.12.107+deb13-common (= 6.12.107-1), linux-kbuild-6.12.107+deb13 (>= 6.12.107-1)",
        ["6.12.107+deb13-riscv64", "generic", "/lib/modules/6.12.107+deb13-riscv64/build"]),
    apt("debian-testing", Arch::Amd64, ("linux-headers-7.2.12+deb14-amd64", "7.2.12-1"), "linux-headers-7.2.12+deb14-common (= 7.2.12-1), linux-kbuild-7.2.12+deb14 (>= 7.2.12-1)",
        ["7.2.12+deb14-amd64", "generic", "/lib/modules/7.2.12+deb14-amd64/build"]),
    apt("debian-unstable", Arch::Arm64, ("linux-headers-7.2.13+deb14-cloud-arm64", "7.2.13-1"), "linux-headers-7.2.13+deb14-common (= 7.2.13-1), linux-kbuild-7.2.13+deb14 (>= 7.2.13-1)",
        ["7.2.13+deb14-cloud-arm64", "cloud", "/lib/modules/7.2.13+deb14-cloud-arm64/build"]),
    apt("debian-experimental", Arch::S390x, ("linux-headers-7.3-s390x", "7.3~rc7-1~exp1"), "linux-headers-7.3-common (= 7.3~rc7-1~exp1), linux-kbuild-7.3 (>= 7.3~rc7-1~exp1)",
        ["7.3-s390x", "generic", "/lib/modules/7.3-s390x/build"]),
    apt("ubuntu-20.04", Arch::Amd64, ("linux-headers-5.4.0-26-generic", "5.4.0-26.30"), "linux-headers-5.4.0-26, libc6 (>= 2.17), libelf1 (>= 0.142)",
        ["5.4.0-26-generic", "generic", "/usr/src/linux-headers-5.4.0-26-generic"]),
    apt("ubuntu-20.04", Arch::Amd64, ("linux-headers-5.15.0-46-generic", "5.15.0-46.49~20.04.1"), "linux-hwe-5.15-headers-5.15.0-46, libc6 (>= 2.17), libelf1 (>= 0.142)",
        ["5.15.0-46-generic", "generic", "/usr/src/linux-headers-5.15.0-46-generic"]),
    apt("ubuntu-20.04", Arch::Amd64, ("linux-headers-5.4.0-1009-aws", "5.4.0-1009.9"), "linux-aws-headers-5.4.0-1009, libc6 (>= 2.17), libelf1 (>= 0.142)",
        ["5.4.0-1009-aws", "aws", "/usr/src/linux-headers-5.4.0-1009-aws"]),
    apt("ubuntu-20.04", Arch::Arm64, ("linux-headers-5.4.0-1008-raspi", "5.4.0-1008.8"), "linux-raspi-headers-5.4.0-1008, libc6 (>= 2.17), libelf1 (>= 0.142)",
        ["5.4.0-1008-raspi", "raspi", "/usr/src/linux-headers-5.4.0-1008-raspi"]),
    apt("ubuntu-22.04", Arch::Amd64, ("linux-headers-5.15.0-25-lowlatency", "5.15.0-25.25"), "linux-lowlatency-headers-5.15.0-25, libc6 (>= 2.17), libelf1 (>= 0.142)",
        ["5.15.0-25-lowlatency", "lowlatency", "/usr/src/linux-headers-5.15.0-25-lowlatency"]),
    apt("ubuntu-22.04", Arch::Amd64, ("linux-headers-6.8.0-40-generic", "6.8.0-40.40~22.04.3"), "linux-hwe-6.8-headers-6.8.0-40, libc6 (>= 2.17), libelf1 (>= 0.142)",
        ["6.8.0-40-generic", "generic", "/usr/src/linux-headers-6.8.0-40-generic"]),
    apt("ubuntu-22.04", Arch::Amd64, ("linux-headers-6.1.0-1006-oem", "6.1.0-1006.6"), "linux-oem-6.1-headers-6.1.0-1006, libc6 (>= 2.17), libelf1 (>= 0.142)",
        ["6.1.0-1006-oem", "oem", "/usr/src/linux-headers-6.1.0-1006-oem"]),
    apt("ubuntu-22.04", Arch::Amd64, ("linux-headers-5.15.0-1004-kvm", "5.15.0-1004.4"), "linux-kvm-headers-5.15.0-1004, libc6 (>= 2.17), libelf1 (>= 0.142)",
        ["5.15.0-1004-kvm", "kvm", "/usr/src/linux-headers-5.15.0-1004-kvm"]),
    apt("ubuntu-24.04", Arch::Amd64, ("linux-headers-6.8.0-31-generic", "6.8.0-31.31"), "linux-headers-6.8.0-31, libc6 (>= 2.17), libelf1 (>= 0.142)",
        ["6.8.0-31-generic", "generic", "/usr/src/linux-headers-6.8.0-31-generic"]),
    apt("ubuntu-24.04", Arch::Amd64, ("linux-headers-6.8.0-1007-azure", "6.8.0-1007.7"), "linux-azure-headers-6.8.0-1007, libc6 (>= 2.17), libelf1 (>= 0.142)",
        ["6.8.0-1007-azure", "azure", "/usr/src/linux-headers-6.8.0-1007-azure"]),
    apt("ubuntu-24.04", Arch::Amd64, ("linux-headers-6.8.0-1007-gcp", "6.8.0-1007.7"), "linux-gcp-headers-6.8.0-1007, libc6 (>= 2.17), libelf1 (>= 0.142)",
        ["6.8.0-1007-gcp", "gcp", "/usr/src/linux-headers-6.8.0-1007-gcp"]),
    apt("ubuntu-24.04", Arch::Amd64, ("linux-headers-6.8.0-1005-oracle", "6.8.0-1005.5"), "linux-oracle-headers-6.8.0-1005, libc6 (>= 2.17), libelf1 (>= 0.142)",
        ["6.8.0-1005-oracle", "oracle", "/usr/src/linux-headers-6.8.0-1005-oracle"]),
    apt("ubuntu-24.04", Arch::Amd64, ("linux-headers-6.8.0-1006-nvidia-lowlatency", "6.8.0-1006.6.1"), "linux-nvidia-lowlatency-headers-6.8.0-1006, libc6 (>= 2.17), libelf1 (>= 0.142)",
        ["6.8.0-1006-nvidia-lowlatency", "nvidia-lowlatency", "/usr/src/linux-headers-6.8.0-1006-nvidia-lowlatency"]),
    apt("ubuntu-24.04", Arch::Arm64, ("linux-headers-6.8.0-31-generic-64k", "6.8.0-31.31"), "linux-headers-6.8.0-31, libc6 (>= 2.17), libelf1 (>= 0.142)",
        ["6.8.0-31-generic-64k", "generic-64k", "/usr/src/linux-headers-6.8.0-31-generic-64k"]),
    apt("ubuntu-25.10", Arch::Amd64, ("linux-headers-6.17.0-5-generic", "6.17.0-5.5"), "linux-headers-6.17.0-5, libc6 (>= 2.17), libelf1 (>= 0.142)",
        ["6.17.0-5-generic", "generic", "/usr/src/linux-headers-6.17.0-5-generic"]),
    apt("ubuntu-26.04", Arch::Arm64, ("linux-headers-7.0.0-10-generic", "7.0.0-10.10"), "linux-headers-7.0.0-10, libc6 (>= 2.17), libelf1 (>= 0.142)",
        ["7.0.0-10-generic", "generic", "/usr/src/linux-headers-7.0.0-10-generic"]),
    provides("rhel-8", Arch::Amd64, ("kernel-devel", "4.18.0-553.el8_10"), "4.18.0-553.el8_10.x86_64", "generic",
        "/usr/src/kernels/4.18.0-553.el8_10.x86_64"),
    provides("rhel-8", Arch::Amd64, ("kernel-debug-devel", "4.18.0-553.el8_10"), "4.18.0-553.el8_10.x86_64+debug", "debug",
        "/usr/src/kernels/4.18.0-553.el8_10.x86_64+debug"),
    provides("rhel-9", Arch::Amd64, ("kernel-devel", "5.14.0-503.11.1.el9_5"), "5.14.0-503.11.1.el9_5.x86_64", "generic",
        "/usr/src/kernels/5.14.0-503.11.1.el9_5.x86_64"),
    provides("rhel-9", Arch::Arm64, ("kernel-64k-devel", "5.14.0-503.11.1.el9_5"), "5.14.0-503.11.1.el9_5.aarch64+64k", "64k",
        "/usr/src/kernels/5.14.0-503.11.1.el9_5.aarch64+64k"),
    provides("rhel-9", Arch::Amd64, ("kernel-rt-devel", "5.14.0-503.11.1.el9_5"), "5.14.0-503.11.1.el9_5.x86_64+rt", "rt",
        "/usr/src/kernels/5.14.0-503.11.1.el9_5.x86_64+rt"),
    provides("rhel-10", Arch::S390x, ("kernel-devel", "6.12.0-55.9.1.el10_0"), "6.12.0-55.9.1.el10_0.s390x", "generic",
        "/usr/src/kernels/6.12.0-55.9.1.el10_0.s390x"),
    provides("rhel-10", Arch::Ppc64el, ("kernel-devel", "6.12.0-55.9.1.el10_0"), "6.12.0-55.9.1.el10_0.ppc64le", "generic",
        "/usr/src/kernels/6.12.0-55.9.1.el10_0.ppc64le"),
    provides("rocky-8", Arch::Amd64, ("kernel-devel", "4.18.0-553.el8_10"), "4.18.0-553.el8_10.x86_64", "generic",
        "/usr/src/kernels/4.18.0-553.el8_10.x86_64"),
    provides("rocky-8", Arch::Amd64, ("kernel-debug-devel", "4.18.0-553.el8_10"), "4.18.0-553.el8_10.x86_64+debug", "debug",
        "/usr/src/kernels/4.18.0-553.el8_10.x86_64+debug"),
    provides("rocky-9", Arch::Amd64, ("kernel-devel", "5.14.0-503.11.1.el9_5"), "5.14.0-503.11.1.el9_5.x86_64", "generic",
        "/usr/src/kernels/5.14.0-503.11.1.el9_5.x86_64"),
    provides("rocky-9", Arch::Arm64, ("kernel-64k-devel", "5.14.0-503.11.1.el9_5"), "5.14.0-503.11.1.el9_5.aarch64+64k", "64k",
        "/usr/src/kernels/5.14.0-503.11.1.el9_5.aarch64+64k"),
    provides("rocky-9", Arch::Amd64, ("kernel-rt-devel", "5.14.0-503.11.1.el9_5"), "5.14.0-503.11.1.el9_5.x86_64+rt", "rt",
        "/usr/src/kernels/5.14.0-503.11.1.el9_5.x86_64+rt"),
    provides("rocky-10", Arch::S390x, ("kernel-devel", "6.12.0-55.9.1.el10_0"), "6.12.0-55.9.1.el10_0.s390x", "generic",
        "/usr/src/kernels/6.12.0-55.9.1.el10_0.s390x"),
    provides("rocky-10", Arch::Ppc64el, ("kernel-devel", "6.12.0-55.9.1.el10_0"), "6.12.0-55.9.1.el10_0.ppc64le", "generic",
        "/usr/src/kernels/6.12.0-55.9.1.el10_0.ppc64le"),
    provides("almalinux-8", Arch::Amd64, ("kernel-devel", "4.18.0-553.el8_10"), "4.18.0-553.el8_10.x86_64", "generic",
        "/usr/src/kernels/4.18.0-553.el8_10.x86_64"),
    provides("almalinux-8", Arch::Amd64, ("kernel-debug-devel", "4.18.0-553.el8_10"), "4.18.0-553.el8_10.x86_64+debug", "debug",
        "/usr/src/kernels/4.18.0-553.el8_10.x86_64+debug"),
    provides("almalinux-9", Arch::Amd64, ("kernel-devel", "5.14.0-503.11.1.el9_5"), "5.14.0-503.11.1.el9_5.x86_64", "generic",
        "/usr/src/kernels/5.14.0-503.11.1.el9_5.x86_64"),
    provides("almalinux-9", Arch::Arm64, ("kernel-64k-devel", "5.14.0-503.11.1.el9_5"), "5.14.0-503.11.1.el9_5.aarch64+64k", "64k",
        "/usr/src/kernels/5.14.0-503.11.1.el9_5.aarch64+64k"),
    provides("almalinux-9", Arch::Amd64, ("kernel-rt-devel", "5.14.0-503.11.1.el9_5"), "5.14.0-503.11.1.el9_5.x86_64+rt", "rt",
        "/usr/src/kernels/5.14.0-503.11.1.el9_5.x86_64+rt"),
    provides("almalinux-10", Arch::S390x, ("kernel-devel", "6.12.0-55.9.1.el10_0"), "6.12.0-55.9.1.el10_0.s390x", "generic",
        "/usr/src/kernels/6.12.0-55.9.1.el10_0.s390x"),
    provides("almalinux-10", Arch::Ppc64el, ("kernel-devel", "6.12.0-55.9.1.el10_0"), "6.12.0-55.9.1.el10_0.ppc64le", "generic",
        "/usr/src/kernels/6.12.0-55.9.1.el10_0.ppc64le"),
    provides("centos-stream9", Arch::Amd64, ("kernel-devel", "5.14.0-522.el9"), "5.14.0-522.el9.x86_64", "generic",
        "/usr/src/kernels/5.14.0-522.el9.x86_64"),
    provides("centos-stream9", Arch::Amd64, ("kernel-rt-devel", "5.14.0-522.el9"), "5.14.0-522.el9.x86_64+rt", "rt",
        "/usr/src/kernels/5.14.0-522.el9.x86_64+rt"),
    provides("centos-stream10", Arch::Amd64, ("kernel-devel", "6.12.0-30.el10"), "6.12.0-30.el10.x86_64", "generic",
        "/usr/src/kernels/6.12.0-30.el10.x86_64"),
    provides("centos-stream10", Arch::Amd64, ("kernel-rt-devel", "6.12.0-30.el10"), "6.12.0-30.el10.x86_64+rt", "rt",
        "/usr/src/kernels/6.12.0-30.el10.x86_64+rt"),
    provides("fedora-43", Arch::Amd64, ("kernel-devel", "6.17.1-300.fc43"), "6.17.1-300.fc43.x86_64", "generic",
        "/usr/src/kernels/6.17.1-300.fc43.x86_64"),
    provides("fedora-43", Arch::Arm64, ("kernel-16k-devel", "6.17.1-300.fc43"), "6.17.1-300.fc43.aarch64+16k", "16k",
        "/usr/src/kernels/6.17.1-300.fc43.aarch64+16k"),
    provides("fedora-43", Arch::Amd64, ("kernel-debug-devel", "6.17.1-300.fc43"), "6.17.1-300.fc43.x86_64+debug", "debug",
        "/usr/src/kernels/6.17.1-300.fc43.x86_64+debug"),
    provides("fedora-44", Arch::Amd64, ("kernel-devel", "6.19.6-300.fc44"), "6.19.6-300.fc44.x86_64", "generic",
        "/usr/src/kernels/6.19.6-300.fc44.x86_64"),
    provides("fedora-44", Arch::Arm64, ("kernel-16k-devel", "6.19.6-300.fc44"), "6.19.6-300.fc44.aarch64+16k", "16k",
        "/usr/src/kernels/6.19.6-300.fc44.aarch64+16k"),
    provides("fedora-44", Arch::Amd64, ("kernel-debug-devel", "6.19.6-300.fc44"), "6.19.6-300.fc44.x86_64+debug", "debug",
        "/usr/src/kernels/6.19.6-300.fc44.x86_64+debug"),
    provides("fedora-45", Arch::Amd64, ("kernel-devel", "7.1.3-300.fc45"), "7.1.3-300.fc45.x86_64", "generic",
        "/usr/src/kernels/7.1.3-300.fc45.x86_64"),
    provides("fedora-45", Arch::Arm64, ("kernel-16k-devel", "7.1.3-300.fc45"), "7.1.3-300.fc45.aarch64+16k", "16k",
        "/usr/src/kernels/7.1.3-300.fc45.aarch64+16k"),
    provides("fedora-45", Arch::Amd64, ("kernel-debug-devel", "7.1.3-300.fc45"), "7.1.3-300.fc45.x86_64+debug", "debug",
        "/usr/src/kernels/7.1.3-300.fc45.x86_64+debug"),
    provides("amazon-2", Arch::Amd64, ("kernel-devel", "4.14.355-275.572.amzn2"), "4.14.355-275.572.amzn2.x86_64", "generic",
        "/usr/src/kernels/4.14.355-275.572.amzn2.x86_64"),
    provides("amazon-2", Arch::Arm64, ("kernel-devel", "5.10.226-214.880.amzn2"), "5.10.226-214.880.amzn2.aarch64", "generic",
        "/usr/src/kernels/5.10.226-214.880.amzn2.aarch64"),
    provides("amazon-2023", Arch::Amd64, ("kernel-devel", "6.1.112-122.189.amzn2023"), "6.1.112-122.189.amzn2023.x86_64", "generic",
        "/usr/src/kernels/6.1.112-122.189.amzn2023.x86_64"),
    version("amazon-2023", Arch::Arm64, ("kernel6.12-devel", "1:6.12.22-27.96.amzn2023"), "",
        ["6.12.22-27.96.amzn2023.aarch64", "kernel6-12", "/usr/src/kernels/6.12.22-27.96.amzn2023.aarch64"]),
    provides("oracle-8", Arch::Amd64, ("kernel-devel", "4.18.0-553.el8_10"), "4.18.0-553.el8_10.x86_64", "generic",
        "/usr/src/kernels/4.18.0-553.el8_10.x86_64"),
    provides("oracle-9", Arch::Amd64, ("kernel-devel", "5.14.0-503.11.1.el9_5"), "5.14.0-503.11.1.el9_5.x86_64", "generic",
        "/usr/src/kernels/5.14.0-503.11.1.el9_5.x86_64"),
    version("oracle-8", Arch::Amd64, ("kernel-uek-devel", "5.15.0-206.153.7.el8uek"), "",
        ["5.15.0-206.153.7.el8uek.x86_64", "uek", "/usr/src/kernels/5.15.0-206.153.7.el8uek.x86_64"]),
    version("oracle-9", Arch::Arm64, ("kernel-uek-devel", "5.15.0-3.60.5.1.el9uek"), "",
        ["5.15.0-3.60.5.1.el9uek.aarch64", "uek", "/usr/src/kernels/5.15.0-3.60.5.1.el9uek.aarch64"]),
    version("opensuse-15.6", Arch::Amd64, ("kernel-default-devel", "6.4.0-150600.21.3"), "kernel-devel (= 6.4.0-150600.21.3), pesign",
        ["6.4.0-150600.21-default", "default", "/usr/src/linux-6.4.0-150600.21-obj/x86_64/default"]),
    version("opensuse-15.6", Arch::Amd64, ("kernel-default-devel", "6.4.0-150600.23.25.1"), "kernel-devel (= 6.4.0-150600.23.25.1), pesign",
        ["6.4.0-150600.23.25-default", "default", "/usr/src/linux-6.4.0-150600.23.25-obj/x86_64/default"]),
    version("opensuse-16.0", Arch::Arm64, ("kernel-default-devel", "6.12.0-160000.5.1"), "kernel-devel (= 6.12.0-160000.5.1), pesign",
        ["6.12.0-160000.5-default", "default", "/usr/src/linux-6.12.0-160000.5-obj/aarch64/default"]),
    version("sles-15.6", Arch::Amd64, ("kernel-default-devel", "6.4.0-150600.23.25.1"), "kernel-devel (= 6.4.0-150600.23.25.1), pesign",
        ["6.4.0-150600.23.25-default", "default", "/usr/src/linux-6.4.0-150600.23.25-obj/x86_64/default"]),
    version("sles-15.6", Arch::Arm64, ("kernel-64kb-devel", "6.4.0-150600.23.25.1"), "kernel-devel (= 6.4.0-150600.23.25.1), pesign",
        ["6.4.0-150600.23.25-64kb", "64kb", "/usr/src/linux-6.4.0-150600.23.25-obj/aarch64/64kb"]),
    version("sles-15.6", Arch::S390x, ("kernel-default-devel", "6.4.0-150600.23.25.1"), "kernel-devel (= 6.4.0-150600.23.25.1), pesign",
        ["6.4.0-150600.23.25-default", "default", "/usr/src/linux-6.4.0-150600.23.25-obj/s390x/default"]),
    version("sles-15.7", Arch::Amd64, ("kernel-default-devel", "6.4.0-150700.53.3.1"), "kernel-devel (= 6.4.0-150700.53.3.1), pesign",
        ["6.4.0-150700.53.3-default", "default", "/usr/src/linux-6.4.0-150700.53.3-obj/x86_64/default"]),
    version("sles-15.7", Arch::Arm64, ("kernel-64kb-devel", "6.4.0-150700.53.3.1"), "kernel-devel (= 6.4.0-150700.53.3.1), pesign",
        ["6.4.0-150700.53.3-64kb", "64kb", "/usr/src/linux-6.4.0-150700.53.3-obj/aarch64/64kb"]),
    version("sles-15.7", Arch::S390x, ("kernel-default-devel", "6.4.0-150700.53.3.1"), "kernel-devel (= 6.4.0-150700.53.3.1), pesign",
        ["6.4.0-150700.53.3-default", "default", "/usr/src/linux-6.4.0-150700.53.3-obj/s390x/default"]),
    version("opensuse-tumbleweed", Arch::Amd64, ("kernel-default-devel", "6.17.1-1.1"), "kernel-devel (= 6.17.1-1.1), pesign",
        ["6.17.1-1-default", "default", "/usr/src/linux-6.17.1-1-obj/x86_64/default"]),
    version("opensuse-tumbleweed", Arch::Amd64, ("kernel-longterm-devel", "6.12.51-1.1"), "kernel-devel (= 6.12.51-1.1), pesign",
        ["6.12.51-1-longterm", "longterm", "/usr/src/linux-6.12.51-1-obj/x86_64/longterm"]),
    version("arch-rolling", Arch::Amd64, ("linux-headers", "6.17.1.arch1-1"), "pahole",
        ["6.17.1-arch1-1", "generic", "/usr/lib/modules/6.17.1-arch1-1/build"]),
    version("arch-rolling", Arch::Amd64, ("linux-headers", "6.17.arch1-1"), "pahole",
        ["6.17.0-arch1-1", "generic", "/usr/lib/modules/6.17.0-arch1-1/build"]),
    version("arch-rolling", Arch::Amd64, ("linux-lts-headers", "6.12.51-1"), "pahole",
        ["6.12.51-1-lts", "lts", "/usr/lib/modules/6.12.51-1-lts/build"]),
    version("arch-rolling", Arch::Amd64, ("linux-zen-headers", "6.17.1.zen1-1"), "pahole",
        ["6.17.1-zen1-1-zen", "zen", "/usr/lib/modules/6.17.1-zen1-1-zen/build"]),
    version("arch-rolling", Arch::Amd64, ("linux-hardened-headers", "6.16.11.hardened1-1"), "pahole",
        ["6.16.11-hardened1-1-hardened", "hardened", "/usr/lib/modules/6.16.11-hardened1-1-hardened/build"]),
    version("alpine-3.21", Arch::Amd64, ("linux-lts-dev", "6.12.13-r0"), "perl, gmp-dev",
        ["6.12.13-0-lts", "lts", "/usr/src/linux-headers-6.12.13-0-lts"]),
    version("alpine-3.21", Arch::Arm64, ("linux-virt-dev", "6.12.13-r1"), "",
        ["6.12.13-1-virt", "virt", "/usr/src/linux-headers-6.12.13-1-virt"]),
    version("alpine-3.22", Arch::Amd64, ("linux-lts-dev", "6.12.31-r0"), "perl, gmp-dev",
        ["6.12.31-0-lts", "lts", "/usr/src/linux-headers-6.12.31-0-lts"]),
    version("alpine-3.22", Arch::Arm64, ("linux-virt-dev", "6.12.31-r1"), "",
        ["6.12.31-1-virt", "virt", "/usr/src/linux-headers-6.12.31-1-virt"]),
    version("alpine-3.23", Arch::Amd64, ("linux-lts-dev", "6.18.1-r0"), "perl, gmp-dev",
        ["6.18.1-0-lts", "lts", "/usr/src/linux-headers-6.18.1-0-lts"]),
    version("alpine-3.23", Arch::Arm64, ("linux-virt-dev", "6.18.1-r1"), "",
        ["6.18.1-1-virt", "virt", "/usr/src/linux-headers-6.18.1-1-virt"]),
];

/// A capability that a package provides, and its version.
type Capability = Option<(&'static str, &'static str)>;

/// What is in the same archives and is no kernel's headers: by facts, name, version, what it depends on
/// and what it provides.
#[rustfmt::skip]
const NO_KERNELS: &[(&str, Arch, &str, &str, &str, Capability)] = &[
    ("debian-11", Arch::Amd64, "linux-headers-amd64", "5.10.262-1+b1", "linux-image-amd64", None),
    ("debian-11", Arch::Amd64, "linux-headers-5.10.0-46-common", "5.10.262-1", "", None),
    ("debian-12", Arch::Amd64, "linux-headers-amd64", "6.1.192-2+b1", "linux-image-amd64", None),
    ("debian-12", Arch::Amd64, "linux-headers-6.1.0-56-common", "6.1.192-2", "", None),
    ("debian-13", Arch::Amd64, "linux-headers-amd64", "6.12.117-1+b1", "linux-image-amd64", None),
    ("debian-13", Arch::Amd64, "linux-headers-6.12.117+deb13-common", "6.12.117-1", "", None),
    ("debian-testing", Arch::Amd64, "linux-headers-amd64", "7.2.12-1+b1", "linux-image-amd64", None),
    ("debian-testing", Arch::Amd64, "linux-headers-7.2.12+deb14-common", "7.2.12-1", "", None),
    ("debian-unstable", Arch::Amd64, "linux-headers-amd64", "7.2.13-1+b1", "linux-image-amd64", None),
    ("debian-unstable", Arch::Amd64, "linux-headers-7.2.13+deb14-common", "7.2.13-1", "", None),
    ("debian-experimental", Arch::Amd64, "linux-headers-amd64", "7.3~rc7-1~exp1+b1", "linux-image-amd64", None),
    ("debian-experimental", Arch::Amd64, "linux-headers-7.3-common", "7.3~rc7-1~exp1", "", None),
    ("ubuntu-20.04", Arch::Amd64, "linux-headers-generic", "5.4.0.26.32", "linux-hdrs-5.4.0-26-generic", None),
    ("ubuntu-20.04", Arch::Amd64, "linux-headers-generic-hwe-20.04", "5.4.0.26.32", "linux-headers-generic", None),
    ("ubuntu-20.04", Arch::Arm64, "linux-headers-generic-64k", "5.4.0.26.32", "linux-headers-5.4.0-26-generic-64k (= 1)", None),
    ("ubuntu-20.04", Arch::Amd64, "linux-headers-5.4.0-26", "5.4.0.26.32", "", None),
    ("ubuntu-22.04", Arch::Amd64, "linux-headers-generic", "5.15.0.25.27", "linux-hdrs-5.15.0-25-generic", None),
    ("ubuntu-22.04", Arch::Amd64, "linux-headers-generic-hwe-22.04", "5.15.0.25.27", "linux-headers-generic", None),
    ("ubuntu-22.04", Arch::Arm64, "linux-headers-generic-64k", "5.15.0.25.27", "linux-headers-5.15.0-25-generic-64k (= 1)", None),
    ("ubuntu-22.04", Arch::Amd64, "linux-headers-5.15.0-25", "5.15.0.25.27", "", None),
    ("ubuntu-24.04", Arch::Amd64, "linux-headers-generic", "6.8.0-31.31+1", "linux-hdrs-6.8.0-31-generic", None),
    ("ubuntu-24.04", Arch::Amd64, "linux-headers-generic-hwe-24.04", "6.8.0-31.31+1", "linux-headers-generic", None),
    ("ubuntu-24.04", Arch::Arm64, "linux-headers-generic-64k", "6.8.0-31.31+1", "linux-headers-6.8.0-31-generic-64k (= 1)", None),
    ("ubuntu-24.04", Arch::Amd64, "linux-headers-6.8.0-31", "6.8.0-31.31+1", "", None),
    ("ubuntu-25.10", Arch::Amd64, "linux-headers-generic", "6.17.0-5.5+1", "linux-hdrs-6.17.0-5-generic", None),
    ("ubuntu-25.10", Arch::Amd64, "linux-headers-generic-hwe-25.10", "6.17.0-5.5+1", "linux-headers-generic", None),
    ("ubuntu-25.10", Arch::Arm64, "linux-headers-generic-64k", "6.17.0-5.5+1", "linux-headers-6.17.0-5-generic-64k (= 1)", None),
    ("ubuntu-25.10", Arch::Amd64, "linux-headers-6.17.0-5", "6.17.0-5.5+1", "", None),
    ("ubuntu-26.04", Arch::Amd64, "linux-headers-generic", "7.0.0-10.10+1", "linux-hdrs-7.0.0-10-generic", None),
    ("ubuntu-26.04", Arch::Amd64, "linux-headers-generic-hwe-26.04", "7.0.0-10.10+1", "linux-headers-generic", None),
    ("ubuntu-26.04", Arch::Arm64, "linux-headers-generic-64k", "7.0.0-10.10+1", "linux-headers-7.0.0-10-generic-64k (= 1)", None),
    ("ubuntu-26.04", Arch::Amd64, "linux-headers-7.0.0-10", "7.0.0-10.10+1", "", None),
    ("rhel-8", Arch::Amd64, "kernel-devel-matched", "4.18.0-553.el8_10", "kernel-devel", None),
    ("rhel-8", Arch::Amd64, "kernel", "4.18.0-553.el8_10", "", Some(("kernel-uname-r", "4.18.0-553.el8_10.x86_64"))),
    ("rhel-8", Arch::Amd64, "kernel-headers", "4.18.0-553.el8_10", "", None),
    ("rhel-9", Arch::Amd64, "kernel-devel-matched", "5.14.0-503.11.1.el9_5", "kernel-devel", None),
    ("rhel-9", Arch::Amd64, "kernel", "5.14.0-503.11.1.el9_5", "", Some(("kernel-uname-r", "5.14.0-503.11.1.el9_5.x86_64"))),
    ("rhel-9", Arch::Amd64, "kernel-headers", "5.14.0-503.11.1.el9_5", "", None),
    ("rhel-10", Arch::Amd64, "kernel-devel-matched", "6.12.0-55.9.1.el10_0", "kernel-devel", None),
    ("rhel-10", Arch::Amd64, "kernel", "6.12.0-55.9.1.el10_0", "", Some(("kernel-uname-r", "6.12.0-55.9.1.el10_0.x86_64"))),
    ("rhel-10", Arch::Amd64, "kernel-headers", "6.12.0-55.9.1.el10_0", "", None),
    ("rocky-8", Arch::Amd64, "kernel-devel-matched", "4.18.0-553.el8_10", "kernel-devel", None),
    ("rocky-8", Arch::Amd64, "kernel", "4.18.0-553.el8_10", "", Some(("kernel-uname-r", "4.18.0-553.el8_10.x86_64"))),
    ("rocky-8", Arch::Amd64, "kernel-headers", "4.18.0-553.el8_10", "", None),
    ("rocky-9", Arch::Amd64, "kernel-devel-matched", "5.14.0-503.11.1.el9_5", "kernel-devel", None),
    ("rocky-9", Arch::Amd64, "kernel", "5.14.0-503.11.1.el9_5", "", Some(("kernel-uname-r", "5.14.0-503.11.1.el9_5.x86_64"))),
    ("rocky-9", Arch::Amd64, "kernel-headers", "5.14.0-503.11.1.el9_5", "", None),
    ("rocky-10", Arch::Amd64, "kernel-devel-matched", "6.12.0-55.9.1.el10_0", "kernel-devel", None),
    ("rocky-10", Arch::Amd64, "kernel", "6.12.0-55.9.1.el10_0", "", Some(("kernel-uname-r", "6.12.0-55.9.1.el10_0.x86_64"))),
    ("rocky-10", Arch::Amd64, "kernel-headers", "6.12.0-55.9.1.el10_0", "", None),
    ("almalinux-8", Arch::Amd64, "kernel-devel-matched", "4.18.0-553.el8_10", "kernel-devel", None),
    ("almalinux-8", Arch::Amd64, "kernel", "4.18.0-553.el8_10", "", Some(("kernel-uname-r", "4.18.0-553.el8_10.x86_64"))),
    ("almalinux-8", Arch::Amd64, "kernel-headers", "4.18.0-553.el8_10", "", None),
    ("almalinux-9", Arch::Amd64, "kernel-devel-matched", "5.14.0-503.11.1.el9_5", "kernel-devel", None),
    ("almalinux-9", Arch::Amd64, "kernel", "5.14.0-503.11.1.el9_5", "", Some(("kernel-uname-r", "5.14.0-503.11.1.el9_5.x86_64"))),
    ("almalinux-9", Arch::Amd64, "kernel-headers", "5.14.0-503.11.1.el9_5", "", None),
    ("almalinux-10", Arch::Amd64, "kernel-devel-matched", "6.12.0-55.9.1.el10_0", "kernel-devel", None),
    ("almalinux-10", Arch::Amd64, "kernel", "6.12.0-55.9.1.el10_0", "", Some(("kernel-uname-r", "6.12.0-55.9.1.el10_0.x86_64"))),
    ("almalinux-10", Arch::Amd64, "kernel-headers", "6.12.0-55.9.1.el10_0", "", None),
    ("centos-stream9", Arch::Amd64, "kernel-devel-matched", "5.14.0-522.el9", "", None),
    ("centos-stream10", Arch::Amd64, "kernel-devel-matched", "6.12.0-30.el10", "", None),
    ("fedora-43", Arch::Amd64, "kernel-devel-matched", "6.17.1-300.fc43", "", None),
    ("fedora-43", Arch::Amd64, "kernel-core", "6.17.1-300.fc43", "", Some(("kernel-uname-r", "6.17.1-300.fc43.x86_64"))),
    ("fedora-44", Arch::Amd64, "kernel-devel-matched", "6.19.6-300.fc44", "", None),
    ("fedora-44", Arch::Amd64, "kernel-core", "6.19.6-300.fc44", "", Some(("kernel-uname-r", "6.19.6-300.fc44.x86_64"))),
    ("fedora-45", Arch::Amd64, "kernel-devel-matched", "7.1.3-300.fc45", "", None),
    ("fedora-45", Arch::Amd64, "kernel-core", "7.1.3-300.fc45", "", Some(("kernel-uname-r", "7.1.3-300.fc45.x86_64"))),
    ("amazon-2", Arch::Amd64, "kernel-headers", "4.14.355-275.572.amzn2", "", None),
    ("amazon-2023", Arch::Amd64, "kernel6.12-headers", "6.12.22-27.96.amzn2023", "", None),
    ("oracle-8", Arch::Amd64, "kernel-uek", "5.15.0-206.153.7.el8uek", "", None),
    ("oracle-9", Arch::Amd64, "kernel-uek", "5.15.0-206.153.7.el8uek", "", None),
    ("opensuse-15.6", Arch::Amd64, "kernel-devel", "6.4.0-150600.23.25.1", "", None),
    ("opensuse-15.6", Arch::Amd64, "kernel-syms", "6.4.0-150600.23.25.1", "kernel-default-dev (= 6.4.0-150600.23.25.1)", None),
    ("opensuse-15.6", Arch::Amd64, "kernel-default", "6.4.0-150600.23.25.1", "", None),
    ("opensuse-16.0", Arch::Amd64, "kernel-devel", "6.12.0-160000.5.1", "", None),
    ("opensuse-16.0", Arch::Amd64, "kernel-syms", "6.12.0-160000.5.1", "kernel-default-dev (= 6.12.0-160000.5.1)", None),
    ("opensuse-16.0", Arch::Amd64, "kernel-default", "6.12.0-160000.5.1", "", None),
    ("opensuse-tumbleweed", Arch::Amd64, "kernel-devel", "6.17.1-1.1", "", None),
    ("opensuse-tumbleweed", Arch::Amd64, "kernel-syms", "6.17.1-1.1", "kernel-default-dev (= 6.17.1-1.1)", None),
    ("opensuse-tumbleweed", Arch::Amd64, "kernel-default", "6.17.1-1.1", "", None),
    ("sles-15.6", Arch::Amd64, "kernel-devel", "6.4.0-150600.23.25.1", "", None),
    ("sles-15.6", Arch::Amd64, "kernel-syms", "6.4.0-150600.23.25.1", "kernel-default-dev (= 6.4.0-150600.23.25.1)", None),
    ("sles-15.6", Arch::Amd64, "kernel-default", "6.4.0-150600.23.25.1", "", None),
    ("sles-15.7", Arch::Amd64, "kernel-devel", "6.4.0-150700.53.3.1", "", None),
    ("sles-15.7", Arch::Amd64, "kernel-syms", "6.4.0-150700.53.3.1", "kernel-default-dev (= 6.4.0-150700.53.3.1)", None),
    ("sles-15.7", Arch::Amd64, "kernel-default", "6.4.0-150700.53.3.1", "", None),
    ("arch-rolling", Arch::Amd64, "linux-api-headers", "6.17-1", "", None),
    ("arch-rolling", Arch::Amd64, "linux", "6.17.1.arch1-1", "", None),
    ("alpine-3.21", Arch::Amd64, "linux-headers", "6.12.13-r0", "", None),
    ("alpine-3.21", Arch::Amd64, "linux-lts", "6.12.13-r0", "", None),
    ("alpine-3.22", Arch::Amd64, "linux-headers", "6.12.31-r0", "", None),
    ("alpine-3.22", Arch::Amd64, "linux-lts", "6.12.31-r0", "", None),
    ("alpine-3.23", Arch::Amd64, "linux-headers", "6.18.1-r0", "", None),
    ("alpine-3.23", Arch::Amd64, "linux-lts", "6.18.1-r0", "", None),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels")
}

fn all() -> Vec<DistroFacts> {
    facts::read_all(&folder()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn of<'f>(all: &'f [DistroFacts], name: &str) -> &'f DistroFacts {
    facts::find(all, name).unwrap_or_else(|| panic!("there are no facts of {name}"))
}

fn package(
    (name, version): (&str, &str),
    architecture: &str,
    depends: &str,
    provides: Option<(&str, &str)>,
) -> IndexedPackage {
    let provided = |(name, version): (&str, &str)| Provided {
        name: name.to_owned(),
        version: Some(version.parse().expect(version)),
    };
    IndexedPackage {
        name: name.parse().expect(name),
        version: version.parse().expect(version),
        source: "kernel".parse().expect("a name"),
        architecture: architecture.to_owned(),
        depends: parse_depends(depends).expect(depends),
        provides: provides.map(provided).into_iter().collect(),
        built: None,
        path: format!("pool/{name}"),
        bytes: 1,
        sha256: Sha256Digest::of(name.as_bytes()),
        signature: None,
    }
}

/// Returns the kernels that the facts find in an offer of one package and of whatever that depends on.
fn found(facts: &DistroFacts, arch: Arch, package: IndexedPackage) -> Vec<(Target, usize)> {
    let mut packages = Vec::new();
    for dependency in &package.depends {
        for alternative in &dependency.alternatives {
            packages.push(self::package(
                (alternative.name.as_str(), package.version.as_str()),
                "all",
                "",
                None,
            ));
        }
    }
    packages.push(package);
    let offer = Offer {
        archive: facts.archives[0].name.clone(),
        format: facts.format.package_format().expect("packages"),
        signers: Vec::new(),
        suite: facts.archives[0].suites[0].suite.clone(),
        arch,
        packages,
    };
    let patterns = KernelPatterns::new(&facts.kernel, facts.format).expect("patterns");
    let discovery = discover(
        &facts.distro,
        &facts.distro_release,
        &patterns,
        &[offer],
        &BTreeSet::from([arch]),
        arch,
    );
    assert_eq!(discovery.unresolved, [], "{}", facts.name());
    discovery
        .kernels
        .into_iter()
        .map(|kernel| (kernel.target, kernel.packages.len()))
        .collect()
}

#[test]
fn kernels_are_found_under_the_names_that_their_distributions_give_them() {
    let all = all();
    for known in KNOWN {
        let facts = of(&all, known.facts);
        let architecture = facts.format.arch_name(known.arch);
        let what = format!("{} {} {}", known.facts, known.arch, known.package.0);
        let package = package(known.package, architecture, known.depends, known.provides);
        let kernels = found(facts, known.arch, package);
        let [(target, packages)] = &kernels[..] else {
            panic!("{what}: {} kernels", kernels.len());
        };
        assert_eq!(target.kernel_release.as_str(), known.release, "{what}");
        assert_eq!(target.flavour.as_str(), known.flavour, "{what}");
        assert_eq!(
            facts.kernel.build_directory(facts.format, target),
            known.build,
            "{what}"
        );
        // The header package and what `follow` names of its dependencies, nothing else.
        let follows = known.depends.contains("headers") || known.depends.contains("kernel-devel");
        assert_eq!(*packages > 1, follows, "{what}: {packages} packages");
    }
}

#[test]
fn what_only_points_to_kernels_is_none() {
    let all = all();
    for (name, arch, package_name, version, depends, provides) in NO_KERNELS {
        let facts = of(&all, name);
        let package = package(
            (*package_name, *version),
            facts.format.arch_name(*arch),
            depends,
            *provides,
        );
        let depends: Vec<_> = found(facts, *arch, package)
            .into_iter()
            .filter(|(target, _)| target.package_version.as_str() == *version)
            .collect();
        assert_eq!(depends, [], "{name} {package_name}");
    }
}

#[test]
fn every_facts_file_is_in_both_tables() {
    // Kernels that are prepared here have no packages to be found by.
    let names: BTreeSet<String> = all()
        .iter()
        .filter(|facts| facts.format.package_format().is_some())
        .map(DistroFacts::name)
        .collect();
    let known: BTreeSet<String> = KNOWN.iter().map(|known| known.facts.to_owned()).collect();
    let none: BTreeSet<String> = NO_KERNELS.iter().map(|row| row.0.to_owned()).collect();
    assert_eq!(names, known);
    assert_eq!(names, none);
}

/// What a file says in its head, it says as data as well, and the other way round.
#[test]
fn facts_say_in_their_heads_what_nobody_has_seen() {
    for facts in all() {
        let path = folder().join(format!("{}.toml", facts.name()));
        let text = std::fs::read_to_string(&path).expect("a facts file");
        let head: String = text
            .lines()
            .take_while(|line| line.starts_with('#'))
            .map(|line| line.trim_start_matches(['#', ' ']))
            .collect::<Vec<_>>()
            .join(" ");
        for part in ["What it is: facts as data", "Facts from:", "Last checked: "] {
            assert!(head.contains(part), "{}: no `{part}`", facts.name());
        }
        let checked = format!("Last checked: {}", facts.checked);
        assert!(head.contains(&checked), "{}", facts.name());
        assert_eq!(
            head.contains("nobody has seen these facts find a kernel in the live archive"),
            facts.checked_against == CheckedAgainst::Fixture,
            "{}",
            facts.name()
        );
    }
}

/// Says all of a facts file that `docs/kernels.md` shows in a column that can be read from it.
fn shown(facts: &DistroFacts) -> (String, String) {
    let checked = match facts.checked_against {
        CheckedAgainst::Live => "live",
        CheckedAgainst::Fixture => "fixture",
    };
    let mut by_arch: Vec<(Arch, Vec<String>)> = Vec::new();
    let packaged = facts.kernel.flavours.iter();
    let packaged = packaged.map(|flavour| (flavour.arch, &flavour.flavour));
    let source = facts.source.iter().flat_map(|source| &source.flavours);
    let source = source.map(|flavour| (flavour.arch, &flavour.flavour));
    for (arch, flavour) in packaged.chain(source) {
        match by_arch.iter_mut().find(|(known, _)| *known == arch) {
            Some((_, names)) => names.push(flavour.to_string()),
            None => by_arch.push((arch, vec![flavour.to_string()])),
        }
    }
    let mut groups: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for (arch, names) in by_arch {
        match groups.iter_mut().find(|(_, known)| *known == names) {
            Some((archs, _)) => archs.push(arch.to_string()),
            None => groups.push((vec![arch.to_string()], names)),
        }
    }
    let flavours: Vec<String> = groups
        .iter()
        .map(|(archs, names)| format!("{}: {}", archs.join(", "), names.join(", ")))
        .collect();
    (
        format!("| `{}` | {} | {checked} | ", facts.name(), facts.format),
        format!(" | {} |", flavours.join("; ")),
    )
}

#[test]
fn the_table_in_the_documentation_is_that_of_the_files() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/kernels.md");
    let text = std::fs::read_to_string(path).expect("the documentation");
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("| `") && line.matches(" | ").count() > 5)
        .collect();
    let all = all();
    assert_eq!(rows.len(), all.len());
    for facts in all {
        let (start, end) = shown(&facts);
        assert!(
            rows.iter()
                .any(|row| row.starts_with(&start) && row.ends_with(&end)),
            "no row `{start}...{end}`"
        );
    }
}

#[test]
fn every_suite_is_read_for_an_architecture_that_has_a_flavour() {
    for facts in all() {
        let archs = facts.archs();
        let mut covered = BTreeMap::new();
        for suite in facts.archives.iter().flat_map(|archive| &archive.suites) {
            let read: BTreeSet<Arch> = suite.archs.clone().unwrap_or_else(|| archs.clone());
            assert!(!read.is_empty(), "{} {}", facts.name(), suite.suite);
            for arch in read {
                covered.insert(arch, suite.suite.clone());
            }
        }
        let covered: BTreeSet<Arch> = covered.into_keys().collect();
        assert_eq!(covered, archs, "{}", facts.name());
        assert!(facts.format != ArchiveFormat::Apt || facts.kernel.build.starts_with('/'));
    }
}

#[test]
fn every_pinned_key_is_there_and_can_sign() {
    // The day on which the facts were checked.
    let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_795_219_200);
    // As the program does: SHA-1 for what a certificate says of itself.
    let mut policy = StandardPolicy::new();
    let property = HashAlgoSecurity::SecondPreImageResistance;
    policy.accept_hash_property(HashAlgorithm::SHA1, property);
    for facts in all() {
        for archive in &facts.archives {
            let what = format!("{} {}", facts.name(), archive.name);
            match facts.format {
                ArchiveFormat::Apt
                | ArchiveFormat::RpmMd
                | ArchiveFormat::Pacman
                | ArchiveFormat::Source => {
                    PinnedKeys::read(&archive.keyrings, &archive.keys)
                        .unwrap_or_else(|error| panic!("{what}: {error}"));
                    for path in &archive.keyrings {
                        for cert in blocks(path) {
                            let fingerprint = cert.fingerprint().to_hex();
                            if !archive
                                .keys
                                .iter()
                                .any(|key| key.to_string() == fingerprint)
                            {
                                continue;
                            }
                            let signs = cert
                                .keys()
                                .with_policy(&policy, then)
                                .alive()
                                .revoked(false)
                                .for_signing()
                                .next();
                            assert!(signs.is_some(), "{what}: {fingerprint}");
                        }
                    }
                }
                ArchiveFormat::Apk => {
                    let held: BTreeSet<String> = archive
                        .keyrings
                        .iter()
                        .flat_map(|path| rsa_fingerprints(path))
                        .collect();
                    for key in &archive.keys {
                        assert!(held.contains(&key.to_string()), "{what}: {key}");
                    }
                }
            }
        }
    }
}

/// Returns the certificates of a file of several armoured blocks.
fn blocks(path: &Path) -> Vec<sequoia_openpgp::Cert> {
    const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
    let text = std::fs::read_to_string(path).expect("a keyring");
    let blocks = text.split(BEGIN).skip(1);
    blocks
        .flat_map(|block| {
            let block = format!("{BEGIN}{block}");
            let parser = CertParser::from_bytes(block.as_bytes()).expect("certificates");
            parser.collect::<Result<Vec<_>, _>>().expect("certificates")
        })
        .collect()
}

/// Returns the SHA-256 of every public key of a PEM file (RFC 7468), in upper-case hex.
fn rsa_fingerprints(path: &Path) -> Vec<String> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = std::fs::read_to_string(path).expect("a keyring");
    let blocks = text.split("-----BEGIN PUBLIC KEY-----").skip(1);
    let ders = blocks.map(|block| {
        let (body, _) = block.split_once("-----END").expect("an end");
        let (mut der, mut bits, mut held) = (Vec::new(), 0u32, 0u32);
        for byte in body
            .bytes()
            .filter(|b| !b.is_ascii_whitespace() && *b != b'=')
        {
            let value = ALPHABET.iter().position(|b| *b == byte).expect("base64");
            bits = (bits << 6) | u32::try_from(value).expect("below 64");
            held += 6;
            if held >= 8 {
                held -= 8;
                der.push(((bits >> held) & 0xff) as u8);
                bits &= (1 << held) - 1;
            }
        }
        der
    });
    ders.map(|der| Sha256Digest::of(&der).to_hex().to_ascii_uppercase())
        .collect()
}
