//! Where the rows are made: in containers of several images, and on this machine.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::row::{ASSEMBLY, ENTROPY, LAYOUT, MAIN, NEW, OLD, PLUGIN, TYPES};
use crate::common::{Place, Ran, SharedState, docker};
use crate::family::Families;

/// Where the rows are made, as the shell of a row sees it.
pub struct Workshop {
    top: PathBuf,
    sign_file: PathBuf,
    old: String,
    new: String,
}

impl Workshop {
    /// Makes the images, the keys and what else the rows take from `$TOP`.
    pub fn new(place: &Place) -> Self {
        let image = |name: &str| {
            let made = place.kmatrix(&["images", "build", name]).expect(0).stdout;
            let id = made.trim().strip_prefix(name).expect("an image");
            id.trim().to_owned()
        };
        let (old, new) = (image(OLD), image(NEW));
        SharedState::get().keep_images_of(&place.state());
        let top = place.path().join("tools");
        fs::create_dir(&top).expect("a directory");
        for (name, text) in [
            ("main.c", MAIN),
            ("main.s", ASSEMBLY),
            ("entropy.c", ENTROPY),
            ("layout.c", LAYOUT),
        ] {
            fs::write(top.join(name), text).expect("a file");
        }
        symlink(plugins(), top.join("plugins")).expect("a link");
        let workshop = Self {
            top,
            sign_file: sign_file(),
            old,
            new,
        };
        workshop.in_image(OLD, &workshop.top, "1", TYPES);
        for (name, key) in [("rsa", "rsa:2048"), ("other", "rsa:2048"), ("ec", "ec")] {
            let script = format!(
                "curve=; [ {key} != ec ] || curve='-pkeyopt ec_paramgen_curve:P-256'
                openssl req -new -x509 -newkey {key} $curve -nodes -days 36500 -batch \
                    -subj /CN={name} -keyout {name}.pem -out {name}.crt"
            );
            workshop.here(&workshop.top, "1", &script);
        }
        workshop
    }

    fn in_image(&self, image: &str, directory: &Path, number: &str, script: &str) {
        let id = match image {
            OLD => &self.old,
            NEW => &self.new,
            other => panic!("no image `{other}`"),
        };
        let below = directory.strip_prefix(&self.top).expect("it is below");
        let mount = format!("{}:/work", self.top.display());
        let at = Path::new("/work").join(below);
        let at = at.to_str().expect("UTF-8");
        let number = format!("N={number}");
        let ran = docker(
            None,
            &[
                "run",
                "--rm",
                "--network",
                "none",
                "-v",
                &mount,
                "-w",
                at,
                "-e",
                &number,
                "-e",
                "TOP=/work",
                "-e",
                "LLVM_OBJCOPY=objcopy",
                id,
                "sh",
                "-e",
                "-c",
                script,
            ],
        );
        assert_eq!(ran.status, 0, "{script}\n{ran}");
    }

    fn here(&self, directory: &Path, number: &str, script: &str) {
        let mut shell = Command::new("sh");
        shell
            .args(["-e", "-c", &format!("{PLUGIN}\n{script}")])
            .current_dir(directory)
            .env("N", number)
            .env("TOP", &self.top)
            .env("SIGN", &self.sign_file);
        let ran = Ran::of(shell);
        assert_eq!(ran.status, 0, "{script}\n{ran}");
    }

    /// Builds in two directories, and returns the modules.
    pub fn build(&self, tools: [Option<&str>; 2], script: &str) -> [PathBuf; 2] {
        let builds = [("1", "one", tools[0]), ("2", "another", tools[1])];
        builds.map(|(number, below, image)| {
            let directory = self.top.join(below);
            if directory.exists() {
                fs::remove_dir_all(&directory).expect("a directory");
            }
            fs::create_dir(&directory).expect("a directory");
            match image {
                Some(image) => self.in_image(image, &directory, number, script),
                None => self.here(&directory, number, script),
            }
            directory.join("out.ko")
        })
    }
}

/// Returns the kernel's own tool that signs modules, out of the packages of the shared store.
fn sign_file() -> PathBuf {
    let trees = SharedState::get().store().join("trees");
    let all = fs::read_dir(&trees).expect("trees");
    let mut found = all.filter_map(|tree| {
        let libraries = tree.expect("a tree").path().join("root/usr/lib");
        let kbuild = fs::read_dir(libraries).ok()?;
        let tools = kbuild.map(|entry| entry.expect("an entry").path().join("scripts/sign-file"));
        tools.into_iter().find(|tool| tool.is_file())
    });
    found
        .next()
        .expect("the kernel that tests build for has a `sign-file`")
}

/// Returns the sources of the kernel's compiler plugins, out of the release that `ci/families` makes.
/// They are unpacked once, which takes a while.
fn plugins() -> PathBuf {
    let families = Families::get();
    let version = families.source("version");
    let directory = SharedState::get()
        .store()
        .with_file_name("plugins")
        .join(version);
    if !directory.exists() {
        let half = directory.with_file_name(format!("{version}.{}", std::process::id()));
        fs::create_dir_all(&half).expect("a directory");
        let tarball = families
            .out()
            .join(format!("source/linux-{version}.tar.xz"));
        let mut tar = Command::new("tar");
        tar.arg("--extract")
            .arg("--file")
            .arg(&tarball)
            .arg("--directory")
            .arg(&half);
        tar.args(["--strip-components=2", "--wildcards"]);
        tar.args([
            "*/scripts/gcc-plugins/*",
            "*/scripts/gen-randstruct-seed.sh",
        ]);
        Ran::of(tar).expect(0);
        // Another process may have been faster.
        if fs::rename(&half, &directory).is_err() {
            fs::remove_dir_all(&half).expect("a directory");
        }
    }
    directory
}
