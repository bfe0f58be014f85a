//! Certificates (RFC 5280) of a signing authority like Fulcio's, and of a timestamp authority.

use jiff::{SignedDuration, Timestamp};

use super::der;
use super::keys::Key;

pub const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
pub const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
pub const ECDSA_WITH_SHA256: &str = "1.2.840.10045.4.3.2";

/// What a certificate says.
pub struct Certificate {
    pub subject: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    pub is_authority: bool,
    pub usage: Option<&'static str>,
    /// Addresses and URIs, by their tags in a `GeneralName`.
    pub names: Vec<(u8, String)>,
    /// Extensions of Fulcio's, by the last part of their object identifier.
    pub fulcio: Vec<(u8, Vec<u8>)>,
    pub digital_signature: bool,
}

pub const ADDRESS: u8 = 0x81;
pub const DNS: u8 = 0x82;
pub const URI: u8 = 0x86;

impl Certificate {
    pub fn authority(subject: &str, at: Timestamp) -> Self {
        Self {
            subject: subject.to_owned(),
            not_before: at - SignedDuration::from_hours(24 * 365),
            not_after: at + SignedDuration::from_hours(24 * 3650),
            is_authority: true,
            usage: None,
            names: Vec::new(),
            fulcio: Vec::new(),
            digital_signature: false,
        }
    }

    /// A certificate of ten minutes, as Fulcio gives them.
    pub fn signer(identity: &str, issuer: &str, at: Timestamp) -> Self {
        Self {
            subject: String::new(),
            not_before: at - SignedDuration::from_mins(5),
            not_after: at + SignedDuration::from_mins(5),
            is_authority: false,
            usage: Some(CODE_SIGNING),
            names: vec![(URI, identity.to_owned())],
            fulcio: vec![(1, issuer.as_bytes().to_vec()), (8, der::utf8(issuer))],
            digital_signature: true,
        }
    }

    pub fn timestamper(at: Timestamp) -> Self {
        Self {
            subject: "test timestamps".to_owned(),
            is_authority: false,
            usage: Some(TIME_STAMPING),
            digital_signature: true,
            ..Self::authority("", at)
        }
    }

    /// Returns the certificate for a key, signed by an issuer.
    pub fn issue(&self, holder: &Key, issuer: &str, issuer_key: &Key) -> Vec<u8> {
        let mut extensions = vec![extension(
            "2.5.29.19",
            true,
            &der::sequence(if self.is_authority {
                &[&[1, 1, 0xff]]
            } else {
                &[]
            }),
        )];
        let usage: &[u8] = if self.is_authority {
            &[3, 2, 1, 6]
        } else if self.digital_signature {
            &[3, 2, 7, 0x80]
        } else {
            &[3, 2, 5, 0x20]
        };
        extensions.push(extension("2.5.29.15", true, usage));
        if let Some(usage) = self.usage {
            let value = der::sequence(&[&der::oid(usage)]);
            extensions.push(extension("2.5.29.37", usage == TIME_STAMPING, &value));
        }
        if !self.names.is_empty() {
            let names: Vec<u8> = self
                .names
                .iter()
                .flat_map(|(tag, name)| der::tlv(*tag, name.as_bytes()))
                .collect();
            extensions.push(extension("2.5.29.17", true, &der::tlv(0x30, &names)));
        }
        for (last, value) in &self.fulcio {
            extensions.push(extension(
                &format!("1.3.6.1.4.1.57264.1.{last}"),
                false,
                value,
            ));
        }
        let tbs = der::sequence(&[
            &der::context(0, &der::integer(2)),
            &der::integer(SERIAL),
            &der::algorithm(ECDSA_WITH_SHA256),
            &name(issuer),
            &der::sequence(&[
                &der::generalized_time(self.not_before),
                &der::generalized_time(self.not_after),
            ]),
            &name(&self.subject),
            &holder.spki(),
            &der::context(3, &der::tlv(0x30, &extensions.concat())),
        ]);
        let signature = issuer_key.sign(&tbs);
        der::sequence(&[
            &tbs,
            &der::algorithm(ECDSA_WITH_SHA256),
            &der::bits(&signature),
        ])
    }
}

/// The serial number of every certificate here.
pub const SERIAL: u8 = 42;

pub fn name(common: &str) -> Vec<u8> {
    if common.is_empty() {
        return der::sequence(&[]);
    }
    let attribute = der::sequence(&[&der::oid("2.5.4.3"), &der::utf8(common)]);
    der::sequence(&[&der::set(&[&attribute])])
}

fn extension(oid: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical {
        der::boolean(true)
    } else {
        Vec::new()
    };
    der::sequence(&[&der::oid(oid), &critical, &der::octets(value)])
}
