//! Hashes bytes, and files, beside `openssl speed` in the same run and in turns: `cargo bench --bench
//! hashing`. OpenSSL hashes one buffer again and again; ours opens and reads files as well.
//!
//! `openssl dgst` is given the same files, which says how much of the difference is reading them. Reading
//! them as a tree, which walks it first on one core, is measured beside it and has no target.
//!
//! What one core does goes by the time that a processor worked on it, as `openssl speed` counts too; what
//! all do together by the clock, which is worth something on an otherwise idle machine only.

use std::fs;
use std::hint::black_box;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Instant;

use kmatrix::digest::{Sha256Digest, hash_files};
use kmatrix::tree::{WalkRules, read_directory};
use rayon::ThreadPoolBuilder;
use rustix::fs::CWD;

const ROUNDS: usize = 5;
/// What is to be reached of OpenSSL's rate.
const TARGET: f64 = 0.9;
/// What OpenSSL hashes at once, and ours in the row without files.
const BLOCK: usize = 16 << 10;
/// Sets of files of sources, of modules, and of modules with debug information.
const SETS: [Set; 3] = [Set::of(32 << 10), Set::of(1 << 20), Set::of(4 << 20)];
/// How many bytes a set has at most, which is more than a core's caches hold.
const ALL: usize = 512 << 20;

/// Files of many lengths: from three quarters of the longest up to that, evenly.
struct Set {
    count: usize,
    longest: usize,
}

impl Set {
    const fn of(longest: usize) -> Self {
        Self {
            count: ALL / longest,
            longest,
        }
    }

    fn lengths(&self) -> impl Iterator<Item = usize> {
        let Self { count, longest } = *self;
        (0..count).map(move |number| longest - number * (longest / 4) / count)
    }

    fn bytes(&self) -> usize {
        self.lengths().sum()
    }

    fn write(&self, root: &Path) -> Result<PathBuf, Failure> {
        let directory = root.join(self.longest.to_string());
        fs::create_dir(&directory)?;
        let mut bytes = vec![0_u8; self.longest];
        for (number, length) in self.lengths().enumerate() {
            bytes[..8].copy_from_slice(&number.to_le_bytes());
            // As directories have them: in no order of their lengths.
            let name = number.wrapping_mul(0x9e37_79b9) % (1 << 32);
            fs::write(directory.join(format!("{name:08x}.ko")), &bytes[..length])?;
        }
        Ok(directory)
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;
/// Measures bytes a second.
type Work<'a> = dyn Fn() -> Result<f64, Failure> + 'a;

fn main() -> Result<(), Failure> {
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let cpus = thread::available_parallelism()?.get();
    let profile = if cfg!(debug_assertions) {
        "an UNOPTIMISED build"
    } else {
        "a release build"
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{cpus} CPUs, {profile}, medians of {ROUNDS}")?;
    let speed = |cores: usize| move || openssl_speed(cores);
    let mut row = |what: &str, beside, target, theirs: &Work<'_>, ours: &Work<'_>| {
        row(&mut out, what, beside, target, theirs, ours)
    };
    let asked = Some(TARGET);
    row("one buffer, one core", "speed", asked, &speed(1), &buffer)?;
    for set in &SETS {
        let directory = set.write(root.path())?;
        let paths = paths(&directory)?;
        let Set { count, longest } = set;
        let name = |cores: &str| format!("{count} files up to {} KiB, {cores}", longest >> 10);
        let (one, all) = (name("one core"), name(&format!("{cpus} cores")));
        let files = |cores: usize| {
            let paths = &paths;
            move || on_cores(cores, set, || files(paths))
        };
        let tree = || on_cores(cpus, set, || tree(&directory, set));
        let dgst = || openssl_dgst(&paths, set);
        row(&one, "speed", asked, &speed(1), &files(1))?;
        row(&one, "dgst", asked, &dgst, &files(1))?;
        row(&all, "speed", asked, &speed(cpus), &files(cpus))?;
        row(
            &format!("{all}, a tree"),
            "speed",
            None,
            &speed(cpus),
            &tree,
        )?;
    }
    Ok(())
}

fn paths(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(directory)?.map(|entry| Ok(entry?.path()));
    entries.collect()
}

/// Measures both in turns and prints a row.
fn row(
    out: &mut impl Write,
    what: &str,
    beside: &str,
    target: Option<f64>,
    theirs: &Work<'_>,
    ours: &Work<'_>,
) -> Result<(), Failure> {
    let mut measured = Vec::new();
    for _ in 0..ROUNDS {
        measured.push((theirs()?, ours()?));
    }
    let theirs = median(measured.iter().map(|(theirs, _)| *theirs));
    let rate = median(measured.iter().map(|(_, ours)| *ours));
    let ratio = median(measured.iter().map(|(theirs, ours)| ours / theirs));
    let verdict = match target {
        Some(target) if ratio >= target => format!(">= {target} met"),
        Some(target) => format!(">= {target} MISSED"),
        None => String::new(),
    };
    writeln!(
        out,
        "{what:<43} openssl {beside:<5} {:>7.1} MB/s  ours {:>7.1} MB/s  ratio {ratio:>5.2}  {verdict}",
        theirs / 1e6,
        rate / 1e6
    )?;
    Ok(())
}

/// Returns how many bytes a second OpenSSL hashes of the files, on one core and by the time that it worked.
fn openssl_dgst(paths: &[PathBuf], set: &Set) -> Result<f64, Failure> {
    // The clock of a process that has ended ticks a hundred times a second.
    const TIMES: usize = 4;
    let begun = worked_by_children()?;
    for _ in 0..TIMES {
        let mut command = Command::new("openssl");
        let output = command.args(["dgst", "-sha256"]).args(paths).output()?;
        let lines = output.stdout.iter().filter(|&&byte| byte == b'\n').count();
        assert_eq!(lines, set.count, "openssl hashed every file");
    }
    Ok((set.bytes() * TIMES) as f64 / (worked_by_children()? - begun))
}

/// Returns how many bytes a second OpenSSL hashes on so many cores.
fn openssl_speed(cores: usize) -> Result<f64, Failure> {
    let mut command = Command::new("openssl");
    command.args(["speed", "-mr", "-seconds", "1", "-evp", "sha256", "-bytes"]);
    command.arg(BLOCK.to_string());
    if cores > 1 {
        command.args(["-elapsed", "-multi", &cores.to_string()]);
    }
    let output = command.output()?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    // With several cores each has lines of its own before the sum.
    let last = printed.lines().rev().find_map(|line| {
        let rate = line.strip_prefix("+F:")?.rsplit(':').next()?;
        rate.parse::<f64>().ok()
    });
    last.ok_or_else(|| format!("openssl speed printed no rate: {printed}").into())
}

/// Returns how many bytes a second are hashed that are in memory.
fn buffer() -> Result<f64, Failure> {
    let bytes = vec![7_u8; BLOCK];
    let (begun, mut count) = (worked()?, 0_u32);
    let seconds = loop {
        for _ in 0..1_000 {
            black_box(Sha256Digest::of(black_box(&bytes)));
        }
        count += 1_000;
        let seconds = worked()? - begun;
        if seconds >= 1.0 {
            break seconds;
        }
    };
    Ok(f64::from(count) * BLOCK as f64 / seconds)
}

/// Returns how many bytes a second are hashed of files on so many cores.
fn on_cores(
    cores: usize,
    set: &Set,
    hash: impl Fn() -> Result<usize, Failure> + Sync,
) -> Result<f64, Failure> {
    let pool = ThreadPoolBuilder::new().num_threads(cores).build()?;
    // The pool's threads have to be there when their time is read.
    pool.install(|| {
        let (clock, begun) = (Instant::now(), worked()?);
        let hashed = hash()?;
        let seconds = match cores {
            1 => worked()? - begun,
            _ => clock.elapsed().as_secs_f64(),
        };
        assert_eq!(hashed, set.count);
        Ok(set.bytes() as f64 / seconds)
    })
}

fn files(paths: &[PathBuf]) -> Result<usize, Failure> {
    let files: Vec<(&Path, u64)> = paths.iter().map(|path| (path.as_path(), 0)).collect();
    let hashed: io::Result<Vec<_>> = hash_files(CWD, &files).into_iter().collect();
    Ok(hashed?.len())
}

fn tree(directory: &Path, set: &Set) -> Result<usize, Failure> {
    let rules = WalkRules {
        limit: set.count,
        skip: &[],
    };
    Ok(read_directory(directory, rules)?.len())
}

/// Returns for how many seconds a processor worked on this process's threads (Linux,
/// `Documentation/scheduler/sched-stats.rst`, `/proc/<pid>/schedstat`).
fn worked() -> Result<f64, Failure> {
    let mut nanoseconds = 0.0;
    for task in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        let first = text.split_whitespace().next().unwrap_or_default();
        nanoseconds += first.parse::<f64>()?;
    }
    Ok(nanoseconds / 1e9)
}

/// Returns for how many seconds a processor worked on processes that this one has waited for
/// (`proc_pid_stat(5)`, `cutime` and `cstime`, in hundredths of a second).
fn worked_by_children() -> Result<f64, Failure> {
    let text = fs::read_to_string("/proc/self/stat")?;
    let fields = text.rsplit(") ").next().unwrap_or_default();
    let mut times = fields.split(' ').skip(13);
    let mut next = || -> Result<f64, Failure> {
        let ticks = times.next().ok_or("`/proc/self/stat` is too short")?;
        Ok(ticks.parse::<f64>()?)
    };
    Ok((next()? + next()?) / 100.0)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
