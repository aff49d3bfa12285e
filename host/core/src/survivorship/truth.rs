//! The truth table: every rule × who changed → the value. The same in any order of arrival, and on replay.
//!
//! The three-way comparison is no rule beside these: a value that its system did not change since it was last read or
//! written is no new claim (`intake` compares with the shadow), so whoever changed it alone is the newest, and only where
//! both changed it a rule has to choose.

use super::*;
use crate::catalog::shipped_entities;
use crate::model::{RecordId, RecordState, RemoteKey, Time};

/// Who says what before anybody changes anything: both the same, at the same time.
const BEFORE: [(&str, &str); 2] = [("crm", "old"), ("books", "old")];

/// A change: who, what (`-` is nothing), when; `!` where its clock cannot be relied on.
fn change(text: &str) -> (&str, Claim) {
    let (connection, rest) = text.split_once('=').unwrap();
    let (value, time) = rest.split_once('@').unwrap();
    let (time, heard) = time.strip_suffix('!').map_or((time, 1), |time| (time, 0));
    let at = Time(time.parse().unwrap());
    let value = if value == "-" { Value::Null } else { Value::text(value.replace('_', " ")) };
    (connection, Claim { value, claimed_at: at, observed_at: at.plus_ms(heard) })
}

fn entity(rule: &Survivorship) -> Entity {
    let mut entity = Entity::clone(&shipped_entities()["contact"]);
    entity.fields.get_mut("name").unwrap().survivorship = rule.clone();
    entity
}

fn row(id: u64, connection: &str) -> Contribution {
    Contribution::new(ContributionId(id), RemoteKey::new(connection, "s", "1"), Time(0))
}

fn record(fields: NameMap<Field>) -> Record {
    let (id, contributions) = (RecordId(1), vec![ContributionId(1), ContributionId(2)]);
    Record { id, entity: "contact".into(), state: RecordState::Active, version: 1, fields, contributions, next_element: 1 }
}

/// What the record holds after these changes, one after the other.
fn after(rule: &Survivorship, changes: &[&str], turned: bool) -> String {
    let entity = entity(rule);
    let mut rows = vec![row(1, "crm"), row(2, "books"), row(3, STEWARD)];
    for (row, (_, value)) in rows.iter_mut().zip(BEFORE) {
        row.claims.insert("name", change(&format!("x={value}@1")).1);
    }
    let computed = |rows: &[Contribution], previous: Option<&Record>| {
        let mut all: Vec<&Contribution> = rows.iter().collect();
        if turned {
            all.reverse();
        }
        record(compute(&entity, &all, previous))
    };
    let mut held = computed(&rows, None);
    for text in changes {
        let (connection, claim) = change(text);
        rows.iter_mut().find(|row| row.key.connection == connection).unwrap().claims.insert("name", claim);
        held = computed(&rows, Some(&held));
    }
    // Computed once more from what is stored, as a replay and a changed rule do, it is the same.
    let again = computed(&rows, Some(&held));
    assert_eq!(again, held, "{rule:?} after {changes:?}, computed again");
    held.value("name").map_or_else(|| "nothing".to_owned(), Value::display)
}

/// Every order of these.
fn orders<'c>(changes: &[&'c str]) -> Vec<Vec<&'c str>> {
    if changes.len() < 2 {
        return vec![changes.to_vec()];
    }
    let mut all = Vec::new();
    for (at, first) in changes.iter().enumerate() {
        let rest: Vec<&str> = changes.iter().enumerate().filter(|(index, _)| *index != at).map(|(_, one)| *one).collect();
        all.extend(orders(&rest).into_iter().map(|mut order| {
            order.insert(0, first);
            order
        }));
    }
    all
}

#[test]
fn every_rule_and_who_changed() {
    use Survivorship as S;
    let rules = [
        S::Owner("crm".into()),
        S::Owner("books".into()),
        S::Priority(vec!["books".into(), "crm".into()]),
        S::Newest,
        S::NewestOr("crm".into()),
        S::Longest,
        S::NonEmpty,
        S::Manual,
    ];
    // Changes → what the record holds under: owner crm, owner books, priority, newest, newest or crm, longest, non-empty, manual.
    let table: [(&[&str], [&str; 8]); 11] = [
        (&[], ["old"; 8]),
        (&["crm=new_words@5"], ["new words", "old", "old", "new words", "new words", "new words", "new words", "old"]),
        (&["books=new_words@5"], ["old", "new words", "new words", "new words", "new words", "new words", "new words", "old"]),
        (&["crm=x@5", "books=longer@6"], ["x", "longer", "longer", "longer", "longer", "longer", "longer", "old"]),
        (&["crm=longer@6", "books=x@5"], ["longer", "x", "x", "longer", "longer", "longer", "longer", "old"]),
        // At the same time, equally long: the lower contribution.
        (&["crm=one@5", "books=two@5"], ["one", "two", "two", "one", "one", "one", "one", "old"]),
        (&["crm=-@6", "books=x@5"], ["–", "x", "x", "–", "–", "x", "x", "old"]),
        (&["crm=x@5", "books=-@6"], ["x", "–", "–", "–", "–", "x", "x", "old"]),
        // Both the same: nobody is contradicted, whatever the rule; `manual` asks all the same.
        (&["crm=y@5", "books=y@6"], ["y", "y", "y", "y", "y", "y", "y", "old"]),
        // The clock of the books is ahead by nobody knows how much.
        (&["crm=x@5", "books=z@6!"], ["x", "z", "z", "z", "x", "z", "z", "old"]),
        // A steward's word wins over every rule.
        (&["crm=x@5", "books=z@6", "steward=s@4"], ["s"; 8]),
    ];
    for (changes, expected) in table {
        for (rule, expected) in rules.iter().zip(expected) {
            for order in orders(changes) {
                for turned in [false, true] {
                    assert_eq!(after(rule, &order, turned), expected, "{rule:?} after {order:?}");
                }
            }
        }
    }
}
