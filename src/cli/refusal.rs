//! Why a command does not do what it was asked: one message, its causes, what to do next, and the
//! exit status.

use std::error::Error;
use std::io::Write;

use crate::bundle::{ExportError, ImportError, WriteError};
use crate::catalog::error::CatalogError;
use crate::document::Problems;
use crate::engine::EngineFailure;
use crate::exit::Exit;
use crate::export;
use crate::image::ImageError;
use crate::ledger::LedgerError;
use crate::lock::LockError;
use crate::oci::RegistryError;
use crate::plan::PlanError;
use crate::publish::{LayoutError, PushError};
use crate::retention::RetentionError;
use crate::run::RunError;
use crate::sign::SigningError;
use crate::source::SourceError;
use crate::state::StateError;
use crate::store::StoreError;

/// What is printed when a command is refused.
#[derive(Debug)]
pub struct Refusal {
    exit: Exit,
    /// Printed as they are if they are whole reports, and after `error: ` otherwise.
    message: String,
    is_report: bool,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Refusal {
    /// Says what could not be done.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            is_report: false,
            causes: Vec::new(),
            hint: None,
        }
    }

    /// Adds an error and its chain of causes.
    pub fn caused_by(mut self, error: &dyn Error) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            if !self.causes.contains(&text) && text != self.message {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// Ends with another status than the cause alone would.
    pub fn ending(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Says what to do next.
    pub fn hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Prints to standard error and returns the status.
    pub fn print(&self) -> Exit {
        let mut text = if self.is_report {
            self.message.clone()
        } else {
            format!("error: {}", self.message)
        };
        for cause in &self.causes {
            text.push_str(&format!("\n  caused by: {cause}"));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("\n\nhint: {hint}"));
        }
        // A closed standard error is no reason for another status.
        let _ = writeln!(std::io::stderr(), "{text}");
        self.exit
    }

    fn of(exit: Exit, error: &(dyn Error + 'static), hint: impl Into<Option<String>>) -> Self {
        let refusal = Self::new(exit, error.to_string()).hint(hint);
        match error.source() {
            Some(source) => refusal.caused_by(source),
            None => refusal,
        }
    }

    fn report(exit: Exit, message: String) -> Self {
        Self {
            is_report: true,
            ..Self::new(exit, message)
        }
    }
}

impl From<Problems> for Refusal {
    fn from(problems: Problems) -> Self {
        Self::report(Exit::Invalid, problems.to_string())
    }
}

impl From<PlanError> for Refusal {
    fn from(error: PlanError) -> Self {
        let exit = match &error {
            PlanError::Invalid(_) => Exit::Invalid,
            PlanError::NoCells(_) => Exit::NoCells,
        };
        let texts: Vec<String> = error.problems().iter().map(ToString::to_string).collect();
        Self::report(exit, texts.join("\n\n"))
    }
}

impl From<CatalogError> for Refusal {
    fn from(error: CatalogError) -> Self {
        Self::of(Exit::InputUnavailable, &error, error.hint())
    }
}

impl From<SourceError> for Refusal {
    fn from(error: SourceError) -> Self {
        let exit = if error.why().is_full() {
            Exit::Internal
        } else if error.why().is_unavailable() {
            Exit::InputUnavailable
        } else {
            Exit::Invalid
        };
        Self::of(exit, &error, error.why().hint())
    }
}

impl From<LockError> for Refusal {
    fn from(error: LockError) -> Self {
        Self::of(
            Exit::InputUnavailable,
            &error,
            "run `kmatrix lock --update`".to_owned(),
        )
    }
}

impl From<EngineFailure> for Refusal {
    fn from(error: EngineFailure) -> Self {
        Self::of(Exit::EngineUnavailable, &error, error.hint().to_owned())
    }
}

impl From<StateError> for Refusal {
    fn from(error: StateError) -> Self {
        let exit = match &error {
            StateError::Busy { .. } => Exit::Usage,
            StateError::Io { .. } | StateError::Malformed { .. } | StateError::Newer { .. } => {
                Exit::Internal
            }
        };
        Self::of(exit, &error, error.hint().to_owned())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let exit = if error.is_full() {
            Exit::Internal
        } else {
            Exit::InputUnavailable
        };
        Self::of(exit, &error, error.hint())
    }
}

impl From<LedgerError> for Refusal {
    fn from(error: LedgerError) -> Self {
        let hint = if error.is_full() {
            "the disk is full: make room, and run the same command again"
        } else {
            "use the program that wrote it, or name another directory with `--state`"
        };
        Self::of(Exit::Internal, &error, hint.to_owned())
    }
}

impl From<SigningError> for Refusal {
    fn from(error: SigningError) -> Self {
        let hint = error.hint();
        Self::of(Exit::SigningFailed, &error, hint)
    }
}

impl From<RetentionError> for Refusal {
    fn from(error: RetentionError) -> Self {
        match error {
            RetentionError::State(error) => error.into(),
            RetentionError::Ledger(error) => error.into(),
            RetentionError::Store(error) => error.into(),
            RetentionError::Io { .. } => Self::of(Exit::Internal, &error, None),
        }
    }
}

impl From<RunError> for Refusal {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Ledger(error) => error.into(),
            RunError::Store(error) => error.into(),
        }
    }
}

impl From<export::ExportError> for Refusal {
    fn from(error: export::ExportError) -> Self {
        match error {
            export::ExportError::State(error) => error.into(),
            export::ExportError::Store(error) => error.into(),
        }
    }
}

impl From<ImageError> for Refusal {
    fn from(error: ImageError) -> Self {
        let hint = match &error {
            ImageError::Catalog(error) => error.hint(),
            ImageError::Bootstrap(error) => Some(error.hint().to_owned()),
            ImageError::Engine(error) => Some(error.hint().to_owned()),
            ImageError::Pull { source, .. } if source.is_retryable() => {
                Some(source.hint().to_owned())
            }
            ImageError::Pull { refusal, .. } => Some(refusal.hint().to_owned()),
            ImageError::Mirrors { refused, .. } => refused.hint(),
            ImageError::Dockerfile(error) => Some(error.hint().to_owned()),
            ImageError::Store(error) => error.hint(),
            ImageError::OtherDigest { .. } => Some(
                "the engine must keep images by the digest of their configuration (the `overlay2` \
                 storage driver does)"
                    .to_owned(),
            ),
            ImageError::Inventory(_)
            | ImageError::Root { .. }
            | ImageError::WrongPlatform { .. }
            | ImageError::Probe(_) => {
                Some("correct the image's definition under `images/`".to_owned())
            }
        };
        let exit = match &error {
            ImageError::Engine(_) | ImageError::OtherDigest { .. } => Exit::EngineUnavailable,
            ImageError::Pull { source, .. } if source.is_retryable() => Exit::EngineUnavailable,
            ImageError::Dockerfile(error) if error.is_the_engines() => Exit::EngineUnavailable,
            ImageError::Dockerfile(error) if error.is_the_files() => Exit::Invalid,
            ImageError::Dockerfile(_) | ImageError::Mirrors { .. } => Exit::InputUnavailable,
            ImageError::Pull { .. }
            | ImageError::Catalog(_)
            | ImageError::Bootstrap(_)
            | ImageError::Inventory(_)
            | ImageError::Root { .. }
            | ImageError::Store(_)
            | ImageError::WrongPlatform { .. }
            | ImageError::Probe(_) => Exit::InputUnavailable,
        };
        Self::of(exit, &error, hint)
    }
}

impl From<LayoutError> for Refusal {
    fn from(error: LayoutError) -> Self {
        let exit = match &error {
            LayoutError::Io { .. } => Exit::InputUnavailable,
            LayoutError::TooMany { .. } | LayoutError::TooLarge { .. } => Exit::Usage,
            LayoutError::NotABundle { .. } => Exit::VerificationFailed,
            LayoutError::NoModule { .. }
            | LayoutError::SpeaksOfNothing { .. }
            | LayoutError::Unattested { .. } => Exit::EvidenceMissing,
        };
        Self::of(exit, &error, error.hint().to_owned())
    }
}

impl From<RegistryError> for Refusal {
    fn from(error: RegistryError) -> Self {
        Self::of(Exit::InputUnavailable, &error, error.hint().to_owned())
    }
}

impl From<PushError> for Refusal {
    fn from(error: PushError) -> Self {
        let (exit, hint) = match &error {
            PushError::Registry { source, .. } => (Exit::InputUnavailable, source.hint()),
            PushError::Io { .. } => (Exit::Usage, "push again once nobody writes there"),
            PushError::IndexTooLarge { .. } => (Exit::Usage, "push parts of it under several tags"),
        };
        Self::of(exit, &error, hint.to_owned())
    }
}

impl From<ExportError> for Refusal {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Ledger(error) => error.into(),
            ExportError::Store(error) => error.into(),
            ExportError::Missing { .. } => Self::of(
                Exit::EvidenceMissing,
                &error,
                "`kmatrix build` makes or fetches again what cells need".to_owned(),
            ),
            ExportError::Contradiction(_) => Self::of(
                Exit::EvidenceMissing,
                &error,
                "records were changed after they were signed: put the state back as it was, or build \
                 and sign in another one (`--state`)"
                    .to_owned(),
            ),
            ExportError::Twice { .. } => Self::of(
                Exit::Usage,
                &error,
                "give one of the two another file name".to_owned(),
            ),
            ExportError::NoRun { .. } | ExportError::NoCells { .. } => {
                Self::of(Exit::EvidenceMissing, &error, None)
            }
            ExportError::Write(WriteError::Other { .. } | WriteError::Read { .. }) => Self::of(
                Exit::InputUnavailable,
                &error,
                "`kmatrix store verify` names what is corrupt".to_owned(),
            ),
            ExportError::Write(WriteError::Write(_))
            | ExportError::Path { .. }
            | ExportError::Io { .. } => Self::of(Exit::Internal, &error, None),
        }
    }
}

impl From<ImportError> for Refusal {
    fn from(error: ImportError) -> Self {
        let hint = "ask whoever made it for another copy";
        match error {
            ImportError::Ledger(error) => error.into(),
            ImportError::Store(error) => error.into(),
            ImportError::Open { ref source, .. }
                if source.kind() == std::io::ErrorKind::IsADirectory =>
            {
                Self::of(Exit::Usage, &error, None)
            }
            ImportError::Open { .. } => Self::of(Exit::InputUnavailable, &error, None),
            ImportError::Foreign { .. } => Self::of(
                Exit::VerificationFailed,
                &error,
                "`kmatrix bundle export` makes evidence archives".to_owned(),
            ),
            ImportError::Scratch(_) | ImportError::Read { .. } => {
                Self::of(Exit::Internal, &error, None)
            }
            ImportError::Damage(_) | ImportError::Signature(_) | ImportError::Contradiction(_) => {
                Self::of(Exit::VerificationFailed, &error, hint.to_owned())
            }
        }
    }
}
