//! Compares and explains pairs of modules: `cargo bench --bench pairs -- [FILE]`. Every line of FILE has a
//! name and two modules that differ. `ci/benchmark/pairs` makes such a file and calls this.
//!
//! Two measurements. Each pair by the program itself beside diffoscope on the same pair, in the same run
//! and in turns, from start to end of the process. And 10,000 pairs from a store in one run, made of
//! these so that each pair has its own digests: the time, and how much memory was resident at most.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use kmatrix::compare::cause::Context;
use kmatrix::compare::explain;
use kmatrix::digest::Sha256Digest;
use kmatrix::ko;
use kmatrix::outcome::ModuleFile;
use kmatrix::store::Store;
use rayon::prelude::*;

const ROUNDS: usize = 3;
/// How many times as long diffoscope takes at least.
const TARGET: f64 = 50.0;
/// How many pairs are compared in one run, and the most bytes that may be resident.
const PAIRS: usize = 10_000;
const MOST_RESIDENT: f64 = 200e6;
/// Pairs of larger modules are left out of the store, which has 20,000 of them.
const MOST_OF_A_MODULE: usize = 1 << 20;

type Failure = Box<dyn std::error::Error + Send + Sync>;

struct Pair {
    name: String,
    paths: [PathBuf; 2],
    modules: [Vec<u8>; 2],
}

fn main() -> Result<(), Failure> {
    // Cargo's own `--bench` stands among the arguments.
    let list = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"));
    let Some(list) = list else {
        return Ok(writeln!(io::stderr(), "no list of pairs was named")?);
    };
    let pairs: Vec<Pair> = fs::read_to_string(list)?
        .lines()
        .map(read)
        .collect::<Result<_, _>>()?;
    let profile = if cfg!(debug_assertions) {
        "an UNOPTIMISED build"
    } else {
        "a release build"
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{profile}, medians of {ROUNDS}")?;
    for pair in &pairs {
        let mut measured = Vec::new();
        for _ in 0..ROUNDS {
            measured.push((diffoscope(pair)?, ours(pair)?));
        }
        let theirs = median(measured.iter().map(|(theirs, _)| *theirs));
        let own = median(measured.iter().map(|(_, ours)| *ours));
        let ratio = median(measured.iter().map(|(theirs, ours)| theirs / ours));
        let verdict = if ratio >= TARGET { "met" } else { "MISSED" };
        let bytes = pair.modules[0].len();
        writeln!(
            out,
            "{:<22} {bytes:>9} bytes  diffoscope {theirs:>8.3} s  ours {own:>7.4} s  ratio {ratio:>7.1}  >= {TARGET} {verdict}",
            pair.name
        )?;
    }
    store(&pairs, &mut out)
}

fn read(line: &str) -> Result<Pair, Failure> {
    let [name, first, second] = line.split_whitespace().collect::<Vec<_>>()[..] else {
        return Err(format!("`{line}` is no name and two files").into());
    };
    let paths = [PathBuf::from(first), PathBuf::from(second)];
    let modules = [fs::read(&paths[0])?, fs::read(&paths[1])?];
    Ok(Pair {
        name: name.to_owned(),
        paths,
        modules,
    })
}

/// Returns the seconds that a command takes on a pair; it must find that they differ.
fn timed(mut command: Command, pair: &Pair, differs: i32) -> Result<f64, Failure> {
    command
        .args(&pair.paths)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let begun = Instant::now();
    let status = command.status()?;
    let elapsed = begun.elapsed().as_secs_f64();
    if status.code() != Some(differs) {
        return Err(format!("{command:?} ended with {status}").into());
    }
    Ok(elapsed)
}

fn diffoscope(pair: &Pair) -> Result<f64, Failure> {
    timed(Command::new("diffoscope"), pair, 1)
}

fn ours(pair: &Pair) -> Result<f64, Failure> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kmatrix"));
    command.arg("explain");
    timed(command, pair, 31)
}

/// Compares pairs from a store, as a run does with what its attempts have made.
fn store(pairs: &[Pair], out: &mut impl io::Write) -> Result<(), Failure> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let store = Store::open(directory.path())?;
    let small: Vec<&Pair> = pairs
        .iter()
        .filter(|pair| {
            pair.modules
                .iter()
                .all(|module| module.len() <= MOST_OF_A_MODULE)
        })
        .collect();
    if small.is_empty() {
        return Err("every pair is too large for the store".into());
    }
    let kept: Vec<[Sha256Digest; 2]> = (0..PAIRS)
        .into_par_iter()
        .map(|number| {
            let pair = small[number % small.len()];
            let keep = |which: usize| -> Result<Sha256Digest, Failure> {
                Ok(store.put(&marked(&pair.modules[which], number)?)?)
            };
            Ok([keep(0)?, keep(1)?])
        })
        .collect::<Result<_, Failure>>()?;
    let bytes: usize = (0..PAIRS)
        .map(|number| {
            small[number % small.len()]
                .modules
                .iter()
                .map(Vec::len)
                .sum::<usize>()
        })
        .sum();
    forget_peak()?;
    let begun = Instant::now();
    let differing: usize = kept
        .par_iter()
        .map(|pair| {
            let open = |digest: &Sha256Digest| -> Result<ModuleFile, Failure> {
                Ok(ModuleFile {
                    path: "m.ko".to_owned(),
                    bytes: store.read_blob(digest, ko::MAX_BYTES)?,
                })
            };
            let (one, two) = (open(&pair[0])?, open(&pair[1])?);
            let digests = (Some(pair[0]), Some(pair[1]));
            let context = Context::default();
            let found = explain("m.ko", digests, Some(&one), Some(&two), None, &context);
            Ok(usize::from(!found.causes.is_empty()))
        })
        .sum::<Result<usize, Failure>>()?;
    let elapsed = begun.elapsed().as_secs_f64();
    let resident = peak()?;
    if differing != PAIRS {
        return Err(format!("only {differing} of {PAIRS} pairs have a cause").into());
    }
    let verdict = if resident < MOST_RESIDENT {
        "met"
    } else {
        "MISSED"
    };
    writeln!(
        out,
        "{PAIRS} pairs from a store, {:.1} GB: {elapsed:.1} s, {:.0} MB resident at most  < {:.0} MB {verdict}",
        bytes as f64 / 1e9,
        resident / 1e6,
        MOST_RESIDENT / 1e6
    )?;
    Ok(())
}

/// Returns a module with a number in its description, where nothing refers to.
fn marked(module: &[u8], number: usize) -> Result<Vec<u8>, Failure> {
    let name = b"\0description=";
    let mut windows = module.windows(name.len());
    let at = windows.position(|window| window == name);
    let at = at.ok_or("a module has no description")? + name.len();
    let mut marked = module.to_vec();
    let digits = format!("{number:05}");
    let place = marked
        .get_mut(at..at + digits.len())
        .ok_or("it ends early")?;
    place.copy_from_slice(digits.as_bytes());
    Ok(marked)
}

/// Makes the kernel forget how much was resident (`proc_pid_clear_refs(5)`).
fn forget_peak() -> io::Result<()> {
    fs::write("/proc/self/clear_refs", "5")
}

/// Returns how many bytes were resident at most since then (`proc_pid_status(5)`, `VmHWM`).
fn peak() -> Result<f64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let words = line.and_then(|line| line.split_whitespace().next());
    let kib: f64 = words.ok_or("the kernel tells no peak")?.parse()?;
    Ok(kib * 1024.0)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
