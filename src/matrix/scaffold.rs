//! A matrix file to begin with, as text.

use crate::name::{Arch, Distro, DistroRelease, ModuleName};

/// What a first matrix is written from.
#[derive(Debug, Clone)]
pub struct Scaffold<'a> {
    pub name: &'a ModuleName,
    /// The source, relative to the matrix file or absolute.
    pub source: &'a str,
    pub origin: Origin<'a>,
    pub arch: Arch,
    pub targets: &'a [(Distro, DistroRelease)],
    /// The distribution releases that could be added, such as `debian-13`.
    pub others: &'a [String],
}

/// What the source brings along.
#[derive(Debug, Clone)]
pub enum Origin<'a> {
    /// A `Kbuild` or a `Makefile` of the kernel build system.
    Kbuild,
    /// A `dkms.conf`, with its version where that is written out.
    Dkms { version: Option<&'a str> },
}

impl Scaffold<'_> {
    /// Writes the file. It is valid as it stands.
    pub fn text(&self) -> String {
        let name = self.name;
        let mut text = match &self.origin {
            Origin::Kbuild => format!("# A matrix for the module {name}.\n"),
            Origin::Dkms { version } => {
                let version = version.map_or(String::new(), |version| format!(" {version}"));
                format!("# A matrix for the DKMS package {name}{version}.\n")
            }
        };
        text.push_str(
            "#\n# What it is: written by `kmatrix init`, and valid as it stands. It selects kernels by age \
             and not by\n# name, because archives drop old kernels. Every key there is: \
             matrix/reference.toml of kmatrix.\n\nschema = 1\n\n[[module]]\n",
        );
        text.push_str(&format!("name = {}\n", toml_string(name.as_str())));
        text.push_str(&format!(
            "source = {}   # relative to this file\n",
            toml_string(self.source)
        ));
        text.push_str(match &self.origin {
            Origin::Kbuild => {
                "# The kernel build system is called on the source. Other ways: \"dkms\", or a command, as in\n\
                 # recipe = { command = \"make KDIR=$KERNELDIR\" }\n\
                 recipe = \"kbuild\"\n\
                 # produces = [\"name.ko\"]   # by default whatever the build makes, and at least one\n\
                 # needs = [\"other\"]        # a module of this file whose symbols this one uses\n"
            }
            Origin::Dkms { .. } => {
                "# Its dkms.conf is evaluated in the build container, for each kernel; what it excludes by\n\
                 # BUILD_EXCLUSIVE_* is shown as excluded, and does not fail.\n\
                 recipe = \"dkms\"\n"
            }
        });
        for (distro, release) in self.targets {
            text.push_str(&format!(
                "\n# The newest kernel of each flavour and series of {distro} {release}.\n[[target]]\n\
                 distro = \"{distro}\"\nrelease = \"{release}\"\narch = \"{}\"\n\
                 kernel = {{ latest = 1 }}   # or {{ series = \"6.1\" }}, {{ glob = \"6.*\" }}\n",
                self.arch
            ));
        }
        if !self.others.is_empty() {
            text.push_str(&format!(
                "# More `[[target]]`s may follow: {}.\n",
                self.others.join(", ")
            ));
        }
        text.push_str(
            "\n[build]\nrebuilds = 1   # with 0 nothing is proven\n\n[policy]\n\
             # require = \"constrained\"   # fail below this tier; it takes a source that is committed\n",
        );
        text
    }
}

/// Writes a basic string (TOML 1.0, "String"). What has a control character is refused by whoever
/// reads the file.
fn toml_string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;
    use crate::matrix::{Matrix, Recipe};
    use crate::source::WantedSource;

    #[test]
    fn what_is_written_can_be_read() {
        let name: ModuleName = "v4l2loopback".parse().expect("a name");
        let targets = ["11", "12"].map(|release| {
            (
                "debian".parse().expect("a name"),
                release.parse().expect("a name"),
            )
        });
        let others = ["debian-13".to_owned()];
        for (origin, source, recipe) in [
            (Origin::Kbuild, "../m", Recipe::Kbuild),
            (Origin::Dkms { version: None }, "/a \"b\"\\c", Recipe::Dkms),
            (
                Origin::Dkms {
                    version: Some("0.12.7"),
                },
                ".",
                Recipe::Dkms,
            ),
        ] {
            let text = Scaffold {
                name: &name,
                source,
                origin,
                arch: Arch::Amd64,
                targets: &targets,
                others: &others,
            }
            .text();
            let document = Document::from_bytes("m.toml", text.as_bytes());
            let matrix = document
                .and_then(|document| Matrix::from_document(&document))
                .unwrap_or_else(|problems| panic!("{problems}\n{text}"));
            assert_eq!(matrix.modules[0].recipe, recipe);
            assert!(matches!(
                &matrix.modules[0].source,
                WantedSource::Directory(path) if path.to_str() == Some(source)
            ));
            assert_eq!(matrix.targets.len(), 2);
        }
    }
}
