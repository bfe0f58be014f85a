//! Kernels that are prepared from source: a real one with a small configuration, and such as only
//! look like one.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::common::{Place, SharedState, project};
use crate::family::{Families, Repository};
use kmatrix::digest::Sha256Digest;

const MODULE: &str = r#"
[[module]]
name = "fixture"
source = "modules/reproducible"

[[target]]
distro = "linux"
release = "6"
arch = "amd64"
flavour = "tiny"
kernel = { glob = "6.*", latest = 1 }
"#;

/// A configuration of the real kernel: what modules need, and nothing else.
const CONFIG: &str = r#"CONFIG_64BIT=y
CONFIG_LOCALVERSION="-tiny"
CONFIG_EXPERT=y
CONFIG_PROCESSOR_SELECT=y
CONFIG_MODULES=y
CONFIG_MODULE_UNLOAD=y
CONFIG_MODVERSIONS=y
CONFIG_UNWINDER_ORC=y
CONFIG_PRINTK=y
CONFIG_BUG=y
CONFIG_AUTOFS_FS=m
# CONFIG_SMP is not set
"#;

/// A makefile that does what the kernel's does as far as preparing goes. `@DO@` is what tests add.
const MAKEFILE: &str = "\
olddefconfig:\n\t@sed -i /GCC_PLUGINS/d $(O)/.config\n\
include/config/kernel.release:\n\t@mkdir -p $(O)/include/config\n\
\t@echo 6.1.0-fake >$(O)/include/config/kernel.release\n\
vmlinux:\n\t@true\n\
modules:\n\t@mkdir -p $(O)/include/generated $(O)/scripts/mod\n\
\t@touch $(O)/Makefile $(O)/scripts/mod/modpost $(O)/include/generated/autoconf.h\n\
\t@echo 0x0 printk vmlinux EXPORT_SYMBOL >$(O)/Module.symvers\n\
\t@DO@\n";

/// Writes facts of one kernel into a folder of the place's own.
fn write_facts(place: &Place, image: &str, kernel: &str) -> PathBuf {
    let folder = place.path().join("kernels");
    fs::create_dir_all(&folder).expect("a directory");
    let text = format!(
        "schema = 1\ndistro = \"linux\"\nrelease = \"6\"\nformat = \"source\"\n\
         image = \"{image}\"\nchecked = 2026-11-21\nchecked-against = \"fixture\"\n{kernel}"
    );
    fs::write(folder.join("linux-6.toml"), text).expect("a file");
    folder
}

/// A tarball with one makefile in it.
fn fake_tarball(place: &Place, add: &str) -> (PathBuf, Sha256Digest) {
    let text = MAKEFILE.replace("@DO@", add);
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "fake/Makefile", text.as_bytes())
        .expect("an entry");
    let bytes = tar.into_inner().expect("an archive");
    let path = place.path().join("fake.tar");
    fs::write(&path, &bytes).expect("a file");
    (path, Sha256Digest::of(&bytes))
}

/// A kernel that only looks like one, prepared and built against.
struct Fake {
    add: &'static str,
    config: &'static str,
    local_version: &'static str,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            add: "true",
            config: "CONFIG_MODULES=y\n",
            local_version: "-fake",
        }
    }
}

impl Fake {
    /// Builds a module against it. The status is that of the build.
    fn build(&self, status: i32) -> (Place, Value, String) {
        let place = Place::new();
        place.fixture("reproducible");
        place.write(&format!("schema = 1\n{MODULE}"));
        let (tarball, digest) = fake_tarball(&place, self.add);
        fs::create_dir_all(place.path().join("kernels")).expect("a directory");
        fs::write(place.path().join("kernels/fake.config"), self.config).expect("a file");
        let kernel = format!(
            "[[kernel.tree]]\ntarball = \"{}\"\nsha256 = \"{}\"\nversion = \"6.1.0\"\n\
             arch = \"amd64\"\nflavour = \"tiny\"\nconfig = \"fake.config\"\n\
             local-version = \"{}\"\nprepare = \"modules\"\n",
            tarball.display(),
            digest.to_hex(),
            self.local_version,
        );
        let folder = write_facts(&place, "debian-12", &kernel);
        let folder = folder.to_str().expect("UTF-8");
        let ran = place
            .kmatrix(&[
                "build",
                "matrix.toml",
                "--format",
                "json",
                "--kernels",
                folder,
            ])
            .expect(status);
        let document = ran.json();
        (place, document, ran.stderr)
    }

    /// Expects that the kernel cannot be prepared, for this reason.
    fn cannot_be_prepared(&self, class: &str, why: &str, printed: &str) {
        let (place, document, stderr) = self.build(21);
        assert!(stderr.contains(why), "{why}: {stderr}");
        assert!(stderr.contains("its log is `"), "{stderr}");
        let cell = &document["cells"][0];
        assert_eq!(cell["standing"], "missing", "{cell:#}");
        let record = place.explain(cell["id"].as_str().expect("an id"));
        let outcome = &record["preparations"][0]["outcome"];
        assert_eq!(outcome["failure"]["class"], class, "{record:#}");
        let log = place.log(cell, "preparation-0.log");
        assert!(log.contains(printed), "{printed}: {log}");
    }
}

#[test]
fn a_kernel_that_cannot_be_prepared_says_why_and_stops_its_cells_alone() {
    for (fake, class, why, printed) in [
        (
            Fake {
                add: "echo no such thing >&2; exit 3",
                ..Fake::default()
            },
            "kernel-compile",
            "it does not compile (make ended with 2)",
            "no such thing",
        ),
        (
            Fake {
                local_version: "-other",
                ..Fake::default()
            },
            "other-release",
            "its release is `6.1.0-fake`, and not `6.1.0-other` as the facts say",
            "",
        ),
        (
            Fake {
                config: "CONFIG_MODULES=y\nCONFIG_GCC_PLUGINS=y\nCONFIG_CC_VERSION_TEXT=\"x\"\n",
                ..Fake::default()
            },
            "config-not-kept",
            "asks for what the kernel does not make of it: CONFIG_GCC_PLUGINS\n",
            "",
        ),
        (
            Fake {
                add: "rm $(O)/Module.symvers",
                ..Fake::default()
            },
            "bad-output",
            "its `Module.symvers` is missing or empty",
            "",
        ),
        (
            Fake {
                add: "rm $(O)/scripts/mod/modpost",
                ..Fake::default()
            },
            "bad-output",
            "it has no `scripts/mod/modpost`",
            "",
        ),
        (
            Fake {
                add: "bash -c 'exec 3<>/dev/tcp/192.0.2.1/80'",
                ..Fake::default()
            },
            "kernel-compile",
            "it does not compile",
            "Network is unreachable",
        ),
    ] {
        fake.cannot_be_prepared(class, why, printed);
    }
}

#[test]
fn a_kernel_that_comes_out_different_is_told_of() {
    let (place, document, stderr) = Fake {
        add: "hostname >$(O)/include/generated/host.h",
        ..Fake::default()
    }
    .build(30);
    assert!(stderr.contains("Differs the kernel 6.1.0-fake"), "{stderr}");
    let id = document["cells"][0]["id"].as_str().expect("an id");
    let record = place.explain(id);
    let preparations = record["preparations"].as_array().expect("a list");
    assert_eq!(preparations.len(), 2);
    assert_eq!(
        preparations[1]["differing"],
        serde_json::json!(["include/generated/host.h"])
    );
}

#[test]
fn a_commit_makes_the_kernel_that_a_tarball_of_its_files_makes() {
    let place = Place::new();
    place.fixture("reproducible");
    place.write(&format!(
        "schema = 1\n{}",
        MODULE.replace("flavour = \"tiny\"", "flavour = [\"tiny\", \"git\"]")
    ));
    let (tarball, digest) = fake_tarball(&place, "true");
    let repository = place.path().join("linux");
    fs::create_dir(&repository).expect("a directory");
    let makefile = MAKEFILE.replace("@DO@", "true");
    fs::write(repository.join("Makefile"), makefile).expect("a file");
    let commit = place.commit(&repository);
    fs::create_dir_all(place.path().join("kernels")).expect("a directory");
    fs::write(
        place.path().join("kernels/fake.config"),
        "CONFIG_MODULES=y\n",
    )
    .expect("a file");
    let tree = |source: String, flavour: &str| {
        format!(
            "[[kernel.tree]]\n{source}\nversion = \"6.1.0\"\narch = \"amd64\"\n\
             flavour = \"{flavour}\"\nconfig = \"fake.config\"\nlocal-version = \"-fake\"\n\
             prepare = \"modules\"\n"
        )
    };
    let kernels = [
        tree(
            format!(
                "tarball = \"{}\"\nsha256 = \"{}\"",
                tarball.display(),
                digest.to_hex()
            ),
            "tiny",
        ),
        tree(format!("git = \"../linux\"\ncommit = \"{commit}\""), "git"),
    ];
    let folder = write_facts(&place, "debian-12", &kernels.concat());
    let folder = folder.to_str().expect("UTF-8");
    let arguments = [
        "build",
        "matrix.toml",
        "--format",
        "json",
        "--kernels",
        folder,
    ];
    // What is built against it is no kernel, and no module comes of it.
    let document = place.kmatrix(&arguments).expect(30).json();
    let cells = document["cells"].as_array().expect("cells");
    assert_eq!(cells.len(), 2);
    let kernels: Vec<Value> = cells
        .iter()
        .flat_map(|cell| {
            let record = place.explain(cell["id"].as_str().expect("an id"));
            record["preparations"].as_array().expect("a list").clone()
        })
        .map(|preparation| preparation["outcome"]["kernel"]["tree"].clone())
        .collect();
    assert_eq!(kernels.len(), 4, "each was prepared twice");
    assert!(kernels[0].is_string());
    assert!(
        kernels.iter().all(|tree| *tree == kernels[0]),
        "{kernels:?}"
    );

    // The repository is no longer needed.
    fs::remove_dir_all(&repository).expect("removed");
    place
        .kmatrix(&[&arguments[..], &["--offline"]].concat())
        .expect(30);
}

/// What decides how kernels are prepared: with another, they are prepared anew.
fn state_of_preparations() -> String {
    let code = [
        include_str!("../../src/recipe/prepare.sh"),
        include_str!("../../src/recipe/preparation.rs"),
        include_str!("../../src/run/kernels.rs"),
        CONFIG,
    ];
    Sha256Digest::of(code.concat().as_bytes()).short()
}

#[test]
fn headers_alone_make_a_module_whose_symbols_nobody_has_checked() {
    let families = Families::get();
    let place = Place::new();
    let folder = place.path().join("kernels");
    fs::create_dir_all(&folder).expect("a directory");
    let config = CONFIG.replace("-tiny", "-head");
    fs::write(folder.join("head.config"), config).expect("a file");
    let version = families.source("version");
    let kernel = format!(
        "[[kernel.tree]]\ntarball = \"{}\"\nsha256 = \"{}\"\nversion = \"{version}\"\n\
         arch = \"amd64\"\nflavour = \"head\"\nconfig = \"head.config\"\nunanswered = \"no\"\n\
         local-version = \"-head\"\nprepare = \"headers\"\n",
        families.out().join(families.source("tarball")).display(),
        families.source("sha256"),
    );
    write_facts(&place, "kernel-debian-12", &kernel);
    let state = SharedState::get().beside(&format!("headers-{}", state_of_preparations()));
    // New every time, so that it is built now.
    let module = place.fixture("reproducible");
    let stamp = format!("/* {} */\n", place.path().display());
    fs::write(module.join("stamp.h"), stamp).expect("a file");
    place.commit(&module);
    place.write(&format!(
        "schema = 1\n{}[policy]\nstale-after = \"5200w\"\nwarn-after = \"5200w\"\n",
        MODULE.replace("tiny", "head")
    ));
    let state = state.to_str().expect("UTF-8");
    let ran = place
        .kmatrix(&[
            "build",
            "matrix.toml",
            "--format",
            "json",
            "--kernels",
            folder.to_str().expect("UTF-8"),
            "--state",
            state,
        ])
        .expect(0);
    let document = ran.json();
    let cell = &document["cells"][0];
    let log = Path::new(state)
        .join("out")
        .join(cell["id"].as_str().expect("an id"))
        .join("reference.log");
    let log = fs::read_to_string(&log).expect("a log");
    assert!(log.contains("undefined!"), "{log}");
    let label = &cell["label"];
    assert_eq!(
        label["vector"]["interface"], "interface-unpinned",
        "{cell:#}"
    );
    assert_eq!(label["tier"], "unverified", "{label:#}");
    let reasons = label["reasons"].as_array().expect("a list");
    let interface = reasons.iter().find(|reason| reason["axis"] == "interface");
    let because = interface.expect("a reason")["because"].to_string();
    assert!(
        because
            .contains("is not known to fit the kernel (gate `symbols`): the kernel's tree has no"),
        "{because}"
    );
}

/// Kernels of packages, beside the one that is prepared here.
const PACKAGED: &str = r#"
[[target]]
distro = "debian"
release = "12"
arch = "amd64"
flavour = "cloud"
kernel = { series = "6.1", latest = 1 }

[[target]]
distro = "families-rpm"
release = "1"
arch = "amd64"
kernel = { series = "6.12", latest = 1 }

[[target]]
distro = "families-pacman"
release = "1"
arch = "amd64"
kernel = { series = "6.12", latest = 1 }

[policy]
stale-after = "5200w"
warn-after = "5200w"
"#;

/// Writes the facts of Debian and of two made families into the folder.
fn write_packaged_facts(folder: &Path, families: &Families) {
    let kernels = project().join("kernels");
    fs::create_dir_all(folder.join("keys")).expect("a directory");
    for file in ["debian-12.toml", "keys/debian-12.asc"] {
        fs::copy(kernels.join(file), folder.join(file)).expect("a copy");
    }
    for repository in [Repository::Rpm, Repository::Pacman] {
        let file = folder.join(format!("{}-1.toml", repository.distro()));
        fs::write(file, families.facts(repository, "")).expect("a file");
    }
}

#[test]
#[ignore = "long: a kernel is compiled, twice"]
fn one_module_is_constrained_on_packaged_kernels_and_full_on_a_real_one_that_was_prepared_here() {
    let families = Families::get();
    let place = Place::new();
    let folder = place.path().join("kernels");
    fs::create_dir_all(&folder).expect("a directory");
    fs::write(folder.join("tiny.config"), CONFIG).expect("a file");
    let version = families.source("version");
    let series: Vec<&str> = version.splitn(3, '.').take(2).collect();
    let kernel = format!(
        "[[archive]]\nname = \"kernel\"\nkeys = [\"{}\"]\nkeyrings = [\"{}\"]\n\
         [[archive.suite]]\nname = \"v6.x\"\npath = \"source\"\n\
         [kernel]\ntarball = \"linux-{{version}}.tar.xz\"\n[kernel.flavours.amd64]\n\
         tiny = {{ series = \"{}\", config = \"tiny.config\", unanswered = \"no\", \
         local-version = \"-tiny\", prepare = \"modules\" }}\n",
        families.source("fingerprint"),
        families
            .out()
            .join(families.source("certificate"))
            .display(),
        series.join("."),
    );
    write_facts(&place, "kernel-debian-12", &kernel);
    write_packaged_facts(&folder, &families);
    let server = Served::start(families.out());

    // Prepared once by all runs of the tests with the same code, and not by each: the module is new
    // every time.
    let state = SharedState::get().beside(&format!("prepared-{}", state_of_preparations()));
    let module = place.fixture("reproducible");
    let stamp = place
        .path()
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    fs::write(module.join("stamp.h"), format!("/* {stamp} */\n")).expect("a file");
    place.commit(&module);
    place.write(&format!("schema = 1\n{MODULE}{PACKAGED}"));
    let mirrors = ["kernel", "families-rpm", "families-pacman"]
        .map(|archive| format!("--mirror={archive}={}", server.url()));
    let ran = place
        .kmatrix(&[
            "build",
            "matrix.toml",
            "--format",
            "json",
            "--require",
            "constrained",
            "--kernels",
            folder.to_str().expect("UTF-8"),
            &mirrors[0],
            &mirrors[1],
            &mirrors[2],
            "--state",
            state.to_str().expect("UTF-8"),
        ])
        .expect(0);
    let document = ran.json();
    assert_eq!(document["rollup"]["tier"], "constrained", "{document:#}");
    let cells = document["cells"].as_array().expect("cells");
    let tiers: Vec<(&str, &str)> = cells
        .iter()
        .map(|cell| {
            (
                cell["target"]["distro"].as_str().expect("a distro"),
                cell["label"]["tier"].as_str().expect("a tier"),
            )
        })
        .collect();
    assert_eq!(
        tiers,
        [
            ("debian", "constrained"),
            ("families-pacman", "constrained"),
            ("families-rpm", "constrained"),
            ("linux", "full"),
        ]
    );
    let cell = cells[3].clone();
    let vector = &cell["label"]["vector"];
    for (axis, grade) in [
        ("reproducibility", "varied"),
        ("interface", "from-source"),
        ("toolchain", "matched"),
        ("isolation", "sealed"),
        ("source", "committed"),
    ] {
        assert_eq!(vector[axis], grade, "{:#}", cell["label"]);
    }
    let release = format!("{version}-tiny");
    assert_eq!(cell["target"]["kernelRelease"], release.as_str());
    let vermagic = cell["modules"][0]["facts"]["vermagic"]
        .as_str()
        .expect("a text");
    assert!(vermagic.starts_with(&format!("{release} ")), "{vermagic}");
    let reasons = cell["label"]["reasons"].as_array().expect("a list");
    let because = |axis: &str| {
        let reason = reasons.iter().find(|reason| reason["axis"] == axis);
        reason
            .and_then(|reason| reason["because"].as_str())
            .expect("a reason")
            .to_owned()
    };
    let interface = because("interface");
    for part in [
        "prepared here from `source/linux-",
        families.source("fingerprint"),
        "the same came out",
    ] {
        assert!(interface.contains(part), "{interface}");
    }
}

/// The folder of a family, served on the loopback by a thread of its own.
struct Served {
    url: String,
}

impl Served {
    fn start(root: &Path) -> Self {
        use std::io::{BufRead, BufReader, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let root = root.to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut line = String::new();
                let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
                reader.read_line(&mut line).expect("a request");
                let path = line
                    .split(' ')
                    .nth(1)
                    .unwrap_or("/")
                    .trim_start_matches('/');
                let (status, bytes) = match fs::read(root.join(path)) {
                    Ok(bytes) => ("200 OK", bytes),
                    Err(_) => ("404 Not Found", Vec::new()),
                };
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    bytes.len()
                );
                // Whoever asked may have gone.
                let _ = stream
                    .write_all(head.as_bytes())
                    .and_then(|()| stream.write_all(&bytes));
            }
        });
        Self { url }
    }

    fn url(&self) -> &str {
        &self.url
    }
}
