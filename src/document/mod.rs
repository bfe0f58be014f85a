//! Reading our own TOML files: every problem of a file at once, each with its line and column.
//!
//! A [`Document`] is a file that has been read and hashed. [`Document::decode`] hands its root
//! [`Table`] to a function that asks for keys; what is not there, not of the right type or was never
//! asked for becomes a [`Problem`], and reading goes on to find the next one.
//!
//! ```
//! use kmatrix::document::{Document, Value};
//!
//! let document = Document::from_bytes("x.toml", b"name = 7\nnmae = 'x'\n")?;
//! let problems = document
//!     .decode(|table| table.required("name", Value::text))
//!     .expect_err("two problems");
//! assert_eq!(problems.iter().count(), 2);
//! # Ok::<(), kmatrix::document::Problems>(())
//! ```

mod file;
mod problem;
mod quantity;
mod report;
mod table;
mod value;

pub use file::{Document, MOST_BYTES, toml_files};
pub use problem::{Place, Placed, Problem, ProblemCode, Problems, print_problem, print_problems};
pub use quantity::{ByteSize, ParseByteSizeError};
pub use report::{Read, Reported};
pub use table::{Table, suggest};
pub use value::Value;
