//! Why no answer came back, in the words of the contract's `http.error`.

use nave_core::grant::Denied;
use nave_runtime::HttpError;

/// Why a call came to nothing. No text holds a secret; a credential in the query is shown as `***`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// Not granted, or never allowed. Nothing was sent; trying again is useless.
    #[error("{code}: {message}")]
    Denied {
        /// `net.denied`, `net.header-denied`, `net.address-denied`, …
        code: &'static str,
        /// What happened, and what would allow it.
        message: String,
    },
    /// Not one byte of the request was sent.
    #[error("{0}")]
    Unreachable(String),
    /// It was sent, at least in part, and no usable answer came: the system may have done it.
    #[error("{0}")]
    NoAnswer(String),
    /// The answer was larger than this many bytes, and was dropped.
    #[error("the answer was larger than {0} bytes")]
    TooLarge(u64),
    /// Requests or bytes of this run are used up.
    #[error("{0}")]
    Quota(String),
}

impl EgressError {
    pub(super) fn denied(code: &'static str, message: impl Into<String>) -> Self {
        Self::Denied { code, message: message.into() }
    }

    /// Stable code for tests, audits and run reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied { code, .. } => code,
            Self::Unreachable(_) => "net.unreachable",
            Self::NoAnswer(_) => "net.no-answer",
            Self::TooLarge(_) => "net.response-too-large",
            Self::Quota(_) => "net.quota",
        }
    }

    /// The same error with its text passed through `clean`.
    pub(super) fn map_text(self, clean: impl Fn(String) -> String) -> Self {
        match self {
            Self::Denied { code, message } => Self::Denied { code, message: clean(message) },
            Self::Unreachable(text) => Self::Unreachable(clean(text)),
            Self::NoAnswer(text) => Self::NoAnswer(clean(text)),
            Self::Quota(text) => Self::Quota(clean(text)),
            Self::TooLarge(bytes) => Self::TooLarge(bytes),
        }
    }
}

impl From<Denied> for EgressError {
    fn from(denied: Denied) -> Self {
        Self::Denied { code: denied.code, message: denied.message }
    }
}

impl From<EgressError> for HttpError {
    fn from(error: EgressError) -> Self {
        match error {
            EgressError::Denied { code, message } => Self::Denied(format!("{code}: {message}")),
            EgressError::Unreachable(text) => Self::Unreachable(text),
            EgressError::NoAnswer(text) => Self::NoAnswer(text),
            EgressError::TooLarge(bytes) => Self::TooLarge(bytes),
            EgressError::Quota(text) => Self::Quota(text),
        }
    }
}
