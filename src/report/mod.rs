//! What people and programs read. Nothing here decides anything: one file per form of output.

mod archive;
mod attempts;
mod attested;
mod audit;
mod causes;
mod changes;
mod comparisons;
mod document;
mod explain;
mod history;
mod images;
mod kernels;
mod lock;
mod numbers;
mod pair;
mod plan;
mod policy_rules;
mod preparations;
mod pushed;
mod query;
mod release;
mod rules;
mod sharing;
mod status;
mod store;
mod table;
mod verdict;
mod verifications;

pub use archive::{ArchiveDocument, ImportedDocument, print_archive, print_imported};
pub use attested::{AttestedDocument, print_attested};
pub use audit::{AuditDocument, print_audit};
pub use causes::{CausesDocument, print_catalogue};
pub use changes::{
    ChangesDocument, Compared, LockChange, LockChangeDocument, print_changes, print_lock_change,
};
pub use document::{BuildDocument, CellDocument};
pub use explain::explain;
pub use history::print_history;
pub use images::{ImagesDocument, print_freshness, print_images, reproduced};
pub use kernels::{KernelDocument, ListDocument, Listed, print_kernel, print_kernels};
pub use lock::print_lock;
pub use pair::{PairDocument, explain_pair};
pub use plan::print_plan;
pub use policy_rules::{PolicyRulesDocument, print_policy_rules};
pub use preparations::preparation_log_name;
pub use pushed::{PushedDocument, print_pushed};
pub use query::{Edge, Graph, Node, NodeKind, QueryDocument, print_dot, print_query, print_tree};
pub use release::{Release, ReleaseDocument, print_release};
pub use rules::{RulesDocument, print_rules};
pub use sharing::print_sharing;
pub use status::{Colour, Status};
pub use store::{
    Collected, CollectedDocument, StoreDocument, VerifiedDocument, print_collected, print_store,
    print_verified, size,
};
pub use table::{class_of, log_name, print_table};
pub use verdict::{Judged, JudgedRelease, Judgement, Shown, VerdictsDocument, print_verdicts};
pub use verifications::{Verification, VerificationsDocument, print_verifications};
