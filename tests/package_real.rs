//! Real packages: from the host's own archive, and made by the real tools of each format. Unpacked
//! here and by those tools they are the same tree.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use kmatrix::digest::{Hashing, Sha256Digest, hash_file};
use kmatrix::package::{
    Limits, PackageFormat, Strip, Unpacked, rpm_signed, unpack, unpack_deb, unpack_tarball,
};
use kmatrix::tree::{self, Entries, Entry};
use walkdir::WalkDir;

/// Small packages which have, between them, hard links or symbolic links, programs and plain files.
const PACKAGES: [&str; 3] = ["tzdata", "xz-utils", "linux-kbuild-6.1"];

#[test]
fn real_packages_unpack_as_dpkg_deb_unpacks_them() {
    for name in PACKAGES {
        let directory = tempfile::tempdir().expect("a directory");
        let deb = download(name, directory.path());
        let ours = directory.path().join("ours");
        let theirs = directory.path().join("theirs");
        fs::create_dir(&ours).expect("a directory");
        run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&theirs));

        let mut bytes = Hashing::new(File::open(&deb).expect("a package"));
        let unpacked = unpack_deb(&mut bytes, &ours, &Limits::default()).expect(name);
        assert_eq!(bytes.finish().1, hash_file(&deb).expect("a package").0);

        for (field, value) in [
            ("Package", unpacked.identity.name.as_str()),
            ("Version", unpacked.identity.version.as_str()),
            ("Architecture", unpacked.identity.architecture.as_str()),
        ] {
            let said = run(Command::new("dpkg-deb").arg("-f").arg(&deb).arg(field));
            assert_eq!(said.trim(), value, "{name}: {field}");
        }
        assert!(unpacked.entries.len() > 10, "{name}");
        assert_eq!(walk(&ours), unpacked.entries, "{name}: said and written");
        assert_eq!(
            walk(&theirs),
            unpacked.entries,
            "{name}: ours and dpkg-deb's"
        );
        assert_eq!(
            tree::digest(&walk(&theirs)),
            tree::digest(&unpacked.entries),
            "{name}"
        );
    }
}

/// How RPM calls each compression of a payload.
const RPM_PAYLOADS: [&str; 7] = [
    "w9.gzdio",
    "w9.bzdio",
    "w6.lzdio",
    "w6.xzdio",
    "w6T2.xzdio",
    "w3.zstdio",
    "w.ufdio",
];

/// A package with an epoch, odd characters in its version, hard and symbolic links, and programs.
const RPM_SPEC: &str = "\
Name: sample-devel
Epoch: 2
Version: 6.1~rc1^git1
Release: 3.fc41
Summary: sample
License: none
BuildArch: noarch
%description
sample
%install
mkdir -p %{buildroot}/usr/src/kernels/6.1/include %{buildroot}/lib/modules/6.1
cd %{buildroot}/usr/src/kernels/6.1
seq 1 20000 >large
echo text >include/a.h
ln include/a.h include/b.h
ln include/a.h c.h
touch empty
ln empty again
printf '#!/bin/sh\\n' >tool
chmod 755 tool
ln -s include/a.h link
ln -s /usr/src/kernels/6.1 %{buildroot}/lib/modules/6.1/build
%files
/usr/src/kernels
/lib/modules/6.1
";

#[test]
fn real_rpms_unpack_as_rpm2cpio_and_cpio_unpack_them() {
    for payload in RPM_PAYLOADS {
        let directory = tempfile::tempdir().expect("a directory");
        let rpm = rpmbuild(directory.path(), "-bb", payload);
        let unpacked = open(PackageFormat::Rpm, &rpm, directory.path());
        let identity = &unpacked.identity;
        assert_eq!(identity.name.as_str(), "sample-devel");
        assert_eq!(identity.version.as_str(), "2:6.1~rc1^git1-3.fc41");
        assert_eq!(identity.architecture, "noarch");

        let theirs = directory.path().join("theirs");
        fs::create_dir(&theirs).expect("a directory");
        let script = "rpm2cpio \"$1\" | cpio -idm --quiet";
        run(Command::new("bash")
            .args(["-o", "pipefail", "-c", script, "bash"])
            .arg(&rpm)
            .current_dir(&theirs));
        assert!(unpacked.entries.len() > 12, "{payload}");
        assert_eq!(walk(&theirs), unpacked.entries, "{payload}");
    }
}

#[test]
fn real_source_rpms_are_of_the_architecture_src() {
    let directory = tempfile::tempdir().expect("a directory");
    let rpm = rpmbuild(directory.path(), "-bs", "w9.gzdio");
    let unpacked = open(PackageFormat::Rpm, &rpm, directory.path());
    assert_eq!(unpacked.identity.architecture, "src");
    assert!(unpacked.entries.contains_key("sample.spec"));
}

/// RPM keeps the digest of the bytes that a header signature covers beside the signature.
#[test]
fn what_an_rpm_signature_covers_is_what_rpm_itself_hashes() {
    let directory = tempfile::tempdir().expect("a directory");
    let rpm = rpmbuild(directory.path(), "-bb", "w9.gzdio");
    let bytes = fs::read(&rpm).expect("a package");
    let signed = rpm_signed(&bytes[..], &Limits::default()).expect("headers");
    let said = run(Command::new("rpm")
        .args(["-qp", "--qf", "%{SHA256HEADER}"])
        .arg(&rpm));
    assert_eq!(Sha256Digest::of(&signed.header).to_hex(), said);
    let at = usize::try_from(signed.header_offset).expect("a place");
    assert!(bytes[at..].starts_with(&signed.header));
    assert!(signed.payload_digest);
    assert!(signed.signatures.is_empty() && signed.package_signatures.is_empty());
}

const PKGBUILD: &str = "\
pkgname=sample-headers
epoch=1
pkgver=6.12.1.arch1
pkgrel=2
pkgdesc='a sample'
arch=('any')
install=sample.install
changelog=sample.log
options=('!strip')
package() {
    mkdir -p \"$pkgdir/usr/lib/modules/6.12.1/build/include\"
    cd \"$pkgdir/usr/lib/modules/6.12.1/build\"
    seq 1 20000 >large
    echo text >include/a.h
    ln include/a.h include/b.h
    printf '#!/bin/sh\\n' >tool
    chmod 755 tool
    ln -s include/a.h link
    ln -s /usr/lib/modules/6.12.1/build \"$pkgdir/usr/lib/modules/6.12.1/source\"
}
";

#[test]
fn real_pacman_packages_unpack_as_bsdtar_unpacks_them() {
    for ending in ["zst", "xz", "gz"] {
        let directory = tempfile::tempdir().expect("a directory");
        let package = makepkg(directory.path(), ending);
        let unpacked = open(PackageFormat::Pacman, &package, directory.path());
        let identity = &unpacked.identity;
        assert_eq!(identity.name.as_str(), "sample-headers");
        assert_eq!(identity.version.as_str(), "1:6.12.1.arch1-2");
        assert_eq!(identity.architecture, "any");

        let theirs = directory.path().join("theirs");
        fs::create_dir(&theirs).expect("a directory");
        run(Command::new("bsdtar")
            .arg("-xf")
            .arg(&package)
            .current_dir(&theirs));
        let mut theirs = walk(&theirs);
        for metadata in [".PKGINFO", ".MTREE", ".BUILDINFO", ".INSTALL", ".CHANGELOG"] {
            assert!(theirs.remove(metadata).is_some(), "{metadata}");
        }
        assert!(unpacked.entries.len() > 9, "{ending}");
        assert_eq!(theirs, unpacked.entries, "{ending}");
    }
}

#[test]
fn real_tarballs_unpack_as_tar_unpacks_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let tree = directory.path().join("module-1.0");
    fs::create_dir_all(tree.join("src")).expect("a directory");
    fs::write(tree.join("src/main.c"), "int x;\n").expect("a file");
    fs::write(tree.join("Kbuild"), "obj-m := main.o\n").expect("a file");
    std::os::unix::fs::symlink("src/main.c", tree.join("main.c")).expect("a link");
    fs::hard_link(tree.join("Kbuild"), tree.join("Makefile")).expect("a link");
    for (ending, format) in [
        ("tar", "gnu"),
        ("tar", "pax"),
        ("tar.gz", "gnu"),
        ("tar.bz2", "ustar"),
        ("tar.xz", "pax"),
        ("tar.zst", "gnu"),
    ] {
        let tarball = directory.path().join(format!("{format}.{ending}"));
        run(Command::new("tar")
            .arg(format!("--format={format}"))
            .arg("-caf")
            .arg(&tarball)
            .arg("module-1.0")
            .current_dir(directory.path()));
        let ours = tempfile::tempdir().expect("a directory");
        let bytes = File::open(&tarball).expect("a tarball");
        let strip = Strip::TopDirectory;
        let limits = Limits::tarball();
        let entries = unpack_tarball(bytes, strip, ours.path(), &limits).expect(ending);
        assert_eq!(entries, walk(&tree), "{format}.{ending}");
        assert_eq!(entries, walk(ours.path()), "{format}.{ending}");
    }
}

/// Unpacks a package here and checks that what is said is what is on the disk.
fn open(format: PackageFormat, package: &Path, directory: &Path) -> Unpacked {
    let ours = directory.join("ours");
    fs::create_dir(&ours).expect("a directory");
    let mut bytes = Hashing::new(File::open(package).expect("a package"));
    let unpacked = unpack(format, &mut bytes, &ours, &Limits::default())
        .unwrap_or_else(|error| panic!("{}: {error}", package.display()));
    let read_to_the_end = bytes.finish().1;
    assert_eq!(read_to_the_end, hash_file(package).expect("a package").0);
    assert_eq!(walk(&ours), unpacked.entries, "said and written");
    unpacked
}

fn rpmbuild(directory: &Path, what: &str, payload: &str) -> PathBuf {
    let spec = directory.join("sample.spec");
    fs::write(&spec, RPM_SPEC).expect("a file");
    let define = |name: &str, value: &str| ["--define".to_owned(), format!("{name} {value}")];
    let top = directory.join("top");
    run(Command::new("rpmbuild")
        .arg(what)
        .args(define("_topdir", top.to_str().expect("UTF-8")))
        .args(define("_binary_payload", payload))
        .args(define("_source_payload", payload))
        .args(define("__os_install_post", "%{nil}"))
        .arg(&spec)
        .env("HOME", directory));
    find(&top, ".rpm")
}

/// Builds as a user who is not root, as `makepkg` demands.
fn makepkg(directory: &Path, ending: &str) -> PathBuf {
    let build = directory.join("build");
    fs::create_dir(&build).expect("a directory");
    fs::write(build.join("PKGBUILD"), PKGBUILD).expect("a file");
    fs::write(build.join("sample.install"), "post_install() {\n    :\n}\n").expect("a file");
    fs::write(build.join("sample.log"), "first\n").expect("a file");
    for path in [directory, &build] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("a mode");
    }
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "makepkg",
        ]);
        command
    } else {
        Command::new("makepkg")
    };
    run(command
        .args(["--nodeps", "--force"])
        .env("PKGEXT", format!(".pkg.tar.{ending}"))
        .env("HOME", &build)
        .current_dir(&build));
    find(&build, &format!(".pkg.tar.{ending}"))
}

/// Returns the one file below a directory that has an ending.
fn find(directory: &Path, ending: &str) -> PathBuf {
    let mut found = WalkDir::new(directory)
        .into_iter()
        .map(|entry| entry.expect("an entry").into_path())
        .filter(|path| path.is_file() && path.to_str().is_some_and(|p| p.ends_with(ending)));
    let one = found.next().expect("a package");
    assert_eq!(found.next(), None, "only one package");
    one
}

/// Reads a directory as it is, links with absolute targets included.
fn walk(root: &Path) -> Entries {
    let mut entries = Entries::new();
    for found in WalkDir::new(root).min_depth(1) {
        let found = found.expect("an entry");
        let name = found.path().strip_prefix(root).expect("below the root");
        let name = name.to_str().expect("UTF-8").to_owned();
        let entry = if found.file_type().is_dir() {
            Entry::Directory
        } else if found.file_type().is_symlink() {
            let target = fs::read_link(found.path()).expect("a link");
            Entry::Symlink {
                target: target.to_str().expect("UTF-8").to_owned(),
            }
        } else {
            let (digest, bytes): (Sha256Digest, u64) = hash_file(found.path()).expect("a file");
            let mode = found.metadata().expect("metadata").permissions().mode();
            Entry::File {
                digest,
                bytes,
                executable: mode & 0o111 != 0,
            }
        };
        entries.insert(name, entry);
    }
    entries
}

/// Downloads by the host's configuration; `apt-get` has authenticated what it brings.
fn download(name: &str, into: &Path) -> PathBuf {
    // The sandbox user of apt cannot write to this test's private directory.
    run(Command::new("apt-get")
        .args(["-q", "-o", "APT::Sandbox::User=root", "download", name])
        .current_dir(into));
    let mut debs = fs::read_dir(into)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path());
    debs.find(|path| path.extension().is_some_and(|ending| ending == "deb"))
        .expect("a downloaded package")
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("the command starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}
