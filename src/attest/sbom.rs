//! What is in a builder image: CycloneDX 1.6 (ECMA-424), with how old the image is as properties.

use jiff::Timestamp;
use serde_cyclonedx::cyclonedx::v_1_6::{
    Component, ComponentBuilder, CycloneDx, CycloneDxBuilder, DependencyBuilder, Hash, HashAlg,
    MetadataBuilder, MetadataTools, MetadataToolsVariant0, Property,
};

use crate::definition::package_url;
use crate::digest::Sha256Digest;
use crate::image::{ImageRecord, InstalledPackage, PackageDatabase};
use crate::label::{AgeLimits, freshness};
use crate::name::Distro;
use crate::package::PackageFormat;

/// The predicate of an image's statement.
pub type Sbom = CycloneDx;

/// What an image's age is held against.
#[derive(Debug, Clone, Copy)]
pub struct SbomAge {
    pub limits: AgeLimits,
    pub at: Timestamp,
}

/// Lists what an image has, as its package database does. `distro` is the distribution whose packages
/// they are, `version` that of this program.
pub fn sbom(image: &ImageRecord, distro: &Distro, age: SbomAge, version: &str) -> Sbom {
    let id = image.id.to_string();
    let mut own = component("container", image.name.as_str(), &id);
    own.bom_ref = Some(id.clone());
    own.hashes = Some(vec![sha256(image.id)]);
    let mut tool = component("application", "kmatrix", version);
    tool.bom_ref = Some("kmatrix".to_owned());
    let metadata = MetadataBuilder::default()
        .timestamp(age.at.to_string())
        .tools(MetadataTools::Variant0(MetadataToolsVariant0 {
            components: Some(vec![tool]),
            services: None,
        }))
        .component(own)
        .properties(properties(image, age))
        .build();
    let database = image.inventory.map(|inventory| inventory.database);
    let packages: Vec<Component> = (1..)
        .zip(&image.packages)
        .map(|(number, package): (u32, _)| installed(number, package, database, distro))
        .collect();
    let dependencies = DependencyBuilder::default()
        .ref_(id)
        .depends_on(references(&packages))
        .build();
    CycloneDxBuilder::default()
        .bom_format("CycloneDX")
        .spec_version("1.6")
        .serial_number(serial_number(image.id, age.at))
        .version(1)
        .metadata(metadata.expect("nothing that it needs is missing"))
        .components(packages)
        .dependencies(vec![dependencies.expect("it has a name")])
        .build()
        .expect("nothing that it needs is missing")
}

fn references(components: &[Component]) -> Vec<String> {
    let references = components.iter();
    references.filter_map(|one| one.bom_ref.clone()).collect()
}

fn component(kind: &str, name: &str, version: &str) -> Component {
    ComponentBuilder::default()
        .type_(kind)
        .name(name)
        .version(version)
        .build()
        .expect("it has a kind and a name")
}

fn installed(
    number: u32,
    package: &InstalledPackage,
    database: Option<PackageDatabase>,
    distro: &Distro,
) -> Component {
    let mut component = component("library", &package.name, package.version.as_str());
    component.bom_ref = Some(format!("package-{number}"));
    // Records of before there was an inventory are of dpkg.
    let format = match database {
        None | Some(PackageDatabase::Dpkg) => Some(PackageFormat::Deb),
        Some(PackageDatabase::Rpm) => Some(PackageFormat::Rpm),
        Some(PackageDatabase::Pacman) => Some(PackageFormat::Pacman),
        Some(PackageDatabase::Apk) => Some(PackageFormat::Apk),
        Some(PackageDatabase::Unknown) => None,
    };
    component.purl = format.map(|format| {
        package_url(
            format,
            distro,
            &package.name,
            package.version.as_str(),
            &package.architecture,
        )
    });
    if let Some(source) = &package.source {
        let version = package.source_version.as_ref().unwrap_or(&package.version);
        component.properties = Some(vec![
            property("kmatrix:source", source),
            property("kmatrix:source-version", version.as_str()),
        ]);
    }
    component
}

/// Returns what is known of the image beside its packages.
fn properties(image: &ImageRecord, age: SbomAge) -> Vec<Property> {
    let found = freshness(image.archive_date, age.at, age.limits);
    let days = |limit: Option<jiff::SignedDuration>| {
        limit.map_or_else(
            || "none".to_owned(),
            |limit| (limit.as_hours() / 24).to_string(),
        )
    };
    let date = image.archive_date;
    let mut properties = vec![
        property("kmatrix:definition", &image.definition.to_string()),
        property("kmatrix:made", &image.made.to_string()),
        property(
            "kmatrix:archive-date",
            &date.map_or_else(|| "unknown".to_owned(), |date| date.to_string()),
        ),
        property("kmatrix:freshness", found.as_str()),
        property("kmatrix:freshness-at", &age.at.to_string()),
        property("kmatrix:warn-after-days", &days(age.limits.warn_after)),
        property(
            "kmatrix:stale-after-days",
            &days(Some(age.limits.stale_after)),
        ),
    ];
    for suite in &image.suites {
        let state = format!("{}/{} {}", suite.archive, suite.suite, suite.index);
        properties.push(property("kmatrix:archive-state", &state));
    }
    if let Some(inventory) = image.inventory {
        properties.push(property("kmatrix:inventory", &inventory.digest.to_string()));
    }
    for (tool, says) in &image.tools {
        properties.push(property(&format!("kmatrix:tool:{tool}"), says));
    }
    properties
}

fn property(name: &str, value: &str) -> Property {
    Property {
        name: name.to_owned(),
        value: Some(value.to_owned()),
    }
}

fn sha256(digest: Sha256Digest) -> Hash {
    Hash {
        alg: HashAlg::Sha256,
        content: digest.to_hex(),
    }
}

/// Returns a number of its own for what is listed of an image at one time: a UUID of version 8 (RFC 9562,
/// section 5.8), since it is made of what it is about and not drawn.
fn serial_number(image: Sha256Digest, at: Timestamp) -> String {
    let digest = Sha256Digest::of(format!("sbom of {image} at {at}").as_bytes());
    let mut bytes = *digest.as_bytes();
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(&bytes[..16]);
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    format!("urn:uuid:{}", parts.join("-"))
}
