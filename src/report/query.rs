//! The answers of `kmatrix query`: a table, a document, and what hangs on what.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde::Serialize;

use crate::ledger::{BuiltCell, CellAttestation, Origin, TimeFrom};

/// What `query --format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryDocument<'a> {
    schema_version: u32,
    /// The releases that the cells belong to, each once.
    releases: Vec<String>,
    cells: &'a [BuiltCell],
    graph: Graph,
}

/// What hangs on what: from what cells are built from, over cells and modules, to releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Graph {
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
}

/// One thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its kind and name, which no other node has.
    pub id: String,
    pub kind: NodeKind,
    pub label: String,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    Source,
    Image,
    Package,
    Cell,
    Module,
    Signer,
    Release,
}

impl NodeKind {
    fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Image => "image",
            Self::Package => "package",
            Self::Cell => "cell",
            Self::Module => "module",
            Self::Signer => "signer",
            Self::Release => "release",
        }
    }
}

/// What is bad in `from` reaches `to`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Edge {
    pub from: String,
    pub to: String,
}

impl<'a> From<&'a [BuiltCell]> for QueryDocument<'a> {
    fn from(cells: &'a [BuiltCell]) -> Self {
        Self {
            schema_version: 1,
            releases: releases(cells).into_iter().collect(),
            cells,
            graph: Graph::of(cells),
        }
    }
}

fn releases(cells: &[BuiltCell]) -> BTreeSet<String> {
    cells.iter().map(release).collect()
}

/// Names the release that a cell was built for.
fn release(cell: &BuiltCell) -> String {
    match &cell.origin {
        Origin::Own => format!("{} ({})", cell.matrix, cell.run),
        Origin::Archive {
            release, signer, ..
        } => {
            let signer = signer.as_deref().unwrap_or("nobody");
            format!("{release} ({}, signed by {signer})", cell.run)
        }
    }
}

impl Graph {
    /// Puts cells together with what they were made from and what came of them.
    pub fn of(cells: &[BuiltCell]) -> Self {
        let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
        let mut edges = BTreeSet::new();
        let mut node = |kind: NodeKind, name: &str, label: String| {
            let id = format!("{}:{name}", kind.word());
            let node = Node {
                id: id.clone(),
                kind,
                label,
            };
            nodes.entry(id.clone()).or_insert(node);
            id
        };
        for cell in cells {
            let name = format!("{}@{}", cell.cell, cell.inputs);
            let this = node(NodeKind::Cell, &name, cell.cell.to_string());
            let release = release(cell);
            let release = node(NodeKind::Release, &release, release.clone());
            let tree = cell.source_tree.to_string();
            let source = match &cell.commit {
                Some(commit) => format!("commit {commit}"),
                None => format!("tree {}", cell.source_tree.short()),
            };
            let mut from = vec![node(NodeKind::Source, &tree, source)];
            let image = format!("{} {}", cell.image_name, cell.image.short());
            from.push(node(NodeKind::Image, &cell.image.to_string(), image));
            for package in &cell.packages {
                let label = format!("{} {}", package.name, package.version);
                from.push(node(NodeKind::Package, &package.sha256.to_string(), label));
            }
            for from in from {
                let to = this.clone();
                edges.insert(Edge { from, to });
            }
            let mut to = Vec::new();
            for module in &cell.modules {
                let label = format!("{} {}", module.path, module.sha256.short());
                to.push(node(NodeKind::Module, &module.sha256.to_string(), label));
            }
            if to.is_empty() {
                let (from, to) = (this.clone(), release.clone());
                edges.insert(Edge { from, to });
            }
            for module in to {
                let (from, to) = (this.clone(), module.clone());
                edges.insert(Edge { from, to });
                let (from, to) = (module, release.clone());
                edges.insert(Edge { from, to });
            }
            for signer in signers(cell) {
                let from = node(NodeKind::Signer, &signer, signer.clone());
                let to = this.clone();
                edges.insert(Edge { from, to });
            }
        }
        Self {
            nodes: nodes.into_values().collect(),
            edges: edges.into_iter().collect(),
        }
    }
}

/// Prints a table, a line per cell of each run, and the releases that they belong to.
pub fn print_query(out: &mut impl Write, cells: &[BuiltCell]) -> io::Result<()> {
    if cells.is_empty() {
        return writeln!(out, "nothing that is recorded answers");
    }
    let rows: Vec<[String; 5]> = cells.iter().map(row).collect();
    let heads = ["CELL", "RUN", "SOURCE", "MODULES", "SIGNED BY"];
    let widths: Vec<usize> = (0..4)
        .map(|column| {
            let longest = rows.iter().map(|row| row[column].chars().count()).max();
            longest.unwrap_or(0).max(heads[column].len())
        })
        .collect();
    let mut line = |cells: [&str; 5]| {
        let [a, b, c, d, e] = cells;
        let text = format!(
            "{a:<0$}  {b:<1$}  {c:<2$}  {d:<3$}  {e}",
            widths[0], widths[1], widths[2], widths[3]
        );
        writeln!(out, "{}", text.trim_end())
    };
    line(heads)?;
    for [a, b, c, d, e] in &rows {
        line([a, b, c, d, e])?;
    }
    writeln!(out)?;
    let releases = releases(cells);
    let (count, claimed) = (releases.len(), claimed(cells));
    let noun = if count == 1 { "release" } else { "releases" };
    let cells = match cells.len() {
        1 => "1 cell".to_owned(),
        many => format!("{many} cells"),
    };
    writeln!(out, "{cells} in {count} {noun}:")?;
    for release in releases {
        writeln!(out, "  {release}")?;
    }
    tell_of_claims(out, claimed)
}

/// Says how many cells are in the window that was asked for by a time that nobody vouches for.
fn tell_of_claims(out: &mut impl Write, cells: usize) -> io::Result<()> {
    let cells = match cells {
        0 => return Ok(()),
        1 => "1 cell is".to_owned(),
        many => format!("{many} cells are"),
    };
    writeln!(
        out,
        "{cells} in this window by times that only whoever made the archive says"
    )
}

fn claimed(cells: &[BuiltCell]) -> usize {
    let by_claim = |cell: &&BuiltCell| cell.in_window_by == Some(TimeFrom::Claimed);
    cells.iter().filter(by_claim).count()
}

/// Returns who signed something about a cell, each once; whom nobody found out is marked as that.
fn signers(cell: &BuiltCell) -> BTreeSet<String> {
    let attestations = cell.attestations.iter();
    attestations.map(CellAttestation::signer_as_known).collect()
}

fn row(cell: &BuiltCell) -> [String; 5] {
    let source = match &cell.commit {
        Some(commit) => commit.chars().take(12).collect(),
        None => format!("tree {}", cell.source_tree.short()),
    };
    let modules: Vec<String> = cell.modules.iter().map(|one| one.sha256.short()).collect();
    let modules = match modules.len() {
        0 => "none".to_owned(),
        1..=2 => modules.join(" "),
        more => format!("{} and {} more", modules[0], more - 1),
    };
    let signers: Vec<String> = signers(cell).into_iter().collect();
    let signers = if signers.is_empty() {
        "nobody".to_owned()
    } else {
        signers.join(", ")
    };
    [
        cell.cell.to_string(),
        cell.run.clone(),
        source,
        modules,
        signers,
    ]
}

/// Prints releases with their cells, and what each cell was made from and came to.
pub fn print_tree(out: &mut impl Write, cells: &[BuiltCell]) -> io::Result<()> {
    let mut by_release: BTreeMap<String, Vec<&BuiltCell>> = BTreeMap::new();
    for cell in cells {
        by_release.entry(release(cell)).or_default().push(cell);
    }
    for (release, cells) in by_release {
        writeln!(out, "{release}")?;
        for (number, cell) in cells.iter().enumerate() {
            let (arm, stem) = if number + 1 == cells.len() {
                ("└─", "  ")
            } else {
                ("├─", "│ ")
            };
            writeln!(out, "{arm} {}", cell.cell)?;
            let mut leaves = Vec::new();
            match &cell.commit {
                Some(commit) => leaves.push(format!("from commit {commit}")),
                None => leaves.push(format!("from tree {}", cell.source_tree)),
            }
            leaves.push(format!(
                "in image {} {}",
                cell.image_name,
                cell.image.short()
            ));
            for package in &cell.packages {
                let digest = package.sha256.short();
                leaves.push(format!(
                    "with {} {} {digest}",
                    package.name, package.version
                ));
            }
            for module in &cell.modules {
                leaves.push(format!("made {} {}", module.path, module.sha256));
            }
            for one in &cell.attestations {
                let signer = one.signer_as_known();
                let word = match one.signed_by_word_of {
                    TimeFrom::Observed => "",
                    TimeFrom::Verified => ", which others vouch for",
                    TimeFrom::Claimed => ", as is claimed",
                };
                leaves.push(format!("signed by {signer} at {}{word}", one.signed));
            }
            for (number, leaf) in leaves.iter().enumerate() {
                let arm = if number + 1 == leaves.len() {
                    "└─"
                } else {
                    "├─"
                };
                writeln!(out, "{stem} {arm} {leaf}")?;
            }
        }
    }
    Ok(())
}

/// Prints the graph in Graphviz's language.
pub fn print_dot(out: &mut impl Write, cells: &[BuiltCell]) -> io::Result<()> {
    let graph = Graph::of(cells);
    writeln!(out, "digraph impact {{\n  rankdir=LR;\n  node [shape=box];")?;
    for node in &graph.nodes {
        let (id, label) = (quoted(&node.id), quoted(&node.label));
        writeln!(
            out,
            "  {id} [label={label}, class={}];",
            quoted(node.kind.word())
        )?;
    }
    for edge in &graph.edges {
        writeln!(out, "  {} -> {};", quoted(&edge.from), quoted(&edge.to))?;
    }
    writeln!(out, "}}")
}

/// Returns a text as Graphviz reads it: in quotes, on one line, and nothing in it a command.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256Digest;
    use crate::ledger::{CellModule, CellPackage};

    fn cell(number: u8, package: &str) -> BuiltCell {
        BuiltCell {
            origin: Origin::Own,
            run: "r1".to_owned(),
            started: jiff::Timestamp::UNIX_EPOCH,
            matrix: "m.toml".to_owned(),
            cell: format!("debian-12/amd64/6.1.0-{number}-amd64=1/m")
                .parse()
                .expect("an id"),
            inputs: Sha256Digest::of(&[number]),
            source_tree: Sha256Digest::of(b"tree"),
            commit: Some("0123456789abcdef".to_owned()),
            image: Sha256Digest::of(b"image"),
            image_name: "bookworm".to_owned(),
            packages: vec![CellPackage {
                name: package.to_owned(),
                version: "1".to_owned(),
                sha256: Sha256Digest::of(package.as_bytes()),
            }],
            modules: vec![CellModule {
                path: "m.ko".to_owned(),
                sha256: Sha256Digest::of(&[number, 1]),
            }],
            attestations: vec![CellAttestation {
                predicate_type: "t".to_owned(),
                payload: Sha256Digest::of(b"payload"),
                signer: "key:\"x\"".to_owned(),
                verified: true,
                signed: jiff::Timestamp::UNIX_EPOCH,
                signed_by_word_of: TimeFrom::Observed,
                subjects: Vec::new(),
            }],
            in_window_by: None,
        }
    }

    fn printed(print: impl Fn(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        print(&mut out).expect("memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn what_is_bad_in_a_package_reaches_a_release_over_cells_and_modules() {
        let cells = [cell(1, "shared"), cell(2, "shared"), cell(3, "other")];
        let graph = Graph::of(&cells);
        let of = |kind: NodeKind| graph.nodes.iter().filter(|node| node.kind == kind).count();
        assert_eq!(of(NodeKind::Package), 2);
        assert_eq!(of(NodeKind::Cell), 3);
        assert_eq!(of(NodeKind::Module), 3);
        assert_eq!(of(NodeKind::Release), 1);
        assert_eq!(of(NodeKind::Source), 1);
        let mut reached = BTreeSet::from([format!("package:{}", Sha256Digest::of(b"shared"))]);
        for _ in 0..3 {
            for edge in &graph.edges {
                if reached.contains(&edge.from) {
                    reached.insert(edge.to.clone());
                }
            }
        }
        let releases = reached
            .iter()
            .filter(|id| id.starts_with("release:"))
            .count();
        let cells = reached.iter().filter(|id| id.starts_with("cell:")).count();
        assert_eq!((releases, cells), (1, 2));
    }

    #[test]
    fn every_form_names_every_cell() {
        let cells = [cell(1, "a"), cell(2, "b")];
        for text in [
            printed(|out| print_query(out, &cells)),
            printed(|out| print_tree(out, &cells)),
            printed(|out| print_dot(out, &cells)),
        ] {
            for one in &cells {
                assert!(text.contains(&one.cell.to_string()), "{text}");
            }
        }
        let mut claimed = cells.clone();
        claimed[0].in_window_by = Some(TimeFrom::Claimed);
        claimed[0].attestations[0].verified = false;
        claimed[0].attestations[0].signed_by_word_of = TimeFrom::Claimed;
        let table = printed(|out| print_query(out, &claimed));
        assert!(
            table.contains("1 cell is in this window by times that only"),
            "{table}"
        );
        assert!(table.contains("unverified key:"), "{table}");
        let tree = printed(|out| print_tree(out, &claimed));
        assert!(tree.contains("00Z, as is claimed"), "{tree}");
        let dot = printed(|out| print_dot(out, &cells));
        assert!(dot.contains(r#""signer:key:\"x\"""#), "{dot}");
        let none = printed(|out| print_query(out, &[]));
        assert_eq!(none, "nothing that is recorded answers\n");
    }
}
