//! Keys made in the test, and texts signed with them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use kmatrix::catalog::Fingerprint;
use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::cert::CertBuilder;
use openpgp::packet::UserID;
use openpgp::packet::key::{Key4, PrimaryRole};
use openpgp::packet::signature::SignatureBuilder;
use openpgp::parse::Parse as _;
use openpgp::policy::StandardPolicy;
use openpgp::serialize::stream::{Message, Signer};
use openpgp::serialize::{Serialize as _, SerializeInto as _};
use openpgp::types::{Curve, HashAlgorithm, KeyFlags, ReasonForRevocation, SignatureType};

/// When every test happens.
pub const NOW: &str = "2026-11-21T00:00:00Z";
/// When keys are made.
pub const MADE: &str = "2026-01-01T00:00:00Z";
/// When texts are signed.
pub const SIGNED: &str = "2026-11-20T00:00:00Z";

pub fn at(time: &str) -> Timestamp {
    time.parse().expect("a timestamp")
}

fn system(time: &str) -> SystemTime {
    SystemTime::from(at(time))
}

/// A key that can sign.
pub struct Key {
    cert: Cert,
}

impl Key {
    pub fn new() -> Self {
        Self::valid_for(None)
    }

    /// A key that expires so long after it is made.
    pub fn valid_for(time: Option<Duration>) -> Self {
        let (cert, _) = CertBuilder::new()
            .set_creation_time(system(MADE))
            .set_validity_period(time)
            .add_userid("Archive of a test")
            .add_signing_subkey()
            .generate()
            .expect("a key");
        Self { cert }
    }

    /// A key whose own certificate is signed over SHA-1 and nothing else.
    pub fn bound_by_sha1() -> Self {
        let mut key: openpgp::packet::Key<_, PrimaryRole> =
            Key4::generate_ecc(true, Curve::Ed25519)
                .expect("a key")
                .into();
        key.set_creation_time(system(MADE)).expect("a time");
        let mut signer = key.clone().into_keypair().expect("a secret key");
        let cert = Cert::try_from(openpgp::Packet::from(key)).expect("a certificate");
        let user = UserID::from("Archive of long ago");
        let binding = SignatureBuilder::new(SignatureType::PositiveCertification)
            .set_hash_algo(HashAlgorithm::SHA1)
            .set_signature_creation_time(system(MADE))
            .and_then(|builder| {
                builder.set_key_flags(KeyFlags::empty().set_certification().set_signing())
            })
            .expect("a binding");
        let binding = user.bind(&mut signer, &cert, binding).expect("a binding");
        let packets = [openpgp::Packet::from(user), binding.into()];
        let (cert, _) = cert.insert_packets(packets).expect("a certificate");
        Self { cert }
    }

    pub fn fingerprint(&self) -> Fingerprint {
        self.cert.fingerprint().to_hex().parse().expect("40 digits")
    }

    /// Returns the key, revoked for good.
    pub fn revoked(self) -> Self {
        let policy = StandardPolicy::at(system(NOW));
        let mut signer = self
            .cert
            .primary_key()
            .key()
            .clone()
            .parts_into_secret()
            .and_then(|key| key.into_keypair())
            .expect("a secret key");
        let revocation = openpgp::cert::CertRevocationBuilder::new()
            .set_signature_creation_time(system(SIGNED))
            .and_then(|builder| {
                builder.set_reason_for_revocation(ReasonForRevocation::KeyCompromised, b"lost")
            })
            .and_then(|builder| builder.build(&mut signer, &self.cert, None))
            .expect("a revocation");
        let (cert, _) = self.cert.insert_packets(revocation).expect("a certificate");
        assert!(matches!(
            cert.revocation_status(&policy, system(NOW)),
            openpgp::types::RevocationStatus::Revoked(_)
        ));
        Self { cert }
    }

    /// Writes the public certificate with armour.
    pub fn write_armoured(&self, directory: &Path) -> PathBuf {
        let path = directory.join(format!("{}.asc", self.fingerprint()));
        let bytes = self.cert.armored().to_vec().expect("a certificate");
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    /// Writes the public certificate without armour.
    pub fn write_binary(&self, directory: &Path) -> PathBuf {
        let path = directory.join(format!("{}.gpg", self.fingerprint()));
        let mut bytes = Vec::new();
        self.cert.serialize(&mut bytes).expect("a certificate");
        Cert::from_bytes(&bytes).expect("what was written");
        std::fs::write(&path, bytes).expect("a file");
        path
    }
}

/// Signs a text in the clear with every one of the keys.
pub fn clear_sign(text: &str, keys: &[&Key]) -> Vec<u8> {
    clear_sign_over(HashAlgorithm::default(), text, keys)
}

/// Signs a text over digests of a kind.
pub fn clear_sign_over(digest: HashAlgorithm, text: &str, keys: &[&Key]) -> Vec<u8> {
    let mut policy = StandardPolicy::at(system(SIGNED));
    policy.accept_hash(HashAlgorithm::SHA1);
    let mut signers = keys.iter().map(|key| {
        key.cert
            .keys()
            .secret()
            .with_policy(&policy, system(MADE))
            .for_signing()
            .next()
            .expect("a signing key")
            .key()
            .clone()
            .into_keypair()
            .expect("a secret key")
    });
    let mut signed = Vec::new();
    let first = signers.next().expect("a key");
    let mut signer = Signer::new(Message::new(&mut signed), first)
        .expect("a signer")
        .hash_algo(digest)
        .expect("a digest")
        .creation_time(system(SIGNED))
        .cleartext();
    for key in signers {
        signer = signer.add_signer(key).expect("a signer");
    }
    let mut message = signer.build().expect("a message");
    message.write_all(text.as_bytes()).expect("memory");
    message.finalize().expect("a signature");
    signed
}

/// Signs bytes apart from them with every one of the keys, in armour or without.
pub fn detach_sign(content: &[u8], keys: &[&Key], armour: bool) -> Vec<u8> {
    let policy = StandardPolicy::at(system(SIGNED));
    let mut signers = keys.iter().map(|key| {
        key.cert
            .keys()
            .secret()
            .with_policy(&policy, system(MADE))
            .for_signing()
            .next()
            .expect("a signing key")
            .key()
            .clone()
            .into_keypair()
            .expect("a secret key")
    });
    let mut signature = Vec::new();
    let mut message = Message::new(&mut signature);
    if armour {
        message = openpgp::serialize::stream::Armorer::new(message)
            .kind(openpgp::armor::Kind::Signature)
            .build()
            .expect("armour");
    }
    let mut signer = Signer::new(message, signers.next().expect("a key"))
        .expect("a signer")
        .creation_time(system(SIGNED))
        .detached();
    for key in signers {
        signer = signer.add_signer(key).expect("a signer");
    }
    let mut message = signer.build().expect("a message");
    message.write_all(content).expect("memory");
    message.finalize().expect("a signature");
    signature
}
