//! Authenticates one attestation of each form, and verifies a release of 10,000 cells: `cargo bench --bench
//! verify`.
//!
//! The statements are of the size that a cell's are. The release is verified by the program itself on two
//! threads, with a module, four attestations and a cell of its own each, the default policy, a scope
//! statement that lists them, and a ledger; the second time one that has a record of each.
//!
//! With arguments it serves comparisons with others: `BUNDLE KEY.pem ROUNDS` prints the seconds of one
//! authentication of that bundle, `release DIR CELLS` lays a release out with its policy, and `records
//! STATE COUNT` fills a ledger.

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use kmatrix::digest::Sha256Digest;
use kmatrix::verify::{Trust, authenticate};
use serde_json::{Value, json};

#[allow(dead_code)]
#[path = "../tests/authority/mod.rs"]
mod authority;
#[path = "verify/release.rs"]
mod release;
#[allow(dead_code)]
#[path = "../tests/statements/mod.rs"]
mod statements;

use authority::bundles::{
    envelope, keyed, keyed_stamped, keyless_v1, keyless_v2, statement, to_bytes,
};
use authority::instance::Instance;
use authority::keys::Key;

const CELLS: usize = 10_000;
const THREADS: usize = 2;
const ROUNDS: usize = 101;

type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["release", folder, cells] => return release::lay_out(Path::new(folder), cells.parse()?),
        ["records", state, count] => return release::fill(Path::new(state), count.parse()?),
        _ => {}
    }
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

    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    release::lay_out(directory.path(), CELLS)?;
    writeln!(
        out,
        "\na release of {CELLS} cells, a module and four attestations each, {THREADS} threads"
    )?;
    for name in ["first", "again, all of it recorded"] {
        let (took, peak) = verify(directory.path())?;
        writeln!(out, "{name}")?;
        writeln!(
            out,
            "  time      {took:>9.1} s   target under 60 s: {}",
            verdict(took < 60.0)
        )?;
        writeln!(
            out,
            "  memory    {peak:>9.0} MB  target under 300 MB: {}",
            verdict(peak < 300.0)
        )?;
    }
    Ok(())
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

/// Verifies the whole release with the program, which must pass it, and returns the seconds and the most
/// megabytes that it had.
fn verify(folder: &Path) -> Result<(f64, f64), Failure> {
    fs::create_dir_all(folder.join("state"))?;
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_kmatrix"))
        .args([
            "verify",
            "out",
            "--policy",
            "policy.toml",
            "--format",
            "json",
        ])
        .args(["--state", "state", "--expect-release", release::NAME])
        .current_dir(folder)
        .env("RAYON_NUM_THREADS", THREADS.to_string())
        .stdout(fs::File::create(folder.join("verdicts.json"))?)
        .spawn()?;
    let mut peak: f64 = 0.0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        // The kernel keeps the highest mark, so that only what happens after the last look is missed.
        if let Some(found) = peak_megabytes(child.id()) {
            peak = peak.max(found);
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let took = start.elapsed().as_secs_f64();
    if !status.success() {
        let name = folder.join("verdicts.json");
        fs::copy(name, "target/verdicts.json")?;
        return Err("the release does not pass: see target/verdicts.json".into());
    }
    Ok((took, peak))
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

/// Returns the most memory that a process has had; `None` once it has gone.
fn peak_megabytes(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes / 1024.0)
}
