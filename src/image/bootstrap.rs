//! Making a root file system from a signed archive with mmdebstrap, as one reproducible tar.
//!
//! The archive is authenticated twice: by us, which gives the record, and by apt inside mmdebstrap
//! with the same pinned keys. The Release files that apt used are handed out and must be the very
//! ones that we authenticated, so that the record speaks of the bytes that are in the image.

use std::io;
use std::path::Path;
use std::process::Stdio;

use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::catalog::apt::ArchiveStates;
use crate::digest::{Sha256Digest, hash_file};
use crate::image::RootRecord;
use crate::image::definition::Bootstrap;
use crate::name::Arch;
use crate::store::{Store, StoreError};

/// What a build never reads, and what would make the tar larger or tell where it was made.
const LEFT_OUT: [&str; 4] = [
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
];

/// Says why a root file system could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    #[error("`mmdebstrap` cannot be run")]
    NoProgram(#[source] io::Error),
    #[error("`mmdebstrap` failed with exit code {code}: {message}")]
    Failed { code: i32, message: String },
    #[error("cannot prepare the bootstrap")]
    Prepare(#[source] io::Error),
    #[error("the archive changed between its authentication and the bootstrap")]
    ArchiveMoved,
    #[error("the recipe names no suite")]
    NoSuite,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BootstrapError {
    /// Returns true if the bootstrap may succeed from another mirror.
    pub fn may_be_the_mirrors(&self) -> bool {
        match self {
            Self::Failed { .. } | Self::ArchiveMoved => true,
            Self::NoProgram(_) | Self::Prepare(_) | Self::NoSuite | Self::Store(_) => false,
        }
    }

    /// Says what to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoProgram(_) => "install it with `ci/setup`",
            Self::Failed { .. } => {
                "check the packages of the image's definition, and that the archive can be reached"
            }
            Self::Prepare(_) => "check the temporary directory",
            Self::ArchiveMoved => "run the same command again",
            Self::NoSuite => "add an `[[bootstrap.archive]]` with a suite to the definition",
            Self::Store(_) => "make room in the state directory",
        }
    }
}

/// Makes the root and puts its tar into the store.
///
/// `states` are the authenticated states of the archives of `bootstrap`, in their order, each with
/// the mirror that it is made from. `date` becomes `SOURCE_DATE_EPOCH`.
pub async fn bootstrap(
    bootstrap: &Bootstrap,
    arch: Arch,
    states: &[ArchiveStates],
    date: Timestamp,
    store: &Store,
) -> Result<RootRecord, BootstrapError> {
    let scratch = tempfile::tempdir().map_err(BootstrapError::Prepare)?;
    let keys = scratch.path().join("keys");
    let used = scratch.path().join("release-files");
    prepare(bootstrap, &keys, &used).map_err(BootstrapError::Prepare)?;
    let first = bootstrap
        .archives
        .first()
        .and_then(|archive| archive.suites.first())
        .ok_or(BootstrapError::NoSuite)?;

    let mut command = Command::new("mmdebstrap");
    command
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("LC_ALL", "C.UTF-8")
        .env("SOURCE_DATE_EPOCH", date.as_second().to_string())
        .args(["--variant=minbase", "--format=tar", "--quiet"])
        .arg(format!("--architectures={arch}"))
        .arg(format!("--keyring={}", keys.display()))
        .arg(format!("--include={}", bootstrap.packages.join(",")))
        .args(LEFT_OUT.map(|path| format!("--dpkgopt=path-exclude={path}")))
        // An expired Release file was decided on by us, by name; apt must not decide again.
        .arg("--aptopt=Acquire::Check-Valid-Until \"false\"")
        .arg(format!(
            "--customize-hook=cp \"$1\"/var/lib/apt/lists/*InRelease '{}'/",
            used.display()
        ));
    for locale in &bootstrap.locales {
        let (language, charset) = locale.split_once('.').unwrap_or((locale, "UTF-8"));
        command.arg(format!(
            "--customize-hook=chroot \"$1\" localedef --no-archive -i {language} -f {charset} {locale}"
        ));
    }
    command
        .arg(
            "--customize-hook=rm -rf \"$1\"/var/lib/apt/lists \"$1\"/etc/apt/sources.list* \
             \"$1\"/etc/hostname \"$1\"/etc/resolv.conf \"$1\"/var/cache/ldconfig \
             \"$1\"/var/log/apt \"$1\"/var/log/dpkg.log \"$1\"/usr/share/i18n",
        )
        .arg(first.suite.as_str())
        .arg("-");
    for (archive, state) in bootstrap.archives.iter().zip(states) {
        for suite in &archive.suites {
            command.arg(format!(
                "deb {} {} {}",
                state.mirror.address_for_apt(),
                suite.suite,
                suite.location.components().join(" "),
            ));
        }
    }
    let root = run(command, store)
        .await
        .map_err(|error| without_passwords(error, states))?;
    if release_files(&used).map_err(BootstrapError::Prepare)? != recorded(states) {
        return Err(BootstrapError::ArchiveMoved);
    }
    Ok(root)
}

/// A bootstrap that is asked to end when nobody waits for it any more. It unmounts and removes what
/// it made, which it could not do if it were killed.
struct Running(Option<u32>);

impl Drop for Running {
    fn drop(&mut self) {
        let pid = self.0.and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(pid) = pid {
            // It may have ended by itself meanwhile.
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

fn prepare(bootstrap: &Bootstrap, keys: &Path, used: &Path) -> io::Result<()> {
    std::fs::create_dir(keys)?;
    std::fs::create_dir(used)?;
    let keyrings = bootstrap
        .archives
        .iter()
        .flat_map(|archive| &archive.keyrings);
    for (number, keyring) in keyrings.enumerate() {
        let ending = keyring
            .extension()
            .map_or_else(|| "gpg".into(), |ending| ending.to_string_lossy());
        std::fs::copy(keyring, keys.join(format!("{number}.{ending}")))?;
    }
    Ok(())
}

/// Runs mmdebstrap with its tar going into the store as it comes.
async fn run(mut command: Command, store: &Store) -> Result<RootRecord, BootstrapError> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(BootstrapError::NoProgram)?;
    let mut running = Running(child.id());
    let (Some(mut tar), Some(mut errors)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(BootstrapError::Prepare(io::ErrorKind::BrokenPipe.into()));
    };
    let messages = tokio::spawn(async move {
        let mut text = Vec::new();
        // What was read until an error is still worth showing.
        let _ = errors.read_to_end(&mut text).await;
        String::from_utf8_lossy(&text).into_owned()
    });
    let mut writer = Some(store.blob_writer()?);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = tar
            .read(&mut buffer)
            .await
            .map_err(BootstrapError::Prepare)?;
        if count == 0 {
            break;
        }
        let Some(mut open) = writer.take() else {
            break;
        };
        let bytes = buffer[..count].to_vec();
        let path = open.path();
        let written = tokio::task::spawn_blocking(move || {
            io::Write::write_all(&mut open, &bytes).map(|()| open)
        })
        .await
        .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        writer = Some(written.map_err(|source| StoreError::Io {
            doing: "write",
            path,
            source,
        })?);
    }
    let status = child.wait().await.map_err(BootstrapError::Prepare)?;
    running.0 = None;
    let messages = messages.await.unwrap_or_default();
    if !status.success() {
        let last: Vec<&str> = messages
            .lines()
            .filter(|line| line.starts_with("E:") || line.contains("error"))
            .take(4)
            .collect();
        return Err(BootstrapError::Failed {
            code: status.code().unwrap_or(-1),
            message: last.join("; "),
        });
    }
    let Some(writer) = writer else {
        return Err(BootstrapError::Prepare(io::ErrorKind::BrokenPipe.into()));
    };
    let (digest, bytes) = writer.commit(None)?;
    Ok(RootRecord { digest, bytes })
}

/// Takes the addresses that mmdebstrap may repeat out of what it says.
fn without_passwords(error: BootstrapError, states: &[ArchiveStates]) -> BootstrapError {
    match error {
        BootstrapError::Failed { code, mut message } => {
            for state in states {
                let bare = state.mirror.to_string();
                message = message.replace(state.mirror.address_for_apt(), &bare);
            }
            BootstrapError::Failed { code, message }
        }
        BootstrapError::NoProgram(_)
        | BootstrapError::Prepare(_)
        | BootstrapError::ArchiveMoved
        | BootstrapError::NoSuite
        | BootstrapError::Store(_) => error,
    }
}

fn release_files(directory: &Path) -> io::Result<Vec<Sha256Digest>> {
    let mut digests = std::fs::read_dir(directory)?
        .map(|entry| Ok(hash_file(&entry?.path())?.0))
        .collect::<io::Result<Vec<_>>>()?;
    digests.sort();
    Ok(digests)
}

fn recorded(states: &[ArchiveStates]) -> Vec<Sha256Digest> {
    let suites = states.iter().flat_map(|state| &state.suites);
    let mut digests: Vec<Sha256Digest> = suites.map(|suite| suite.index).collect();
    digests.sort();
    digests
}
