//! RPM packages (rpm.org, "RPM V4 Package format"): a lead, a signature header, a header, and a
//! compressed cpio archive as the payload.
//!
//! # Security
//!
//! A signature over the header covers the payload only through the payload's digest that stands in
//! the header (since RPM 4.14). It is checked as the payload passes. Older packages have none, and
//! are taken only if they have a signature over header and payload; then a signature over the header
//! alone proves nothing of the files, which [`RpmSigned::payload_digest`] tells.

use std::io::{BufReader, Read};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::digest::DynDigest;
use sha2::{Sha256, Sha384, Sha512};

use super::cpio::for_each_cpio_entry;
use super::error::{PackageError, shown};
use super::format::Unpacked;
use super::identity::PackageIdentity;
use super::inflate::{Behind, Compression, Inflated};
use super::limits::Limits;
use super::rpm_header::{Part, RpmHeader};
use super::source::Watched;
use super::unpack::{Links, Unpacking};

const LEAD_BYTES: usize = 96;
const LEAD_MAGIC: &[u8] = &[0xed, 0xab, 0xee, 0xdb];
const PAYLOAD: &str = "payload";

// Tags of the signature header.
const SIG_DSA: u32 = 267;
const SIG_RSA: u32 = 268;
const SIG_OPENPGP: u32 = 278;
const SIG_PGP: u32 = 1002;
const SIG_GPG: u32 = 1005;

// Tags of the header.
const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const ARCH: u32 = 1022;
const SOURCE_PACKAGE: u32 = 1106;
const PAYLOAD_FORMAT: u32 = 1124;
const PAYLOAD_COMPRESSOR: u32 = 1125;
const LONG_FILE_SIZES: u32 = 5008;
const PAYLOAD_DIGEST: u32 = 5092;
const PAYLOAD_DIGEST_ALGORITHM: u32 = 5093;

/// What a package's signatures are over, and the signatures; none of them is checked here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpmSigned {
    /// The exact bytes that a header signature covers: the header's magic, index and store.
    pub header: Vec<u8>,
    /// Signatures over `header`, as binary OpenPGP packets.
    pub signatures: Vec<Vec<u8>>,
    /// Signatures over everything from `header_offset` to the package's end.
    pub package_signatures: Vec<Vec<u8>>,
    /// Where in the package the header begins, in bytes.
    pub header_offset: u64,
    /// True if the header has the payload's digest, so that a signature over the header covers the
    /// files too. Where it is false only `package_signatures` do.
    pub payload_digest: bool,
    pub identity: PackageIdentity,
}

/// Reads a package up to its payload.
pub fn rpm_signed(rpm: impl Read, limits: &Limits) -> Result<RpmSigned, PackageError> {
    let Front {
        signature,
        header,
        header_offset,
    } = read_front(&mut BufReader::new(rpm), limits)?;
    let binary = |tags: [u32; 2]| -> Result<Vec<Vec<u8>>, PackageError> {
        let found = tags.map(|tag| signature.binary(tag));
        let found = found.into_iter().filter_map(Result::transpose);
        found.map(|bytes| Ok(bytes?.to_vec())).collect()
    };
    let mut signatures = binary([SIG_RSA, SIG_DSA])?;
    for text in signature.strings(SIG_OPENPGP)?.into_iter().flatten() {
        let packets = STANDARD.decode(text).map_err(|_| PackageError::Rpm {
            why: "a signature is not base64".to_owned(),
        })?;
        if !signatures.contains(&packets) {
            signatures.push(packets);
        }
    }
    Ok(RpmSigned {
        signatures,
        package_signatures: binary([SIG_PGP, SIG_GPG])?,
        header_offset,
        payload_digest: PayloadDigest::of(&header)?.is_some(),
        identity: identity(&header)?,
        header: header.into_bytes(),
    })
}

/// Unpacks a package as `unpack` says. Source packages have the architecture `src`.
pub(super) fn unpack_rpm(
    rpm: impl Read + Send,
    into: &Path,
    limits: &Limits,
) -> Result<Unpacked, PackageError> {
    let mut source = BufReader::with_capacity(64 * 1024, rpm);
    let front = read_front(&mut source, limits)?;
    let identity = identity(&front.header)?;
    let digest = PayloadDigest::of(&front.header)?;
    if digest.is_none() && !front.signature.has(SIG_PGP) && !front.signature.has(SIG_GPG) {
        return Err(PackageError::NoPayloadDigest);
    }
    let compression = compression(&front.header, &mut source)?;
    let mut tree = Unpacking::open(into, Links::Package, limits)?;
    let (mut hash, wanted) = match digest {
        Some(PayloadDigest { hash, wanted }) => (Some(hash), wanted),
        None => (None, String::new()),
    };
    let watched = Watched::new(source, |bytes: &[u8]| {
        if let Some(hash) = &mut hash {
            hash.update(bytes);
        }
    });
    let payload = Inflated::open(PAYLOAD, compression, watched, Behind::Nothing, limits)?;
    for_each_cpio_entry(payload, limits, |entry, bytes| tree.write(entry, bytes))?;
    if let Some(hash) = hash {
        let found = hex::encode(hash.finalize());
        if found != wanted {
            return Err(PackageError::WrongDigest {
                member: PAYLOAD.to_owned(),
                wanted,
                found,
            });
        }
    }
    Ok(Unpacked {
        identity,
        entries: tree.finish(),
    })
}

/// Everything before the payload.
struct Front {
    signature: RpmHeader,
    header: RpmHeader,
    header_offset: u64,
}

fn read_front<R: Read>(source: &mut BufReader<R>, limits: &Limits) -> Result<Front, PackageError> {
    let mut lead = Vec::new();
    source
        .take(LEAD_BYTES as u64)
        .read_to_end(&mut lead)
        .map_err(|source| PackageError::Read { source })?;
    if !lead.starts_with(LEAD_MAGIC) {
        return Err(PackageError::NotRpm);
    }
    if lead.len() < LEAD_BYTES {
        return Err(PackageError::Truncated {
            part: "its lead".to_owned(),
        });
    }
    if !matches!(lead[4], 3 | 4) || lead[78..80] != [0, 5] {
        return Err(PackageError::Unsupported {
            what: "an RPM of a format older than version 3",
        });
    }
    let signature = RpmHeader::read(&mut *source, Part::Signature, limits)?;
    let header = RpmHeader::read(source, Part::Main, limits)?;
    let before = LEAD_BYTES + signature.bytes().len().next_multiple_of(8);
    Ok(Front {
        signature,
        header,
        header_offset: before as u64,
    })
}

/// Returns what the header says; an epoch of 0 is the same as none (rpm-version(7)).
fn identity(header: &RpmHeader) -> Result<PackageIdentity, PackageError> {
    let refuse = |why: String| PackageError::Rpm { why };
    let text = |tag, what: &str| {
        let text = header.string(tag)?;
        text.ok_or_else(|| refuse(format!("its header has no {what}")))
    };
    let version = text(VERSION, "version")?;
    let release = text(RELEASE, "release")?;
    let version = match header.number(EPOCH)? {
        None | Some(0) => format!("{version}-{release}"),
        Some(epoch) => format!("{epoch}:{version}-{release}"),
    };
    let architecture = match header.has(SOURCE_PACKAGE) {
        true => "src",
        false => text(ARCH, "architecture")?,
    };
    PackageIdentity::parse(text(NAME, "name")?, &version, architecture).map_err(refuse)
}

/// Returns how the payload is compressed. Where the header does not say so it is gzip or nothing.
fn compression<R: Read>(
    header: &RpmHeader,
    source: &mut BufReader<R>,
) -> Result<Compression, PackageError> {
    if header.has(LONG_FILE_SIZES) {
        return Err(PackageError::Unsupported {
            what: "an RPM of files of 4 GiB and more, whose payload is stripped cpio",
        });
    }
    match header.string(PAYLOAD_FORMAT)? {
        Some("cpio") => {}
        Some(_) | None => {
            return Err(PackageError::Unsupported {
                what: "an RPM whose payload is not a cpio archive",
            });
        }
    }
    let unknown = |name: &str| PackageError::UnknownCompression {
        member: format!("{PAYLOAD}.{}", shown(name.as_bytes())),
    };
    match header.string(PAYLOAD_COMPRESSOR)? {
        Some(name) => Compression::of_name(name).ok_or_else(|| unknown(name)),
        None => {
            let first = first_byte(source)?;
            // A gzip stream begins with 1f, a cpio archive with a digit.
            Ok(match first {
                Some(0x1f) => Compression::Gzip,
                Some(_) | None => Compression::None,
            })
        }
    }
}

fn first_byte<R: Read>(source: &mut BufReader<R>) -> Result<Option<u8>, PackageError> {
    use std::io::{BufRead, ErrorKind};
    loop {
        match source.fill_buf() {
            Ok(bytes) => return Ok(bytes.first().copied()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(source) => return Err(PackageError::Read { source }),
        }
    }
}

/// The digest of the compressed payload.
struct PayloadDigest {
    hash: Box<dyn DynDigest + Send>,
    /// In lower-case hex digits.
    wanted: String,
}

impl PayloadDigest {
    /// Returns what the header says, or `None` if it says nothing.
    fn of(header: &RpmHeader) -> Result<Option<Self>, PackageError> {
        let Some(wanted) = header.string(PAYLOAD_DIGEST)? else {
            return Ok(None);
        };
        // The numbers of RFC 9580, section 9.5; RPM 6 leaves the tag out for SHA-256.
        let hash: Box<dyn DynDigest + Send> = match header.number(PAYLOAD_DIGEST_ALGORITHM)? {
            None | Some(8) => Box::new(Sha256::default()),
            Some(9) => Box::new(Sha384::default()),
            Some(10) => Box::new(Sha512::default()),
            Some(other) => {
                return Err(PackageError::Rpm {
                    why: format!("its payload's digest has the algorithm {other}, none of SHA-2"),
                });
            }
        };
        Ok(Some(Self {
            hash,
            wanted: wanted.to_ascii_lowercase(),
        }))
    }
}
