//! A plan as people read it.

use std::io::{self, Write};

use crate::plan::Plan;

/// Prints the cells, every exclusion with its reason, and the digest.
pub fn print_plan(to: &mut impl Write, plan: &Plan) -> io::Result<()> {
    for cell in &plan.cells {
        writeln!(to, "{}", cell.id)?;
    }
    if !plan.exclusions.is_empty() {
        writeln!(to)?;
    }
    for exclusion in &plan.exclusions {
        write!(to, "excluded {}: {}", exclusion.id, exclusion.reason)?;
        if let Some(ticket) = &exclusion.ticket {
            write!(to, " ({ticket})")?;
        }
        if let Some(expires) = exclusion.expires {
            write!(to, ", until {expires}")?;
        }
        writeln!(to)?;
    }
    writeln!(to)?;
    writeln!(
        to,
        "{} cells, {} excluded",
        plan.cells.len(),
        plan.exclusions.len()
    )?;
    writeln!(to, "plan {}", plan.digest)
}
