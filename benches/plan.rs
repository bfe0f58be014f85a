//! Plans 100,000 cells and prints them as JSON, beside bare `serde_json` over as many strings.
//!
//! It prints times, and the peak of resident memory (`VmHWM`, proc(5)), and their ratios from this one
//! run: `cargo bench --bench plan`.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use kmatrix::catalog::{DistroKernels, Kernel};
use kmatrix::digest::{Hashing, Sha256Digest};
use kmatrix::document::Document;
use kmatrix::matrix::Matrix;
use kmatrix::name::{Arch, ParseNameError, Target};
use kmatrix::plan::{PlanDocument, plan};

const KERNELS: usize = 1000;
const MODULES: usize = 100;
/// The strings that a cell has in the JSON form.
const STRINGS: usize = 8;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cells = KERNELS * MODULES;
    let (bare, bare_bytes) = bare_json(cells)?;
    let bare_peak = peak_kib()?;

    let matrix = Matrix::from_document(&Document::from_bytes("bench.toml", matrix().as_bytes())?)?;
    let catalogs = [catalog()?];
    let start = Instant::now();
    let plan = plan(&matrix, &catalogs, jiff::civil::date(2026, 11, 20))?;
    let planned = start.elapsed();
    let mut sink = Hashing::new(io::sink());
    PlanDocument::from(&plan).write(&mut sink)?;
    let all = start.elapsed();
    let peak = peak_kib()?;
    assert_eq!(plan.cells.len(), cells);

    let mut out = io::stdout().lock();
    writeln!(out, "{cells} cells")?;
    row(&mut out, "bare serde_json", bare, bare_bytes, bare_peak)?;
    row(&mut out, "plan and JSON", all, sink.bytes(), peak)?;
    writeln!(out, "  of it the plan     {:>7.3} s", planned.as_secs_f64())?;
    let times = all.as_secs_f64() / bare.as_secs_f64();
    let peaks = peak as f64 / bare_peak as f64;
    writeln!(out, "time ratio {times:.2}, memory ratio {peaks:.2}")?;
    Ok(())
}

fn row(
    out: &mut impl io::Write,
    name: &str,
    time: Duration,
    bytes: u64,
    peak_kib: u64,
) -> io::Result<()> {
    let seconds = time.as_secs_f64();
    let (written, peak) = (bytes >> 20, peak_kib >> 10);
    writeln!(
        out,
        "{name:<20} {seconds:>7.3} s  {written:>4} MiB of JSON  peak {peak:>4} MiB"
    )
}

/// Makes and serialises as many strings of the usual length.
fn bare_json(cells: usize) -> Result<(Duration, u64), serde_json::Error> {
    let start = Instant::now();
    let lists: Vec<Vec<String>> = (0..cells)
        .map(|cell| {
            (0..STRINGS)
                .map(|n| format!("6.1.0-{cell}-amd64-{n}"))
                .collect()
        })
        .collect();
    let mut sink = Hashing::new(io::sink());
    serde_json::to_writer(&mut sink, &lists)?;
    Ok((start.elapsed(), sink.bytes()))
}

fn matrix() -> String {
    let modules = (0..MODULES).map(|n| format!("[[module]]\nname = 'm{n}'\nsource = 'm{n}'\n"));
    format!(
        "schema = 1\n{}[[target]]\ndistro = 'debian'\nrelease = '12'\narch = 'amd64'\n",
        modules.collect::<String>()
    )
}

fn catalog() -> Result<DistroKernels, ParseNameError> {
    let kernels: Result<Vec<Kernel>, ParseNameError> = (0..KERNELS).map(kernel).collect();
    Ok(DistroKernels {
        distro: "debian".parse()?,
        distro_release: "12".parse()?,
        facts: Sha256Digest::of(b"bench"),
        suites: Vec::new(),
        kernels: kernels?,
        unresolved: Vec::new(),
    })
}

fn kernel(abi: usize) -> Result<Kernel, ParseNameError> {
    Ok(Kernel {
        target: Target {
            distro: "debian".parse()?,
            distro_release: "12".parse()?,
            arch: Arch::Amd64,
            kernel_release: format!("6.1.0-{abi}-amd64").parse()?,
            package_version: format!("6.1.{abi}-1").parse()?,
            flavour: "generic".parse()?,
        },
        packages: Vec::new(),
    })
}

/// Reads the most memory that this process has had resident.
fn peak_kib() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    kib.and_then(|text| text.parse().ok())
        .ok_or_else(|| io::Error::other("no `VmHWM` in the process status"))
}
