//! Does this belong to a record that we have? Exact rules: a key proposes, a second agreeing field merges.
//!
//! Never guesses: more than one full match, or a key that is equal while nothing else agrees, is a person's decision.

use std::borrow::Cow;

use smol_str::format_smolstr;
use unicode_normalization::{UnicodeNormalization, is_nfc};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::Text;
use crate::catalog::{Entity, FieldType, MatchRule};
use crate::limits::MATCH_CANDIDATES_MAX;
use crate::linkage::{are_two_first_names, are_two_last_names};
use crate::model::{Record, RecordId, RecordState, RemoteKey};
use crate::value::{Reference, Value};

/// Counts how [`keys`] spells: what a store's index holds under another number is found by nobody, and is made anew.
///
/// 1 lower case and blanks; 2 one Unicode spelling besides; 3 the terms of what is compared by score ([`crate::linkage::Roles`]);
/// 4 numbered names by their numbers; 5 first names of a street by the town, and no umlaut seen in `José`.
pub const SPELLING: u32 = 5;

/// Keys up to this long, lengths included, are hashed from the stack.
const SHORT_KEY_BYTES: usize = 256;

/// Hash of a composite key; parts are length-prefixed, so `("ab","c")` and `("a","bc")` differ.
pub fn key_hash(parts: &[&str]) -> u64 {
    // In one go where it fits, as it mostly does: setting a streaming hash up costs more than hashing.
    let mut short = [0; SHORT_KEY_BYTES];
    let mut length = 0;
    for part in parts {
        let after = length + 4 + part.len();
        let Some(place) = short.get_mut(length..after) else { return long_key_hash(parts) };
        place[..4].copy_from_slice(&(part.len() as u32).to_le_bytes());
        place[4..].copy_from_slice(part.as_bytes());
        length = after;
    }
    xxh3_64(&short[..length])
}

fn long_key_hash(parts: &[&str]) -> u64 {
    let mut hasher = Xxh3::new();
    for part in parts {
        hasher.update(&(part.len() as u32).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.digest()
}

/// Hash of a remote object's name.
pub fn remote_hash(key: &RemoteKey) -> u64 {
    key_hash(&[&key.connection, &key.stream, &key.remote_id])
}

/// Hash under which records that refer to a record are found.
pub fn referrer_hash(record: RecordId) -> u64 {
    key_hash(&["record", &record.0.to_string()])
}

/// What is known of something, in comparable spelling: path and value, sorted, each pair once. `phones.number` has one per element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts(Vec<(Text, Text)>);

impl Facts {
    /// From canonical values: (field or `list/element`, value). Only what the entity's match rules look at is kept.
    pub fn new<'a>(entity: &Entity, values: impl Iterator<Item = (Cow<'a, str>, &'a Value)>) -> Self {
        let mut facts = Self::default();
        for (name, value) in values {
            match name.split_once('/') {
                Some((list, _)) => {
                    if let Value::Object(map) = value {
                        for (part, value) in map {
                            let path = format!("{list}.{part}");
                            if matters(entity, &path) {
                                facts.add(&path, value);
                            }
                        }
                    }
                }
                None if matters(entity, &name) => facts.add(&name, value),
                None => {}
            }
        }
        facts.0.sort_unstable();
        facts.0.dedup();
        facts
    }

    /// Of a record as computed.
    pub fn of(entity: &Entity, record: &Record) -> Self {
        Self::new(entity, record.fields.iter().map(|(name, field)| (Cow::Borrowed(name.as_str()), &field.value)))
    }

    fn add(&mut self, path: &str, value: &Value) {
        let text = match value {
            Value::Text(text) => comparable(text),
            Value::Number(text) => text.clone(),
            Value::Reference(Reference::Record(id)) => format_smolstr!("record:{id}"),
            _ => return,
        };
        if !text.is_empty() {
            self.0.push((path.into(), text));
        }
    }

    /// Whether nothing comparable is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it has this value under this path.
    pub fn hold(&self, path: &str, value: &str) -> bool {
        self.values(path).any(|known| known == value)
    }

    /// Values under a path. A plain field is compared with list elements too: `phone` agrees with `phones.number`.
    fn values<'f>(&'f self, path: &str) -> impl Iterator<Item = &'f Text> + use<'f> {
        let from = self.0.partition_point(|(known, _)| known.as_str() < path);
        let count = self.0[from..].iter().take_while(|(known, _)| known == path).count();
        self.0[from..from + count].iter().map(|(_, value)| value)
    }
}

/// Whether the match rules may decide otherwise where this field (or `list/element`) is another.
pub fn looks_at(entity: &Entity, name: &str) -> bool {
    let Some((list, _)) = name.split_once('/') else { return matters(entity, name) };
    match entity.fields.get(list).map(|field| &field.kind) {
        Some(FieldType::List { fields, .. }) => fields.keys().any(|part| matters(entity, &format!("{list}.{part}"))),
        _ => false,
    }
}

/// Whether a match rule looks at a path, or one of its family.
fn matters(entity: &Entity, path: &str) -> bool {
    let family: &[&str] = family(path).unwrap_or(&[]);
    NAMES.contains(&path)
        || entity.match_rules.iter().any(|rule| {
            let looks = |at: &str| at == path || family.contains(&at);
            looks(&rule.key) || rule.agree.iter().chain(&rule.unless_different).any(|at| looks(at))
        })
}

/// Paths that are compared with each other: a phone agrees with any phone.
fn family(path: &str) -> Option<&'static [&'static str]> {
    match path {
        "phone" | "mobile" | "phones.number" => Some(&["phone", "mobile", "phones.number"]),
        "email" | "emails.address" => Some(&["email", "emails.address"]),
        _ => None,
    }
}

/// Spelling for comparison: lower case, single blanks, trimmed, composed. Byte-exact values stay in the record.
///
/// Composed (NFC), because whether `\u{e4}` is one character or a letter with a mark is how a system stores text, nothing that
/// anybody wrote. Not NFKC: that also takes `x\u{b2}` for `x2` and `\u{2460}` for `1`, which somebody may have written on purpose, and
/// matching never guesses.
fn comparable(text: &Text) -> Text {
    if is_comparable(text) {
        return text.clone();
    }
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        // Lower case takes some characters apart again.
        out.extend(word.nfc().flat_map(char::to_lowercase).nfc());
    }
    out.into()
}

/// Whether a text is spelled so already: most are, and keep their bytes.
fn is_comparable(text: &str) -> bool {
    let mut blank = true;
    for byte in text.bytes() {
        blank = match byte {
            b' ' if blank => return false,
            b' ' => true,
            b'\t'..=b'\r' | b'A'..=b'Z' | 0x80.. => return false,
            _ => false,
        };
    }
    !blank || text.is_empty()
}

/// A key by which candidates are looked up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MatchKey {
    /// Hash for the index.
    pub hash: u64,
    /// Field.
    pub field: Text,
    /// Comparable value.
    pub value: Text,
}

/// All match keys of these facts, without duplicates.
pub fn keys(entity: &Entity, facts: &Facts) -> Vec<MatchKey> {
    let mut keys = Vec::new();
    for rule in &entity.match_rules {
        for value in facts.values(&rule.key) {
            let key =
                MatchKey { hash: key_hash(&[&entity.name, &rule.key, value]), field: (&rule.key).into(), value: value.clone() };
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    keys
}

/// What a comparison with the candidates says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatchDecision {
    /// Nothing like it is here.
    New,
    /// It is this one, because of this.
    Existing(RecordId, String),
    /// A person has to say: candidates with what speaks for each.
    Ambiguous(Vec<(RecordId, String)>),
}

/// Decides by the entity's rules among candidates found by [`keys`] (hash hits, not yet verified).
pub fn decide<'a>(entity: &Entity, facts: &Facts, candidates: impl Iterator<Item = &'a Record>) -> MatchDecision {
    let mut full: Vec<(RecordId, String)> = Vec::new();
    let mut partial: Vec<(RecordId, String)> = Vec::new();
    for record in candidates.take(MATCH_CANDIDATES_MAX) {
        if record.entity != entity.name || !matches!(record.state, RecordState::Active | RecordState::Archived) {
            continue;
        }
        let theirs = Facts::of(entity, record);
        let mut proposed = None;
        let mut agreed = None;
        for rule in &entity.match_rules {
            if !share(facts, &theirs, &rule.key) {
                continue;
            }
            let by_name = is_called(entity, &rule.key);
            if rule.agree.is_empty() {
                if by_name {
                    proposed.get_or_insert_with(|| format!("same {}, and a name alone merges nobody", rule.key));
                    continue;
                }
                agreed = Some(format!("same {}", rule.key));
                break;
            }
            if contradict(facts, &theirs) {
                proposed.get_or_insert_with(|| format!("same {}, but another name", rule.key));
                continue;
            }
            if let Some(other) = rule.unless_different.iter().find(|field| differ(facts, &theirs, field)) {
                proposed.get_or_insert_with(|| format!("same {}, but another {other}", rule.key));
                continue;
            }
            let says_more = |field: &&String| !(by_name && is_called(entity, field));
            let mut agree = rule.agree.iter().filter(|field| **field != rule.key && share(facts, &theirs, field)).peekable();
            let only_names = agree.peek().is_some();
            if let Some(second) = agree.find(says_more) {
                agreed = Some(format!("same {} and {second}", rule.key));
                break;
            }
            let but = if only_names { "and names alone merge nobody" } else { "nothing else agrees" };
            proposed.get_or_insert_with(|| format!("same {}, {but}", rule.key));
        }
        if let Some(reason) = agreed {
            full.push((record.id, reason));
        } else if let Some(reason) = proposed {
            partial.push((record.id, reason));
        }
    }
    full.sort();
    partial.sort();
    match full.len() {
        1 => {
            let (id, reason) = full.remove(0);
            MatchDecision::Existing(id, reason)
        }
        0 if partial.is_empty() => MatchDecision::New,
        0 => MatchDecision::Ambiguous(partial),
        _ => MatchDecision::Ambiguous(full),
    }
}

/// Whether both say something under this path, and nothing alike. A first name may be a form of the other.
fn differ(left: &Facts, right: &Facts, path: &str) -> bool {
    let mut pairs = left.values(path).flat_map(|one| right.values(path).map(move |other| (one, other))).peekable();
    let alike = |(one, other): (&Text, &Text)| match path {
        "first_name" => !are_two_first_names(one, other),
        "last_name" => !are_two_last_names(one, other),
        _ => one == other,
    };
    pairs.peek().is_some() && !pairs.any(alike)
}

/// The parts of a person's name.
const NAMES: [&str; 2] = ["first_name", "last_name"];

/// Fields with what a person or an organisation is called, which others are called too.
const CALLED: [&str; 5] = ["first_name", "last_name", "full_name", "name", "legal_name"];

/// Whether a field says what a person or an organisation is called: of an entity that can be written to or rung up. What a campaign or
/// a cost centre is called may well be what identifies it.
fn is_called(entity: &Entity, path: &str) -> bool {
    CALLED.contains(&path) && entity.fields.values().any(|field| matches!(field.kind, FieldType::Email | FieldType::Phone))
}

/// Whether a rule goes by names alone: it proposes, and merges nobody.
pub fn is_name_only(entity: &Entity, rule: &MatchRule) -> bool {
    is_called(entity, &rule.key) && rule.agree.iter().all(|field| is_called(entity, field))
}

/// Two whole names that share nothing: people behind one mailbox and one switchboard, not one person. Where a name is divided is a
/// system's habit: `Ana Maria | Silva Costa` is `Ana Maria Silva | Costa`.
fn contradict(left: &Facts, right: &Facts) -> bool {
    let known = |path: &str| left.values(path).next().is_some() && right.values(path).next().is_some();
    NAMES.iter().all(|path| known(path))
        && !NAMES.iter().any(|path| share(left, right, path))
        && !within(&name_words(left), &name_words(right))
        && !within(&name_words(right), &name_words(left))
}

/// Every word of a name, sorted.
fn name_words(facts: &Facts) -> Vec<&str> {
    let mut words: Vec<&str> = NAMES.iter().flat_map(|path| facts.values(path)).flat_map(|value| value.split(' ')).collect();
    words.sort_unstable();
    words
}

/// Whether all of these words are among those.
fn within(few: &[&str], many: &[&str]) -> bool {
    few.iter().all(|word| many.binary_search(word).is_ok())
}

/// Whether both know the path and share a value there. A phone agrees with any phone of the other.
fn share(left: &Facts, right: &Facts, path: &str) -> bool {
    let Some(family) = family(path) else {
        return left.values(path).any(|value| right.values(path).any(|found| found == value));
    };
    family
        .iter()
        .any(|mine| left.values(mine).any(|value| family.iter().any(|theirs| right.values(theirs).any(|found| found == value))))
}

/// Whether two list elements are the same by the list's declared key; without a key, by value.
pub fn same_element(kind: &FieldType, left: &Value, right: &Value) -> bool {
    let FieldType::List { key, .. } = kind else { return left == right };
    if key.is_empty() {
        return left == right;
    }
    key.iter().all(|part| match (left.at(part), right.at(part)) {
        (Some(left), Some(right)) => !left.is_empty() && same_value(left, right),
        _ => false,
    })
}

/// Equal, or the same text composed in another way.
fn same_value(left: &Value, right: &Value) -> bool {
    left == right
        || match (left, right) {
            (Value::Text(left), Value::Text(right)) => !(is_nfc(left) && is_nfc(right)) && left.nfc().eq(right.nfc()),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::catalog::MatchRule;
    use crate::model::{ContributionId, Field, Rule, Time};

    #[test]
    fn keys_hash_alike_at_every_length() {
        for length in [0, 1, 16, 17, 128, 129, 240, 241, 243, 244, 245, 247, 248, 249, 300, 5000] {
            let long = "x".repeat(length);
            for parts in [&[long.as_str()][..], &["a", &long], &[&long, "", "b"]] {
                assert_eq!(key_hash(parts), long_key_hash(parts), "{length}");
            }
        }
        assert_ne!(key_hash(&["ab", "c"]), key_hash(&["a", "bc"]));
    }

    #[test]
    fn comparable_spellings() {
        for (text, expected) in [
            ("", ""),
            ("lee", "lee"),
            ("lee ray", "lee ray"),
            ("Lee", "lee"),
            ("lEe", "lee"),
            (" lee", "lee"),
            ("lee ", "lee"),
            ("lee  ray", "lee ray"),
            ("lee\tray", "lee ray"),
            ("lee\u{b}ray", "lee ray"),
            ("lee\u{a0}ray", "lee ray"),
            ("ÄRGER", "ärger"),
            ("ä", "ä"),
            ("a\u{308}", "\u{e4}"),
            ("A\u{308}RGER  Sto\u{308}r", "\u{e4}rger st\u{f6}r"),
            ("\u{212b}ngstr\u{f6}m", "\u{e5}ngstr\u{f6}m"),
            ("I\u{307}", "i\u{307}"),
            ("\u{130}", "i\u{307}"),
            ("x\u{b2}", "x\u{b2}"),
            ("\u{ff21}", "\u{ff41}"),
            (" ", ""),
        ] {
            assert_eq!(comparable(&text.into()), expected, "{text:?}");
        }
    }

    fn entity() -> Entity {
        Entity {
            name: "contact".into(),
            label: "Contact".into(),
            fields: BTreeMap::new(),
            scoring: None,
            match_rules: vec![
                MatchRule { key: "tax_id".into(), agree: vec![], unless_different: vec![] },
                MatchRule { key: "email".into(), agree: vec!["last_name".into(), "phone".into()], unless_different: vec![] },
                MatchRule {
                    key: "phone".into(),
                    agree: vec!["last_name".into()],
                    unless_different: vec!["first_name".into(), "birth".into()],
                },
            ],
            title: vec![],
            steward: "ops".into(),
        }
    }

    fn record(id: u64, fields: &str) -> Record {
        let fields = fields
            .split_whitespace()
            .map(|part| part.split_once('=').unwrap())
            .map(|(name, value)| {
                let value = Value::text(value.replace('_', " "));
                (name.to_owned(), Field { value, winner: ContributionId(1), rule: Rule::Only, claimed_at: Time(0) })
            })
            .collect();
        Record {
            id: RecordId(id),
            entity: "contact".into(),
            state: RecordState::Active,
            version: 1,
            fields,
            contributions: vec![],
            next_element: 1,
        }
    }

    #[track_caller]
    fn check(incoming: &str, known: &[&str], expected: &str) {
        let records: Vec<Record> = known.iter().enumerate().map(|(i, text)| record(i as u64 + 1, text)).collect();
        let found = decide(&entity(), &Facts::of(&entity(), &record(0, incoming)), records.iter());
        let found = match found {
            MatchDecision::New => "new".to_owned(),
            MatchDecision::Existing(id, _) => format!("existing {id}"),
            MatchDecision::Ambiguous(list) => {
                format!("ambiguous {}", list.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>().join(" "))
            }
        };
        assert_eq!(found, expected, "{incoming} against {known:?}");
    }

    /// The rules that ship: who shares a house's telephone and a last name is not one person for that.
    #[test]
    fn a_household_is_not_one_contact() {
        let contact = &crate::catalog::shipped_entities()["contact"];
        for (theirs, expected) in [("first_name=Mary", false), ("first_name=Bob", true), ("birth_date=1990-01-02", false)] {
            for key in ["phone", "mobile"] {
                let known = record(1, &format!("{key}=+4930901820 last_name=Lee {theirs}"));
                let new = record(0, "phone=+4930901820 last_name=Lee first_name=Robert birth_date=1960-02-10");
                let found = decide(contact, &Facts::of(contact, &new), std::iter::once(&known));
                assert_eq!(matches!(found, MatchDecision::Existing(..)), expected, "{key}, {theirs}: {found:?}");
            }
        }
    }

    /// The rules that ship: who has one mailbox with somebody is that person only where nothing of a person's own is another.
    #[test]
    fn a_shared_mailbox_is_a_question() {
        let contact = &crate::catalog::shipped_entities()["contact"];
        for (theirs, expected) in [
            ("first_name=Robert last_name=Lee", "existing"),
            ("first_name=Bob last_name=Lee", "existing"),
            ("first_name=Robert last_name=Leee phone=+4930901820", "existing"),
            ("last_name=Lee", "existing"),
            // Who married, and says when she was born.
            ("first_name=Robert last_name=Okafor birth_date=1960-02-10", "existing"),
            ("first_name=Mary last_name=Lee birth_date=1960-02-10", "ambiguous"),
            // His wife, his son of the same name, and the next desk.
            ("first_name=Mary last_name=Lee phone=+4930901820", "ambiguous"),
            ("first_name=Robert last_name=Lee birth_date=1990-01-02", "ambiguous"),
            ("first_name=Robert last_name=Okafor phone=+4930901820", "ambiguous"),
            ("first_name=Mary phone=+4930901820", "ambiguous"),
        ] {
            let known = record(1, &format!("email=info@lee.test {theirs}"));
            let new = record(0, "email=info@lee.test phone=+4930901820 last_name=Lee first_name=Robert birth_date=1960-02-10");
            let found = match decide(contact, &Facts::of(contact, &new), std::iter::once(&known)) {
                MatchDecision::New => "new",
                MatchDecision::Existing(..) => "existing",
                MatchDecision::Ambiguous(_) => "ambiguous",
            };
            assert_eq!(found, expected, "{theirs}");
        }
    }

    /// A rule that somebody wrote.
    #[test]
    fn names_alone_merge_nobody() {
        let text = |name: &str| name.to_owned();
        for (entity, key, agree, expected) in [
            ("contact", "last_name", &[][..], false),
            ("contact", "last_name", &["first_name"][..], false),
            ("contact", "last_name", &["first_name", "birth_date"][..], true),
            ("contact", "birth_date", &["last_name"][..], true),
            ("company", "name", &[][..], false),
            ("company", "name", &["address.postal_code"][..], true),
            // What a campaign is called may be what it is known by.
            ("campaign", "name", &[][..], true),
        ] {
            let mut entity = (*crate::catalog::shipped_entities()[entity]).clone();
            let rule =
                MatchRule { key: text(key), agree: agree.iter().map(|field| text(field)).collect(), unless_different: vec![] };
            assert_eq!(!is_name_only(&entity, &rule), expected, "{key} {agree:?}");
            entity.match_rules = vec![rule];
            let fields = "first_name=Max last_name=Klein birth_date=1960-02-10 name=Klein address.postal_code=4011";
            let mut known = record(1, fields);
            known.entity = entity.name.as_str().into();
            let found = decide(&entity, &Facts::of(&entity, &record(0, fields)), std::iter::once(&known));
            assert_eq!(matches!(found, MatchDecision::Existing(..)), expected, "{key} {agree:?}: {found:?}");
            assert_eq!(matches!(found, MatchDecision::Ambiguous(_)), !expected, "{key} {agree:?}: {found:?}");
        }
    }

    /// What a record has to say anew before it is compared again.
    #[test]
    fn what_the_rules_and_the_score_look_at() {
        let entities = crate::catalog::shipped_entities();
        let contact = &entities["contact"];
        let scoring = contact.scoring.as_ref().unwrap();
        for (name, by_rule, by_score) in [
            ("email", true, true),
            ("last_name", true, true),
            ("first_name", true, true),
            ("birth_date", true, true),
            ("address.postal_code", true, true),
            ("phones/3", true, true),
            ("emails/1", true, true),
            ("job_title", false, true),
            ("company", false, false),
            ("archived", false, false),
            ("updated_at", false, false),
            ("email_marketing", false, false),
            ("tags/1", false, false),
            ("nothing", false, false),
        ] {
            assert_eq!(looks_at(contact, name), by_rule, "{name} by rule");
            assert_eq!(crate::linkage::entity::looks_at(contact, scoring, name), by_score, "{name} by score");
        }
    }

    #[test]
    fn elements_are_the_same_however_they_are_composed() {
        let fields = BTreeMap::from([("address".into(), FieldType::Email)]);
        let kind = FieldType::List { fields, key: vec!["address".into()] };
        let element = |address: &str| Value::Object([("address", Value::text(address))].into());
        for (left, right, expected) in [
            ("j\u{f6}rg@x.test", "jo\u{308}rg@x.test", true),
            ("j\u{f6}rg@x.test", "jorg@x.test", false),
            ("x\u{b2}@x.test", "x2@x.test", false),
            ("", "", false),
        ] {
            assert_eq!(same_element(&kind, &element(left), &element(right)), expected, "{left} and {right}");
        }
    }

    #[test]
    fn decisions() {
        check("email=a@x.test last_name=Lee", &[], "new");
        check("email=a@x.test last_name=Lee", &["email=b@x.test last_name=Lee"], "new");
        check("email=a@x.test last_name=LEE", &["email=a@x.test last_name=Lee"], "existing 1");
        check("email=a@x.test last_name=Ray", &["email=a@x.test last_name=Lee"], "ambiguous 1");
        check("email=a@x.test last_name=Lee", &["email=a@x.test last_name=Lee", "email=a@x.test last_name=Lee"], "ambiguous 1 2");
        check("email=a@x.test last_name=Lee", &["email=a@x.test last_name=Ray", "email=a@x.test last_name=Lee"], "existing 2");
        check("email=a@x.test phone=1", &["email=a@x.test mobile=1"], "existing 1");
        check(
            "email=a@x.test phone=1 first_name=Al last_name=Lee",
            &["email=a@x.test phone=1 first_name=Bo last_name=Ray"],
            "ambiguous 1",
        );
        check(
            "email=a@x.test phone=1 first_name=Al last_name=Lee",
            &["email=a@x.test phone=1 first_name=Al last_name=Ray"],
            "existing 1",
        );
        // `_` stands for the blank within a name.
        check(
            "email=a@x.test phone=1 first_name=Ana_Maria last_name=Silva_Costa",
            &["email=a@x.test phone=1 first_name=Ana_Maria_Silva last_name=Costa"],
            "existing 1",
        );
        check(
            "email=a@x.test phone=1 first_name=Ana_Maria last_name=Silva_Costa",
            &["email=a@x.test phone=1 first_name=Ana last_name=Costa"],
            "existing 1",
        );
        check(
            "email=a@x.test phone=1 first_name=Rui_Maria last_name=Silva_Costa",
            &["email=a@x.test phone=1 first_name=Ana_Maria_Silva last_name=Costa"],
            "ambiguous 1",
        );
        check(
            "email=jo\u{308}rg@x.test last_name=Mu\u{308}ller",
            &["email=j\u{f6}rg@x.test last_name=M\u{fc}ller"],
            "existing 1",
        );
        // A household: one telephone, one last name.
        for (theirs, expected) in [
            ("first_name=Robert", "existing 1"),
            ("first_name=Bob", "existing 1"),
            ("first_name=R.", "existing 1"),
            ("first_name=Rboert", "existing 1"),
            ("", "existing 1"),
            ("first_name=Mary", "ambiguous 1"),
            ("first_name=Robert birth=1990-01-02", "ambiguous 1"),
        ] {
            let known = format!("phone=1234567 last_name=Lee {theirs}");
            check("phone=1234567 last_name=Lee first_name=Robert birth=1960-02-10", &[&known], expected);
        }
        check("tax_id=x\u{b2}", &["tax_id=x2"], "new");
        check("tax_id=7 last_name=Lee", &["tax_id=7 last_name=Ray"], "existing 1");
        check("last_name=Lee", &["last_name=Lee"], "new");
    }
}
