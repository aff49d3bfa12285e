//! Errors for a person: what happened, what to type next, and for configuration the line with a caret under it.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report, Severity};
use nave_hub::api::{ApiError, Finding};

use crate::context::Context;
use crate::output::{clean_lines, json};

/// A line on standard error. Where nobody listens any more (`2>&1 | head`), the exit code still tells how it went.
fn complain(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Shows an error and says the exit code. With `--json` it is one object on standard output.
pub(crate) fn error(context: &Context, error: &ApiError) -> u8 {
    if context.json {
        json(&serde_json::json!({ "error": error }));
        return error.exit.max(1);
    }
    findings(context, &error.findings);
    complain(format_args!("nave: {}", clean_lines(&error.message)));
    if let Some(help) = &error.help {
        complain(format_args!("  help: {}", clean_lines(help)));
    }
    error.exit.max(1)
}

/// A file's text without the secrets that were found in it: also the line beside another finding is shown. Every byte keeps its place.
fn hushed(mut text: String, finding: &Finding, all: &[Finding]) -> String {
    for secret in all.iter().filter(|one| one.code == "secret-in-configuration" && one.path == finding.path) {
        // Where only the place is known, the rest of its line.
        let line = || text.get(secret.start..).and_then(|rest| rest.lines().next()).map_or(0, str::len);
        let end = secret.start + if secret.length == 0 { line() } else { secret.length };
        if let Some(value) = text.get(secret.start..end).map(str::len) {
            text.replace_range(secret.start..end, &"*".repeat(value));
        }
    }
    text
}

/// Shows findings of the configuration on standard error.
pub(crate) fn findings(context: &Context, findings: &[Finding]) {
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let theme = if colours { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(110).with_context_lines(1);
    for finding in findings {
        let mut shown = MietteDiagnostic::new(clean_lines(&finding.message))
            .with_code(finding.code.clone())
            .with_severity(if finding.error { Severity::Error } else { Severity::Warning });
        if let Some(help) = &finding.help {
            shown = shown.with_help(clean_lines(help));
        }
        let text = std::fs::read_to_string(context.dir().join(&finding.path)).ok();
        let text = text.map(|text| hushed(text, finding, findings));
        let end = finding.start + finding.length;
        let report = match text {
            Some(text) if end <= text.len() && text.is_char_boundary(finding.start) && text.is_char_boundary(end) => {
                let label = LabeledSpan::new(Some("here".to_owned()), finding.start, finding.length);
                Report::new(shown.with_label(label)).with_source_code(NamedSource::new(&finding.path, text))
            }
            _ => {
                shown.message = format!("{}:{}:{}: {}", finding.path, finding.line, finding.column, shown.message);
                Report::new(shown)
            }
        };
        let mut text = String::new();
        if handler.render_report(&mut text, report.as_ref()).is_ok() {
            complain(text.trim_end());
        }
    }
}
