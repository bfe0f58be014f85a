//! The password of a key: from the environment, a file descriptor or the terminal, in this order of
//! who asks for it.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::sign::SigningError;

/// The environment variables that hold it, the first that is set counting.
pub const VARIABLES: [&str; 2] = ["KMATRIX_KEY_PASSWORD", "COSIGN_PASSWORD"];
const MOST_BYTES: u64 = 4096;

/// Where a password comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordSource {
    /// A file descriptor that this process has; one line is read.
    Descriptor(u32),
    /// The environment, or else the terminal if there is one.
    Surroundings,
}

/// What a password is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Opening a key.
    Open,
    /// Making one: at a terminal it is asked for twice.
    Make,
}

impl PasswordSource {
    /// Returns the password of the key at `path`. An empty one that was set on purpose is one.
    ///
    /// # Errors
    ///
    /// There is none, or it cannot be read.
    pub fn read(self, path: &Path, purpose: Purpose) -> Result<Zeroizing<Vec<u8>>, SigningError> {
        match self {
            Self::Descriptor(number) => descriptor(number),
            Self::Surroundings => {
                for name in VARIABLES {
                    if let Some(value) = std::env::var_os(name) {
                        return Ok(Zeroizing::new(value.into_encoded_bytes()));
                    }
                }
                if !io::stdin().is_terminal() {
                    return Err(SigningError::PasswordMissing {
                        path: path.to_owned(),
                    });
                }
                prompt(path, purpose)
            }
        }
    }
}

fn descriptor(number: u32) -> Result<Zeroizing<Vec<u8>>, SigningError> {
    let failed = |why: String| SigningError::PasswordUnreadable {
        from: format!("file descriptor {number}"),
        why,
    };
    let file =
        File::open(format!("/dev/fd/{number}")).map_err(|error| failed(error.to_string()))?;
    // As long as it may get, so that no half of it is left behind when the buffer grows.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST_BYTES as usize + 1));
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(error.to_string()))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(failed(format!("it is longer than {MOST_BYTES} bytes")));
    }
    if let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
        bytes.truncate(end);
    }
    Ok(bytes)
}

fn prompt(path: &Path, purpose: Purpose) -> Result<Zeroizing<Vec<u8>>, SigningError> {
    let failed = |why: String| SigningError::PasswordUnreadable {
        from: "the terminal".to_owned(),
        why,
    };
    let ask = |question: String| {
        rpassword::prompt_password(question)
            .map(|password| Zeroizing::new(password.into_bytes()))
            .map_err(|error| failed(error.to_string()))
    };
    let password = ask(format!("password of {}: ", path.display()))?;
    match purpose {
        Purpose::Open => Ok(password),
        Purpose::Make if ask("the same again: ".to_owned())? == password => Ok(password),
        Purpose::Make => Err(failed("the two are not the same".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};
    use std::os::fd::AsRawFd;

    use super::*;

    fn from_descriptor(content: &[u8]) -> Result<Zeroizing<Vec<u8>>, SigningError> {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(content).expect("written");
        file.rewind().expect("at its start");
        let number = u32::try_from(file.as_raw_fd()).expect("a descriptor");
        PasswordSource::Descriptor(number).read(Path::new("key"), Purpose::Open)
    }

    #[test]
    fn a_descriptor_gives_its_first_line() {
        for (content, password) in [
            (&b"secret\nmore"[..], &b"secret"[..]),
            (b"secret", b"secret"),
            (b"\n", b""),
            (b"", b""),
        ] {
            assert_eq!(from_descriptor(content).expect("read").as_slice(), password);
        }
    }

    #[test]
    fn a_descriptor_that_is_endless_or_not_there_is_refused() {
        let long = vec![b'x'; MOST_BYTES as usize + 1];
        let error = from_descriptor(&long).expect_err("too long");
        assert!(matches!(error, SigningError::PasswordUnreadable { .. }));
        let error = PasswordSource::Descriptor(999_999)
            .read(Path::new("key"), Purpose::Open)
            .expect_err("not there");
        assert!(matches!(error, SigningError::PasswordUnreadable { .. }));
    }
}
