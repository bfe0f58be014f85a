//! Preparing a kernel from its source, as a build of its own.

use serde::{Deserialize, Serialize};

use crate::catalog::Fingerprint;
use crate::catalog::kernel_source::{PinnedSource, PrepareLevel, Unanswered};
use crate::digest::Sha256Digest;
use crate::name::{Arch, KernelRelease};
use crate::recipe::spec::{BuildSpec, Expected, Input, Limits, WORK_AT, surroundings};
use crate::recipe::steps::settings;
use crate::variation::Variation;

/// The version of how kernels are prepared; it changes whenever the same inputs would be prepared in
/// another way.
pub const PREPARATION: u32 = 4;

/// Where the kernel's source stands, read-only, while the kernel is prepared and while modules are
/// built: the kernel's makefiles write the path down.
pub const KERNEL_SOURCE_AT: &str = "/kmatrix/kernel/source";
/// Where the prepared kernel stands, read-only, while modules are built.
pub const KERNEL_BUILD_AT: &str = "/kmatrix/kernel/build";
/// Where the configuration stands, as its user wrote it.
const CONFIG_AT: &str = "/kmatrix/kernel/config";
/// The name of the configuration in its tree.
pub const CONFIG_NAME: &str = "config";

const SCRIPT: &str = concat!(
    include_str!("copy.sh"),
    include_str!("surroundings.sh"),
    include_str!("prepare.sh")
);

/// The inputs of one prepared kernel. The digest of the canonical form is its identity: a kernel
/// that was prepared from these inputs is not prepared again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preparation {
    pub recipe: u32,
    #[serde(flatten)]
    pub source: PinnedSource,
    /// The keys of which one must have signed the source itself. They are part of the identity, since a
    /// kernel that was prepared before anybody asked for a signature has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<Fingerprint>,
    /// The configuration as its user wrote it.
    pub config: Sha256Digest,
    pub unanswered: Unanswered,
    pub level: PrepareLevel,
    pub arch: Arch,
    pub cross: Option<String>,
    /// The kernel release that has to come out of it.
    pub kernel_release: KernelRelease,
    pub make: Vec<String>,
    pub image: Sha256Digest,
    pub limits: Limits,
    /// The most CPUs; all of the machine's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u32>,
}

impl Preparation {
    /// Returns the digest of the canonical form: this value as JSON without white space, the fields
    /// in the order of their declaration.
    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(&serde_json::to_vec(self).expect("plain values serialise"))
    }
}

/// Makes the spec of one preparation. `source` and `config` are trees.
///
/// The determinism profile is that of modules, for the programs that run on the build machine as
/// well; those get no build id, which would be a digest of where they were built.
pub fn preparation_spec(
    inputs: &Preparation,
    source: Sha256Digest,
    config: Sha256Digest,
    variation: Variation,
) -> BuildSpec {
    let build = format!("{WORK_AT}/{}", variation.build_path);
    let config_file = format!("{CONFIG_AT}/{CONFIG_NAME}");
    let unanswered = match inputs.unanswered {
        Unanswered::Default => "default",
        Unanswered::No => "no",
    };
    let level = match inputs.level {
        PrepareLevel::Headers => "headers",
        PrepareLevel::Modules => "modules",
    };
    let mut command: Vec<String> = [
        "/bin/sh",
        "-c",
        SCRIPT,
        "kmatrix-prepare",
        KERNEL_SOURCE_AT,
        &config_file,
        &build,
        unanswered,
        level,
        inputs.kernel_release.as_str(),
        &settings(&variation),
        WORK_AT,
        // Set and empty, so that nothing of the surroundings is added to the release.
        "LOCALVERSION=",
    ]
    .map(str::to_owned)
    .to_vec();
    command.push(format!("ARCH={}", inputs.arch.kbuild()));
    if let Some(cross) = &inputs.cross {
        command.push(format!("CROSS_COMPILE={cross}"));
    }
    command.extend(inputs.make.iter().cloned());

    let mapped = format!("-ffile-prefix-map={build}=.");
    let mut environment = surroundings(&variation, &mapped);
    for (name, value) in [
        ("KBUILD_BUILD_VERSION", "1"),
        ("HOSTCFLAGS", &mapped),
        ("HOSTLDFLAGS", "-Wl,--build-id=none"),
    ] {
        environment.insert(name.to_owned(), value.to_owned());
    }
    environment.extend(variation.noise.iter().cloned());
    let mut trees = vec![
        Input {
            at: KERNEL_SOURCE_AT.to_owned(),
            tree: source,
        },
        Input {
            at: CONFIG_AT.to_owned(),
            tree: config,
        },
    ];
    trees.sort();
    BuildSpec {
        schema_version: 1,
        image: inputs.image,
        inputs: trees,
        command,
        environment,
        host_name: variation.host_name.clone(),
        domain_name: variation.domain_name.clone(),
        user: variation.user,
        group: variation.group,
        // Zero stands for all in a spec.
        cpus: match (variation.cpus, inputs.cpus) {
            (0, most) => most.unwrap_or(0),
            (wanted, most) => wanted.min(most.unwrap_or(wanted)),
        },
        limits: inputs.limits.clone(),
        expected: Expected {
            modules: Vec::new(),
            kernel_release: inputs.kernel_release.to_string(),
            machine: inputs.arch.elf_machine(),
            may_exclude: false,
        },
        variation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variation::{Axis, Cpus};

    fn inputs() -> Preparation {
        Preparation {
            recipe: PREPARATION,
            source: PinnedSource::Tarball(Sha256Digest::of(b"tarball")),
            signers: Vec::new(),
            config: Sha256Digest::of(b"config"),
            unanswered: Unanswered::Default,
            level: PrepareLevel::Modules,
            arch: Arch::Arm64,
            cross: Some("aarch64-linux-gnu-".to_owned()),
            kernel_release: "6.12.1-x".parse().expect("a release"),
            make: vec!["CC=gcc-12".to_owned()],
            image: Sha256Digest::of(b"image"),
            limits: Limits {
                memory_bytes: 16 << 30,
                processes: 4096,
                seconds: 4 * 60 * 60,
                disk_bytes: 12 << 30,
                log_bytes: 64 << 20,
                output_bytes: 1 << 30,
            },
            cpus: None,
        }
    }

    #[test]
    fn what_is_prepared_twice_differs_in_its_surroundings_alone() {
        let tree = Sha256Digest::of(b"tree");
        let axes = Axis::of_a_preparation();
        let first = preparation_spec(&inputs(), tree, tree, Variation::reference());
        let second = preparation_spec(&inputs(), tree, tree, Variation::of(1, Cpus::One, &axes));
        assert_eq!(first.inputs, second.inputs);
        assert_ne!(first.digest(), second.digest());
        assert_eq!(first.environment["KBUILD_BUILD_TIMESTAMP"], "@0");
        let fixed = |spec: &BuildSpec| [&spec.command[4..6], &spec.command[7..10]].concat();
        assert_eq!(fixed(&first), fixed(&second));
        assert_ne!(first.command[6], second.command[6], "the build directory");
        assert_eq!((first.cpus, second.cpus), (0, 1));
        let mut bounded = inputs();
        bounded.cpus = Some(3);
        let cpus = |variation| preparation_spec(&bounded, tree, tree, variation).cpus;
        let varied = Variation::of(1, Cpus::One, &axes);
        assert_eq!((cpus(Variation::reference()), cpus(varied)), (3, 1));
        for word in [
            "ARCH=arm64",
            "CROSS_COMPILE=aarch64-linux-gnu-",
            "CC=gcc-12",
            "LOCALVERSION=",
        ] {
            assert!(first.command.contains(&word.to_owned()), "{word}");
        }
    }

    #[test]
    fn a_preparation_is_written_as_before_there_were_commits() {
        let text = serde_json::to_string(&inputs()).expect("JSON");
        let digest = Sha256Digest::of(b"tarball");
        let begins = format!(r#"{{"recipe":{PREPARATION},"tarball":"{digest}","config":"#);
        assert!(text.starts_with(&begins), "{text}");
        assert_eq!(
            serde_json::from_str::<Preparation>(&text).expect("a preparation"),
            inputs()
        );
    }

    #[test]
    fn every_input_is_part_of_the_identity() {
        let changes: [fn(&mut Preparation); 10] = [
            |inputs| inputs.cpus = Some(2),
            |inputs| inputs.limits.seconds = 1,
            |inputs| inputs.signers = vec!["A".repeat(40).parse().expect("a key")],
            |inputs| inputs.source = PinnedSource::Tarball(Sha256Digest::of(b"another")),
            |inputs| inputs.source = PinnedSource::Tree(Sha256Digest::of(b"tarball")),
            |inputs| inputs.config = Sha256Digest::of(b"another"),
            |inputs| inputs.level = PrepareLevel::Headers,
            |inputs| inputs.unanswered = Unanswered::No,
            |inputs| inputs.make.clear(),
            |inputs| inputs.image = Sha256Digest::of(b"another"),
        ];
        for change in changes {
            let mut changed = inputs();
            change(&mut changed);
            assert_ne!(changed.digest(), inputs().digest());
        }
    }
}
