//! What went wrong, for a person and for a script.

use nave_core::catalog::{Diagnostic, Severity};
use serde::{Deserialize, Serialize};

/// Exit codes of the command line.
pub mod exit {
    /// Done.
    pub const OK: u8 = 0;
    /// What was asked for did not succeed.
    pub const FAILED: u8 = 1;
    /// The command line was not understood, or names something that is not there.
    pub const USAGE: u8 = 2;
    /// The configuration has errors.
    pub const CONFIGURATION: u8 = 3;
    /// A person has to decide or approve first.
    pub const PERSON: u8 = 4;
    /// The hub cannot be reached or opened: another process holds it, or its data is damaged.
    pub const UNAVAILABLE: u8 = 5;
}

/// Why a request was not answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// Stable name: `not-found`, `configuration`, `plan-not-seen`, …
    pub code: String,
    /// What happened, and why.
    pub message: String,
    /// What to type next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Exit code, from [`exit`].
    pub exit: u8,
    /// Errors of the configuration, where that is the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Seconds after which it may be tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
}

impl ApiError {
    /// Of a code and an exit code of one's own.
    pub fn new(code: &str, exit: u8, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), help: None, exit, findings: Vec::new(), retry_after_s: None }
    }

    /// What was asked for did not succeed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new("failed", exit::FAILED, message)
    }

    /// It names something that is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new("not-found", exit::USAGE, message)
    }

    /// There is no such thing; what may be meant is said, and what there is.
    pub fn unknown<'n>(what: &str, name: &str, known: impl Iterator<Item = &'n str>) -> Self {
        let mut names: Vec<&str> = Vec::new();
        for known in known {
            if !names.contains(&known) {
                names.push(known);
            }
        }
        let near = nave_core::mapping::nearest(name, names.iter().copied());
        // `lastname` for `properties.lastname`.
        let last = || names.iter().copied().find(|known| known.rsplit('.').next().is_some_and(|last| last == name));
        let near = near.or_else(last).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let help =
            if names.is_empty() { "there are none yet".to_owned() } else { format!("{near}there are: {}", names.join(", ")) };
        Self::not_found(format!("there is no {what} `{name}`")).help(help)
    }

    /// It makes no sense as it was asked.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new("usage", exit::USAGE, message)
    }

    /// A person has to do something first.
    pub fn person(message: impl Into<String>) -> Self {
        Self::new("needs-a-person", exit::PERSON, message)
    }

    /// The configuration has errors: all of them.
    pub fn configuration(diagnostics: &[Diagnostic]) -> Self {
        let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
        let message = match errors {
            1 => "the configuration has an error".to_owned(),
            n => format!("the configuration has {n} errors"),
        };
        Self {
            findings: diagnostics.iter().map(Finding::from).collect(),
            help: Some("mend the files and run `nave mapping lint`".to_owned()),
            ..Self::new("configuration", exit::CONFIGURATION, message)
        }
    }

    /// With what to type next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// HTTP status that says the same.
    pub fn status(&self) -> u16 {
        match (self.code.as_str(), self.exit) {
            ("not-found", _) => 404,
            ("unauthorized", _) => 401,
            ("forbidden", _) => 403,
            (_, exit::USAGE) => 400,
            (_, exit::CONFIGURATION) => 422,
            (_, exit::PERSON) => 409,
            (_, exit::UNAVAILABLE) => 503,
            _ => 500,
        }
    }
}

/// A [`Diagnostic`] that travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// File, relative to the project's directory.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Byte offset in the file.
    pub start: usize,
    /// Length in bytes.
    pub length: usize,
    /// What is wrong.
    pub message: String,
    /// What to type instead.
    pub help: Option<String>,
    /// Whether it keeps the configuration from being applied.
    pub error: bool,
    /// Stable name.
    pub code: String,
}

impl From<&Diagnostic> for Finding {
    fn from(found: &Diagnostic) -> Self {
        Self {
            path: found.path.clone(),
            line: found.line,
            column: found.column,
            start: found.span.0,
            length: found.span.1,
            message: found.message.clone(),
            help: found.help.clone(),
            error: found.severity == Severity::Error,
            code: found.code.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_is_said_first() {
        let check = |name: &str, known: &[&str], help: &str| {
            let error = ApiError::unknown("field", name, known.iter().copied());
            assert_eq!((error.exit, error.help.as_deref()), (exit::USAGE, Some(help)), "{name}");
        };
        check("emial", &["email", "phone"], "did you mean `email`? there are: email, phone");
        check(
            "lastname",
            &["id", "properties.lastname"],
            "did you mean `properties.lastname`? there are: id, properties.lastname",
        );
        check("x", &["crm", "books", "crm"], "there are: crm, books");
        check("x", &[], "there are none yet");
    }
}
