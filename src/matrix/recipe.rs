//! How a matrix says that a module is built.

use crate::document::{ProblemCode, Read, Table, Value};
use crate::matrix::module_path::ModulePath;

/// How a module's source becomes modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipe {
    /// The kernel build system is called on the source.
    Kbuild,
    /// The source's `dkms.conf` says how.
    Dkms,
    /// A command is run in a copy of the source.
    Command {
        line: CommandLine,
        /// The modules that it leaves behind; empty stands for every `.ko` file.
        modules: Vec<ModulePath>,
    },
}

/// A command as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandLine {
    /// A program and its arguments; no shell reads them.
    Words(Vec<String>),
    /// A line for the shell.
    Shell(String),
}

/// Reads `recipe`.
pub(super) fn read_recipe(value: Value<'_>) -> Read<Recipe> {
    if value.is_table() {
        return value.table(read_command);
    }
    let name = value.string()?;
    match name {
        "kbuild" => Ok(Recipe::Kbuild),
        "dkms" => Ok(Recipe::Dkms),
        other => {
            let message = format!("there is no recipe `{}`", other.escape_debug());
            let hint =
                "write `kbuild`, `dkms`, or a command, as in `recipe = { command = \"make\" }`";
            Err(value.refuse(ProblemCode::BadValue, message, Some(hint.to_owned())))
        }
    }
}

fn read_command(table: &Table<'_>) -> Read<Recipe> {
    let line = table.required("command", |value| {
        if value.is_list() {
            value.list(Value::text).map(CommandLine::Words)
        } else {
            value.text().map(CommandLine::Shell)
        }
    });
    let modules = table.or("modules", Vec::new(), |value| {
        value.one_or_list(Value::parse)
    });
    Ok(Recipe::Command {
        line: line?,
        modules: modules?,
    })
}
