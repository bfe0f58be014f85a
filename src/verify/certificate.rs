//! The signing certificate of a bundle: whom it names, in one way only. The only file that knows
//! `x509_cert`. Whether the certificate holds is [`sigstore`](super::sigstore)'s.
//!
//! Fulcio puts the identity into the subject's alternative name and the issuer of the token into an
//! extension of its own (fulcio, `docs/oid-info.md`). A certificate that names two identities, or two issuers,
//! would be read as one of them here and as the other elsewhere.

use x509_cert::Certificate;
use x509_cert::der::asn1::{ObjectIdentifier, Utf8StringRef};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, SubjectAltName};

use super::{Refused, Why};

/// The issuer as bare text, which is deprecated.
const ISSUER_V1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.1");
/// The issuer as a DER UTF8String.
const ISSUER_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.8");

/// What a certificate says of who holds its key.
pub(super) struct SigningCertificate {
    /// SubjectPublicKeyInfo in DER.
    pub spki: Vec<u8>,
    pub identity: String,
    pub issuer: String,
}

/// Reads a certificate (RFC 5280).
pub(super) fn read_certificate(der: &[u8]) -> Result<SigningCertificate, Refused> {
    let certificate = Certificate::from_der(der)
        .map_err(|error| refused(format!("the certificate cannot be read: {error}")))?;
    let tbs = &certificate.tbs_certificate;
    let constraints = tbs.get::<BasicConstraints>().map_err(twice)?;
    if constraints.is_some_and(|(_, constraints)| constraints.ca) {
        return Err(refused("the certificate is an authority's"));
    }
    let usage = tbs.get::<KeyUsage>().map_err(twice)?;
    if !usage.is_some_and(|(_, usage)| usage.digital_signature() && !usage.key_cert_sign()) {
        return Err(refused("the certificate's key is not for signatures alone"));
    }
    let spki = tbs
        .subject_public_key_info
        .to_der()
        .map_err(|error| refused(format!("the certificate's key cannot be read: {error}")))?;
    Ok(SigningCertificate {
        spki,
        identity: identity(&certificate)?,
        issuer: issuer(&certificate)?,
    })
}

fn identity(certificate: &Certificate) -> Result<String, Refused> {
    let names = certificate
        .tbs_certificate
        .get::<SubjectAltName>()
        .map_err(twice)?
        .map_or_else(Vec::new, |(_, names)| names.0);
    let [name] = names.as_slice() else {
        return Err(refused(format!(
            "the certificate names {} identities, not one",
            names.len()
        )));
    };
    let identity = match name {
        GeneralName::Rfc822Name(address) => address.as_str(),
        GeneralName::UniformResourceIdentifier(uri) => uri.as_str(),
        GeneralName::OtherName(_)
        | GeneralName::DnsName(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::IpAddress(_)
        | GeneralName::RegisteredId(_) => {
            return Err(refused(
                "the certificate's identity is neither an address nor a URI",
            ));
        }
    };
    if identity.is_empty() || identity.chars().any(char::is_control) {
        return Err(refused(
            "the certificate's identity is empty or has control characters",
        ));
    }
    Ok(identity.to_owned())
}

fn issuer(certificate: &Certificate) -> Result<String, Refused> {
    let mut issuers = Vec::new();
    for extension in certificate.tbs_certificate.extensions.iter().flatten() {
        let value = extension.extn_value.as_bytes();
        let issuer = if extension.extn_id == ISSUER_V2 {
            Utf8StringRef::from_der(value)
                .ok()
                .map(|text| text.as_str().to_owned())
        } else if extension.extn_id == ISSUER_V1 {
            String::from_utf8(value.to_vec()).ok()
        } else {
            continue;
        };
        issuers.push(issuer.ok_or_else(|| refused("the certificate's issuer cannot be read"))?);
    }
    match issuers.as_slice() {
        [] => Err(refused("the certificate does not say who issued the token")),
        [first, rest @ ..] if rest.iter().all(|other| other == first) => Ok(first.clone()),
        _ => Err(refused("the certificate names two issuers of the token")),
    }
}

fn twice(error: x509_cert::der::Error) -> Refused {
    refused(format!(
        "an extension of the certificate cannot be read, or is there twice: {error}"
    ))
}

fn refused(detail: impl Into<String>) -> Refused {
    Refused::new(Why::Certificate, detail)
}
