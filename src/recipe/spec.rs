//! The build as a value: what any engine needs to run it, and nothing about a particular one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalog::kernel_source::PrepareLevel;
use crate::digest::Sha256Digest;
use crate::recipe::{BuiltBy, CellInputs, steps};
use crate::variation::Variation;

/// Where the module's source is mounted, read-only.
pub const SOURCE_AT: &str = "/kmatrix/source";
/// Where the sources of needed modules are mounted, read-only, each below its name.
pub const NEEDS_AT: &str = "/kmatrix/needs";
/// The writable directory that an attempt has for itself; nothing else of it outlives the attempt.
pub const WORK_AT: &str = "/build";

/// The file among the modules that has the text of the commands, as `build.sh` writes it.
pub const COMMANDS: &str = ".kmatrix-commands";
/// The file among the modules that has what the needed modules export, as `Module.symvers` has it.
pub const EXPORTS: &str = ".kmatrix-exports";

/// The most bytes that a build spec may have where one is read.
pub const MAX_SPEC: u64 = 16 << 20;

const SCRIPT: &str = concat!(
    include_str!("copy.sh"),
    include_str!("surroundings.sh"),
    include_str!("build.sh")
);
const DKMS_SCRIPT: &str = concat!(include_str!("copy.sh"), include_str!("dkms.sh"));

/// One attempt, ready to run. In-container paths are part of the bits, so they are fixed here for
/// every engine; the environment is complete, so an image's own is never relied on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildSpec {
    pub schema_version: u32,
    pub image: Sha256Digest,
    /// Read-only input trees, ordered by where they are mounted.
    pub inputs: Vec<Input>,
    pub command: Vec<String>,
    pub environment: BTreeMap<String, String>,
    pub host_name: String,
    pub domain_name: String,
    pub user: u32,
    pub group: u32,
    /// The CPUs that the attempt may use; zero stands for all of the machine's.
    pub cpus: u32,
    pub limits: Limits,
    pub expected: Expected,
    pub variation: Variation,
}

/// One input tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// The absolute path at which it stands during the build.
    pub at: String,
    pub tree: Sha256Digest,
}

/// A part of an unpacked package that stands at the same absolute path during the build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Relative to the package's root, such as `usr/src/linux-headers-6.1.0-56-common`.
    pub path: String,
    pub tree: Sha256Digest,
}

/// What an attempt may use at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    pub memory_bytes: u64,
    pub processes: u32,
    pub seconds: u64,
    /// The work directory, which lives in memory and counts as memory too.
    pub disk_bytes: u64,
    pub log_bytes: u64,
    pub output_bytes: u64,
}

impl Default for Limits {
    /// Enough for a large module; what a build that runs wild can take from its machine.
    fn default() -> Self {
        Self {
            memory_bytes: 2 << 30,
            processes: 512,
            seconds: 600,
            disk_bytes: 1 << 30,
            log_bytes: 16 << 20,
            output_bytes: 256 << 20,
        }
    }
}

/// What a build has to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Expected {
    /// Paths below the source; empty means whichever modules are made, at least one.
    pub modules: Vec<String>,
    /// The first word of each module's vermagic.
    pub kernel_release: String,
    /// ELF's `e_machine`.
    pub machine: u16,
    /// True if the source may say that it is not for this kernel.
    #[serde(default)]
    pub may_exclude: bool,
}

impl BuildSpec {
    /// Returns the digest of the canonical form: this value as JSON without white space, the fields
    /// in the order of their declaration. It is the identity of an attempt's inputs.
    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(&serde_json::to_vec(self).expect("plain values serialise"))
    }

    /// Returns where the module is built.
    pub fn built_at(&self) -> String {
        steps::built_at(&self.variation)
    }

    /// Returns the steps that the script runs, one per line, as a shell reads them.
    pub fn steps(&self) -> &str {
        // The shell, `-c`, the script, its name, and then the steps.
        self.command.get(4).map_or("", String::as_str)
    }
}

/// Makes the spec of one attempt.
///
/// The determinism profile: paths below the build directory are mapped away in file names and debug
/// information (GCC manual, "Overall Options", `-ffile-prefix-map`), and the kernel build system's
/// own stamps are pinned (Linux, `Documentation/kbuild/reproducible-builds.rst`). A set
/// `KBUILD_BUILD_TIMESTAMP` also keeps Debian's `Makefile.btf` from running `pahole -j`, whose output
/// order is not stable before pahole 1.29.
pub fn build_spec(inputs: &CellInputs, mounts: &[Mount], variation: Variation) -> BuildSpec {
    let mut trees: Vec<Input> = mounts
        .iter()
        .map(|mount| Input {
            at: format!("/{}", mount.path),
            tree: mount.tree,
        })
        .collect();
    trees.push(Input {
        at: SOURCE_AT.to_owned(),
        tree: inputs.source_tree,
    });
    trees.extend(inputs.needed.iter().map(|needed| Input {
        at: format!("{NEEDS_AT}/{}", needed.module),
        tree: needed.source_tree,
    }));
    if !variation.header_root.is_empty() {
        trees.extend(mounts.iter().map(|mount| Input {
            at: format!("{}/{}", variation.header_root, mount.path),
            tree: mount.tree,
        }));
    }
    trees.sort();

    let build_path = steps::built_at(&variation);
    let mut command: Vec<String> = [
        "/bin/sh",
        "-c",
        SCRIPT,
        "kmatrix-build",
        &steps::steps(inputs, mounts, &variation),
    ]
    .map(str::to_owned)
    .to_vec();
    let mut recipes = std::iter::once(&inputs.built_by)
        .chain(inputs.needed.iter().map(|needed| &needed.built_by));
    let is_dkms = recipes.any(|built_by| *built_by == BuiltBy::Dkms);
    command.push(if is_dkms { DKMS_SCRIPT } else { "" }.to_owned());
    command.push(WORK_AT.to_owned());
    let mut mapped = format!("-ffile-prefix-map={build_path}=.");
    if !inputs.needed.is_empty() {
        let needs = steps::needs_path(&variation);
        mapped.push_str(&format!(" -ffile-prefix-map={needs}=needs"));
    }
    // File names in code are mapped by the kernel's own makefiles, or by `move_headers`.
    if !variation.header_root.is_empty() {
        let root = &variation.header_root;
        for from in [root.clone(), steps::moved_headers(root)] {
            mapped.push_str(&format!(" -fdebug-prefix-map={from}="));
        }
    }

    let mut environment = surroundings(&variation, &mapped);
    if !inputs.needed.is_empty() {
        let needs = steps::needs_path(&variation);
        environment.insert("KMATRIX_NEEDS".to_owned(), needs);
    }
    let level = inputs.prepared.as_ref().map(|prepared| prepared.level);
    if level == Some(PrepareLevel::Headers) {
        // Nobody knows which symbols such a kernel exports: modpost warns where it would end the build
        // (Linux, `scripts/Makefile.modpost`). The label says so.
        environment.insert("KBUILD_MODPOST_WARN".to_owned(), "1".to_owned());
    }
    environment.extend(variation.noise.iter().cloned());

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
        cpus: variation.cpus,
        limits: inputs.limits.clone(),
        expected: Expected {
            modules: match &inputs.built_by {
                BuiltBy::Command { modules, .. } if !modules.is_empty() => modules.clone(),
                BuiltBy::Command { .. } | BuiltBy::Kbuild | BuiltBy::Dkms => {
                    inputs.produces.clone()
                }
            },
            may_exclude: inputs.built_by.may_exclude(),
            kernel_release: inputs.target.kernel_release.to_string(),
            machine: inputs.target.arch.elf_machine(),
        },
        variation,
    }
}

/// Returns the environment that everything is built in, but for the noise: `mapped` are the
/// compiler's options that map paths away.
pub(super) fn surroundings(variation: &Variation, mapped: &str) -> BTreeMap<String, String> {
    let home = format!("{WORK_AT}/{}", variation.home);
    let perturbed = variation.other_memory.then_some(("MALLOC_PERTURB_", "165"));
    [
        ("PATH", variation.path.as_str()),
        ("HOME", &home),
        ("TMPDIR", "/tmp"),
        ("SHELL", "/bin/sh"),
        ("USER", &variation.user_name),
        ("LOGNAME", &variation.user_name),
        // The kernel's makefiles take `LC_ALL` away from what they call, but leave `LANG` to it.
        ("LC_ALL", &variation.locale),
        ("LANG", &variation.locale),
        ("TZ", &variation.time_zone),
        ("SOURCE_DATE_EPOCH", "0"),
        ("KBUILD_BUILD_TIMESTAMP", "@0"),
        ("KBUILD_BUILD_USER", "kmatrix"),
        ("KBUILD_BUILD_HOST", "kmatrix"),
        ("KCFLAGS", mapped),
        ("KAFLAGS", mapped),
    ]
    .into_iter()
    .chain(perturbed)
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}
