//! What the systems hold, against what people said: lost, there twice, written although nobody asked for it.

use std::collections::{BTreeMap, BTreeSet};

use super::expect::Expect;
use super::people::People;
use super::side::Side;
use super::systems::{Shown, Texts};

/// Lines of reasons that are shown; the counts have all.
const REASONS_MAX: usize = 6;

/// How a case came out.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdict {
    pub(super) lost: usize,
    pub(super) duplicated: usize,
    pub(super) unowned: usize,
    pub(super) quiescent: bool,
    /// Anything else that should not be: a question that nobody needs to answer, a secret that was found.
    pub(super) wrong: usize,
    pub(super) why: Vec<String>,
    /// Kinds of reviews and classes of dead letters that were seen.
    pub(super) reviews: BTreeSet<String>,
    pub(super) letters: BTreeSet<String>,
}

impl Verdict {
    pub(super) fn passed(&self) -> bool {
        self.lost + self.duplicated + self.unowned + self.wrong == 0 && self.quiescent
    }

    pub(super) fn note(&mut self, why: String) {
        if self.why.len() < REASONS_MAX {
            self.why.push(why);
        }
    }

    pub(super) fn lost(&mut self, why: String) {
        self.lost += 1;
        self.note(why);
    }

    pub(super) fn duplicated(&mut self, count: usize, why: String) {
        self.duplicated += count;
        self.note(why);
    }

    pub(super) fn unowned(&mut self, count: usize, why: String) {
        self.unowned += count;
        self.note(why);
    }

    pub(super) fn wrong(&mut self, why: String) {
        self.wrong += 1;
        self.note(why);
    }
}

/// What was nobody's business before the switch was set: mailbox → modified, unowned texts.
pub(super) type Before = BTreeMap<String, (String, Texts)>;

/// Looks at a system before anything goes wrong.
pub(super) fn before(side: &Side, shown: &[Shown]) -> Before {
    let spoken = side.part.spoken();
    let living = shown.iter().filter(|shown| !shown.gone);
    living.map(|shown| (spoken.here(shown, "email").to_lowercase(), (shown.modified.clone(), spoken.unowned(shown)))).collect()
}

/// Compares one system with what people said.
pub(super) fn judge(
    verdict: &mut Verdict,
    (nth, side): (usize, &Side),
    shown: &[Shown],
    people: &People,
    before: &Before,
    expect: &Expect,
) {
    let (spoken, name) = (side.part.spoken(), side.part.name);
    let mut by_email: BTreeMap<String, Vec<&Shown>> = BTreeMap::new();
    for one in shown.iter().filter(|shown| !shown.gone) {
        by_email.entry(spoken.here(one, "email").to_lowercase()).or_default().push(one);
    }
    for (email, person) in &people.all {
        // A system that is only read has those that were made in it, as they were called in it.
        let texts = if side.is_written() { Some(&person.texts) } else { person.there.get(&nth) };
        let Some(texts) = texts else { continue };
        let there = by_email.remove(email).unwrap_or_default();
        if person.removed {
            if !there.is_empty() {
                verdict.lost(format!("{name}: {email} should be gone and is there"));
            }
            continue;
        }
        let Some(first) = there.first() else {
            verdict.lost(format!("{name}: {email} is missing"));
            continue;
        };
        if there.len() > 1 {
            verdict.duplicated(there.len() - 1, format!("{name}: {email} is there {} times", there.len()));
        }
        for (field, text) in texts {
            let found = spoken.here(first, field);
            if expect.frozen == Some(field.as_str()) {
                continue;
            }
            if !expect.fits(field, text, found) {
                verdict.lost(format!("{name}: {field} of {email} is {found:?}, not {text:?}"));
            }
        }
        let unowned = spoken.unowned(first);
        match before.get(email) {
            Some((modified, texts)) => {
                if *texts != unowned {
                    verdict.unowned(1, format!("{name}: {email} had {texts:?}, now {unowned:?}"));
                }
                if person.bystander && side.is_written() && !expect.stirs && *modified != first.modified {
                    verdict.unowned(1, format!("{name}: {email} was written, and nobody had said anything"));
                }
            }
            // Made since: by a person with a note, or by the hub with nothing that it was not asked for.
            None => {
                let more =
                    unowned.iter().filter(|(own, text)| own.as_str() != spoken.unmapped && text.as_str() != "false").count();
                if more > 0 {
                    verdict.unowned(more, format!("{name}: {email} came with {unowned:?}"));
                }
            }
        }
    }
    for (email, more) in by_email {
        verdict.unowned(more.len(), format!("{name}: {} that nobody made: {email:?}", more.len()));
    }
}
