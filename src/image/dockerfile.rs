//! Reading a Dockerfile for what it is built on, and pinning that (Dockerfile reference, "Format",
//! "FROM", "COPY --from", "ADD").
//!
//! The engine reads the file again. So that both read the same, what they could read in two ways is
//! refused, and every `FROM` is handed on with the digest of an image that the engine has, not with
//! a name that it would look up.

use std::path::{Path, PathBuf};

use crate::digest::Sha256Digest;
use crate::engine::BuildNetwork;
use crate::name::ImageName;

/// The most bytes that a Dockerfile may have.
pub const MAX_DOCKERFILE: u64 = 1 << 20;

/// The prefix of our own images' names.
const OWN: &str = "kmatrix/";

/// A Dockerfile, every base of which is pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    pieces: Vec<Piece>,
    /// The index of the piece that begins the last stage.
    last: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    From {
        base: StageBase,
        stage: Option<String>,
    },
}

/// What a stage begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
enum StageBase {
    Scratch,
    /// The piece that begins the earlier stage.
    Stage {
        name: String,
        piece: usize,
    },
    Image(BaseImage),
}

/// An image that a stage begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BaseImage {
    /// `registry/repository@sha256:...`, without a tag.
    Registry {
        reference: String,
        digest: Sha256Digest,
    },
    /// `kmatrix/<name>@sha256:...`: one of our own images by the digest that its record has.
    Own { name: ImageName, id: Sha256Digest },
}

impl std::fmt::Display for BaseImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Registry { reference, digest } => write!(f, "{reference}@{digest}"),
            Self::Own { name, id } => write!(f, "{OWN}{name}@{id}"),
        }
    }
}

/// Says why a Dockerfile is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {reason}", path.display())]
pub struct DockerfileError {
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    pub reason: String,
}

impl Dockerfile {
    /// Reads a Dockerfile, and refuses it if anything that it is built on is not pinned.
    pub fn parse(path: &Path, text: &str, network: BuildNetwork) -> Result<Self, DockerfileError> {
        let mut reading = Reading {
            network,
            pieces: Vec::new(),
            stages: Vec::new(),
            last: None,
        };
        let refused = |line, reason| DockerfileError {
            path: path.to_owned(),
            line,
            reason,
        };
        let instructions = instructions(text).map_err(|(line, why)| refused(line, why))?;
        for instruction in &instructions {
            reading
                .take(instruction)
                .map_err(|reason| refused(instruction.line, reason))?;
        }
        let last = reading
            .last
            .ok_or_else(|| refused(1, "it has no `FROM`".to_owned()))?;
        Ok(Self {
            pieces: reading.pieces,
            last,
        })
    }

    /// Returns the images that it is built on, each once, in their order.
    pub fn bases(&self) -> Vec<&BaseImage> {
        let mut bases = Vec::new();
        for piece in &self.pieces {
            if let Piece::From {
                base: StageBase::Image(base),
                ..
            } = piece
                && !bases.contains(&base)
            {
                bases.push(base);
            }
        }
        bases
    }

    /// Returns the image that the last stage stands on, through the stages that it is made from.
    pub fn last_base(&self) -> Option<&BaseImage> {
        let mut at = self.last;
        loop {
            // Stages are made from earlier ones only, so this ends.
            match self.pieces.get(at)? {
                Piece::From { base, .. } => match base {
                    StageBase::Image(base) => return Some(base),
                    StageBase::Stage { piece, .. } => at = *piece,
                    StageBase::Scratch => return None,
                },
                Piece::Text(_) => return None,
            }
        }
    }

    /// Writes the Dockerfile with every base as the image that `id` says it is.
    pub fn pinned(&self, id: impl Fn(&BaseImage) -> Option<Sha256Digest>) -> Option<String> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(lines) => text.push_str(lines),
                Piece::From { base, stage } => {
                    text.push_str("FROM ");
                    match base {
                        StageBase::Scratch => text.push_str("scratch"),
                        StageBase::Stage { name, .. } => text.push_str(name),
                        StageBase::Image(base) => text.push_str(&id(base)?.to_string()),
                    }
                    if let Some(stage) = stage {
                        text.push_str(" AS ");
                        text.push_str(stage);
                    }
                    text.push('\n');
                }
            }
        }
        Some(text)
    }
}

/// One instruction, or lines between instructions.
struct Instruction {
    line: usize,
    /// As it stands in the file, line ends included.
    written: String,
    /// Without line ends and continuations; empty for comments and blank lines.
    joined: String,
}

/// Cuts the text into instructions as the engine does.
fn instructions(text: &str) -> Result<Vec<Instruction>, (usize, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut found: Vec<Instruction> = Vec::new();
    let mut open: Option<Instruction> = None;
    for (index, raw) in text.split_inclusive('\n').enumerate() {
        let line = index + 1;
        let bare = raw.trim_end_matches(['\n', '\r']);
        if bare.contains('\0') {
            return Err((line, "it has a zero byte".to_owned()));
        }
        let trimmed = bare.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            refuse_directive(trimmed).map_err(|why| (line, why))?;
            // Inside an instruction these are passed over.
            match &mut open {
                Some(instruction) => instruction.written.push_str(raw),
                None => found.push(Instruction {
                    line,
                    written: raw.to_owned(),
                    joined: String::new(),
                }),
            }
            continue;
        }
        let end = bare.trim_end_matches([' ', '\t']);
        if end.ends_with("\\\\") {
            let why = "engines do not agree whether a line that ends in two backslashes goes on";
            return Err((line, why.to_owned()));
        }
        let (part, goes_on) = match end.strip_suffix('\\') {
            Some(part) => (part, true),
            None => (bare, false),
        };
        let instruction = open.get_or_insert_with(|| Instruction {
            line,
            written: String::new(),
            joined: String::new(),
        });
        if instruction.joined.is_empty() {
            instruction.joined.push_str(part.trim_start());
        } else {
            if is_word(part, "FROM") {
                let why = "a `FROM` inside another instruction is too easily read in two ways";
                return Err((line, why.to_owned()));
            }
            instruction.joined.push_str(part);
        }
        instruction.written.push_str(raw);
        if !goes_on {
            found.extend(open.take());
        }
    }
    found.extend(open);
    Ok(found)
}

fn refuse_directive(comment: &str) -> Result<(), String> {
    let directive = comment.trim_start_matches('#').trim();
    match directive.split_once('=') {
        Some((name, value))
            if name.trim().eq_ignore_ascii_case("escape") && value.trim() != "\\" =>
        {
            Err("another escape character than `\\` is not read here".to_owned())
        }
        Some(_) | None => Ok(()),
    }
}

/// Returns true if the first word of a line is this one.
fn is_word(line: &str, word: &str) -> bool {
    line.split_whitespace()
        .next()
        .is_some_and(|first| first.eq_ignore_ascii_case(word))
}

struct Reading {
    network: BuildNetwork,
    pieces: Vec<Piece>,
    /// The stages so far: name, if it has one, and the piece that begins it.
    stages: Vec<(Option<String>, usize)>,
    last: Option<usize>,
}

impl Reading {
    fn take(&mut self, instruction: &Instruction) -> Result<(), String> {
        let mut words = instruction.joined.split_whitespace();
        let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
        let words: Vec<&str> = words.collect();
        let piece = match keyword.as_str() {
            "FROM" => {
                let from = self.from(&words)?;
                self.last = Some(self.pieces.len());
                from
            }
            "COPY" => {
                self.copy(&words)?;
                Piece::Text(instruction.written.clone())
            }
            "ADD" => {
                self.copy(&words)?;
                self.add(&words)?;
                Piece::Text(instruction.written.clone())
            }
            "ONBUILD" => return Err("`ONBUILD` is of no use to a builder image".to_owned()),
            _ => Piece::Text(instruction.written.clone()),
        };
        self.pieces.push(piece);
        Ok(())
    }

    fn from(&mut self, words: &[&str]) -> Result<Piece, String> {
        let (reference, stage) = match words {
            [reference] => (*reference, None),
            [reference, word, stage] if word.eq_ignore_ascii_case("AS") => {
                (*reference, Some(stage.to_ascii_lowercase()))
            }
            _ => return Err("`FROM` takes an image, and `AS` a name, and nothing else".to_owned()),
        };
        if let Some(stage) = &stage {
            let plain = stage.starts_with(|c: char| c.is_ascii_lowercase())
                && stage
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
            if !plain {
                return Err(format!("`{stage}` is not the name of a stage"));
            }
        }
        let base = self.base(reference)?;
        self.stages.push((stage.clone(), self.pieces.len()));
        Ok(Piece::From { base, stage })
    }

    fn base(&self, reference: &str) -> Result<StageBase, String> {
        let lower = reference.to_ascii_lowercase();
        let named = |(name, _): &&(Option<String>, usize)| name.as_deref() == Some(lower.as_str());
        if let Some((_, piece)) = self.stages.iter().rev().find(named) {
            return Ok(StageBase::Stage {
                name: lower,
                piece: *piece,
            });
        }
        if reference == "scratch" {
            return Ok(StageBase::Scratch);
        }
        if reference.contains('$') {
            return Err(format!(
                "`{reference}` depends on a variable, so nothing pins it"
            ));
        }
        let Some((name, digest)) = reference.split_once('@') else {
            return Err(format!(
                "`{reference}` is not pinned: a base is named `name@sha256:...`"
            ));
        };
        let digest: Sha256Digest = digest
            .parse()
            .map_err(|error| format!("`{reference}`: {error}"))?;
        if let Some(own) = name.strip_prefix(OWN) {
            let name = own.parse().map_err(|error| format!("{error}"))?;
            return Ok(StageBase::Image(BaseImage::Own { name, id: digest }));
        }
        let plain = name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._/:-".contains(&b));
        let last = name.rsplit('/').next().unwrap_or_default();
        if !plain || last.is_empty() {
            return Err(format!("`{name}` is not the name of an image"));
        }
        if last.contains(':') {
            return Err(format!(
                "`{name}` has a tag, which can move: the digest is enough"
            ));
        }
        Ok(StageBase::Image(BaseImage::Registry {
            reference: name.to_owned(),
            digest,
        }))
    }

    fn copy(&self, words: &[&str]) -> Result<(), String> {
        for word in words {
            let Some(from) = strip_flag(word, "--from=") else {
                continue;
            };
            let lower = from.to_ascii_lowercase();
            let is_stage = self
                .stages
                .iter()
                .any(|(name, _)| name.as_deref() == Some(lower.as_str()));
            let is_number = from
                .parse::<usize>()
                .is_ok_and(|number| number < self.stages.len());
            if !is_stage && !is_number {
                return Err(format!(
                    "`--from={from}` names no earlier stage; begin a stage with the image"
                ));
            }
        }
        Ok(())
    }

    /// The engine itself fetches what `ADD` names, whatever network the steps have.
    fn add(&self, words: &[&str]) -> Result<(), String> {
        match self.network {
            BuildNetwork::Open => Ok(()),
            BuildNetwork::None => {
                let remote = words.iter().find(|word| {
                    word.contains("://") || word.contains("git@") || word.contains('$')
                });
                match remote {
                    Some(word) => Err(format!(
                        "`ADD {word}` may fetch from the network, which `network = false` forbids"
                    )),
                    None => Ok(()),
                }
            }
        }
    }
}

fn strip_flag<'w>(word: &'w str, flag: &str) -> Option<&'w str> {
    word.get(..flag.len())
        .filter(|start| start.eq_ignore_ascii_case(flag))
        .map(|_| &word[flag.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(of: char) -> String {
        format!("sha256:{}", of.to_string().repeat(64))
    }

    fn parse(text: &str) -> Result<Dockerfile, String> {
        Dockerfile::parse(Path::new("Dockerfile"), text, BuildNetwork::None)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_base_is_handed_on_as_the_image_that_it_is() {
        let (a, b) = (digest('a'), digest('b'));
        let text = format!(
            "# syntax=docker/dockerfile:1\nFROM registry.test:5000/x@{a} as Tools\nRUN make \\\n  # why\n\n  all\n\
             from kmatrix/debian-12@{b} AS base\nFROM \\\n  base\nCOPY --from=tools /a /b\n\
             COPY --from=0 /a /c\nFROM scratch\nFROM BASE\nRUN true"
        );
        let file = parse(&text).expect("a Dockerfile");
        let bases: Vec<String> = file.bases().iter().map(ToString::to_string).collect();
        assert_eq!(
            bases,
            [
                format!("registry.test:5000/x@{a}"),
                format!("kmatrix/debian-12@{b}")
            ]
        );
        assert_eq!(
            file.last_base().expect("a base").to_string(),
            format!("kmatrix/debian-12@{b}")
        );
        let id = Sha256Digest::of(b"image");
        let pinned = file.pinned(|_| Some(id)).expect("known");
        assert_eq!(
            pinned,
            format!(
                "# syntax=docker/dockerfile:1\nFROM {id} AS tools\nRUN make \\\n  # why\n\n  all\n\
                 FROM {id} AS base\nFROM base\nCOPY --from=tools /a /b\nCOPY --from=0 /a /c\n\
                 FROM scratch\nFROM base\nRUN true"
            )
        );
        assert_eq!(file.pinned(|_| None), None, "an unknown base is no base");
    }

    #[test]
    fn what_is_not_pinned_is_refused_with_its_line() {
        let a = digest('a');
        let cases = [
            ("FROM debian", "1: `debian` is not pinned"),
            ("FROM debian:12", "1: `debian:12` is not pinned"),
            (
                &format!("FROM debian:12@{a}"),
                "1: `debian:12` has a tag, which can move",
            ),
            (
                &format!("FROM r:5000/debian:12@{a}"),
                "1: `r:5000/debian:12` has a tag",
            ),
            ("# x\n\n  from  debian AS x", "3: `debian` is not pinned"),
            ("FR\\\nOM debian", "1: `debian` is not pinned"),
            ("FROM \\\n debian", "1: `debian` is not pinned"),
            (
                "ARG B=debian\nFROM $B",
                "2: `$B` depends on a variable, so nothing pins it",
            ),
            (
                &format!("FROM x@{a}\nCOPY --from=debian /a /b"),
                "2: `--from=debian` names no earlier stage",
            ),
            (
                &format!("FROM x@{a}\nCOPY --FROM=1 /a /b"),
                "2: `--from=1` names no earlier stage",
            ),
            (
                &format!("FROM x@{a}\nRUN a \\\nFROM debian"),
                "3: a `FROM` inside another instruction",
            ),
            (
                &format!("FROM x@{a}\nRUN a \\\\\nFROM debian"),
                "2: engines do not agree",
            ),
            (
                &format!("# escape=`\nFROM x@{a}"),
                "1: another escape character",
            ),
            (
                &format!("FROM --platform=linux/arm64 x@{a}"),
                "1: `FROM` takes an image",
            ),
            ("FROM x@sha256:12", "1: `x@sha256:12`"),
            (&format!("FROM x y@{a}"), "1: `FROM` takes an image"),
            (
                &format!("FROM x@{a}\nADD https://archive.test/x /x"),
                "2: `ADD https://archive.test/x` may fetch",
            ),
            (
                &format!("FROM x@{a}\nADD $WHERE /x"),
                "2: `ADD $WHERE` may fetch",
            ),
            (
                &format!("FROM x@{a}\nONBUILD COPY --from=debian / /"),
                "2: `ONBUILD`",
            ),
            ("RUN true", "1: it has no `FROM`"),
            ("", "1: it has no `FROM`"),
            (&format!("FROM x@{a}\nRUN \0"), "2: it has a zero byte"),
            (&format!("FROM x@{a} AS 0"), "1: `0` is not the name"),
        ];
        for (text, expected) in cases {
            let error = parse(text).expect_err(text);
            let expected = format!("Dockerfile:{expected}");
            assert!(
                error.to_lowercase().starts_with(&expected.to_lowercase()),
                "{text}\n{error}"
            );
        }
    }

    #[test]
    fn a_network_is_a_decision_and_pins_bases_all_the_same() {
        let a = digest('a');
        let open = |text: &str| Dockerfile::parse(Path::new("D"), text, BuildNetwork::Open);
        assert!(open(&format!("FROM x@{a}\nADD https://archive.test/x /x")).is_ok());
        assert!(open("FROM debian:12").is_err());
    }
}
