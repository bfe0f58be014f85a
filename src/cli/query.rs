//! `kmatrix query`.

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::cli::explain::recorded;
use crate::cli::{Common, Format, Refusal, answer, answer_json, verifications};
use crate::digest::Sha256Digest;
use crate::exit::Exit;
use crate::ledger::{Ledger, PackageWanted, Question, VerificationsWanted};
use crate::report::{QueryDocument, print_dot, print_query, print_tree};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What was built from a commit (at least its first seven digits)
    #[arg(long, value_name = "COMMIT", value_parser = parse_commit)]
    commit: Option<String>,
    /// What was built from a source tree
    #[arg(long, value_name = "DIGEST")]
    source_tree: Option<Sha256Digest>,
    /// What was built in an image, by its name or its digest
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// What was built against a package: its name, `name=version`, or its digest
    #[arg(long, value_name = "PACKAGE")]
    package: Option<PackageWanted>,
    /// What somebody signed, as was found out; a part of the name is enough
    #[arg(long, value_name = "SIGNER", value_parser = parse_signer)]
    signer: Option<String>,
    /// Believe with `--signer` what records merely say of who signed
    #[arg(long, requires = "signer")]
    unverified: bool,
    /// What made a module, by its digest as built or as shipped
    #[arg(long, value_name = "DIGEST")]
    module: Option<Sha256Digest>,
    /// What was built for a kernel release
    #[arg(long, value_name = "RELEASE")]
    kernel: Option<String>,
    /// Not before a date or a time: when it was signed with `--signer`, else when the run began
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
    /// Not after a date or a time
    #[arg(long, value_name = "TIME", value_parser = until)]
    until: Option<Timestamp>,
    /// Show what was verified here instead, by whom and how it came out; `--module`, `--since` and
    /// `--until` narrow it down
    #[arg(
        long,
        conflicts_with_all = ["commit", "source_tree", "image", "package", "signer", "kernel"]
    )]
    verifications: bool,
    #[arg(long, value_enum, default_value_t = Form::Human)]
    format: Form,
}

/// How the answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Human,
    Json,
    /// Releases, their cells, and what each was made from
    Tree,
    /// A graph for Graphviz
    Dot,
}

pub(crate) fn run(common: &Common, arguments: Arguments) -> Result<Exit, Refusal> {
    let form = arguments.format;
    let ledger = Ledger::open(&recorded(common)?.ledger())?;
    if arguments.verifications {
        let wanted = VerificationsWanted {
            module: arguments.module,
            since: arguments.since,
            until: arguments.until,
        };
        let format = match form {
            Form::Human => Format::Human,
            Form::Json => Format::Json,
            Form::Tree | Form::Dot => {
                let message = "verifications are no graph: they are shown as `human` or `json`";
                return Err(Refusal::new(Exit::Usage, message));
            }
        };
        return verifications::show(&ledger, &wanted, format);
    }
    let cells = ledger.ask(&Question {
        commit: arguments.commit,
        source_tree: arguments.source_tree,
        image: arguments.image,
        package: arguments.package,
        signer: arguments.signer,
        unverified: arguments.unverified,
        module: arguments.module,
        kernel: arguments.kernel,
        since: arguments.since,
        until: arguments.until,
    })?;
    match form {
        Form::Human => answer(|out| print_query(out, &cells))?,
        Form::Json => answer_json(&QueryDocument::from(&cells[..]))?,
        Form::Tree => answer(|out| print_tree(out, &cells))?,
        Form::Dot => answer(|out| print_dot(out, &cells))?,
    }
    Ok(Exit::Success)
}

/// Refuses what stands in every name.
fn parse_signer(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("a signer has a name, or a part of one".to_owned());
    }
    Ok(text.to_owned())
}

fn parse_commit(text: &str) -> Result<String, String> {
    let is_hex = text
        .bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if is_hex && (7..=64).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err("a commit is named by 7 to 64 lower-case hex digits".to_owned())
    }
}

fn since(text: &str) -> Result<Timestamp, String> {
    time(text, Date::to_datetime, jiff::civil::Time::midnight())
}

fn until(text: &str) -> Result<Timestamp, String> {
    time(text, Date::to_datetime, jiff::civil::Time::MAX)
}

/// Reads a time, or a day in UTC of which one end is meant.
fn time(
    text: &str,
    at: impl Fn(Date, jiff::civil::Time) -> jiff::civil::DateTime,
    end: jiff::civil::Time,
) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let wanted = "a date such as 2026-11-21, or a time such as 2026-11-21T08:00:00Z";
    let date: Date = text
        .parse()
        .map_err(|_| format!("`{text}` is not {wanted}"))?;
    let zoned = at(date, end).to_zoned(jiff::tz::TimeZone::UTC);
    zoned
        .map(|zoned| zoned.timestamp())
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_meant_whole() {
        let shown = |found: Result<Timestamp, String>| found.expect("a time").to_string();
        assert_eq!(shown(since("2026-11-21")), "2026-11-21T00:00:00Z");
        assert!(shown(until("2026-11-21")).starts_with("2026-11-21T23:59:59"));
        assert_eq!(shown(since("2026-11-21T08:00:00Z")), "2026-11-21T08:00:00Z");
        assert!(since("yesterday").is_err());
        assert!(parse_signer("key:82").is_ok());
        assert!(parse_signer("").is_err() && parse_signer(" ").is_err());
        assert!(parse_commit("0123456").is_ok());
        for text in ["012345", "0123456G", "HEAD~12"] {
            assert!(parse_commit(text).is_err(), "{text}");
        }
    }
}
