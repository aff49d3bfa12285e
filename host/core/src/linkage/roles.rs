//! What an entity's fields are looked up by, where candidates of one new thing are to be found in an index: it costs the same at
//! a million records as at a thousand, so the terms are few and each is rare.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::fast::FixedState;

use super::Kind;
use super::block::skeleton;
use super::normal::normal;
use crate::catalog::{EntityField, FieldType};
use crate::value::Value;

/// Records with the same term beyond which it tells nobody apart, and is not looked at.
pub const TERM_RECORDS_MAX: usize = 32;
/// Namesakes of a person, and namesakes with the same town or birthday, up to which each is looked at; of more, those that have
/// something else in common.
const NAMESAKES_MAX: usize = 8;
/// Characters of a postal code that stand for a town, or a part of one.
const PART_OF_TOWN: usize = 3;
/// Characters of a mailbox's own part from which it is rare enough to be looked up by itself (`info` is not).
const LOCAL_LENGTH_MIN: usize = 6;

/// Fields of an entity by what they are looked up as. By type and name alone: what is in the index must not move when data does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    entity: String,
    fields: Vec<(String, Kind)>,
}

impl Roles {
    /// Of an entity's fields.
    pub fn new(entity: &str, fields: &BTreeMap<String, EntityField>) -> Self {
        let role = |(name, field): (&String, &EntityField)| Some((name.clone(), role(entity, name, &field.kind)?));
        Self { entity: entity.to_owned(), fields: fields.iter().filter_map(role).collect() }
    }

    /// Whether a field, or a list, is among them.
    pub fn looks_at(&self, field: &str) -> bool {
        self.fields.binary_search_by(|(known, _)| known.as_str().cmp(field)).is_ok()
    }

    /// What a thing with these values (field or `list/element`, value) is to be found under, sorted by hash.
    pub fn terms<'v>(&self, values: impl Iterator<Item = (Cow<'v, str>, &'v Value)>) -> Vec<Term> {
        let mut known = Known::default();
        for (name, value) in values {
            let (field, element) = name.split_once('/').map_or((&*name, false), |(list, _)| (list, true));
            let Ok(at) = self.fields.binary_search_by(|(known, _)| known.as_str().cmp(field)) else { continue };
            let kind = self.fields[at].1;
            let part = if kind == Kind::Email { "address" } else { "number" };
            let value = if element { value.at(part) } else { Some(value) };
            if let Some(Value::Text(text) | Value::Number(text)) = value {
                known.add(kind, normal(kind, text).text);
            }
        }
        let mut terms = known.terms(&self.entity);
        terms.sort_unstable();
        terms.dedup_by_key(|term| term.hash);
        terms
    }
}

/// What a thing is found under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term {
    /// Hash of what it is and what it says.
    pub hash: u64,
    reach: Reach,
}

/// How far having a term in common makes two things worth comparing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// By itself.
    Alone,
    /// A name with something else: by itself where few have both, else with both names.
    Pair,
    /// The names, and no more than them: by itself where few are called that.
    Names,
    /// With the names: where somebody works does not say who it is.
    WithNames,
}

impl Term {
    /// Those of a thing's terms that are looked up in any case.
    pub fn at_once(terms: &[Self]) -> impl Iterator<Item = &Self> {
        let is_named = is_named(terms);
        terms.iter().filter(move |term| !is_named || term.reach != Reach::WithNames)
    }

    /// Those that are looked up then, where it matters: which of many namesakes work in one place. `count`: how many records have a
    /// term, which was looked up.
    pub fn then(terms: &[Self], count: impl Fn(&Self) -> usize) -> impl Iterator<Item = &Self> {
        let matters = |names: &Self| (NAMESAKES_MAX + 1..=TERM_RECORDS_MAX).contains(&count(names));
        let asked = terms.iter().find(|term| term.reach == Reach::Names).is_some_and(matters);
        terms.iter().filter(move |term| asked && term.reach == Reach::WithNames)
    }
}

fn is_named(terms: &[Term]) -> bool {
    terms.iter().any(|term| term.reach == Reach::Names)
}

/// Records that have terms in common with a thing, as they come from an index.
#[derive(Debug)]
pub struct Tally {
    /// Record → whether it is worth comparing by itself, has the names, has something else.
    found: BTreeMap<u64, [bool; 3]>,
    is_named: bool,
}

impl Tally {
    /// For a thing with these terms.
    pub fn new(terms: &[Term]) -> Self {
        Self { found: BTreeMap::new(), is_named: is_named(terms) }
    }

    /// These `count` records have this term. What too many have under one term tells nobody apart.
    pub fn add(&mut self, term: Term, records: impl Iterator<Item = u64>, count: usize) {
        if count > TERM_RECORDS_MAX {
            return;
        }
        let alone = match term.reach {
            Reach::Alone => true,
            Reach::Pair | Reach::Names => count <= NAMESAKES_MAX || !self.is_named,
            Reach::WithNames => !self.is_named,
        };
        for record in records {
            let known = self.found.entry(record).or_default();
            known[0] |= alone;
            known[1] |= term.reach == Reach::Names;
            known[2] |= matches!(term.reach, Reach::Pair | Reach::WithNames);
        }
    }

    /// Records worth comparing with the thing, in order.
    pub fn worth_comparing(&self) -> impl Iterator<Item = u64> + '_ {
        self.found.iter().filter(|(_, [alone, names, other])| *alone || *names && *other).map(|(record, _)| *record)
    }
}

fn role(entity: &str, name: &str, kind: &FieldType) -> Option<Kind> {
    let named = Kind::of_heading(name);
    let role = match kind {
        FieldType::Email => Kind::Email,
        FieldType::Phone => Kind::Phone,
        FieldType::Date if name.contains("birth") => Kind::Date,
        FieldType::Text => named?.of_entity(entity),
        FieldType::Url if matches!(entity, "company") => Kind::Text,
        FieldType::List { fields, .. } => {
            match fields.values().find(|kind| matches!(kind, FieldType::Email | FieldType::Phone))? {
                FieldType::Email => Kind::Email,
                _ => Kind::Phone,
            }
        }
        _ => return None,
    };
    let looked_up = matches!(
        role,
        Kind::Given
            | Kind::Surname
            | Kind::Name
            | Kind::Email
            | Kind::Phone
            | Kind::Mobile
            | Kind::Date
            | Kind::Identifier
            | Kind::Street
            | Kind::City
            | Kind::Postal
            | Kind::Company
            | Kind::Text
    );
    looked_up.then_some(role)
}

/// What is known of a thing, in comparable spelling.
#[derive(Default)]
struct Known {
    given: String,
    surname: String,
    name: String,
    date: String,
    street: String,
    city: String,
    postal: String,
    companies: Vec<String>,
    emails: Vec<String>,
    /// Looked up as they are: telephones, numbers, titles.
    whole: Vec<(&'static str, String)>,
}

impl Known {
    fn add(&mut self, kind: Kind, text: String) {
        if text.is_empty() {
            return;
        }
        let first = |place: &mut String, text: String| {
            if place.is_empty() {
                *place = text;
            }
        };
        match kind {
            Kind::Given => first(&mut self.given, text),
            Kind::Surname => first(&mut self.surname, text),
            Kind::Name => first(&mut self.name, text),
            Kind::Date => first(&mut self.date, text),
            Kind::Street => first(&mut self.street, text),
            Kind::City => first(&mut self.city, text),
            Kind::Postal => first(&mut self.postal, text),
            Kind::Company => self.companies.push(text),
            Kind::Email => self.emails.push(text),
            // With or without a prefix, the last seven digits are the same.
            Kind::Phone | Kind::Mobile if text.len() >= 6 => {
                self.whole.push(("phone", text[text.len().saturating_sub(7)..].to_owned()))
            }
            Kind::Identifier if text.len() >= 4 => self.whole.push(("number", text)),
            Kind::Text if text.len() >= 4 => self.whole.push(("text", text)),
            _ => {}
        }
    }

    fn terms(&self, entity: &str) -> Vec<Term> {
        let seed = FixedState::with_seed(0x6e61_7665);
        let mut terms = Vec::with_capacity(12);
        // A company's name is who it is; a person's company is not.
        let working_there = if entity == "company" { Reach::Alone } else { Reach::WithNames };
        let mut term = |reach: Reach, what: &str, parts: &[&str]| {
            if parts.iter().any(|part| part.is_empty()) {
                return;
            }
            let mut hasher = seed.build_hasher();
            for part in [entity, what].iter().chain(parts) {
                hasher.write(part.as_bytes());
                hasher.write_u8(0);
            }
            terms.push(Term { hash: hasher.finish(), reach });
        };
        for (what, text) in &self.whole {
            term(Reach::Alone, what, &[text]);
        }
        for email in &self.emails {
            term(Reach::Alone, "mailbox", &[email]);
            let local = email.split('@').next().unwrap_or_default();
            if local.len() >= LOCAL_LENGTH_MIN {
                term(Reach::Alone, "local", &[local]);
            }
        }
        let words = || self.name.split(' ').filter(|word| !word.is_empty());
        let given = if self.given.is_empty() { words().next().unwrap_or_default() } else { self.given.as_str() };
        let surname = if self.surname.is_empty() { words().skip(1).last().unwrap_or_default() } else { self.surname.as_str() };
        let (given, surname) = (sound(given.split(' ').next()), sound(surname.split(' ').next_back()));
        // Two names that changed places are found too.
        let mut both = [given.as_str(), surname.as_str()];
        both.sort_unstable();
        let [one, other] = both;
        term(Reach::Names, "names", &both);
        term(Reach::Pair, "names and town", &[one, other, if self.postal.is_empty() { &self.city } else { &self.postal }]);
        for name in [&given, &surname] {
            term(Reach::Pair, "name and date", &[name, &self.date]);
        }
        // Who has one surname at one address may be one whose first name is spelled otherwise; of one first name there are many in
        // the streets of that name, and few in one part of a town.
        term(Reach::Pair, "name and street", &[&surname, &self.street]);
        let part = self.postal.get(..PART_OF_TOWN).unwrap_or(if self.postal.is_empty() { &self.city } else { &self.postal });
        term(Reach::Pair, "first name, street and town", &[&given, &self.street, part]);
        for company in &self.companies {
            term(working_there, "company", &[company]);
            term(Reach::Pair, "company and name", &[company, if surname.is_empty() { &given } else { &surname }]);
            let mut words = company.split(' ');
            let (first, second) = (sound(words.next()), sound(words.next()));
            term(working_there, "company's town", &[&first, if self.city.is_empty() { &self.postal } else { &self.city }]);
            term(working_there, "company's street", &[&first, &self.street]);
            term(working_there, "company's words", &[&first, &second]);
        }
        terms
    }
}

fn sound(word: Option<&str>) -> String {
    word.map(skeleton).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::shipped_entities;

    /// How many terms two contacts share.
    #[track_caller]
    fn check(left: &str, right: &str, shared: bool) {
        let entities = shipped_entities();
        let entity = &entities["contact"];
        let roles = Roles::new(&entity.name, &entity.fields);
        let terms = |text: &str| {
            let values: BTreeMap<String, Value> = text
                .split(';')
                .filter_map(|part| part.split_once('='))
                .map(|(name, value)| (name.trim().to_owned(), Value::text(value)))
                .collect();
            roles.terms(values.iter().map(|(name, value)| (Cow::Borrowed(name.as_str()), value)))
        };
        let (left_terms, right_terms) = (terms(left), terms(right));
        assert_eq!(
            left_terms.iter().any(|term| right_terms.iter().any(|other| other.hash == term.hash)),
            shared,
            "{left} and {right}"
        );
    }

    #[test]
    fn who_may_be_one_shares_a_term() {
        check("first_name=Ada; last_name=Meier", "first_name=Ada; last_name=Mayer", true);
        check("first_name=Ada; last_name=Meier", "name=Ada Meier", true);
        check("first_name=Meier; last_name=Ada", "name=Ada Meier", true);
        check("first_name=Ada; last_name=Lee", "first_name=Bob; last_name=Lee", false);
        check("phone=+49 30 901820", "mobile=030/901820", true);
        check("email=ada.lee@x.test", "email=ada.lee@y.test", true);
        check("email=info@x.test", "email=info@y.test", false);
        check("last_name=Lee; birth_date=1960-02-10", "first_name=Ad; last_name=Lee; birth_date=1960-02-10", true);
        check("address.city=Kew", "address.city=Kew", false);
        let home = "address.street=2 Oak St; address.postal_code=48";
        check(&format!("first_name=Ada; last_name=Lee; {home}011"), &format!("first_name=Adele; last_name=Lee; {home}0"), true);
        check(&format!("first_name=Ada; last_name=Lee; {home}011"), &format!("first_name=Ada; last_name=Kim; {home}012"), true);
        check(&format!("first_name=Ada; last_name=Lee; {home}011"), &format!("first_name=Ada; last_name=Kim; {home}912"), false);
        check("first_name=Agent12; last_name=Meier", "first_name=Agent13; last_name=Meier", false);
        check("", "", false);
    }

    /// Terms that both have, with how many have each; what else the thing has; whether they are worth comparing.
    type Line<'l> = (&'l [(Reach, usize)], &'l [Reach], bool);

    /// Records by number of holders of each of these terms, to which a record belongs, and whether it is worth comparing.
    #[test]
    fn who_is_worth_comparing() {
        use Reach::{Alone, Names, Pair, WithNames};
        let table: [Line<'_>; 12] = [
            (&[(Alone, 1)], &[Names], true),
            (&[(Alone, TERM_RECORDS_MAX)], &[Names], true),
            (&[(Alone, TERM_RECORDS_MAX + 1)], &[Names], false),
            (&[(Names, NAMESAKES_MAX)], &[Names], true),
            (&[(Names, NAMESAKES_MAX + 1)], &[Names], false),
            (&[(Names, NAMESAKES_MAX + 1), (WithNames, 9)], &[Names], true),
            (&[(Pair, NAMESAKES_MAX)], &[Names], true),
            (&[(Pair, NAMESAKES_MAX + 1)], &[Names], false),
            (&[(Pair, NAMESAKES_MAX + 1), (Names, NAMESAKES_MAX + 1)], &[], true),
            // A colleague, and somebody of whom nothing but the company is known.
            (&[(WithNames, 2)], &[Names], false),
            (&[(WithNames, 2)], &[WithNames], true),
            (&[], &[Names], false),
        ];
        for (at, (shared, others, expected)) in table.into_iter().enumerate() {
            let own = shared.iter().map(|(reach, _)| reach).chain(others);
            let terms: Vec<Term> = own.enumerate().map(|(at, reach)| Term { hash: at as u64, reach: *reach }).collect();
            let mut tally = Tally::new(&terms);
            for (term, (_, holders)) in terms.iter().zip(shared) {
                tally.add(*term, 0..*holders as u64, *holders);
            }
            assert_eq!(tally.worth_comparing().any(|record| record == 0), expected, "line {at}");
        }
    }

    proptest::proptest! {
        /// What is not looked up would not have changed who is compared.
        #[test]
        fn who_is_worth_comparing_does_not_hang_on_what_is_left_out(
            holders in proptest::collection::vec((0..4_usize, proptest::collection::btree_set(0..60_u64, 0..40)), 0..7),
        ) {
            const REACHES: [Reach; 4] = [Reach::Alone, Reach::Pair, Reach::Names, Reach::WithNames];
            let mut names = 0;
            // A thing has one pair of names.
            let reach = |at: &usize| {
                names += usize::from(REACHES[*at] == Reach::Names);
                if names > 1 && REACHES[*at] == Reach::Names { Reach::Pair } else { REACHES[*at] }
            };
            let reaches: Vec<Reach> = holders.iter().map(|(at, _)| at).map(reach).collect();
            let terms: Vec<Term> = reaches.iter().enumerate().map(|(at, reach)| Term { hash: at as u64, reach: *reach }).collect();
            let count = |term: &Term| holders[term.hash as usize].1.len();
            let compared = |looked_up: &[Term]| {
                let mut tally = Tally::new(&terms);
                looked_up.iter().for_each(|term| tally.add(*term, holders[term.hash as usize].1.iter().copied(), count(term)));
                tally.worth_comparing().collect::<Vec<u64>>()
            };
            let looked_up: Vec<Term> = Term::at_once(&terms).chain(Term::then(&terms, count)).copied().collect();
            proptest::prop_assert_eq!(compared(&looked_up), compared(&terms));
        }
    }
}
