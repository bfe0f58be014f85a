//! The signature that is appended to a module.
//!
//! Format: the module, the signature, `struct module_signature` (12 bytes) and a magic (Linux,
//! `include/linux/module_signature.h`, `scripts/sign-file.c`). The signature is a PKCS#7
//! `SignedData` (RFC 5652) without content. Nothing here says whether it verifies.

use cms::cert::IssuerAndSerialNumber;
use cms::cert::x509::der::Decode;
use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerIdentifier};

use serde::{Deserialize, Serialize};

use super::ModuleError;
use crate::digest::Sha256Digest;

/// What a signed module ends with.
pub const SIGNATURE_MAGIC: &[u8] = b"~Module signature appended~\n";
const TRAILER: usize = 12;
/// `PKEY_ID_PKCS7`.
const PKCS7: u8 = 2;
/// The most bytes of a signature that are opened; those of `sign-file` have some hundreds.
const MAX_SIGNATURE: usize = 1 << 20;

/// A module and the signature that stood behind it.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    pub module: &'a [u8],
    /// The signature without its trailer; `None` if there was none.
    pub signature: Option<&'a [u8]>,
}

/// What a signature says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppendedSignature {
    pub bytes: u64,
    pub digest: Sha256Digest,
    /// The signers; `None` if it cannot be opened.
    pub signers: Option<Vec<Signer>>,
}

/// One who signed, as the signature says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signer {
    /// The issuer of the certificate, where it is named by that (RFC 4514).
    pub issuer: Option<String>,
    /// The serial number, or else the identifier of the key, in hexadecimal digits.
    pub key: String,
    /// The object identifiers of the digest and of the signature.
    pub digest_algorithm: String,
    pub signature_algorithm: String,
}

/// Cuts an appended signature off.
///
/// One is cut; a signature of a signed module would be the module's own bytes to a kernel too.
pub fn cut_signature(bytes: &[u8]) -> Result<Signed<'_>, ModuleError> {
    let Some(before) = bytes.strip_suffix(SIGNATURE_MAGIC) else {
        return Ok(Signed {
            module: bytes,
            signature: None,
        });
    };
    let bad = ModuleError::BadSignature;
    let at = before
        .len()
        .checked_sub(TRAILER)
        .ok_or(bad("its trailer is cut"))?;
    let (rest, trailer) = before.split_at(at);
    // algo, hash, id_type, signer_len, key_id_len, three bytes of nothing, sig_len (big-endian).
    let [algorithm, hash, kind, signer, key, a, b, c, l0, l1, l2, l3] = *trailer else {
        return Err(bad("its trailer is cut"));
    };
    if kind != PKCS7 {
        return Err(bad("it is none of PKCS#7"));
    }
    if [algorithm, hash, signer, key, a, b, c] != [0; 7] {
        return Err(bad("its trailer has fields that PKCS#7 does not use"));
    }
    let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    let at = rest
        .len()
        .checked_sub(length)
        .ok_or(bad("it is longer than the file"))?;
    let (module, signature) = rest.split_at(at);
    Ok(Signed {
        module,
        signature: Some(signature),
    })
}

impl AppendedSignature {
    /// Reads what a signature says of itself.
    pub fn read(signature: &[u8]) -> Self {
        Self {
            bytes: signature.len() as u64,
            digest: Sha256Digest::of(signature),
            signers: signers(signature),
        }
    }
}

fn signers(signature: &[u8]) -> Option<Vec<Signer>> {
    if signature.len() > MAX_SIGNATURE {
        return None;
    }
    let info = ContentInfo::from_der(signature).ok()?;
    let data: SignedData = info.content.decode_as().ok()?;
    let all = data.signer_infos.0.iter().map(|signer| {
        let (issuer, key) = match &signer.sid {
            SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
                issuer,
                serial_number,
            }) => (
                Some(issuer.to_string()),
                hex::encode(serial_number.as_bytes()),
            ),
            SignerIdentifier::SubjectKeyIdentifier(key) => (None, hex::encode(key.0.as_bytes())),
        };
        Signer {
            issuer,
            key,
            digest_algorithm: signer.digest_alg.oid.to_string(),
            signature_algorithm: signer.signature_algorithm.oid.to_string(),
        }
    });
    Some(all.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trailer(kind: u8, length: u32) -> Vec<u8> {
        let mut bytes = vec![0, 0, kind, 0, 0, 0, 0, 0];
        bytes.extend(length.to_be_bytes());
        bytes.extend(SIGNATURE_MAGIC);
        bytes
    }

    #[test]
    fn what_stands_before_the_trailer_is_cut_into_two() {
        let signed = [&b"moduleSIG"[..], &trailer(PKCS7, 3)].concat();
        let cut = cut_signature(&signed).expect("whole");
        assert_eq!(
            (cut.module, cut.signature),
            (&b"module"[..], Some(&b"SIG"[..]))
        );
        let plain = cut_signature(b"module").expect("no signature");
        assert_eq!((plain.module, plain.signature), (&b"module"[..], None));
    }

    #[test]
    fn a_trailer_that_does_not_fit_is_refused() {
        for bytes in [
            trailer(PKCS7, 1),
            trailer(1, 0),
            SIGNATURE_MAGIC.to_vec(),
            [&[0; 5][..], SIGNATURE_MAGIC].concat(),
            [&b"x"[..], &trailer(PKCS7, u32::MAX)].concat(),
        ] {
            let found = cut_signature(&bytes).map(drop);
            assert!(
                matches!(found, Err(ModuleError::BadSignature(_))),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn signers_are_read_and_rubbish_is_no_signer() {
        let real = include_bytes!("../../tests/signatures/rsa-sha256.p7s");
        let read = AppendedSignature::read(real);
        let signers = read.signers.expect("it is a signature");
        assert_eq!(signers.len(), 1);
        assert_eq!(signers[0].issuer.as_deref(), Some("CN=kmatrix test key"));
        assert_eq!(signers[0].key, "0123456789abcdef");
        assert_eq!(signers[0].digest_algorithm, "2.16.840.1.101.3.4.2.1");
        assert_eq!(signers[0].signature_algorithm, "1.2.840.113549.1.1.1");
        for end in 0..real.len() {
            assert_eq!(AppendedSignature::read(&real[..end]).signers, None);
        }
    }
}
