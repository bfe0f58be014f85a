//! A signature by somebody else's program, which has the key: an HSM, a KMS, a PKCS#11 token.
//!
//! The program gets the digest in hexadecimal with a newline on standard input, and in its environment
//! `KMATRIX_SIGN_ALGORITHM` (such as `ecdsa-p256-sha256`) and `KMATRIX_SIGN_DIGEST` (such as `sha256`).
//! It writes the signature in base64 to standard output and ends with 0.

use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use crate::sign::password::VARIABLES;
use crate::sign::{DigestAlgorithm, KeyAlgorithm, PublicKey, SigningError};

/// The most that is read of each of its outputs.
const MOST_OUTPUT: u64 = 64 << 10;
/// The end of what it said that is shown.
const MOST_SAID: usize = 500;

/// How long it may take, unless said otherwise: somebody may have to touch a token.
pub const TIME_LIMIT: Duration = Duration::from_secs(60);

/// A program that signs digests, with its arguments: no shell is between.
#[derive(Debug, Clone)]
pub struct SigningCommand {
    program: OsString,
    arguments: Vec<OsString>,
    limit: Duration,
    public: PublicKey,
}

impl SigningCommand {
    /// Returns a command whose signatures `public` verifies.
    ///
    /// # Errors
    ///
    /// Ed25519 signs messages, not digests.
    pub fn new(
        program: OsString,
        arguments: Vec<OsString>,
        limit: Duration,
        public: PublicKey,
    ) -> Result<Self, SigningError> {
        match public.algorithm() {
            KeyAlgorithm::EcdsaP256 | KeyAlgorithm::Rsa => Ok(Self {
                program,
                arguments,
                limit,
                public,
            }),
            KeyAlgorithm::Ed25519 => Err(SigningError::CommandAlgorithm {
                algorithm: public.algorithm().as_str(),
            }),
        }
    }

    /// Returns what its signatures are checked with.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Has a message signed. What comes back is checked before anybody gets it.
    ///
    /// # Errors
    ///
    /// The program cannot be run, fails, does not end in time, or what it wrote is no signature of this
    /// message.
    pub async fn sign(
        &self,
        digest: DigestAlgorithm,
        message: &[u8],
    ) -> Result<Vec<u8>, SigningError> {
        let answer = tokio::time::timeout(self.limit, self.ask(digest, message))
            .await
            .map_err(|_| SigningError::CommandTimedOut {
                program: self.name(),
                limit: self.limit,
            })??;
        let signature = self.read(&answer)?;
        if self.public.verifies(digest, message, &signature) {
            Ok(signature)
        } else {
            Err(SigningError::SignatureRefused {
                signer: format!("the signing command `{}`", self.name()),
            })
        }
    }

    fn name(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }

    fn read(&self, answer: &[u8]) -> Result<Vec<u8>, SigningError> {
        let refused = |why: &str| SigningError::CommandAnswer {
            program: self.name(),
            why: why.to_owned(),
        };
        if answer.len() as u64 > MOST_OUTPUT {
            return Err(refused("it wrote more than a signature can be"));
        }
        let text: Vec<u8> = answer
            .iter()
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        if text.is_empty() {
            return Err(refused("its output is empty"));
        }
        STANDARD
            .decode(text)
            .map_err(|_| refused("its output is not base64"))
    }

    async fn ask(&self, digest: DigestAlgorithm, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let not_run = |source| SigningError::CommandNotRun {
            program: self.name(),
            source,
        };
        let mut command = Command::new(&self.program);
        for secret in VARIABLES {
            command.env_remove(secret);
        }
        let child = command
            .args(&self.arguments)
            .env("KMATRIX_SIGN_ALGORITHM", self.algorithm(digest))
            .env("KMATRIX_SIGN_DIGEST", digest.as_str())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(not_run)?;
        let mut child = Group(child);
        let (stdin, stdout, stderr) = (
            child.0.stdin.take(),
            child.0.stdout.take(),
            child.0.stderr.take(),
        );
        let line = format!("{}\n", hex::encode(digest.of(message)));
        let tell = async move {
            if let Some(mut stdin) = stdin {
                // A program that knows without asking is judged by what it answers.
                let _ = stdin.write_all(line.as_bytes()).await;
            }
        };
        let (_, answer, said) = tokio::join!(tell, bounded(stdout), bounded(stderr));
        let status = child.0.wait().await.map_err(not_run)?;
        if !status.success() {
            return Err(self.failed(status, &said.map_err(not_run)?));
        }
        answer.map_err(not_run)
    }

    fn failed(&self, status: ExitStatus, said: &[u8]) -> SigningError {
        let said: String = String::from_utf8_lossy(said)
            .trim()
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .collect();
        let skipped = said.chars().count().saturating_sub(MOST_SAID);
        SigningError::CommandFailed {
            program: self.name(),
            status: status.to_string(),
            said: said.chars().skip(skipped).collect(),
        }
    }

    fn algorithm(&self, digest: DigestAlgorithm) -> String {
        match self.public.algorithm() {
            KeyAlgorithm::EcdsaP256 => format!("ecdsa-p256-{digest}"),
            KeyAlgorithm::Rsa => format!("rsa-pkcs1v15-{digest}"),
            KeyAlgorithm::Ed25519 => KeyAlgorithm::Ed25519.as_str().to_owned(),
        }
    }
}

/// A child that is killed, with those that it started, when nobody waits for it any more.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        let running = self.0.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = running.and_then(Pid::from_raw) {
            // It may have ended just now.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Reads one byte more than may come, and no further; the writer then finds the pipe closed.
async fn bounded(from: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(MOST_OUTPUT + 1).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::sign::PrivateKey;
    use crate::sign::testing::{OPENSSL, command, public};

    /// What an HSM does with an ECDSA key.
    const OPENSSL_ECDSA: &str = "tr a-f A-F | basenc -d --base16 | openssl pkeyutl -sign -inkey \"$key\" \
         -pkeyopt digest:\"$KMATRIX_SIGN_DIGEST\" | base64";

    #[tokio::test]
    async fn a_command_gets_the_digest_and_signs_it() {
        for (key, script, digests) in [
            ("p256.pem", OPENSSL_ECDSA, &[DigestAlgorithm::Sha256][..]),
            ("rsa-2048.pem", OPENSSL, &DigestAlgorithm::ALL[..]),
        ] {
            for digest in digests {
                let command = command(key, script);
                let signature = command.sign(*digest, b"message").await.expect(key);
                assert!(command.public().verifies(*digest, b"message", &signature));
            }
        }
    }

    #[tokio::test]
    async fn a_command_is_told_the_algorithm_and_no_password() {
        let script = "env | grep -c PASSWORD >&2; echo \"$KMATRIX_SIGN_ALGORITHM\" >&2; exit 3";
        for (key, told) in [
            ("p256.pem", "0 ecdsa-p256-sha256"),
            ("rsa-2048.pem", "0 rsa-pkcs1v15-sha256"),
        ] {
            let error = command(key, script)
                .sign(DigestAlgorithm::Sha256, b"x")
                .await
                .expect_err("it fails");
            match error {
                SigningError::CommandFailed { said, status, .. } => {
                    assert_eq!((said.as_str(), status.as_str()), (told, "exit status: 3"));
                }
                other => panic!("{other}"),
            }
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_no_signature_of_the_message_is_refused() {
        for (script, expected) in [
            ("true", "its output is empty"),
            ("echo '!'", "its output is not base64"),
            ("yes", "it wrote more than a signature can be"),
        ] {
            match command("p256.pem", script)
                .sign(DigestAlgorithm::Sha256, b"x")
                .await
            {
                Err(SigningError::CommandAnswer { why, .. }) => assert_eq!(why, expected),
                // `yes` is ended by the closed pipe, which some shells report.
                Err(SigningError::CommandFailed { .. }) => assert_eq!(script, "yes"),
                other => panic!("{script}: {other:?}"),
            }
        }
        // Of another message, and by another key.
        let other_message = format!("echo {} | {OPENSSL_ECDSA}", "00".repeat(32));
        let mut other_key = command("rsa-2048.pem", OPENSSL);
        other_key.public = public("p256.pub");
        for refused in [command("p256.pem", &other_message), other_key] {
            let error = refused.sign(DigestAlgorithm::Sha256, b"x").await;
            assert!(
                matches!(error, Err(SigningError::SignatureRefused { .. })),
                "{error:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_command_that_does_not_end_is_killed_with_its_children() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("child");
        let mut command = command(
            "p256.pem",
            &format!("sleep 600 & echo $! >{}; wait", path.display()),
        );
        command.limit = Duration::from_millis(500);
        let started = Instant::now();
        let error = command.sign(DigestAlgorithm::Sha256, b"x").await;
        assert!(
            matches!(error, Err(SigningError::CommandTimedOut { .. })),
            "{error:?}"
        );
        assert!(started.elapsed() < Duration::from_secs(10));
        let child = std::fs::read_to_string(&path).expect("it had started");
        let gone = || match std::fs::read_to_string(format!("/proc/{}/stat", child.trim())) {
            Ok(stat) => stat.contains(") Z "),
            Err(_) => true,
        };
        while !gone() {
            assert!(started.elapsed() < Duration::from_secs(20), "{child} lives");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_told() {
        let mut command = command("p256.pem", "");
        command.program = "/nonexistent/program".into();
        let error = command.sign(DigestAlgorithm::Sha256, b"x").await;
        assert!(
            matches!(error, Err(SigningError::CommandNotRun { .. })),
            "{error:?}"
        );
    }

    #[test]
    fn an_ed25519_key_is_refused() {
        let key = PrivateKey::generate(KeyAlgorithm::Ed25519).expect("made");
        let public = PrivateKey::from_pkcs8(&key)
            .expect("a key")
            .public()
            .clone();
        let refused = SigningCommand::new("sh".into(), Vec::new(), TIME_LIMIT, public);
        assert!(matches!(
            refused,
            Err(SigningError::CommandAlgorithm { .. })
        ));
    }
}
