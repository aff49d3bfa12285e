//! Runbooks: what to do about every class of error and every kind of alert, so that anyone on call can do it.
//!
//! Product content, one Markdown text per class beside this file, each with the same five headings. Served by the command
//! line, the API and the dashboard. Every class that the code makes has one; a class of a plugin's own is covered by `other`.

use crate::api::{ApiError, RunbookAnswer, RunbookLine, RunbooksAnswer};

/// The runbook of a class that a plugin made up.
pub const FALLBACK: &str = "other";

/// One runbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runbook {
    /// Error class, or kind of alert.
    pub class: &'static str,
    /// `error`: the class of a dead letter; `alert`: the kind of an alert.
    pub about: &'static str,
    /// Markdown.
    pub text: &'static str,
}

macro_rules! runbooks {
    ($($about:literal: $($class:literal),+;)+) => {
        [$($(Runbook { class: $class, about: $about, text: include_str!(concat!($class, ".md")) },)+)+]
    };
}

/// All of them: first what can be wrong with one record or delivery, then what alerts are about.
pub const ALL: [Runbook; 37] = runbooks! {
    "error": "required", "format", "length", "duplicate", "reference", "read-only", "forbidden", "exhausted", "lookup", "type",
        "external", "syntax", "encoding", "depth", "too-large", "too-many-fields", "duplicate-key", "ragged-row", "other";
    "alert": "breaker-open", "dead-letter", "run-failed", "flow-silent", "review-overdue", "volume-held", "field-frozen",
        "unknown-outcome", "escalated", "budget", "canary-failed", "merge-partial", "reconcile-grew", "api-sunset", "needs-reauth", "rotation-refused",
        "access-review-due", "audit-altered";
};

impl Runbook {
    /// Its heading: the class, and what it means in a few words.
    pub fn title(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches("# ")
    }
}

/// The runbook of a class; none where it has none of its own.
pub fn find(class: &str) -> Option<&'static Runbook> {
    ALL.iter().find(|runbook| runbook.class == class)
}

/// The class under whose name the runbook for an error class is found: its own, or `other` for a plugin's own class.
pub fn name_for(class: &str) -> &'static str {
    find(class).map_or(FALLBACK, |runbook| runbook.class)
}

/// What failures are counted under besides their class: nothing was refused.
pub(crate) const NOT_REFUSED: [&str; 3] = ["unknown", "asked-to-wait", "unavailable"];

/// The class that a failure is counted under: one of few, however many a plugin makes up.
pub(crate) fn counted_as(class: &str) -> &'static str {
    let own = NOT_REFUSED.into_iter().find(|word| *word == class);
    own.or_else(|| find(class).filter(|runbook| runbook.about == "error").map(|runbook| runbook.class)).unwrap_or(FALLBACK)
}

/// What runbooks there are.
pub(crate) fn list() -> RunbooksAnswer {
    let line = |runbook: &Runbook| RunbookLine {
        class: runbook.class.to_owned(),
        about: runbook.about.to_owned(),
        title: runbook.title().to_owned(),
    };
    RunbooksAnswer { runbooks: ALL.iter().map(line).collect() }
}

/// One of them.
pub(crate) fn show(class: &str) -> Result<RunbookAnswer, ApiError> {
    let runbook = find(class).ok_or_else(|| {
        ApiError::not_found(format!("there is no runbook `{class}`"))
            .help("`nave runbook` lists them; a class that a connector made up is covered by `nave runbook other`")
    })?;
    Ok(RunbookAnswer {
        class: runbook.class.to_owned(),
        about: runbook.about.to_owned(),
        title: runbook.title().to_owned(),
        text: runbook.text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    const HEADINGS: [&str; 5] = ["What happened", "Why", "How to check", "What to type", "Whom to call"];

    #[test]
    fn each_answers_the_same_five_questions() {
        for runbook in ALL {
            let headings: Vec<&str> = runbook.text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
            assert_eq!(headings, HEADINGS, "{}", runbook.class);
            assert!(runbook.title().starts_with(&format!("{}: ", runbook.class)), "{}", runbook.title());
            let type_ = runbook.text.split("## What to type").nth(1).and_then(|rest| rest.split("## ").next());
            assert!(
                type_.is_some_and(|text| text.split('`').any(|part| part.starts_with("nave "))),
                "{} names no command",
                runbook.class
            );
        }
        let classes: BTreeSet<&str> = ALL.iter().map(|runbook| runbook.class).collect();
        assert_eq!(classes.len(), ALL.len(), "one text per class");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/runbooks");
        let files = std::fs::read_dir(folder)
            .unwrap()
            .filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|kind| kind == "md"));
        assert_eq!(files.count(), ALL.len(), "every text is served");
    }

    /// Rust files below a folder, without tests.
    fn sources(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !matches!(name.as_str(), "tests" | "target" | "runbooks") {
                sources(&path, found);
            } else if name.ends_with(".rs") && !name.contains("tests") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push(text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned());
            }
        }
    }

    /// Classes that a text makes: what is written where an error takes its class.
    fn made(text: &str) -> BTreeSet<String> {
        let quoted = r#"\s*"([a-z]+(?:-[a-z]+)*)""#;
        let makes = [
            r"(?:MapError|CodecError|Rejection|Self)::new\(",
            r"\bclass:",
            r"\brejected\(",
            r"\.refuse\(",
            r"\bblock\(",
            r"dead_letter\([^;]*?,",
        ];
        let mut found = BTreeSet::new();
        for make in makes {
            let pattern = regex::Regex::new(&format!("{make}{quoted}")).unwrap();
            found.extend(pattern.captures_iter(text).map(|found| found[1].to_owned()));
        }
        // A class chosen by an if or a match, as connectors do.
        let chosen = regex::Regex::new(r"let class = [^;]*;").unwrap();
        let word = regex::Regex::new(r#"(?:\{\s*|=> )"([a-z]+(?:-[a-z]+)*)""#).unwrap();
        for block in chosen.find_iter(text) {
            found.extend(word.captures_iter(block.as_str()).map(|found| found[1].to_owned()));
        }
        found
    }

    #[test]
    fn no_class_that_the_code_makes_lacks_one() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut texts = Vec::new();
        for folder in ["host/core/src", "host/hub/src/engine", "host/hub/src/guest", "sdk/rust/src", "plugins"] {
            sources(&root.join(folder), &mut texts);
        }
        let classes: BTreeSet<String> = texts.iter().flat_map(|text| made(text)).collect();
        assert!(classes.len() >= 15 && classes.contains("exhausted") && classes.contains("lookup"), "{classes:?}");
        let without: Vec<&String> =
            classes.iter().filter(|class| find(class).is_none_or(|runbook| runbook.about != "error")).collect();
        assert!(without.is_empty(), "no runbook for {without:?}");
    }

    #[test]
    fn a_class_of_a_plugin_s_own_is_covered_by_other() {
        assert_eq!((name_for("length"), name_for("missing-lastname")), ("length", "other"));
        assert!(show("missing-lastname").unwrap_err().help.unwrap().contains("nave runbook other"));
    }
}
