//! From one Packages index of a whole suite to the list of its kernels, beside a bare reading of the
//! same file: `cargo bench --bench index -- FILE`. `ci/benchmark/index` calls it, and python-apt and
//! apt-cache on the same file.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::time::Instant;

use kmatrix::catalog::facts::DistroFacts;
use kmatrix::catalog::kernels::{KernelPatterns, Offer, discover};
use kmatrix::catalog::packages_index::read_packages;
use kmatrix::name::Arch;
use kmatrix::package::PackageFormat;

const ROUNDS: usize = 5;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    // Cargo's own `--bench` stands among the arguments.
    let Some(path) = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"))
    else {
        return Ok(writeln!(io::stderr(), "no index was named")?);
    };
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let facts = DistroFacts::read(project.join("kernels/debian-12.toml"))
        .map_err(|problems| problems.to_string())?;
    let (bare, packages) = best(|| bare_reading(&path))?;
    let (ours, kernels) = best(|| kernels_of(&path, &facts))?;
    let mut out = io::stdout().lock();
    writeln!(out, "bare {bare:.4} {packages}")?;
    writeln!(out, "kmatrix {ours:.4} {kernels}")?;
    Ok(())
}

/// Returns the shortest of several times, and what was counted.
fn best(work: impl Fn() -> Result<usize, Failure>) -> Result<(f64, usize), Failure> {
    let mut shortest = f64::INFINITY;
    let mut count = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        count = work()?;
        shortest = shortest.min(start.elapsed().as_secs_f64());
    }
    Ok((shortest, count))
}

/// Reads the file and counts its empty lines, which is the least that a reader has to do.
fn bare_reading(path: &str) -> Result<usize, Failure> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(memchr::memmem::find_iter(&bytes, b"\n\n").count())
}

fn kernels_of(path: &str, facts: &DistroFacts) -> Result<usize, Failure> {
    let patterns = KernelPatterns::new(&facts.kernel, facts.format)?;
    let packages = read_packages(File::open(path)?, |name| patterns.wants(name))?;
    let offer = Offer {
        archive: "debian".parse()?,
        suite: "bookworm".parse()?,
        arch: Arch::Amd64,
        format: PackageFormat::Deb,
        signers: Vec::new(),
        packages,
    };
    let archs = BTreeSet::from([Arch::Amd64]);
    let found = discover(
        &facts.distro,
        &facts.distro_release,
        &patterns,
        &[offer],
        &archs,
        Arch::Amd64,
    );
    Ok(found.kernels.len() + found.unresolved.len())
}
