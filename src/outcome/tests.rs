use super::*;
use crate::engine::{Log, Steps};
use crate::recipe::{BuiltBy, CellInputs, Limits, RECIPE, build_spec};
use crate::variation::Variation;

fn spec(produces: &[&str]) -> BuildSpec {
    build_spec(&inputs(produces), &[], Variation::reference())
}

fn inputs(produces: &[&str]) -> CellInputs {
    CellInputs {
        recipe: RECIPE,
        module: "m".parse().expect("a name"),
        target: crate::name::Target {
            distro: "debian".parse().expect("a name"),
            distro_release: "12".parse().expect("a name"),
            arch: crate::name::Arch::Amd64,
            kernel_release: "6.1.0-1-amd64".parse().expect("a name"),
            package_version: "6.1.1-1".parse().expect("a version"),
            flavour: "generic".parse().expect("a name"),
        },
        source_tree: Sha256Digest::of(b"source"),
        built_by: BuiltBy::default(),
        needs: Vec::new(),
        needed: Vec::new(),
        image: Sha256Digest::of(b"image"),
        packages: Vec::new(),
        prepared: None,
        mounts: Vec::new(),
        build_directory: "/lib/modules/6.1.0-1-amd64/build".to_owned(),
        cross: None,
        make: Vec::new(),
        produces: produces.iter().map(|&path| path.to_owned()).collect(),
        limits: Limits::default(),
    }
}

fn execution(end: End, output: &[u8]) -> Execution {
    Execution {
        end,
        output: output.to_vec(),
        log: Log::default(),
        observed: None,
        steps: Steps::default(),
    }
}

fn class(spec: &BuildSpec, end: End, output: &[u8]) -> &'static str {
    match read(spec, &execution(end, output)).outcome {
        Outcome::Built { .. } => "built",
        Outcome::Failed { failure } => failure.class(),
        Outcome::Excluded { .. } => "excluded",
    }
}

fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, *bytes).expect("memory writes");
    }
    builder.into_inner().expect("memory writes")
}

#[test]
fn every_end_has_its_own_class() {
    let spec = spec(&[]);
    let status = |lines: &str| format!("kmatrix-status 1\n{lines}").into_bytes();
    let exited = |code| End::Exited { code };
    for (end, output, expected) in [
        (exited(1), status("make 2\n"), "compile"),
        (
            exited(1),
            status("make 2\nprocesses-refused-max 3\n"),
            "too-many-processes",
        ),
        (
            exited(1),
            status("make 2\nprocesses-refused-max 0\n"),
            "compile",
        ),
        (exited(1), status("make 2\ndisk full\n"), "disk-full"),
        (exited(1), status("make 137\n"), "killed"),
        (exited(1), status("copy 1\ndisk full\n"), "disk-full"),
        (exited(1), status("copy 1\n"), "aborted"),
        (exited(1), status("command 3\n"), "command"),
        (exited(1), status("command 143\n"), "killed"),
        (
            exited(1),
            status("dkms-conf 0 it ends early\n"),
            "dkms-conf",
        ),
        (exited(1), status("patch 1 a.patch\n"), "patch"),
        (exited(1), status("pre-build 2 a.sh\n"), "script"),
        (exited(1), status("post-build 2 a.sh\n"), "script"),
        (exited(1), status("missing 0 a.ko\n"), "missing-module"),
        (exited(1), status("make 2\nneeded m\n"), "needed-module"),
        (exited(1), status("symvers 0\nneeded m\n"), "needed-module"),
        (
            exited(1),
            status("make 2\nneeded m\ndisk full\n"),
            "disk-full",
        ),
        (exited(1), status("dkms 127\n"), "aborted"),
        (exited(1), Vec::new(), "aborted"),
        (exited(125), Vec::new(), "aborted"),
        (exited(137), Vec::new(), "killed"),
        (exited(0), Vec::new(), "no-module"),
        (exited(0), vec![0; 1024], "no-module"),
        (exited(0), b"not a tar".repeat(200), "bad-output"),
        (End::OutOfMemory { code: 137 }, Vec::new(), "out-of-memory"),
        (End::TimedOut, Vec::new(), "timed-out"),
        (End::OutputLimit, Vec::new(), "output-too-large"),
        (End::LogLimit, Vec::new(), "log-too-large"),
        (End::Lost(EngineFailure::Vanished), Vec::new(), "engine"),
        (End::Interrupted, Vec::new(), "interrupted"),
    ] {
        assert_eq!(class(&spec, end.clone(), &output), expected, "{end:?}");
    }
}

#[test]
fn what_a_build_hands_out_is_not_trusted() {
    let any = spec(&[]);
    let one = spec(&["a.ko"]);
    let exited = End::Exited { code: 0 };
    for (spec, files, expected) in [
        (&any, vec![("./a.ko", &b"text"[..])], "not-a-module"),
        (&any, vec![("../a.ko", b"text")], "bad-output"),
        (&any, vec![("/a.ko", b"text")], "bad-output"),
        (&any, vec![("./a\n.ko", b"text")], "bad-output"),
        (&any, vec![("./a.ko", b""), ("a.ko", b"")], "bad-output"),
        (&one, vec![], "no-module"),
        (&one, vec![("./b.ko", b"text")], "missing-module"),
        (
            &one,
            vec![("./a.ko", b"text"), ("./b.ko", b"text")],
            "extra-module",
        ),
    ] {
        let tar = tar_of(&files);
        assert_eq!(class(spec, exited.clone(), &tar), expected, "{files:?}");
    }
}

#[test]
fn a_cut_tar_is_never_a_module() {
    let spec = spec(&[]);
    let tar = tar_of(&[("./a.ko", &[7; 2000])]);
    for length in 0..tar.len() {
        let found = class(&spec, End::Exited { code: 0 }, &tar[..length]);
        assert!(
            ["no-module", "bad-output", "not-a-module"].contains(&found),
            "{length}: {found}"
        );
    }
}

#[test]
fn only_what_the_engine_does_says_nothing_about_the_module() {
    let refused = EngineFailure::Refused {
        message: "no".to_owned(),
    };
    assert!(Failure::Engine(refused).is_infrastructure());
    assert!(Failure::Interrupted.is_infrastructure());
    assert!(!Failure::Compile { code: 2 }.is_infrastructure());
    assert!(!Failure::TimedOut { seconds: 1 }.is_infrastructure());
    let refused = EngineFailure::Refused {
        message: "no".to_owned(),
    };
    let classes = [Failure::Engine(refused), Failure::Interrupted].map(|failure| failure.class());
    assert_eq!(classes, Failure::INFRASTRUCTURE);
}

#[test]
fn only_a_dkms_conf_may_say_that_a_kernel_is_not_for_its_module() {
    let said = b"kmatrix-status 1\nexcluded 0 BUILD_EXCLUSIVE_KERNEL ^5\\. or else\n";
    let end = End::Exited { code: 1 };
    assert_eq!(class(&spec(&[]), end.clone(), said), "aborted");
    let mut inputs = inputs(&[]);
    inputs.built_by = BuiltBy::Dkms;
    let dkms = build_spec(&inputs, &[], Variation::reference());
    let Outcome::Excluded { exclusion } = read(&dkms, &execution(end.clone(), said)).outcome else {
        panic!("it is excluded");
    };
    assert_eq!(exclusion.directive, "BUILD_EXCLUSIVE_KERNEL");
    assert_eq!(exclusion.value, "^5\\. or else");
    let needed = [&said[..], b"needed first\n"].concat();
    assert_eq!(class(&dkms, end, &needed), "needed-module");
}

#[test]
fn what_a_failed_step_says_is_cut_and_has_no_control_characters() {
    let long = "x".repeat(9000);
    let said = format!("kmatrix-status 1\npatch 1 a\u{1b}[31m{long}\n");
    let Outcome::Failed {
        failure: Failure::Patch { name },
    } = read(
        &spec(&[]),
        &execution(End::Exited { code: 1 }, said.as_bytes()),
    )
    .outcome
    else {
        panic!("a patch failed");
    };
    assert!(name.starts_with("a[31mx") && name.chars().count() <= 400);
}
