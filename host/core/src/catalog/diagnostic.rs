//! An error or a warning about the configuration, with its place and what to type instead.

use std::fmt;

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Nothing is applied until it is mended.
    Error,
    /// Applied, and worth a look.
    Warning,
}

/// One finding. Never holds a secret, also where a secret is what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// File, as given to [`super::check`].
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Byte offset and length in the file.
    pub span: (usize, usize),
    /// What is wrong.
    pub message: String,
    /// What to type instead: a suggestion, "did you mean".
    pub help: Option<String>,
    /// Error or warning.
    pub severity: Severity,
    /// Stable name of the finding: `unknown-key`, `unknown-field`, `type-mismatch`, …
    pub code: &'static str,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.path, self.line, self.column)?;
        if self.severity == Severity::Warning {
            write!(f, "warning: ")?;
        }
        write!(f, "{} [{}]", self.message, self.code)?;
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}
