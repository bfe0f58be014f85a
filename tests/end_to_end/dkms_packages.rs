//! DKMS modules as Debian packages them, over several kernels.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::common::{Place, Ran, matrix};

/// A package that carries the source of a module, and where in it that is.
const V4L2LOOPBACK: (&str, &str) = ("v4l2loopback-dkms", "v4l2loopback-");
const OVPN_DCO: (&str, &str) = ("openvpn-dco-dkms", "ovpn-dco-");

/// Writes a matrix that builds a module from its package for the newest kernel of every series.
fn write(place: &Place, (package, prefix): (&str, &str), flavours: &str) {
    let text = matrix(&[], "", "")
        .replace("\"cloud\"", flavours)
        .replace("series = \"6.1\"", "series = [\"6.1\", \"6.12\"]");
    let module = format!(
        "\n[[module]]\nname = \"m\"\nrecipe = \"dkms\"\n\
         source = {{ package = \"{package}\", from = \"debian-12\", path = \"usr/src/{prefix}*\" }}\n"
    );
    place.write(&format!("{text}{module}"));
}

/// How many cells were built, say that they are not for their kernel, and do not compile.
#[derive(Debug, Default)]
struct Count {
    built: usize,
    excluded: usize,
    do_not_compile: usize,
}

/// Counts cells, and refuses every other end.
fn count(document: &Value) -> Count {
    let mut count = Count::default();
    for cell in document["cells"].as_array().expect("cells") {
        match cell["standing"].as_str() {
            Some("labelled") => {
                assert_eq!(cell["label"]["tier"], "constrained", "{cell:#}");
                assert_eq!(cell["comparisons"][0]["same"], true, "{cell:#}");
                count.built += 1;
            }
            Some("excluded") => {
                let directive = cell["exclusion"]["directive"].as_str().expect("a name");
                assert!(directive.starts_with("BUILD_EXCLUSIVE_"), "{cell:#}");
                assert_eq!(cell["failure"], Value::Null);
                count.excluded += 1;
            }
            Some("failed") => {
                // A kernel may be newer than a module is ready for, and nothing else may be wrong.
                assert_eq!(cell["failure"]["class"], "compile", "{cell:#}");
                assert_eq!(cell["failure"]["infrastructure"], false);
                count.do_not_compile += 1;
            }
            _ => panic!("it is neither: {cell:#}"),
        }
    }
    count
}

fn build(place: &Place, file: &str) -> Value {
    let ran = place.kmatrix(&["build", file, "--format", "json"]);
    let document = ran.json();
    let failed = count(&document).do_not_compile > 0;
    ran.expect(if failed { 30 } else { 0 });
    document
}

#[test]
fn a_package_of_the_archive_is_built_and_excluded_by_its_own_word() {
    let place = Place::new();
    // Kernels for clouds are without video, and the module says so.
    write(&place, V4L2LOOPBACK, "[\"generic\", \"cloud\"]");
    let document = build(&place, "matrix.toml");
    let found = count(&document);
    assert!(found.built >= 1, "{found:?}");
    assert_eq!(found.excluded, 2, "{found:?}");
    for cell in document["cells"].as_array().expect("cells") {
        let is_cloud = cell["target"]["flavour"] == "cloud";
        assert_eq!(cell["standing"] == "excluded", is_cloud, "{cell:#}");
    }
    assert_eq!(document["rollup"]["excluded"], 2);
}

#[test]
fn a_package_of_the_archive_fails_only_by_not_compiling() {
    let place = Place::new();
    write(&place, OVPN_DCO, "\"generic\"");
    let found = count(&build(&place, "matrix.toml"));
    assert!(found.built >= 1, "its own suite's kernel is one: {found:?}");
    assert_eq!(found.excluded, 0, "{found:?}");
}

/// Returns where the store has the source of a locked package.
fn unpacked(place: &Place, prefix: &str) -> PathBuf {
    let lock = ["lock", "matrix.toml", "--format", "json"];
    let lock = place.kmatrix(&lock).expect(0).json();
    let sha256 = &lock["sources"]["m"]["origin"]["package"]["sha256"];
    let sha256 = sha256.as_str().expect("a digest").replace("sha256:", "");
    let sources = place
        .state()
        .join(format!("store/trees/deb1-{sha256}/root/usr/src"));
    let found = std::fs::read_dir(&sources).expect("a directory");
    found
        .map(|entry| entry.expect("an entry").path())
        .find(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy());
            name.is_some_and(|name| name.starts_with(prefix))
        })
        .expect("a source")
}

fn copy(from: &Path, to: &Path) {
    let mut command = Command::new("cp");
    command.arg("-r").arg(from).arg(to);
    Ran::of(command).expect(0);
}

#[test]
fn a_packages_directory_is_built_as_it_stands() {
    let place = Place::new();
    write(&place, OVPN_DCO, "\"generic\"");
    let directory = place.path().join("ovpn-dco");
    copy(&unpacked(&place, OVPN_DCO.1), &directory);
    place.commit(&directory);
    let arguments = ["init", "--from-dkms", "ovpn-dco", "--target", "debian-12"];
    place
        .kmatrix(&[&arguments[..], &["--output", "written.toml"]].concat())
        .expect(0);
    // `init` asks for every flavour; one of them is enough here.
    let written = place.path().join("written.toml");
    let text = std::fs::read_to_string(&written).expect("a matrix");
    let narrowed = text.replace("kernel = {", "flavour = \"generic\"\nkernel = {");
    assert_ne!(narrowed, text);
    std::fs::write(&written, narrowed).expect("a matrix");
    let document = build(&place, "written.toml");
    let found = count(&document);
    assert!(found.built >= 1, "{found:?}");
    let cells = document["cells"].as_array().expect("cells");
    let paths = cells
        .iter()
        .filter(|cell| cell["standing"] == "labelled")
        .map(|cell| cell["modules"][0]["path"].as_str().expect("a path"));
    for path in paths {
        assert!(path.starts_with("kernel/drivers/net/"), "{path}");
    }
}
