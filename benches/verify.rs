//! Authenticates one attestation of each form, and those of a release of 10,000 cells from their files:
//! `cargo bench --bench verify`.
//!
//! The statements are of the size that a cell's are. The release is read as `kmatrix verify` reads one:
//! on all processors, each cell's four attestations together, nothing kept but the answer.
//!
//! `cargo bench --bench verify -- BUNDLE KEY.pem ROUNDS` prints the seconds of one authentication of that
//! bundle, for a comparison with others.

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kmatrix::digest::Sha256Digest;
use kmatrix::verify::{Trust, authenticate};
use rayon::prelude::*;
use serde_json::{Value, json};

#[allow(dead_code)]
#[path = "../tests/authority/mod.rs"]
mod authority;

use authority::bundles::{
    envelope, keyed, keyed_stamped, keyless_v1, keyless_v2, statement, to_bytes,
};
use authority::instance::Instance;
use authority::keys::Key;

const CELLS: usize = 10_000;
const KINDS: usize = 4;
/// Different cells that are made; the rest of the release are copies of their files.
const MADE: usize = 100;
const ROUNDS: usize = 101;

type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    if let [bundle, key, rounds] = arguments.as_slice() {
        let (bundle, trust) = (fs::read(bundle)?, Trust::keys([fs::read(key)?])?);
        let took = median(rounds.parse()?, || authenticate(&bundle, &trust).map(drop))?;
        writeln!(io::stdout(), "{:.7}", took.as_secs_f64())?;
        return Ok(());
    }
    let instance = Instance::new();
    let key = Key::generate();
    let trust = Trust::keys([key.pem()])?.with_root(&to_bytes(&instance.trusted_root()))?;
    let profile = if cfg!(debug_assertions) {
        "an UNOPTIMISED build"
    } else {
        "a release build"
    };
    let mut out = io::stdout().lock();
    let payload = payload(0);
    writeln!(
        out,
        "one attestation, payload of {} bytes, {profile}, median of {ROUNDS}",
        payload.len()
    )?;
    for (name, value) in [
        ("envelope", envelope(&key, &payload)),
        ("bundle, key", keyed(&key, &payload)),
        (
            "bundle, key, timestamp",
            keyed_stamped(&instance, &key, &payload),
        ),
        (
            "bundle, identity, Rekor v1",
            keyless_v1(&instance, &payload),
        ),
        (
            "bundle, identity, Rekor v2",
            keyless_v2(&instance, &payload),
        ),
    ] {
        let bytes = to_bytes(&value);
        let took = median(ROUNDS, || authenticate(&bytes, &trust).map(drop))?;
        writeln!(out, "{name:28} {:>9.3} ms", took.as_secs_f64() * 1e3)?;
    }

    let directory = tempfile::tempdir()?;
    let files = release(directory.path(), &key)?;
    let before = peak_megabytes()?;
    let start = Instant::now();
    let accepted: usize = (0..CELLS)
        .into_par_iter()
        .map(|cell| {
            files[cell % MADE]
                .iter()
                .filter(|file| {
                    fs::read(file).is_ok_and(|bytes| authenticate(&bytes, &trust).is_ok())
                })
                .count()
        })
        .sum();
    let took = start.elapsed().as_secs_f64();
    if accepted != CELLS * KINDS {
        return Err(format!("{accepted} of {} are accepted", CELLS * KINDS).into());
    }
    let peak = peak_megabytes()?;
    writeln!(
        out,
        "\na release of {CELLS} cells, {KINDS} attestations each, {} threads",
        rayon::current_num_threads()
    )?;
    let verdict = |met: bool| if met { "met" } else { "MISSED" };
    writeln!(
        out,
        "time      {took:>9.1} s   target under 60 s: {}",
        verdict(took < 60.0)
    )?;
    writeln!(
        out,
        "memory    {peak:>9.0} MB  target under 300 MB: {} (before: {before:.0} MB)",
        verdict(peak < 300.0)
    )?;
    Ok(())
}

/// Returns the paths of the attestations of each cell that is made.
fn release(directory: &Path, key: &Key) -> Result<Vec<Vec<PathBuf>>, Failure> {
    (0..MADE)
        .map(|cell| {
            (0..KINDS)
                .map(|kind| {
                    let path = directory.join(format!("{cell}-{kind}.sigstore.json"));
                    fs::write(&path, to_bytes(&keyed(key, &payload(cell))))?;
                    Ok(path)
                })
                .collect()
        })
        .collect()
}

/// Returns a statement with forty inputs.
fn payload(cell: usize) -> Vec<u8> {
    let mut statement = statement();
    let inputs: Vec<Value> = (0..40)
        .map(|number| {
            let name = format!("linux-headers-{cell}-{number}");
            json!({
                "name": name,
                "uri": format!("pkg:deb/debian/{name}@6.1.0?arch=amd64"),
                "digest": { "sha256": Sha256Digest::of(name.as_bytes()).to_hex() },
                "annotations": { "archive": "bookworm", "signedBy": "4D64FEC119C2029067D6E791F8D2585B8783D481" },
            })
        })
        .collect();
    statement["predicate"]["buildDefinition"]["resolvedDependencies"] = json!(inputs);
    to_bytes(&statement)
}

fn median<E: Error + 'static>(
    rounds: usize,
    mut once: impl FnMut() -> Result<(), E>,
) -> Result<Duration, Failure> {
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let start = Instant::now();
        once()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    times
        .get(rounds / 2)
        .copied()
        .ok_or_else(|| "no round was measured".into())
}

/// Returns the most memory that this process has had.
fn peak_megabytes() -> Result<f64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .ok_or("no VmHWM")?;
    Ok(kilobytes.trim().parse::<f64>()? / 1024.0)
}
