//! Who is in the systems, and what each of them should be called by now: what people said, who was last wins.

use std::collections::{BTreeMap, BTreeSet};

use super::systems::Texts;

const FIRST: [&str; 12] = ["Ada", "Bo", "Cléo", "Dirk", "Eva", "Finn", "Gül", "Hana", "Ines", "Jörg", "Kim", "Lena"];
const LAST: [&str; 12] =
    ["Weiß", "Novak", "Silva", "Okoro", "Larsen", "Wagner", "Byrne", "Kaya", "Rossi", "Dubois", "Meyer", "Ito"];

/// A person. Their mailbox never changes.
#[derive(Clone, Debug)]
pub(super) struct Person {
    /// Canonical field → what should be there.
    pub(super) texts: Texts,
    /// Index of a system → what was said in it; all that a system holds that is only read.
    pub(super) there: BTreeMap<usize, Texts>,
    /// Nobody has said anything of them since the start.
    pub(super) bystander: bool,
    /// A system threw them out, and that was confirmed.
    pub(super) removed: bool,
}

/// Everybody, by mailbox.
#[derive(Debug)]
pub(super) struct People {
    seed: u64,
    pub(super) all: BTreeMap<String, Person>,
    /// Mailboxes in the order in which they came.
    pub(super) arrived: Vec<String>,
    /// What was said since the switch was set: mailbox, canonical field, index of the system.
    pub(super) said: BTreeSet<(String, String, usize)>,
    texts: u64,
}

impl People {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, all: BTreeMap::new(), arrived: Vec::new(), said: BTreeSet::new(), texts: 0 }
    }

    /// A new one, made in this system: their mailbox and texts.
    pub(super) fn arrive(&mut self, side: usize, bystander: bool) -> (String, Texts) {
        let nth = self.all.len();
        let pick = |of: &[&'static str; 12], shift: u64| of[((self.seed >> shift) as usize).wrapping_add(nth * 7) % of.len()];
        let (first, last) = (pick(&FIRST, 0), pick(&LAST, 8));
        let email = format!("p{nth}.{:x}@example.org", self.seed & 0xffff);
        let texts: Texts = [("email", email.clone()), ("first_name", first.to_owned()), ("last_name", last.to_owned())]
            .map(|(name, text)| (name.to_owned(), text))
            .into();
        self.arrived.push(email.clone());
        self.all.insert(
            email.clone(),
            Person { texts: texts.clone(), there: [(side, texts.clone())].into(), bystander, removed: false },
        );
        (email, texts)
    }

    /// A text that nobody has used.
    pub(super) fn text(&mut self, word: &str) -> String {
        self.texts += 1;
        format!("{word} {}", self.texts)
    }

    /// Somebody said it, in this system; it is what should be everywhere.
    pub(super) fn say(&mut self, email: &str, field: &str, text: &str, side: usize) {
        if let Some(person) = self.all.get_mut(email) {
            person.texts.insert(field.to_owned(), text.to_owned());
            person.there.entry(side).or_default().insert(field.to_owned(), text.to_owned());
            person.bystander = false;
            self.said.insert((email.to_owned(), field.to_owned(), side));
        }
    }
}
