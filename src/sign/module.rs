//! Signatures that a kernel checks when it loads a module, byte for byte as the kernel's `sign-file`
//! makes them.
//!
//! Format: the module, a PKCS#7 `SignedData` (RFC 5652) without content, certificates and attributes, 12
//! bytes of `struct module_signature`, and a magic (Linux, `scripts/sign-file.c`,
//! `include/linux/module_signature.h`).

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use cms::cert::IssuerAndSerialNumber;
use cms::cert::x509::Certificate;
use cms::cert::x509::der::asn1::{Any, Null, ObjectIdentifier, OctetString, SetOfVec};
use cms::cert::x509::der::{self, Decode, Encode};
use cms::cert::x509::spki::AlgorithmIdentifierOwned;
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos,
};

use crate::ko::{SIGNATURE_MAGIC, cut_signature};
use crate::sign::pem::block;
use crate::sign::{
    DigestAlgorithm, KeyAlgorithm, PrivateKey, PublicKey, SigningCommand, SigningError,
};

const MOST_CERTIFICATE: u64 = 64 << 10;
/// `PKEY_ID_PKCS7`.
const PKCS7: u8 = 2;

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// What signs modules.
#[derive(Debug)]
pub enum ModuleKey {
    Key(PrivateKey),
    Command(SigningCommand),
}

impl ModuleKey {
    fn public(&self) -> &PublicKey {
        match self {
            Self::Key(key) => key.public(),
            Self::Command(command) => command.public(),
        }
    }
}

/// The certificate that a kernel has for the key.
#[derive(Debug, Clone)]
pub struct ModuleCertificate {
    path: PathBuf,
    names: IssuerAndSerialNumber,
    public: PublicKey,
}

impl ModuleCertificate {
    /// Reads a certificate in PEM or DER.
    ///
    /// # Errors
    ///
    /// It cannot be read, is none, or is of another kind of key than is taken.
    pub fn read(path: &Path) -> Result<Self, SigningError> {
        let unusable = |why: String| SigningError::CertificateUnusable {
            path: path.to_owned(),
            why,
        };
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MOST_CERTIFICATE).read_to_end(&mut bytes))
            .map_err(|error| unusable(error.to_string()))?;
        // DER begins with a SEQUENCE; anything else is text, in which the key may stand too.
        if bytes.first() != Some(&0x30) {
            let (_, der) =
                block(&bytes, "certificate", |label| label == "CERTIFICATE").map_err(unusable)?;
            bytes = der.to_vec();
        }
        let certificate =
            Certificate::from_der(&bytes).map_err(|error| unusable(error.to_string()))?;
        let certified = certificate.tbs_certificate;
        let spki = certified
            .subject_public_key_info
            .to_der()
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Self {
            path: path.to_owned(),
            public: PublicKey::from_spki(spki).map_err(unusable)?,
            names: IssuerAndSerialNumber {
                issuer: certified.issuer,
                serial_number: certified.serial_number,
            },
        })
    }

    /// Returns the certified key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
}

/// Signs modules.
#[derive(Debug)]
pub struct ModuleSigner {
    key: ModuleKey,
    certificate: ModuleCertificate,
    digest: DigestAlgorithm,
}

impl ModuleSigner {
    /// Returns a signer.
    ///
    /// # Errors
    ///
    /// The key is no RSA key, or the certificate is of another one.
    pub fn new(
        key: ModuleKey,
        certificate: ModuleCertificate,
        digest: DigestAlgorithm,
    ) -> Result<Self, SigningError> {
        let algorithm = key.public().algorithm();
        if algorithm != KeyAlgorithm::Rsa {
            return Err(SigningError::ModuleKey {
                algorithm: algorithm.as_str(),
            });
        }
        if key.public() != &certificate.public {
            return Err(SigningError::CertificateOfAnother {
                path: certificate.path,
            });
        }
        Ok(Self {
            key,
            certificate,
            digest,
        })
    }

    /// Returns the certificate that verifies what it signs.
    pub fn certificate(&self) -> &ModuleCertificate {
        &self.certificate
    }

    /// Returns a module with its signature appended. Cutting it off gives the module again.
    ///
    /// # Errors
    ///
    /// The module is signed already, or it cannot be signed.
    pub async fn sign(&self, module: &[u8]) -> Result<Vec<u8>, SigningError> {
        let written = |why: String| SigningError::ModuleSignature { why };
        match cut_signature(module) {
            Ok(cut) if cut.signature.is_none() => {}
            Ok(_) => return Err(SigningError::ModuleSigned),
            Err(error) => return Err(written(error.to_string())),
        }
        let signature = match &self.key {
            ModuleKey::Key(key) => {
                key.sign(self.digest, module)
                    .ok_or_else(|| SigningError::SignatureRefused {
                        signer: "the module key".to_owned(),
                    })?
            }
            ModuleKey::Command(command) => command.sign(self.digest, module).await?,
        };
        let message = self
            .message(&signature)
            .map_err(|error| written(error.to_string()))?;
        let length = u32::try_from(message.len()).map_err(|error| written(error.to_string()))?;
        let mut signed = module.to_vec();
        signed.extend(message);
        signed.extend([0, 0, PKCS7, 0, 0, 0, 0, 0]);
        signed.extend(length.to_be_bytes());
        signed.extend(SIGNATURE_MAGIC);
        Ok(signed)
    }

    /// Returns a signature as PKCS#7.
    fn message(&self, signature: &[u8]) -> der::Result<Vec<u8>> {
        let digest = AlgorithmIdentifierOwned {
            oid: match self.digest {
                DigestAlgorithm::Sha256 => ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"),
                DigestAlgorithm::Sha384 => ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2"),
                DigestAlgorithm::Sha512 => ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3"),
            },
            parameters: None,
        };
        let signer = SignerInfo {
            version: CmsVersion::V1,
            sid: SignerIdentifier::IssuerAndSerialNumber(self.certificate.names.clone()),
            digest_alg: digest.clone(),
            signed_attrs: None,
            signature_algorithm: AlgorithmIdentifierOwned {
                oid: RSA_ENCRYPTION,
                parameters: Some(Any::encode_from(&Null)?),
            },
            signature: OctetString::new(signature)?,
            unsigned_attrs: None,
        };
        let data = SignedData {
            version: CmsVersion::V1,
            digest_algorithms: SetOfVec::try_from([digest])?,
            encap_content_info: EncapsulatedContentInfo {
                econtent_type: DATA,
                econtent: None,
            },
            certificates: None,
            crls: None,
            signer_infos: SignerInfos(SetOfVec::try_from([signer])?),
        };
        ContentInfo {
            content_type: SIGNED_DATA,
            content: Any::encode_from(&data)?,
        }
        .to_der()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ko::AppendedSignature;
    use crate::sign::testing::{OPENSSL, command, fixture, private};

    fn signer(digest: DigestAlgorithm, certificate: &str) -> ModuleSigner {
        let certificate = ModuleCertificate::read(&fixture(certificate)).expect("a certificate");
        ModuleSigner::new(ModuleKey::Key(private("rsa-2048.pem")), certificate, digest)
            .expect("a signer")
    }

    #[tokio::test]
    async fn cutting_the_signature_gives_the_module_and_who_signed_it() {
        let module = b"not really a module";
        for (digest, oid) in DigestAlgorithm::ALL.into_iter().zip([
            "2.16.840.1.101.3.4.2.1",
            "2.16.840.1.101.3.4.2.2",
            "2.16.840.1.101.3.4.2.3",
        ]) {
            for certificate in ["rsa-2048.crt", "rsa-2048.der"] {
                let signed = signer(digest, certificate)
                    .sign(module)
                    .await
                    .expect("signed");
                let cut = cut_signature(&signed).expect("whole");
                assert_eq!(cut.module, module);
                let read = AppendedSignature::read(cut.signature.expect("a signature"));
                let signers = read.signers.expect("PKCS#7");
                assert_eq!(signers.len(), 1);
                assert_eq!(signers[0].key, "00f1e2d3c4b5a69788");
                assert_eq!(signers[0].digest_algorithm, oid);
                let issuer = signers[0].issuer.as_deref().expect("an issuer");
                assert!(issuer.contains("CN=module signing key é"), "{issuer}");
            }
        }
    }

    #[tokio::test]
    async fn a_signed_module_is_not_signed_again() {
        let signer = signer(DigestAlgorithm::Sha256, "rsa-2048.crt");
        let signed = signer.sign(b"module").await.expect("signed");
        let again = signer.sign(&signed).await;
        assert!(
            matches!(again, Err(SigningError::ModuleSigned)),
            "{again:?}"
        );
        let broken = [&b"module"[..], SIGNATURE_MAGIC].concat();
        let again = signer.sign(&broken).await;
        assert!(
            matches!(again, Err(SigningError::ModuleSignature { .. })),
            "{again:?}"
        );
    }

    #[tokio::test]
    async fn a_command_signs_as_the_key_does_that_it_has() {
        let by_command = |script: &str, digest| {
            let certificate = ModuleCertificate::read(&fixture("rsa-2048.crt")).expect("read");
            let key = ModuleKey::Command(command("rsa-2048.pem", script));
            ModuleSigner::new(key, certificate, digest).expect("a signer")
        };
        for digest in DigestAlgorithm::ALL {
            let theirs = by_command(OPENSSL, digest).sign(b"module").await;
            let own = signer(digest, "rsa-2048.crt").sign(b"module").await;
            assert_eq!(theirs.expect("signed"), own.expect("signed"), "{digest}");
        }
        // One that fails, and one that signs something else.
        let other = format!("echo {} | {OPENSSL}", "00".repeat(32));
        let failed = by_command("exit 3", DigestAlgorithm::Sha256);
        let failed = failed.sign(b"module").await;
        assert!(
            matches!(failed, Err(SigningError::CommandFailed { .. })),
            "{failed:?}"
        );
        let refused = by_command(&other, DigestAlgorithm::Sha256);
        let refused = refused.sign(b"module").await;
        assert!(
            matches!(refused, Err(SigningError::SignatureRefused { .. })),
            "{refused:?}"
        );
    }

    #[test]
    fn a_key_that_a_kernel_does_not_take_and_another_ones_certificate_are_refused() {
        let certificate = || ModuleCertificate::read(&fixture("rsa-2048.crt")).expect("read");
        let digest = DigestAlgorithm::Sha256;
        let refused = ModuleSigner::new(ModuleKey::Key(private("p256.pem")), certificate(), digest);
        assert!(matches!(refused, Err(SigningError::ModuleKey { .. })));
        let other = PrivateKey::generate(KeyAlgorithm::Rsa).expect("made");
        let other = PrivateKey::from_pkcs8(&other).expect("a key");
        let refused = ModuleSigner::new(ModuleKey::Key(other), certificate(), digest);
        assert!(matches!(
            refused,
            Err(SigningError::CertificateOfAnother { .. })
        ));
    }

    #[test]
    fn a_kernels_own_file_with_key_and_certificate_is_both() {
        let both = fixture("rsa-2048-with-certificate.pem");
        let certificate = ModuleCertificate::read(&both).expect("a certificate");
        let key = ModuleKey::Key(private("rsa-2048-with-certificate.pem"));
        ModuleSigner::new(key, certificate, DigestAlgorithm::Sha512).expect("a signer");
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        for path in ["rsa-2048.pub", "README.md", "nonexistent"] {
            let refused = ModuleCertificate::read(&fixture(path));
            assert!(
                matches!(refused, Err(SigningError::CertificateUnusable { .. })),
                "{path}"
            );
        }
    }
}
