//! Why a string is no name.

/// Says why a string cannot be a name of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {wanted}")]
pub struct ParseNameError {
    text: String,
    wanted: &'static str,
}

pub(super) fn refuse(text: &str, wanted: &'static str) -> ParseNameError {
    ParseNameError {
        text: text.chars().take(80).collect(),
        wanted,
    }
}
