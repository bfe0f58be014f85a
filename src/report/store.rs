//! What is in the store and what was removed, as people and programs read it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use crate::digest::Sha256Digest;
use crate::retention::{Holder, Needs};
use crate::store::{Choice, Item, ItemKind, Verification};

/// What a cleaning up came to.
pub struct Collected<'a> {
    /// In bytes.
    pub budget: u64,
    pub is_dry_run: bool,
    pub choice: &'a Choice,
    pub needs: &'a Needs,
    /// How many bytes nobody needs, but a process that has the store open may be using.
    pub in_use: u64,
}

impl Collected<'_> {
    /// Returns how many bytes there were.
    pub fn before(&self) -> u64 {
        self.after() + bytes_of(&self.choice.remove)
    }

    /// Returns how many bytes stay.
    pub fn after(&self) -> u64 {
        bytes_of(&self.choice.keep)
    }

    /// Sums up what stays because it is needed; what several need counts for the first of them.
    fn needed(&self) -> BTreeMap<&Holder, u64> {
        let mut by_holder = BTreeMap::new();
        for item in &self.choice.keep {
            if let Some(holder) = self.needs.holders(&item.digest).next() {
                *by_holder.entry(holder).or_insert(0) += item.bytes;
            }
        }
        by_holder
    }
}

fn bytes_of(items: &[Item]) -> u64 {
    items.iter().map(|item| item.bytes).sum()
}

/// Prints bytes in the unit that people would use.
pub fn size(bytes: u64) -> String {
    let units = [("GiB", 30_u32), ("MiB", 20), ("KiB", 10)];
    match units.iter().find(|(_, shift)| bytes >> shift > 0) {
        Some((unit, shift)) => {
            let tenths = (u128::from(bytes) * 10) >> shift;
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} B"),
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemDocument<'a> {
    /// `blob`, or what made a tree.
    kind: &'a str,
    digest: Sha256Digest,
    bytes: u64,
    used: Timestamp,
    needed_by: Vec<String>,
}

impl<'a> ItemDocument<'a> {
    fn new(item: &'a Item, needs: &Needs) -> Self {
        Self {
            kind: kind(item),
            digest: item.digest,
            bytes: item.bytes,
            used: item.used,
            needed_by: needs.holders(&item.digest).map(Holder::to_string).collect(),
        }
    }
}

fn kind(item: &Item) -> &str {
    match &item.kind {
        ItemKind::Blob => "blob",
        ItemKind::Tree(kind) => kind,
    }
}

/// What `store list --format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreDocument<'a> {
    schema_version: u32,
    bytes: u64,
    items: Vec<ItemDocument<'a>>,
}

impl<'a> StoreDocument<'a> {
    /// Puts the items together with who needs them.
    pub fn new(items: &'a [Item], needs: &Needs) -> Self {
        Self {
            schema_version: 1,
            bytes: bytes_of(items),
            items: items
                .iter()
                .map(|item| ItemDocument::new(item, needs))
                .collect(),
        }
    }
}

/// Prints a line per item, the least recently used first.
pub fn print_store(to: &mut impl Write, items: &[Item], needs: &Needs) -> io::Result<()> {
    let mut needed = 0;
    for item in items {
        let holders: Vec<String> = needs.holders(&item.digest).map(Holder::to_string).collect();
        let holders = match &holders[..] {
            [] => "nobody needs it".to_owned(),
            [holder] => holder.clone(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        };
        if needs.has(&item.digest) {
            needed += item.bytes;
        }
        let used = item.used.strftime("%Y-%m-%d %H:%M");
        writeln!(
            to,
            "{used}  {:>10}  {:<5} {}  {holders}",
            size(item.bytes),
            kind(item),
            item.digest.short()
        )?;
    }
    writeln!(
        to,
        "{} items, {}, of which {} are needed",
        items.len(),
        size(bytes_of(items)),
        size(needed)
    )
}

/// What `store gc --format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CollectedDocument<'a> {
    schema_version: u32,
    budget: u64,
    dry_run: bool,
    before: u64,
    after: u64,
    removed: Vec<ItemDocument<'a>>,
    needed: Vec<NeededBytes>,
    in_use: u64,
    forgotten: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NeededBytes {
    by: String,
    bytes: u64,
}

impl<'a> From<&Collected<'a>> for CollectedDocument<'a> {
    fn from(collected: &Collected<'a>) -> Self {
        Self {
            schema_version: 1,
            budget: collected.budget,
            dry_run: collected.is_dry_run,
            before: collected.before(),
            after: collected.after(),
            removed: collected
                .choice
                .remove
                .iter()
                .map(|item| ItemDocument::new(item, collected.needs))
                .collect(),
            needed: collected
                .needed()
                .into_iter()
                .map(|(holder, bytes)| NeededBytes {
                    by: holder.to_string(),
                    bytes,
                })
                .collect(),
            in_use: collected.in_use,
            forgotten: collected
                .needs
                .forgotten
                .iter()
                .map(|path| path.display().to_string())
                .collect(),
        }
    }
}

/// Prints what was removed, and why the rest stays.
pub fn print_collected(to: &mut impl Write, collected: &Collected<'_>) -> io::Result<()> {
    let (word, summary) = if collected.is_dry_run {
        ("would remove", "would go")
    } else {
        ("removed", "are gone")
    };
    for item in &collected.choice.remove {
        let used = item.used.strftime("%Y-%m-%d %H:%M");
        writeln!(to, "{word} {item} ({}, used {used})", size(item.bytes))?;
    }
    let needed = collected.needed();
    for (holder, bytes) in &needed {
        writeln!(to, "kept {} for {holder}", size(*bytes))?;
    }
    if collected.in_use > 0 {
        let in_use = size(collected.in_use);
        writeln!(to, "kept {in_use} that a running `kmatrix` may use")?;
    }
    let needed: u64 = needed.values().sum();
    let spare = collected.after() - needed - collected.in_use;
    if spare > 0 {
        writeln!(
            to,
            "kept {} that nobody needs, within the budget",
            size(spare)
        )?;
    }
    writeln!(
        to,
        "{} of {} {summary}, {} stay",
        size(collected.before() - collected.after()),
        size(collected.before()),
        size(collected.after())
    )
}

/// What `store verify --format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedDocument<'a> {
    schema_version: u32,
    items: usize,
    corrupt: Vec<CorruptItem<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CorruptItem<'a> {
    kind: &'a str,
    digest: Sha256Digest,
    path: &'a Path,
    reason: &'a str,
}

impl<'a> From<&'a Verification> for VerifiedDocument<'a> {
    fn from(verification: &'a Verification) -> Self {
        Self {
            schema_version: 1,
            items: verification.count,
            corrupt: verification
                .corrupt
                .iter()
                .map(|(item, reason)| CorruptItem {
                    kind: kind(item),
                    digest: item.digest,
                    path: item.path(),
                    reason,
                })
                .collect(),
        }
    }
}

/// Prints what is corrupt, and how much was looked at.
pub fn print_verified(to: &mut impl Write, verification: &Verification) -> io::Result<()> {
    for (item, reason) in &verification.corrupt {
        writeln!(to, "corrupt {item}: {reason}")?;
        writeln!(
            to,
            "  delete `{}`; a package is fetched again, and a tree unpacked",
            item.path().display()
        )?;
    }
    writeln!(
        to,
        "{} items, {} corrupt",
        verification.count,
        verification.corrupt.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_that_people_would_use() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (20 << 30, "20.0 GiB"),
            (u64::MAX, "17179869183.9 GiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
