//! One module for kernels of the rpm, pacman and apk families, out of real repositories.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::common::{Place, Ran, SharedState, project};
use crate::family::{Families, Repository};

#[allow(dead_code)]
#[path = "../loopback/mod.rs"]
mod loopback;

use loopback::Server;

const FAMILIES: [(Repository, &str); 3] = [
    (Repository::Rpm, ""),
    (Repository::Pacman, ""),
    (
        Repository::Apk,
        "accept-sha1 = { reason = \"the family signs by nothing else\" }",
    ),
];

/// A place with facts of the three families, whose repositories are served.
struct Scene {
    place: Place,
    servers: BTreeMap<&'static str, Server>,
    _runtime: tokio::runtime::Runtime,
}

impl Scene {
    fn new(families: &Families) -> Self {
        let place = Place::new();
        // A store of its own: what a test takes away from a server must not be in one already.
        let store = place.state().join("store");
        fs::remove_file(&store).expect("the link to the shared store");
        fs::create_dir(&store).expect("a directory");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let mut servers = BTreeMap::new();
        fs::create_dir(place.path().join("kernels")).expect("a directory");
        let mut matrix = "schema = 1\n\n[[module]]\nname = \"workload-identity\"\n\
            source = \"modules/workload-identity\"\nproduces = [\"workload_identity.ko\"]\n"
            .to_owned();
        for (repository, of_suite) in FAMILIES {
            let distro = repository.distro();
            let facts = place.path().join(format!("kernels/{distro}-1.toml"));
            fs::write(facts, families.facts(repository, of_suite)).expect("a file");
            let server = runtime.block_on(Server::start(families.files(repository)));
            servers.insert(distro, server);
            matrix += &format!(
                "\n[[target]]\ndistro = \"{distro}\"\nrelease = \"1\"\narch = \"amd64\"\n\
                 kernel = {{ series = \"6.12\", latest = 1 }}\n"
            );
        }
        matrix += "\n[build]\nrebuilds = 1\n\n[policy]\nstale-after = \"5200w\"\n";
        place.write(&matrix);
        let source = place.path().join("modules/workload-identity");
        fs::create_dir_all(place.path().join("modules")).expect("a directory");
        let mut copy = Command::new("cp");
        copy.arg("-r")
            .arg(project().join("modules/workload-identity"))
            .arg(&source);
        assert!(copy.status().is_ok_and(|status| status.success()));
        place.commit(&source);
        Self {
            place,
            servers,
            _runtime: runtime,
        }
    }

    fn build(&self, status: i32) -> Value {
        let mut command = self
            .place
            .command(&["build", "matrix.toml", "--format", "json"]);
        command.env("KMATRIX_KERNELS", self.place.path().join("kernels"));
        for (distro, server) in &self.servers {
            let variable = distro.to_ascii_uppercase().replace('-', "_");
            command.env(format!("KMATRIX_MIRROR_{variable}"), server.url());
        }
        let document = Ran::of(command).expect(status).json();
        for cell in document["cells"].as_array().into_iter().flatten() {
            if cell["standing"] == "failed" {
                eprintln!("{}\n{}", cell["id"], self.place.log(cell, "reference.log"));
            }
        }
        document
    }
}

fn cell(document: &Value, repository: Repository) -> &Value {
    let cells = document["cells"].as_array().expect("cells");
    cells
        .iter()
        .find(|cell| cell["target"]["distro"] == repository.distro())
        .unwrap_or_else(|| panic!("no cell of {repository:?}: {document:#}"))
}

fn grade<'a>(cell: &'a Value, axis: &str) -> &'a Value {
    let reasons = cell["label"]["reasons"].as_array().expect("reasons");
    let reason = reasons.iter().find(|reason| reason["axis"] == axis);
    &reason.unwrap_or_else(|| panic!("no reason for {axis}"))["grade"]
}

#[test]
fn one_module_is_built_for_every_family_and_a_broken_family_makes_the_release_partial() {
    let families = Families::get();
    let scene = Scene::new(&families);

    // The rpm family is broken: the index names a package that is not there.
    let rpm = &scene.servers[Repository::Rpm.distro()];
    let files = families.files(Repository::Rpm);
    let packages: Vec<&String> = files
        .keys()
        .filter(|path| path.contains("kernel-devel-"))
        .collect();
    for path in &packages {
        rpm.remove(path);
    }
    let document = scene.build(21);
    let rollup = &document["rollup"];
    assert_eq!(rollup["tier"], "partial", "{document:#}");
    let text = rollup.to_string();
    let (holds, not) = (rollup["holdsFor"].to_string(), rollup["notFor"].to_string());
    assert!(not.contains("families-rpm"), "{text}");
    assert!(holds.contains("families-pacman"), "{text}");
    assert!(holds.contains("families-apk"), "{text}");

    for path in &packages {
        rpm.put(path, files[*path].clone());
    }
    let document = scene.build(0);
    assert_eq!(document["rollup"]["tier"], "constrained", "{document:#}");
    SharedState::get().keep_images_of(&scene.place.state());
    for (repository, interface) in [
        (Repository::Rpm, "signed"),
        (Repository::Pacman, "signed"),
        // A check was turned off for it.
        (Repository::Apk, "locked"),
    ] {
        let cell = cell(&document, repository);
        assert_eq!(cell["label"]["tier"], "constrained", "{cell:#}");
        assert_eq!(grade(cell, "interface"), interface, "{repository:?}");
        assert_eq!(grade(cell, "toolchain"), "matched", "{repository:?}");
        assert_eq!(cell["comparisons"][0]["same"], true, "{repository:?}");
        assert_eq!(
            cell["target"]["kernelRelease"],
            families.kernel_release(),
            "{repository:?}"
        );
    }
}
