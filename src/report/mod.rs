//! What people and programs read. Nothing here decides anything: one file per form of output.

mod document;
mod explain;
mod images;
mod lock;
mod plan;
mod status;
mod table;

pub use document::{BuildDocument, CellDocument};
pub use explain::explain;
pub use images::{ImagesDocument, print_freshness, print_images, reproduced};
pub use lock::print_lock;
pub use plan::print_plan;
pub use status::{Colour, Status};
pub use table::{class_of, log_name, print_table};
