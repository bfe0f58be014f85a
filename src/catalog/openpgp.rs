//! Who signed an index or a package: the cleartext signature framework (RFC 9580, section 7) and
//! detached signatures (section 10.4), checked against pinned keys. The only file that knows the
//! OpenPGP library.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sequoia_openpgp as openpgp;

use openpgp::cert::CertParser;
use openpgp::cert::amalgamation::{ValidAmalgamation as _, ValidateAmalgamation as _};
use openpgp::parse::Parse as _;
use openpgp::parse::stream::{
    DetachedVerifierBuilder, GoodChecksum, MessageLayer, MessageStructure, VerificationError,
    VerificationHelper, VerifierBuilder,
};
use openpgp::policy::{HashAlgoSecurity, StandardPolicy};
use openpgp::types::{HashAlgorithm, RevocationStatus};
use openpgp::{Cert, KeyHandle};

use super::Fingerprint;

const MOST_KEYRING_BYTES: u64 = 16 << 20;
const MOST_TEXT_BYTES: u64 = 64 << 20;

const BEGIN_MESSAGE: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const BEGIN_SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const END_SIGNATURE: &str = "-----END PGP SIGNATURE-----";
const BEGIN_KEYS: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// A text and who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedText {
    /// What was signed, and nothing that stood around it.
    pub text: String,
    /// The pinned keys whose signatures are good, by their primary keys' fingerprints; at least one.
    pub signed_by: Vec<Fingerprint>,
    /// When the newest of the good signatures was made, as it says itself.
    pub signed_at: Option<jiff::Timestamp>,
}

/// The certificates of the keys that a facts file pins.
#[derive(Debug, Clone)]
pub struct PinnedKeys {
    certs: Vec<Cert>,
}

/// Says why a text is not taken as signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenPgpError {
    #[error("cannot read the keyring `{}`: {reason}", path.display())]
    Keyring { path: PathBuf, reason: String },
    #[error("the pinned key {key} is in none of the keyrings")]
    PinnedKeyMissing { key: Fingerprint },
    #[error("it is not a clear-signed text: {reason}")]
    NotClearSigned { reason: &'static str },
    #[error("it has text outside of the signed block")]
    TextOutside,
    #[error("its signature cannot be read: {reason}")]
    Malformed { reason: String },
    #[error("it has no signature")]
    NoSignature,
    #[error("it is signed by {}, of which none is pinned", .issuers.join(", "))]
    UnknownKeys { issuers: Vec<String> },
    #[error("the signature of {key} does not fit the text: {reason}")]
    BadSignature { key: Fingerprint, reason: String },
    #[error("the key {key} cannot vouch for it: {reason}")]
    UnusableKey { key: Fingerprint, reason: String },
}

impl PinnedKeys {
    /// Reads keyrings, armoured or binary, and keeps only the pinned certificates.
    ///
    /// # Errors
    ///
    /// A keyring that cannot be read, and a pinned key that none of them holds: a key that nobody
    /// could check is a mistake in the facts, not a detail.
    pub fn read(keyrings: &[PathBuf], pinned: &[Fingerprint]) -> Result<Self, OpenPgpError> {
        let mut certs: Vec<Cert> = Vec::new();
        for path in keyrings {
            for cert in read_keyring(path)? {
                if !pinned.contains(&fingerprint_of(&cert)) {
                    continue;
                }
                match certs
                    .iter_mut()
                    .find(|c| c.fingerprint() == cert.fingerprint())
                {
                    Some(known) => {
                        *known = known
                            .clone()
                            .merge_public(cert)
                            .map_err(|error| in_keyring(path, &error))?;
                    }
                    None => certs.push(cert),
                }
            }
        }
        for key in pinned {
            if !certs.iter().any(|cert| fingerprint_of(cert) == *key) {
                return Err(OpenPgpError::PinnedKeyMissing { key: key.clone() });
            }
        }
        Ok(Self { certs })
    }
}

fn in_keyring(path: &Path, reason: &impl ToString) -> OpenPgpError {
    OpenPgpError::Keyring {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// Reads every certificate of a file; an armoured file may hold several blocks, each with comments
/// before it.
fn read_keyring(path: &Path) -> Result<Vec<Cert>, OpenPgpError> {
    let bytes = std::fs::metadata(path)
        .map_err(|error| in_keyring(path, &error))?
        .len();
    if bytes > MOST_KEYRING_BYTES {
        return Err(in_keyring(path, &"it is too large for a keyring"));
    }
    let content = std::fs::read(path).map_err(|error| in_keyring(path, &error))?;
    let starts: Vec<usize> = memchr::memmem::find_iter(&content, BEGIN_KEYS).collect();
    let blocks: Vec<&[u8]> = if starts.is_empty() {
        vec![&content]
    } else {
        let ends = starts.iter().skip(1).copied().chain([content.len()]);
        starts
            .iter()
            .zip(ends)
            .map(|(start, end)| &content[*start..end])
            .collect()
    };
    let mut certs = Vec::new();
    for block in blocks {
        let parser = CertParser::from_bytes(block).map_err(|error| in_keyring(path, &error))?;
        for cert in parser {
            certs.push(cert.map_err(|error| in_keyring(path, &error))?);
        }
    }
    Ok(certs)
}

fn fingerprint_of(cert: &Cert) -> Fingerprint {
    as_pinned(&cert.fingerprint())
}

/// Returns a fingerprint as facts write it; one of another length than theirs matches none.
fn as_pinned(fingerprint: &openpgp::Fingerprint) -> Fingerprint {
    Fingerprint(fingerprint.to_hex())
}

/// Checks a clear-signed text and returns what exactly was signed.
///
/// # Security
///
/// The file has to be one signed block and nothing else, so that no reader can take unsigned text
/// for signed. Keys have to be alive and unrevoked both when the signature was made and at `now`:
/// an expired key may be anybody's, and a signature's own date is what its maker wrote.
pub fn verify(
    file: &[u8],
    keys: &PinnedKeys,
    now: jiff::Timestamp,
) -> Result<SignedText, OpenPgpError> {
    check_frame(file)?;
    let now = SystemTime::from(now);
    let policy = policy(now);
    let helper = Checked {
        keys,
        policy: &policy,
        now,
        signed_at: None,
        outcome: Err(OpenPgpError::NoSignature),
    };
    let malformed = |reason: String| OpenPgpError::Malformed { reason };
    let mut verifier = VerifierBuilder::from_bytes(file)
        .and_then(|builder| builder.with_policy(&policy, now, helper))
        .map_err(|error| malformed(error.to_string()))?;
    let mut text = String::new();
    let read = std::io::Read::read_to_string(
        &mut std::io::Read::take(&mut verifier, MOST_TEXT_BYTES),
        &mut text,
    );
    // The text may be used only if the library has seen it to its end and checked it.
    let whole = verifier.message_processed();
    let Checked {
        outcome: signed_by,
        signed_at,
        ..
    } = verifier.into_helper();
    match (read, whole) {
        (Ok(_), true) => Ok(SignedText {
            text,
            signed_by: signed_by?,
            signed_at: signed_at.and_then(|time| jiff::Timestamp::try_from(time).ok()),
        }),
        (Ok(_), false) => Err(malformed("the text is too long".to_owned())),
        (Err(error), _) => Err(malformed(error.to_string())),
    }
}

/// Checks a detached signature, armoured or binary, over some content, and returns the pinned keys
/// whose signatures are good; at least one.
///
/// # Security
///
/// Keys have to be as good as [`verify`] demands. Signatures of version 3 (RFC 4880, section 5.2.2)
/// are taken as well, since RPMs still have them: they lack nothing that is relied on here, and their
/// digests have to be as strong as any.
pub fn verify_detached(
    content: &[u8],
    signature: &[u8],
    keys: &PinnedKeys,
    now: jiff::Timestamp,
) -> Result<Vec<Fingerprint>, OpenPgpError> {
    verify_detached_stream(content, signature, keys, now)
}

/// Checks a detached signature like [`verify_detached`], over content that is too long to be held: it
/// is read to its end.
pub fn verify_detached_stream(
    content: impl std::io::Read + Send + Sync,
    signature: &[u8],
    keys: &PinnedKeys,
    now: jiff::Timestamp,
) -> Result<Vec<Fingerprint>, OpenPgpError> {
    let now = SystemTime::from(now);
    let mut policy = policy(now);
    policy.accept_packet_tag_version(openpgp::packet::Tag::Signature, 3);
    let helper = Checked {
        keys,
        policy: &policy,
        now,
        signed_at: None,
        outcome: Err(OpenPgpError::NoSignature),
    };
    let malformed = |error: openpgp::anyhow::Error| OpenPgpError::Malformed {
        reason: error.to_string(),
    };
    let mut verifier = DetachedVerifierBuilder::from_bytes(signature)
        .and_then(|builder| builder.with_policy(&policy, now, helper))
        .map_err(malformed)?;
    verifier.verify_reader(content).map_err(malformed)?;
    verifier.into_helper().outcome
}

/// Returns what the library takes as good at a time.
///
/// # Security
///
/// SHA-1 is taken for what a certificate says of itself, and for nothing else: to bind a key of their own
/// to a certificate that is pinned by its fingerprint, somebody would need a second preimage, which nobody
/// has for SHA-1, and not a collision, which anybody can buy. Half of the distributions still sign with
/// certificates that were bound so. Signatures over data need SHA-2.
fn policy<'a>(now: SystemTime) -> StandardPolicy<'a> {
    let mut policy = StandardPolicy::at(now);
    let property = HashAlgoSecurity::SecondPreImageResistance;
    policy.accept_hash_property(HashAlgorithm::SHA1, property);
    policy
}

/// Returns the text of a clear-signed file whatever its signature is worth; a file that is not signed
/// at all is its text.
///
/// # Security
///
/// Nobody vouches for what this returns. It is for lists of things that each have a signature of their
/// own.
pub fn unverified_text(file: &[u8]) -> Result<String, OpenPgpError> {
    let unreadable = |_| OpenPgpError::NotClearSigned {
        reason: "it is not UTF-8",
    };
    let text = std::str::from_utf8(file).map_err(unreadable)?;
    if !text.contains(BEGIN_MESSAGE) {
        return Ok(text.to_owned());
    }
    check_frame(file)?;
    let lines = text.lines().skip_while(|line| !line.is_empty()).skip(1);
    let lines = lines.take_while(|line| *line != BEGIN_SIGNATURE);
    // RFC 9580, section 7.2: lines that begin with a dash have `- ` before them.
    Ok(lines
        .flat_map(|line| [line.strip_prefix("- ").unwrap_or(line), "\n"])
        .collect())
}

/// Checks that the file is one signed block from its first byte to its last.
fn check_frame(file: &[u8]) -> Result<(), OpenPgpError> {
    let wrong = |reason| OpenPgpError::NotClearSigned { reason };
    let text = std::str::from_utf8(file).map_err(|_| wrong("it is not UTF-8"))?;
    if !text.contains(BEGIN_MESSAGE) {
        return Err(wrong("nothing in it says that it is signed"));
    }
    let mut lines = text.lines();
    if lines.next() != Some(BEGIN_MESSAGE) {
        return Err(OpenPgpError::TextOutside);
    }
    for header in lines.by_ref().take_while(|line| !line.is_empty()) {
        if !header.starts_with("Hash: ") {
            return Err(wrong("its head holds more than `Hash`"));
        }
    }
    for line in lines.by_ref().take_while(|line| *line != BEGIN_SIGNATURE) {
        if line.starts_with('-') && !line.starts_with("- ") {
            return Err(wrong("a line of the text begins with an unescaped dash"));
        }
    }
    for line in lines.by_ref() {
        if line == END_SIGNATURE {
            return match lines.next() {
                None => Ok(()),
                Some(_) => Err(OpenPgpError::TextOutside),
            };
        }
        if line.starts_with('-') {
            return Err(wrong("another block begins inside the signature"));
        }
    }
    Err(OpenPgpError::NoSignature)
}

/// Gives the library the pinned keys, and keeps what it found out.
struct Checked<'a> {
    keys: &'a PinnedKeys,
    policy: &'a StandardPolicy<'a>,
    now: SystemTime,
    signed_at: Option<SystemTime>,
    outcome: Result<Vec<Fingerprint>, OpenPgpError>,
}

impl VerificationHelper for Checked<'_> {
    fn get_certs(&mut self, _: &[KeyHandle]) -> openpgp::Result<Vec<Cert>> {
        Ok(self.keys.certs.clone())
    }

    fn check(&mut self, structure: MessageStructure) -> openpgp::Result<()> {
        let mut good = Vec::new();
        let mut issuers = Vec::new();
        // Of several reasons the first one about a pinned key is the one to tell.
        let mut failure = None;
        let mut failed = |error| {
            failure.get_or_insert(error);
        };
        for layer in structure {
            let MessageLayer::SignatureGroup { results } = layer else {
                failed(OpenPgpError::Malformed {
                    reason: "it is compressed or encrypted".to_owned(),
                });
                continue;
            };
            for result in results {
                match result.map_err(place) {
                    Ok(checksum) => match self.usable_now(&checksum) {
                        Ok(key) => {
                            good.push(key);
                            let made = checksum.sig.signature_creation_time();
                            self.signed_at = self.signed_at.max(made);
                        }
                        Err(error) => failed(error),
                    },
                    Err(OpenPgpError::UnknownKeys { issuers: unknown }) => issuers.extend(unknown),
                    Err(error) => failed(error),
                }
            }
        }
        good.sort();
        good.dedup();
        self.outcome = match failure {
            _ if !good.is_empty() => Ok(good),
            Some(error) => Err(error),
            None if !issuers.is_empty() => Err(OpenPgpError::UnknownKeys { issuers }),
            None => Err(OpenPgpError::NoSignature),
        };
        // The outcome is read from here; an error of the library's would lose its kind.
        Ok(())
    }
}

impl Checked<'_> {
    /// Returns the signer, if its key is alive and unrevoked now as it was when it signed.
    fn usable_now(&self, checksum: &GoodChecksum) -> Result<Fingerprint, OpenPgpError> {
        let key = fingerprint_of(checksum.ka.cert());
        let unusable = |reason: String| OpenPgpError::UnusableKey {
            key: key.clone(),
            reason,
        };
        let amalgamation = checksum
            .ka
            .clone()
            .with_policy(self.policy, self.now)
            .map_err(|error| unusable(error.to_string()))?;
        let cert = amalgamation.valid_cert();
        cert.alive().map_err(|error| unusable(error.to_string()))?;
        amalgamation
            .alive()
            .map_err(|error| unusable(error.to_string()))?;
        let revoked = |status| matches!(status, RevocationStatus::Revoked(_));
        if revoked(cert.revocation_status()) || revoked(amalgamation.revocation_status()) {
            return Err(unusable("it is revoked".to_owned()));
        }
        Ok(key)
    }
}

/// Places a verdict of the library's.
fn place(error: VerificationError) -> OpenPgpError {
    match error {
        VerificationError::MissingKey { sig } => OpenPgpError::UnknownKeys {
            issuers: sig
                .get_issuers()
                .first()
                .map(|issuer| vec![issuer.to_hex()])
                .unwrap_or_default(),
        },
        VerificationError::UnboundKey { cert, error, .. } => OpenPgpError::UnusableKey {
            key: fingerprint_of(cert),
            reason: error.to_string(),
        },
        VerificationError::BadKey { ka, error, .. } => OpenPgpError::UnusableKey {
            key: fingerprint_of(ka.cert()),
            reason: error.to_string(),
        },
        VerificationError::BadSignature { ka, error, .. } => OpenPgpError::BadSignature {
            key: fingerprint_of(ka.cert()),
            reason: error.to_string(),
        },
        VerificationError::MalformedSignature { error, .. } => OpenPgpError::Malformed {
            reason: error.to_string(),
        },
        VerificationError::UnknownSignature { sig } => OpenPgpError::Malformed {
            reason: sig.error().to_string(),
        },
        // The library may add kinds; none that is unknown here is taken as good.
        other => OpenPgpError::Malformed {
            reason: other.to_string(),
        },
    }
}
