//! Records for tests.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::digest::Sha256Digest;
use crate::engine::{EngineIdentity, Observed, Steps};
use crate::gate::{Gate, GateResult, ModuleGates, Verdict};
use crate::ko::ModuleFacts;
use crate::ledger::{AttemptRecord, CellRecord};
use crate::outcome::{BuiltModule, Outcome, Reached};
use crate::recipe::toolchain::KernelToolchain;
use crate::recipe::{BuildSpec, Limits, Mount, build_spec};
use crate::variation::{Axis, Cpus, Variation};

/// Makes an attempt with every axis varied, of which nothing but its outcome is known.
pub(crate) fn attempt(number: u32, outcome: Outcome) -> AttemptRecord {
    AttemptRecord {
        number,
        run: "r1".to_owned(),
        spec: Sha256Digest::of(b"spec"),
        variation: Variation::of(number, cpus(number), &Axis::all()),
        started: jiff::Timestamp::UNIX_EPOCH,
        wall: Duration::from_millis(1500),
        steps: Steps::default(),
        engine: EngineIdentity {
            name: "docker".to_owned(),
            version: "1".to_owned(),
            api_version: "1.41".to_owned(),
            kernel: "6.1".to_owned(),
            cpus: 2,
        },
        observed: None,
        reached: Reached::default(),
        toolchain: KernelToolchain::default(),
        outcome,
        gates: Vec::new(),
        layers: Vec::new(),
        commands: None,
        log: Sha256Digest::of(b"log"),
    }
}

/// The cell of these records.
pub(crate) const CELL: &str = "debian-12/amd64/6.1.0-56-amd64=6.1.192-2/m";

/// Returns what gates say of a module that passes all of them.
pub(crate) fn passing_gates(path: &str) -> ModuleGates {
    let passed = |gate| GateResult {
        gate,
        verdict: Verdict::Passed,
        evidence: vec!["all is well".to_owned()],
        left_out: 0,
    };
    ModuleGates {
        path: path.to_owned(),
        gates: Gate::ALL.into_iter().map(passed).collect(),
    }
}

/// Returns a cell of a committed module and one header package.
pub(crate) fn cell() -> CellRecord {
    let of = |text: &str| Sha256Digest::of(text.as_bytes());
    let suite = json!({
        "archive": "debian", "suite": "bookworm", "date": "2026-11-14T10:00:00Z", "validUntil": null,
        "index": of("InRelease"), "signedBy": ["A".repeat(40)], "exceptions": [],
    });
    let package = |name: &str| {
        json!({
            "name": name, "version": "6.1.192-2", "architecture": "amd64", "archive": "debian",
            "suite": "bookworm", "path": format!("pool/{name}.deb"), "bytes": 1, "sha256": of(name),
        })
    };
    let value = json!({
        "id": CELL,
        "inputs": {
            "recipe": 4,
            "module": "m",
            "target": {
                "distro": "debian", "distroRelease": "12", "arch": "amd64",
                "kernelRelease": "6.1.0-56-amd64", "packageVersion": "6.1.192-2",
                "flavour": "generic",
            },
            "sourceTree": of("source"),
            "image": of("image"),
            "packages": [["linux-headers-6.1.0-56-amd64", of("linux-headers-6.1.0-56-amd64")]],
            "mounts": ["usr/src/*"],
            "buildDirectory": "/usr/src/linux-headers-6.1.0-56-amd64",
            "cross": null,
            "make": ["V=1"],
            "produces": ["m.ko"],
            "limits": Limits::default(),
        },
        "source": {
            "tree": of("source"),
            "origin": {
                "kind": "git", "repository": "https://example.org/m.git", "path": "module",
            },
            "revision": { "state": "committed", "commit": "0".repeat(40) },
            "closedInputs": [],
        },
        "packages": [package("linux-headers-6.1.0-56-amd64")],
        "vouched": [suite],
        "image": {
            "name": "debian-12",
            "definition": of("definition"),
            "id": of("image"),
            "root": { "digest": of("root"), "bytes": 1 },
            "pulled": null,
            "suites": [suite],
            "archiveDate": "2026-11-14T10:00:00Z",
            "made": "2026-11-15T00:00:00Z",
            "inventory": { "database": "dpkg", "digest": of("inventory") },
            "packages": [
                { "name": "gcc-12", "version": "12.2.0-14+deb12u1", "architecture": "amd64",
                  "source": "gcc-12", "sourceVersion": "12.2.0-14+deb12u1" },
                { "name": "make", "version": "4.3-4.1", "architecture": "amd64" },
            ],
            "tools": { "gcc-12": "gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0" },
        },
        "rebuilds": 1,
        "staleAfter": "PT1440H",
    });
    serde_json::from_value(value).expect("a cell")
}

/// Returns the CPUs of a rebuild, where none is missing.
fn cpus(number: u32) -> Cpus {
    if number == 1 {
        Cpus::One
    } else {
        Cpus::AllAndMoreJobs
    }
}

/// Returns the spec of an attempt of a cell with every axis varied; the reference has number 0.
pub(crate) fn spec_of(cell: &CellRecord, number: u32) -> BuildSpec {
    let mounts = [Mount {
        path: "usr/src/linux-headers-6.1.0-56-amd64".to_owned(),
        tree: Sha256Digest::of(b"headers"),
    }];
    let variation = match number {
        0 => Variation::reference(),
        number => Variation::of(number, cpus(number), &Axis::all()),
    };
    let mut spec = build_spec(&cell.inputs, &mounts, variation);
    // So that what is written of it does not change with the script.
    spec.command[2] = "the script".to_owned();
    spec
}

/// Returns an attempt of a cell that made one module, of which everything is known.
pub(crate) fn attempt_of(cell: &CellRecord, number: u32, spec: &BuildSpec) -> AttemptRecord {
    let started: Timestamp = "2026-11-20T08:00:00Z".parse().expect("a time");
    AttemptRecord {
        number,
        run: "20261120T080000-1".to_owned(),
        spec: spec.digest(),
        variation: spec.variation.clone(),
        started,
        wall: Duration::from_millis(1500),
        steps: Steps::default(),
        engine: EngineIdentity {
            name: "docker".to_owned(),
            version: "20.10.24".to_owned(),
            api_version: "1.41".to_owned(),
            kernel: "6.1.0".to_owned(),
            cpus: 2,
        },
        observed: Some(Observed {
            image: Some(cell.image.id),
            no_network: true,
            read_only_root: true,
            read_only_inputs: true,
            unprivileged: true,
            no_new_privileges: true,
            user: "1000:1000".to_owned(),
            host_name: spec.host_name.clone(),
            cpus: String::new(),
        }),
        reached: probe(number),
        toolchain: KernelToolchain {
            compiler: Some("(Debian 12.2.0-14+deb12u1) 12.2.0".to_owned()),
            program: Some("gcc-12".to_owned()),
            ..KernelToolchain::default()
        },
        outcome: with_bits(Sha256Digest::of(b"module")),
        gates: vec![passing_gates("m.ko")],
        layers: Vec::new(),
        commands: None,
        log: Sha256Digest::of(format!("log {number}").as_bytes()),
    }
}

/// Returns what a probe says that finds every axis as the variation has it.
fn probe(number: u32) -> Reached {
    probe_of(|_| Some(number))
}

/// Returns what a probe says that finds on each axis what an attempt of this number has there; `None` if
/// it cannot look.
pub(crate) fn probe_of(on: impl Fn(Axis) -> Option<u32>) -> Reached {
    let mut text = "kmatrix-probe 1\n".to_owned();
    for axis in Axis::ALL {
        let Some(number) = on(axis) else { continue };
        // Far enough apart for a clock as well.
        let value = u64::from(number) * 1_000_000;
        text.push_str(&format!("{} {value}\n", axis.id()));
    }
    text.push_str("kmatrix-probe end\n");
    Reached::read(text.as_bytes())
}

/// Returns an outcome with one module.
pub(crate) fn with_bits(digest: Sha256Digest) -> Outcome {
    Outcome::Built {
        modules: vec![BuiltModule {
            path: "m.ko".to_owned(),
            digest,
            bytes: 6,
            facts: ModuleFacts {
                machine: 62,
                vermagic: Some("6.1.0-56-amd64 SMP".to_owned()),
                srcversion: None,
                name: Some("m".to_owned()),
                license: None,
                depends: None,
                compilers: vec!["GCC: (Debian 12.2.0-14+deb12u1) 12.2.0".to_owned()],
            },
        }],
    }
}
