//! Asking an image for the versions of its tools and for its packages.

use std::collections::BTreeMap;

use tokio::sync::watch;

use crate::digest::Sha256Digest;
use crate::engine::{Docker, End, Locations};
use crate::image::InstalledPackage;
use crate::image::make::ImageError;
use crate::image::package_database::{PackageDatabase, RPM_QUERY, parse_packages};
use crate::recipe::{BuildSpec, Expected, Limits};
use crate::variation::Variation;

/// Prints the first line of each tool's version, an empty line, the word for the package database,
/// and what it holds. A database that is there and cannot be read fails the probe.
const PROBE: &str = r#"
query=$1; shift
for tool; do printf '%s\t%s\n' "$tool" "$("$tool" --version 2>/dev/null | head -n 1)"; done
printf '\n'
if [ -f /var/lib/dpkg/status ]; then
    printf 'dpkg\n'; exec cat /var/lib/dpkg/status
elif [ -f /lib/apk/db/installed ]; then
    printf 'apk\n'; exec cat /lib/apk/db/installed
elif [ -d /var/lib/pacman/local ]; then
    printf 'pacman\n'; exec cat /var/lib/pacman/local/*/desc
elif listed=$(rpm -qa --queryformat "$query" 2>/dev/null) && [ -n "$listed" ]; then
    printf 'rpm\n%s\n' "$listed"
else
    printf 'unknown\n'
fi
"#;

/// What an image says of itself.
pub(super) struct Probed {
    /// The first line of `<tool> --version`, by tool; a tool that is not there has no entry.
    pub tools: BTreeMap<String, String>,
    pub database: PackageDatabase,
    /// Ordered.
    pub packages: Vec<InstalledPackage>,
}

/// Asks the image, in a container as sealed as any build.
pub(super) async fn probe(
    docker: &Docker,
    image: Sha256Digest,
    tools: &[String],
) -> Result<Probed, ImageError> {
    let mut command: Vec<String> = ["/bin/sh", "-c", PROBE, "kmatrix-probe", RPM_QUERY]
        .map(str::to_owned)
        .to_vec();
    command.extend(tools.iter().cloned());
    let spec = BuildSpec {
        schema_version: 1,
        image,
        inputs: Vec::new(),
        command,
        environment: BTreeMap::from([
            (
                "PATH".to_owned(),
                "/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            ),
            ("LC_ALL".to_owned(), "C".to_owned()),
        ]),
        host_name: "probe".to_owned(),
        domain_name: String::new(),
        user: 1000,
        group: 1000,
        cpus: 0,
        limits: Limits::default(),
        expected: Expected {
            modules: Vec::new(),
            kernel_release: String::new(),
            machine: 0,
            may_exclude: false,
        },
        variation: Variation::reference(),
    };
    let (_sender, stop) = watch::channel(false);
    let execution = docker.run(&spec, &Locations::new(), 0, stop).await;
    match execution.end {
        End::Exited { code: 0 } => {}
        End::Lost(failure) => return Err(failure.into()),
        End::Exited { .. }
        | End::OutOfMemory { .. }
        | End::TimedOut
        | End::OutputLimit
        | End::LogLimit
        | End::Interrupted => {
            return Err(ImageError::Probe(format!(
                "it ended with {:?}",
                execution.end
            )));
        }
    }
    read(&String::from_utf8_lossy(&execution.output))
}

fn read(text: &str) -> Result<Probed, ImageError> {
    let refused = |why: &str| ImageError::Probe(why.to_owned());
    let (versions, rest) = text
        .split_once("\n\n")
        .ok_or_else(|| refused("it did not say what package database it has"))?;
    let (word, listed) = rest.split_once('\n').unwrap_or((rest, ""));
    let database = PackageDatabase::ALL
        .into_iter()
        .find(|database| database.as_str() == word)
        .ok_or_else(|| refused("it named a package database that was not asked for"))?;
    let tools = versions
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter(|(_, version)| !version.is_empty())
        .map(|(tool, version)| (tool.to_owned(), version.to_owned()))
        .collect();
    Ok(Probed {
        tools,
        database,
        packages: parse_packages(database, listed)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_nobody_knows_is_told_from_one_that_is_empty() {
        let probed = |text| read(text).map(|probed| (probed.database, probed.packages.len()));
        assert_eq!(
            probed("ld\tGNU ld 2.40\n\nunknown\n").expect("an answer"),
            (PackageDatabase::Unknown, 0)
        );
        assert_eq!(
            probed("ld\t\n\ndpkg\n").expect("an answer"),
            (PackageDatabase::Dpkg, 0)
        );
        for text in ["", "ld\tGNU ld\n", "ld\tGNU ld\n\nnix\n", "\n\n"] {
            assert!(matches!(read(text), Err(ImageError::Probe(_))), "{text:?}");
        }
        let tools = read("ld\tGNU ld 2.40\nno\t\n\nunknown\n")
            .expect("an answer")
            .tools;
        assert_eq!(tools.into_keys().collect::<Vec<_>>(), ["ld"]);
    }
}
