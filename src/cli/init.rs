//! `kmatrix init`.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};

use clap::Args;

use crate::catalog::facts::{self, DistroFacts};
use crate::cli::prepare::build_arch;
use crate::cli::{Common, Refusal};
use crate::document::Document;
use crate::exit::Exit;
use crate::matrix::{Matrix, Origin, Scaffold, written_out};
use crate::name::ModuleName;
use crate::report::Status;

/// The most bytes of a `dkms.conf` and of an `os-release` that are looked at.
const MOST_BYTES: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The module's directory, with a Kbuild or a Makefile [default: this one]
    #[arg(conflicts_with = "from_dkms")]
    directory: Option<PathBuf>,
    /// The directory of a DKMS package, with its dkms.conf
    #[arg(long, value_name = "DIR")]
    from_dkms: Option<PathBuf>,
    /// The module's name in cell ids [default: the directory's, or the PACKAGE_NAME]
    #[arg(long)]
    name: Option<ModuleName>,
    /// A distribution release to build for, such as debian-12; may be given several times [default:
    /// this machine's]
    #[arg(long, value_name = "NAME")]
    target: Vec<String>,
    /// The file to write [default: matrix/NAME.toml]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(
    common: &Common,
    arguments: &Arguments,
    status: &Status,
) -> Result<Exit, Refusal> {
    let directory = arguments
        .from_dkms
        .as_ref()
        .or(arguments.directory.as_ref())
        .map_or_else(|| PathBuf::from("."), PathBuf::clone);
    let directory = fs::canonicalize(&directory).map_err(|error| {
        Refusal::new(
            Exit::Invalid,
            format!("cannot open `{}`", directory.display()),
        )
        .caused_by(&error)
    })?;
    let conf = match &arguments.from_dkms {
        Some(_) => Some(read_conf(&directory)?),
        None => {
            has_makefile(&directory)?;
            None
        }
    };
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => name_of(&directory, conf.as_deref())?,
    };
    let all = facts::read_all(&common.kernels)?;
    let wanted = targets(&all, &arguments.target)?;
    let others: Vec<String> = all
        .iter()
        .filter(|facts| !wanted.iter().any(|wanted| wanted.name() == facts.name()))
        .map(DistroFacts::name)
        .collect();
    let targets: Vec<_> = wanted
        .iter()
        .map(|facts| (facts.distro.clone(), facts.distro_release.clone()))
        .collect();
    let output = match &arguments.output {
        Some(output) => output.clone(),
        None => PathBuf::from(format!("matrix/{name}.toml")),
    };
    if output.exists() {
        return Err(is_there(&output));
    }
    let folder = folder_of(&output)?;
    let source = relative(&folder, &directory);
    let source = source.to_str().ok_or_else(|| {
        let message = format!("the path `{}` is not UTF-8", directory.display());
        Refusal::new(Exit::Invalid, message)
    })?;
    let text = Scaffold {
        name: &name,
        source,
        origin: match &conf {
            Some(conf) => Origin::Dkms {
                version: written_out(conf, "PACKAGE_VERSION"),
            },
            None => Origin::Kbuild,
        },
        arch: build_arch()?,
        targets: &targets,
        others: &others,
    }
    .text();
    // What cannot be read is not written: a path may have what no matrix takes.
    Document::from_bytes(&output, text.as_bytes())
        .and_then(|document| Matrix::from_document(&document))?;
    write(&folder, &output, &text)?;
    status.done("Wrote", &output.display().to_string());
    status.done(
        "Next",
        &format!(
            "`kmatrix plan {0}` shows the cells, `kmatrix build {0}` builds them",
            output.display()
        ),
    );
    Ok(Exit::Success)
}

/// Reads a `dkms.conf` as the text that it is.
fn read_conf(directory: &Path) -> Result<String, Refusal> {
    let path = directory.join("dkms.conf");
    read_text(&path).map_err(|error| {
        Refusal::new(Exit::Invalid, format!("cannot read `{}`", path.display()))
            .caused_by(&error)
            .hint("a DKMS package has a `dkms.conf` at the top of its source".to_owned())
    })
}

fn read_text(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn has_makefile(directory: &Path) -> Result<(), Refusal> {
    if ["Kbuild", "Makefile"]
        .iter()
        .any(|name| directory.join(name).is_file())
    {
        return Ok(());
    }
    let message = format!(
        "`{}` has no `Kbuild` and no `Makefile`",
        directory.display()
    );
    let hint = if directory.join("dkms.conf").is_file() {
        "it has a `dkms.conf`: run `kmatrix init --from-dkms` with it"
    } else {
        "name the directory of a module"
    };
    Err(Refusal::new(Exit::Invalid, message).hint(hint.to_owned()))
}

fn name_of(directory: &Path, conf: Option<&str>) -> Result<ModuleName, Refusal> {
    let (found, place) = match conf {
        Some(conf) => (
            written_out(conf, "PACKAGE_NAME").map(str::to_owned),
            "`PACKAGE_NAME` of the dkms.conf",
        ),
        None => (
            directory
                .file_name()
                .and_then(|name| name.to_str())
                .map(str::to_owned),
            "the directory's name",
        ),
    };
    let hint = "say `--name NAME`".to_owned();
    let Some(found) = found else {
        let message = format!("{place} is not written out as plain text");
        return Err(Refusal::new(Exit::Invalid, message).hint(hint));
    };
    found.parse().map_err(|error| {
        let message = format!("{place} cannot be the name of a module");
        Refusal::new(Exit::Invalid, message)
            .caused_by(&error)
            .hint(hint)
    })
}

/// Returns the distribution releases that are named, or the one that this machine runs.
fn targets<'f>(all: &'f [DistroFacts], names: &[String]) -> Result<Vec<&'f DistroFacts>, Refusal> {
    let known: Vec<String> = all.iter().map(DistroFacts::name).collect();
    let hint = format!("name one with `--target`: {}", known.join(", "));
    if !names.is_empty() {
        let mut found: Vec<&DistroFacts> = Vec::new();
        for name in names {
            let facts = facts::find(all, name).ok_or_else(|| {
                let message = format!("there are no facts of `{name}`");
                Refusal::new(Exit::Usage, message).hint(hint.clone())
            })?;
            if !found.iter().any(|known| known.name() == facts.name()) {
                found.push(facts);
            }
        }
        return Ok(found);
    }
    let own = this_machine();
    let facts = own.as_deref().and_then(|name| facts::find(all, name));
    facts.map(|facts| vec![facts]).ok_or_else(|| {
        let what = own.unwrap_or_else(|| "this machine's distribution".to_owned());
        let message = format!("there are no facts of `{what}`, which this machine runs");
        Refusal::new(Exit::Usage, message).hint(hint)
    })
}

/// Returns what this machine runs, such as `debian-12` (os-release(5), `ID` and `VERSION_ID`).
fn this_machine() -> Option<String> {
    let text = read_text(Path::new("/etc/os-release")).ok()?;
    let id = written_out(&text, "ID")?;
    let version = written_out(&text, "VERSION_ID")?;
    Some(format!("{id}-{version}"))
}

fn is_there(output: &Path) -> Refusal {
    let message = format!(
        "`{}` is there already, and stays as it is",
        output.display()
    );
    Refusal::new(Exit::Usage, message).hint("name another file with `--output`".to_owned())
}

fn cannot_write(output: &Path, error: &dyn std::error::Error) -> Refusal {
    Refusal::new(
        Exit::Internal,
        format!("cannot write `{}`", output.display()),
    )
    .caused_by(error)
}

/// Makes the folder of a file, and returns where it really is.
fn folder_of(output: &Path) -> Result<PathBuf, Refusal> {
    let folder = match output.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    };
    fs::create_dir_all(folder)
        .and_then(|()| fs::canonicalize(folder))
        .map_err(|error| cannot_write(output, &error))
}

/// Writes the file whole or not at all, and never over another.
fn write(folder: &Path, output: &Path, text: &str) -> Result<(), Refusal> {
    let mut file =
        tempfile::NamedTempFile::new_in(folder).map_err(|error| cannot_write(output, &error))?;
    file.write_all(text.as_bytes())
        .map_err(|error| cannot_write(output, &error))?;
    let file = file
        .persist_noclobber(output)
        .map_err(|error| match error.error.kind() {
            std::io::ErrorKind::AlreadyExists => is_there(output),
            _ => cannot_write(output, &error.error),
        })?;
    readable(&file).map_err(|error| cannot_write(output, &error))
}

/// Gives a file the mode of any other; temporary files are closed to others.
fn readable(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

/// Returns the way from one directory to another, both canonical.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let (mut from, mut to) = (from.components().peekable(), to.components().peekable());
    while from.peek().is_some() && from.peek() == to.peek() {
        from.next();
        to.next();
    }
    let mut way: PathBuf = from.map(|_| Component::ParentDir).collect();
    way.extend(to);
    if way.as_os_str().is_empty() {
        way.push(".");
    }
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_between_directories_is_relative() {
        for (from, to, expected) in [
            ("/a/matrix", "/a/modules/m", "../modules/m"),
            ("/a", "/a", "."),
            ("/a", "/a/b", "b"),
            ("/a/b", "/a", ".."),
            ("/a/b", "/c", "../../c"),
        ] {
            assert_eq!(
                relative(Path::new(from), Path::new(to)),
                Path::new(expected)
            );
        }
    }
}
