//! Unpacks the packages of kernels, beside `dpkg-deb -x` on the same files in the same run: `cargo bench
//! --bench unpack -- FILE`. Every line of FILE has the Debian packages of one kernel, by their paths.
//! `ci/benchmark/unpack` calls it.
//!
//! Three pairs: one package after the other; the kernels side by side on all CPUs; and into the store,
//! which hashes the package, writes down what is in it and flushes the disk, beside `dpkg-deb -x` and
//! one `sync`. Ours hashes every file in each of them, which `dpkg-deb` does not.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use kmatrix::digest::{Hashing, Sha256Digest};
use kmatrix::package::{Limits, PackageFormat, unpack};
use kmatrix::store::Store;

const ROUNDS: usize = 5;
/// What is to be reached: how long ours takes, in the time of `dpkg-deb -x`.
const TARGET: f64 = 1.0;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Kernel = Vec<PathBuf>;

fn main() -> Result<(), Failure> {
    // Cargo's own `--bench` stands among the arguments.
    let list = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"));
    let Some(list) = list else {
        return Ok(writeln!(io::stderr(), "no list of packages was named")?);
    };
    let kernels: Vec<Kernel> = fs::read_to_string(list)?
        .lines()
        .map(|line| line.split_whitespace().map(PathBuf::from).collect())
        .collect();
    let packages = kernels.iter().map(Vec::len).sum::<usize>();
    let cpus = thread::available_parallelism()?.get();
    let profile = if cfg!(debug_assertions) {
        "an UNOPTIMISED build"
    } else {
        "a release build"
    };
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{packages} packages of {} kernels, {profile}, medians of {ROUNDS}",
        kernels.len()
    )?;
    let rows: [(&str, &Work, &Work); 3] = [
        ("one at a time", &|| one_by_one(&kernels, dpkg_deb), &|| {
            one_by_one(&kernels, ours)
        }),
        (
            &format!("kernels {cpus} at a time"),
            &|| side_by_side(&kernels, cpus, dpkg_deb),
            &|| side_by_side(&kernels, cpus, ours),
        ),
        (
            "and kept on the disk",
            &|| one_by_one(&kernels, dpkg_deb_and_sync),
            &|| into_store(&kernels),
        ),
    ];
    for (what, theirs, ours) in rows {
        let (theirs, ours) = medians(theirs, ours)?;
        let ratio = ours / theirs;
        let verdict = if ratio <= TARGET { "met" } else { "MISSED" };
        writeln!(
            out,
            "{what:<22} dpkg-deb -x {theirs:>7.3} s  ours {ours:>7.3} s  ratio {ratio:>5.2}  <= {TARGET} {verdict}"
        )?;
    }
    Ok(())
}

type Work<'a> = dyn Fn() -> Result<f64, Failure> + 'a;

/// Takes turns, so that what else the machine does meets both.
fn medians(one: &Work, other: &Work) -> Result<(f64, f64), Failure> {
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ones.push(one()?);
        others.push(other()?);
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    };
    Ok((median(&mut ones), median(&mut others)))
}

/// Has an empty directory for each package, on the disk that the project is on.
fn directory() -> Result<tempfile::TempDir, Failure> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(target)?;
    Ok(tempfile::tempdir_in(target)?)
}

type Unpack = fn(&Path, &Path) -> Result<(), Failure>;

fn one_by_one(kernels: &[Kernel], unpack: Unpack) -> Result<f64, Failure> {
    let into = directory()?;
    let start = Instant::now();
    for (number, package) in kernels.iter().flatten().enumerate() {
        let into = into.path().join(number.to_string());
        fs::create_dir(&into)?;
        unpack(package, &into)?;
    }
    Ok(start.elapsed().as_secs_f64())
}

fn side_by_side(kernels: &[Kernel], cpus: usize, unpack: Unpack) -> Result<f64, Failure> {
    let into = directory()?;
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    let work = || -> Result<(), Failure> {
        while let Some(kernel) = kernels.get(next.fetch_add(1, Ordering::Relaxed)) {
            for package in kernel {
                unpack(package, &tempfile::tempdir_in(into.path())?.keep())?;
            }
        }
        Ok(())
    };
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..cpus {
            scope.spawn(|| {
                if let Err(error) = work() {
                    failure.lock().expect("no holder panics").replace(error);
                }
            });
        }
    });
    let time = start.elapsed().as_secs_f64();
    match failure.into_inner()? {
        Some(error) => Err(error),
        None => Ok(time),
    }
}

fn dpkg_deb(package: &Path, into: &Path) -> Result<(), Failure> {
    let status = Command::new("dpkg-deb")
        .arg("-x")
        .args([package, into])
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("dpkg-deb ended with {status}").into())
    }
}

fn ours(package: &Path, into: &Path) -> Result<(), Failure> {
    let mut bytes = Hashing::new(File::open(package)?);
    unpack(PackageFormat::Deb, &mut bytes, into, &Limits::default())?;
    Ok(())
}

fn dpkg_deb_and_sync(package: &Path, into: &Path) -> Result<(), Failure> {
    dpkg_deb(package, into)?;
    let status = Command::new("sync").arg("-f").arg(into).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("sync ended with {status}").into())
    }
}

fn into_store(kernels: &[Kernel]) -> Result<f64, Failure> {
    let root = directory()?;
    let store = Store::open(root.path())?;
    let mut digests: Vec<Sha256Digest> = Vec::new();
    for package in kernels.iter().flatten() {
        digests.push(store.put(&fs::read(package)?)?);
    }
    let start = Instant::now();
    for digest in &digests {
        store.package_tree(digest, PackageFormat::Deb, &Limits::default())?;
    }
    Ok(start.elapsed().as_secs_f64())
}
