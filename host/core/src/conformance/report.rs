//! One case of the suite and what it came to.

use serde::Serialize;

/// What a case came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Verdict {
    Passed,
    Failed,
    Skipped,
}

/// A case by name, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Case {
    /// `group/name`.
    pub name: String,
    /// How it ended.
    pub verdict: Verdict,
    /// What must happen.
    pub expected: String,
    /// What happened; of one that was skipped, why.
    pub happened: String,
    /// What to change, or what to type so that it is not skipped. Empty where it passed.
    pub change: String,
}

/// A case as it is planned: its words, and nothing of what came.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// `group/name`.
    pub name: &'static str,
    /// What must happen.
    pub expected: &'static str,
    /// What to change where it does not.
    pub change: &'static str,
}

impl Plan {
    fn ends(&self, verdict: Verdict, happened: String, change: String) -> Case {
        Case { name: self.name.to_owned(), verdict, expected: self.expected.to_owned(), happened, change }
    }

    /// It did what it must.
    pub fn passed(&self, happened: impl Into<String>) -> Case {
        self.ends(Verdict::Passed, happened.into(), String::new())
    }

    /// It did not.
    pub fn failed(&self, happened: impl Into<String>) -> Case {
        self.ends(Verdict::Failed, happened.into(), self.change.to_owned())
    }

    /// It could not be tried.
    pub fn skipped(&self, why: impl Into<String>, instead: impl Into<String>) -> Case {
        self.ends(Verdict::Skipped, why.into(), instead.into())
    }

    /// Passed where nothing is wrong, else failed with each of it.
    pub fn judged(&self, wrong: &[String], right: impl Into<String>) -> Case {
        match wrong {
            [] => self.passed(right),
            _ => self.failed(shortened(wrong)),
        }
    }
}

/// Things that are listed of one case.
const LISTED_MAX: usize = 5;

fn shortened(wrong: &[String]) -> String {
    let mut text = wrong.iter().take(LISTED_MAX).cloned().collect::<Vec<_>>().join("; ");
    if wrong.len() > LISTED_MAX {
        text.push_str(&format!("; and {} more", wrong.len() - LISTED_MAX));
    }
    text
}

/// How many of a kind there are.
pub fn count(cases: &[Case], verdict: Verdict) -> usize {
    cases.iter().filter(|case| case.verdict == verdict).count()
}
