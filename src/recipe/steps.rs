//! The steps of one attempt, as lines that `build.sh` runs.

use std::fmt::Write;

use crate::name::{Arch, ModuleName};
use crate::recipe::spec::{Mount, NEEDS_AT, SOURCE_AT, WORK_AT};
use crate::recipe::{BuiltBy, CellInputs, NeededModule};
use crate::variation::Variation;

/// Where one module of the attempt stands, and how it is built.
struct Part<'a> {
    source: String,
    path: String,
    built_by: &'a BuiltBy,
    make: &'a [String],
    needs: &'a [ModuleName],
}

/// Returns where the sources of the cell's own module are built.
pub fn built_at(variation: &Variation) -> String {
    format!("{WORK_AT}/{}", variation.build_path)
}

/// Returns the directory below which every needed module is built, each under its own name.
pub(super) fn needs_path(variation: &Variation) -> String {
    format!("{WORK_AT}/needs/{}", variation.build_path)
}

/// Returns where a build directory of moved headers is made, below which it has its own whole path.
pub(super) fn moved_headers(root: &str) -> String {
    format!("{WORK_AT}/headers{root}")
}

/// Writes what `surround` sets up.
pub(super) fn settings(variation: &Variation) -> String {
    let mut settings = vec![format!("umask={}", variation.umask)];
    if variation.days_ahead > 0 {
        settings.push(format!("days-ahead={}", variation.days_ahead));
    }
    for (is_set, setting) in [
        (variation.more_jobs, "jobs=more"),
        (variation.reversed_files, "files=reversed"),
        (variation.old_kernel, "kernel=old"),
        (variation.terminal, "terminal=yes"),
        (variation.other_memory, "memory=other"),
    ] {
        if is_set {
            settings.push(setting.to_owned());
        }
    }
    words(&settings)
}

/// Writes the steps: the needed modules in their order, each handing over its symbols, then the
/// module itself.
pub(super) fn steps(inputs: &CellInputs, mounts: &[Mount], variation: &Variation) -> String {
    let mut text = format!("surround {}\n", settings(variation));
    let kernel = if variation.header_root.is_empty() {
        quoted(&inputs.build_directory)
    } else {
        let mut words = vec![
            variation.header_root.clone(),
            inputs.build_directory.clone(),
        ];
        words.extend(mounts.iter().map(|mount| format!("/{}", mount.path)));
        line(
            &mut text,
            &format!("move_headers {} || fail \"copy $?\"", self::words(&words)),
        );
        "\"$moved\"".to_owned()
    };
    line(&mut text, "watch pahole");
    line(
        &mut text,
        &format!("probe {} {kernel}", quoted(&built_at(variation))),
    );
    for (index, needed) in inputs.needed.iter().enumerate() {
        let part = Part {
            source: format!("{NEEDS_AT}/{}", needed.module),
            path: format!("{}/{}", needs_path(variation), needed.module),
            built_by: &needed.built_by,
            make: &needed.make,
            needs: &needed.needs,
        };
        line(
            &mut text,
            &format!("needed={}", quoted(needed.module.as_str())),
        );
        build(&mut text, inputs, &kernel, &part);
        line(&mut text, &format!("exports {}", quoted(&part.path)));
        line(&mut text, &format!("symbols_{index}=$symbols"));
    }
    if !inputs.needed.is_empty() {
        line(&mut text, "needed=");
    }
    let part = Part {
        source: SOURCE_AT.to_owned(),
        path: built_at(variation),
        built_by: &inputs.built_by,
        make: &inputs.make,
        needs: &inputs.needs,
    };
    build(&mut text, inputs, &kernel, &part);
    let mut places = vec![built_at(variation)];
    if !inputs.needed.is_empty() {
        places.push(needs_path(variation));
    }
    line(&mut text, &format!("write_commands {}", words(&places)));
    let listed = match &inputs.built_by {
        BuiltBy::Kbuild | BuiltBy::Dkms => &[],
        BuiltBy::Command { modules, .. } => modules.as_slice(),
    };
    if listed.is_empty() {
        line(&mut text, "hand_out");
    } else {
        line(&mut text, &format!("hand_out_only {}", words(listed)));
    }
    text
}

/// `kernel` is the kernel's build directory, as a shell reads it.
fn build(text: &mut String, inputs: &CellInputs, kernel: &str, part: &Part<'_>) {
    let (source, path) = (quoted(&part.source), quoted(&part.path));
    let release = quoted(inputs.target.kernel_release.as_str());
    let arch = inputs.target.arch;
    let cross = inputs.cross.as_deref().unwrap_or_default();
    let symbols = symbols(part.needs, &inputs.needed);
    match part.built_by {
        BuiltBy::Kbuild => {
            let mut variables = String::new();
            if inputs.cross.is_some() {
                let _ = write!(variables, " ARCH={} CROSS_COMPILE={cross}", arch.kbuild());
            }
            variables.push_str(&symbols);
            if !part.make.is_empty() {
                let _ = write!(variables, " {}", words(part.make));
            }
            line(text, &format!("enter {source} {path}"));
            line(
                text,
                &format!("kbuild make -C {kernel} M={path} -j\"$(nproc)\"{variables} modules"),
            );
        }
        BuiltBy::Dkms => {
            if inputs.cross.is_some() {
                let arch = arch.kbuild();
                line(text, &format!("export ARCH={arch} CROSS_COMPILE={cross}"));
            }
            if !symbols.is_empty() {
                line(text, &format!("export{symbols}"));
            }
            let machine = machine(arch);
            line(
                text,
                &format!("dkms {source} {path} {kernel} {release} {machine} \"$order\" \"$past\""),
            );
        }
        BuiltBy::Command { words: command, .. } => {
            line(text, &format!("enter {source} {path}"));
            line(
                text,
                &format!(
                    "command_of_the_recipe env KERNELDIR={kernel} KDIR={kernel} \
                     KERNEL_RELEASE={release} ARCH={} CROSS_COMPILE={cross} JOBS=\"$(nproc)\"\
                     {symbols} {}",
                    arch.kbuild(),
                    words(command)
                ),
            );
        }
    }
}

/// Returns the variable that names the symbols of needed modules, with a space before it; nothing
/// without needs.
fn symbols(needs: &[ModuleName], needed: &[NeededModule]) -> String {
    let files: Vec<String> = needed
        .iter()
        .enumerate()
        .filter(|(_, needed)| needs.contains(&needed.module))
        .map(|(index, _)| format!("$symbols_{index}"))
        .collect();
    if files.is_empty() {
        return String::new();
    }
    format!(" KBUILD_EXTRA_SYMBOLS=\"{}\"", files.join(" "))
}

/// Returns what `uname -m` says on a machine of an architecture, which is what DKMS calls `arch`.
fn machine(arch: Arch) -> &'static str {
    let triplet = arch.gnu_triplet();
    triplet.split('-').next().unwrap_or(triplet)
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn words(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    words.join(" ")
}

/// Writes a word so that a shell reads that word and nothing else (POSIX.1-2017, XCU 2.2.2).
fn quoted(word: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"_-+./=:@%,".contains(&b);
    if !word.is_empty() && word.bytes().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_very_word() {
        for (word, expected) in [
            ("make", "make"),
            ("V=1", "V=1"),
            ("", "''"),
            ("a b", "'a b'"),
            ("$(reboot)", "'$(reboot)'"),
            ("it's", r"'it'\''s'"),
            ("~", "'~'"),
            ("a;b", "'a;b'"),
            ("*", "'*'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }

    #[test]
    fn machines_are_named_as_uname_does() {
        for (arch, expected) in [(Arch::Amd64, "x86_64"), (Arch::Arm64, "aarch64")] {
            assert_eq!(machine(arch), expected);
        }
    }
}
