//! The truth table: every rule × who changed → the value. The same in any order of arrival, and on replay.
//!
//! Of one thing all rules are sure: a value that its system did not change since it was last read or written is no new claim (`intake`
//! compares with the shadow), so only where several changed it a rule has to choose. `three-way` lets a person choose then.

use super::*;
use crate::catalog::{Stances, shipped_entities};
use crate::model::{Base, RecordId, RecordState, RemoteKey, Time};
use std::collections::BTreeMap;

/// Who says what before anybody changes anything: both the same, at the same time.
const BEFORE: [(&str, &str); 2] = [("crm", "old"), ("books", "old")];

/// A change: who, what (`-` is nothing), when; `!` where its clock cannot be relied on.
fn change(text: &str) -> (&str, Claim) {
    let (connection, rest) = text.split_once('=').unwrap();
    let (value, time) = rest.split_once('@').unwrap();
    let (time, heard) = time.strip_suffix('!').map_or((time, 1), |time| (time, 0));
    let at = Time(time.parse().unwrap());
    let value = if value == "-" { Value::Null } else { Value::text(value.replace('_', " ")) };
    (connection, Claim { value, claimed_at: at, observed_at: at.plus_ms(heard), base: None })
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
    holds(rule, "name", &BEFORE.map(|(connection, value)| (connection, Value::text(value))), changes, turned).0
}

/// What the record holds under this name after these changes, one after the other, each as soon as it is made; `~` is that every
/// system was written to, and `~crm` that this one was. And whether a person is asked.
fn holds(rule: &Survivorship, name: &str, before: &[(&str, Value)], changes: &[&str], turned: bool) -> (String, bool) {
    let mut entity = entity(rule);
    let list = name.split_once('/').map_or(name, |(list, _)| list);
    entity.fields.get_mut(list).unwrap().survivorship = rule.clone();
    let mut rows = vec![row(1, "crm"), row(2, "books"), row(4, "desk"), row(3, STEWARD)];
    // What each system holds now, whoever put it there.
    let mut held: BTreeMap<String, Value> = BTreeMap::new();
    for (at, (connection, value)) in before.iter().enumerate() {
        let row = rows.iter_mut().find(|row| row.key.connection == *connection).unwrap();
        row.claims.insert(name, Claim { value: value.clone(), observed_at: Time(2 + at as i64), ..change("x=x@1").1 });
        held.insert((*connection).to_owned(), value.clone());
    }
    let computed = |rows: &[Contribution], previous: Option<&Record>| {
        let mut all: Vec<&Contribution> = rows.iter().collect();
        if turned {
            all.reverse();
        }
        self::record(compute(&entity, &all, &[], previous))
    };
    let mut record = computed(&rows, None);
    for (at, text) in changes.iter().enumerate() {
        if let Some(which) = text.strip_prefix('~') {
            for (_, value) in held.iter_mut().filter(|(connection, _)| which.is_empty() || *connection == which) {
                // Where a person is asked, nothing is written.
                if record.fields.get(name).is_some_and(|field| field.rule != Rule::Undecided) {
                    *value = record.value(name).cloned().unwrap_or_default();
                }
            }
            continue;
        }
        let (connection, mut claim) = change(text);
        let row = rows.iter_mut().find(|row| row.key.connection == connection).unwrap();
        if *rule == Survivorship::ThreeWay && connection != STEWARD {
            // Heard one after the other, in the order in which they are made.
            claim.observed_at = Time(100 + at as i64);
            if let Some(was) = held.insert(connection.to_owned(), claim.value.clone()) {
                let base = three_way::based(&was, row.claims.get(name), record.fields.get(name), claim.observed_at);
                claim.base = Some(base);
            }
        }
        if !consent::stays(&entity, name, row.claims.get(name), &claim.value) {
            row.claims.insert(name, claim);
        }
        record = computed(&rows, Some(&record));
    }
    // Computed once more from what is stored, as a replay and a changed rule do, it is the same.
    let again = computed(&rows, Some(&record));
    assert_eq!(again, record, "{rule:?} after {changes:?}, computed again");
    let asked = record.fields.get(name).is_some_and(|field| field.rule == Rule::Undecided);
    (record.value(name).map_or_else(|| "nothing".to_owned(), Value::display), asked)
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
        S::ThreeWay,
        S::Manual,
    ];
    // Changes → what the record holds under: owner crm, owner books, priority, newest, newest or crm, longest, non-empty, three-way, manual.
    let table: [(&[&str], [&str; 9]); 11] = [
        (&[], ["old"; 9]),
        (
            &["crm=new_words@5"],
            ["new words", "old", "old", "new words", "new words", "new words", "new words", "new words", "old"],
        ),
        (
            &["books=new_words@5"],
            ["old", "new words", "new words", "new words", "new words", "new words", "new words", "new words", "old"],
        ),
        (&["crm=x@5", "books=longer@6"], ["x", "longer", "longer", "longer", "longer", "longer", "longer", "old", "old"]),
        (&["crm=longer@6", "books=x@5"], ["longer", "x", "x", "longer", "longer", "longer", "longer", "old", "old"]),
        // At the same time, equally long: the first system by its name, whichever was known first.
        (&["crm=one@5", "books=two@5"], ["one", "two", "two", "two", "two", "two", "two", "old", "old"]),
        (&["crm=-@6", "books=x@5"], ["–", "x", "x", "–", "–", "x", "x", "old", "old"]),
        (&["crm=x@5", "books=-@6"], ["x", "–", "–", "–", "–", "x", "x", "old", "old"]),
        // Both the same: nobody is contradicted, whatever the rule; `manual` asks all the same.
        (&["crm=y@5", "books=y@6"], ["y", "y", "y", "y", "y", "y", "y", "y", "old"]),
        // The clock of the books is ahead by nobody knows how much.
        (&["crm=x@5", "books=z@6!"], ["x", "z", "z", "z", "x", "z", "z", "old", "old"]),
        // A steward's word wins over every rule.
        (&["crm=x@5", "books=z@6", "steward=s@4"], ["s"; 9]),
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

/// Three ways, what was written in between too: changes as they are heard → what the record holds, and whether a person is asked (`?`).
#[test]
fn three_ways() {
    let table: [(&[&str], &str); 22] = [
        (&["crm=x@5", "~", "books=y@6"], "y"),
        (&["crm=x@5", "~", "books=y@6", "~", "crm=z@7"], "z"),
        // Whoever changes it alone is right, whatever others last said themselves long ago.
        (&["crm=x@5", "~", "books=y@6", "~", "crm=z@7", "~", "desk=w@8"], "w"),
        (&["crm=x@5", "~", "books=old@6"], "old"),
        // The books had been written to, the desk had not.
        (&["crm=x@5", "~books", "books=y@6", "desk=z@7"], "old ?"),
        (&["crm=x@5", "books=y@6"], "old ?"),
        (&["crm=x@5", "crm=z@6", "books=y@7"], "old ?"),
        (&["books=y@5", "crm=x@6", "crm=z@7"], "old ?"),
        // What the clocks say is not asked.
        (&["crm=x@9", "books=y@5"], "old ?"),
        // While a person is asked, each system is left as it is; he answers, or somebody gives in.
        (&["crm=x@5", "books=y@6", "~", "steward=y@7"], "y"),
        (&["crm=x@5", "books=y@6", "~", "crm=y@7"], "y"),
        (&["crm=x@5", "books=y@6", "~", "crm=old@7"], "y"),
        (&["crm=x@5", "books=y@6", "~", "crm=z@7"], "old ?"),
        (&["crm=x@5", "books=y@6", "~", "desk=y@7"], "old ?"),
        (&["crm=x@5", "books=y@6", "~", "crm=y@7", "~", "desk=z@8"], "z"),
        (&["crm=x@5", "books=y@6", "crm=old@7", "books=old@8"], "old"),
        (&["crm=x@5", "books=y@6", "~", "crm=old@7", "~", "crm=w@8"], "w"),
        // Emptied is changed too.
        (&["crm=-@5"], "–"),
        (&["crm=-@5", "~", "books=y@6"], "y"),
        (&["crm=-@5", "books=-@6"], "–"),
        (&["crm=-@5", "books=y@6"], "old ?"),
        (&["crm=x@5", "~", "crm=y@6", "books=y@7"], "y"),
    ];
    let before = ["crm", "books", "desk"].map(|connection| (connection, Value::text("old")));
    for (changes, expected) in table {
        for turned in [false, true] {
            let (held, asked) = holds(&Survivorship::ThreeWay, "name", &before, changes, turned);
            assert_eq!(format!("{held}{}", if asked { " ?" } else { "" }), expected, "{changes:?}");
        }
    }
}

/// Seen for the first time at each, otherwise: who was known first keeps what it says, and a person is asked. Of a list everybody's
/// elements are there, without what anybody removed.
#[test]
fn three_ways_at_first_sight_and_in_lists() {
    let text = Value::text;
    let [crm, books] = [("crm", text("a")), ("books", text("b"))];
    let asks = |name: &str, changes: &[&str]| holds(&Survivorship::ThreeWay, name, &[crm.clone(), books.clone()], changes, false);
    assert_eq!(asks("name", &[]), ("a".to_owned(), true));
    assert_eq!(asks("name", &["crm=b@5"]), ("b".to_owned(), false));
    assert_eq!(asks("name", &["books=c@5"]), ("c".to_owned(), true), "only the books said anything since");
    assert_eq!(asks("phones/1", &[]), ("a".to_owned(), false));
    let same = [("crm", text("a")), ("books", text("a"))];
    let element = |changes: &[&str]| holds(&Survivorship::ThreeWay, "phones/1", &same, changes, false);
    assert_eq!(element(&["crm=-@5"]), ("–".to_owned(), false), "removed by one");
    assert_eq!(element(&["crm=-@5", "books=b@6"]), ("a".to_owned(), true), "removed by one, changed by the other");
    assert_eq!(element(&["crm=c@5", "books=b@6"]), ("a".to_owned(), true));

    let parts = |number: &str, kind: &str| -> Value {
        Value::Object(
            [("number", number), ("kind", kind)]
                .into_iter()
                .map(|(name, value)| (Text::from(name), Value::text(value)))
                .collect(),
        )
    };
    let said = |id: u64, connection: &str, value: Value, observed: i64| {
        let mut row = row(id, connection);
        let base = Some(Box::new(Base { value: parts("1", "work"), known: None }));
        row.claims.insert("phones/1", Claim { value, claimed_at: Time(1), observed_at: Time(observed), base });
        row
    };
    // Who changed one part, who another → what is there.
    for (crm, books, expected, asked) in [
        (parts("2", "work"), parts("1", "home"), parts("2", "home"), false),
        (parts("2", "work"), parts("3", "work"), parts("1", "work"), true),
        (parts("2", "home"), parts("1", "home"), parts("2", "home"), false),
    ] {
        let rows = [said(1, "crm", crm, 5), said(2, "books", books, 6)];
        let fields = compute(&entity_of_phones(), &rows.iter().collect::<Vec<_>>(), &[], None);
        let field = fields.get("phones/1").unwrap();
        assert_eq!((&field.value, field.rule == Rule::Undecided), (&expected, asked), "{rows:?}");
    }
}

fn entity_of_phones() -> Entity {
    let mut entity = entity(&Survivorship::Newest);
    entity.fields.get_mut("phones").unwrap().survivorship = Survivorship::ThreeWay;
    entity
}

/// A refusal by any source stands until that same source grants again; everybody said `old` before, which is no stance. The changes
/// of one source come in their order, those of several in any.
#[test]
fn a_refusal_stands_until_its_own_source_grants() {
    let rule = Survivorship::Consent(Stances { refusal: vec!["no".into(), "never".into()], grant: vec!["yes".into()] });
    let table: [(&[&str], &str); 18] = [
        (&[], "old"),
        (&["crm=yes@5"], "yes"),
        (&["crm=no@5"], "no"),
        // Nobody else's grant lifts it, however new it is; nor a steward's.
        (&["crm=no@5", "books=yes@9"], "no"),
        (&["crm=yes@5", "books=no@3"], "no"),
        (&["crm=no@5", "steward=yes@9"], "no"),
        (&["steward=no@5", "crm=yes@9", "books=yes@9"], "no"),
        // Its own does, and then everybody's grant counts.
        (&["crm=no@5", "crm=yes@7"], "yes"),
        (&["crm=no@5", "books=yes@6", "crm=yes@7"], "yes"),
        (&["steward=no@5", "steward=yes@7"], "yes"),
        // Of two refusals each needs its own grant; what is shown is the newest.
        (&["crm=no@5", "books=never@6"], "never"),
        (&["crm=no@5", "books=no@6", "crm=yes@7"], "no"),
        (&["crm=no@5", "books=no@6", "crm=yes@7", "books=yes@8"], "yes"),
        // Who says nothing any more, or neither, has not granted.
        (&["crm=no@5", "crm=-@7"], "no"),
        (&["crm=no@5", "crm=perhaps@7", "books=yes@8"], "no"),
        (&["crm=no@5", "crm=-@7", "crm=yes@9"], "yes"),
        // A grant that was taken back is none; a value of neither list counts only where nobody refuses or grants.
        (&["crm=yes@5", "crm=-@7"], "old"),
        (&["crm=perhaps@9", "books=yes@5"], "yes"),
    ];
    for (changes, expected) in table {
        for order in orders(changes) {
            let of = |source: &str| -> Vec<&str> { order.iter().copied().filter(|one| one.starts_with(source)).collect() };
            let sorted = ["crm", "books", "steward"]
                .iter()
                .all(|source| of(source) == changes.iter().copied().filter(|one| one.starts_with(source)).collect::<Vec<_>>());
            for turned in [false, true].into_iter().filter(|_| sorted) {
                assert_eq!(after(&rule, &order, turned), expected, "{order:?}");
            }
        }
    }
}

/// The refusal of an object that is gone stands; its grant is nobody's any more, but has lifted what its source refused before.
#[test]
fn what_is_gone_refuses_still() {
    let rule = Survivorship::Consent(Stances { refusal: vec!["no".into()], grant: vec!["yes".into()] });
    // Objects that are there, objects that are gone → what the record holds.
    let table: [(&[&str], &[&str], &str); 7] = [
        (&["crm=yes@5"], &["books=no@3"], "no"),
        (&["crm=yes@5", "books=yes@4"], &["books=no@3"], "yes"),
        (&["crm=yes@5", "books=yes@2"], &["books=no@3"], "no"),
        (&[], &["books=no@3"], "no"),
        (&[], &["books=yes@3"], "nothing"),
        (&["books=no@3"], &["books=yes@4"], "nothing"),
        // At the same time, the refusal is the later one.
        (&["books=yes@3"], &["books=no@3"], "no"),
    ];
    for (there, gone, expected) in table {
        let rows = |from: u64, said: &[&str]| -> Vec<Contribution> {
            let one = |(index, text): (usize, &&str)| {
                let (connection, claim) = change(text);
                let mut row = row(from + index as u64, connection);
                row.claims.insert("name", claim);
                row
            };
            said.iter().enumerate().map(one).collect()
        };
        for [first, second] in [[1, 11], [11, 1]] {
            let (there, gone) = (rows(first, there), rows(second, gone));
            let fields = compute(&entity(&rule), &there.iter().collect::<Vec<_>>(), &gone.iter().collect::<Vec<_>>(), None);
            let holds = fields.get("name").map_or_else(|| "nothing".to_owned(), |field| field.value.display());
            assert_eq!(holds, expected, "{there:?} {gone:?}");
        }
    }
}

proptest::proptest! {
    /// However what several sources say comes in, what the record holds in the end is what each of them said last.
    #[test]
    fn consent_does_not_depend_on_whom_the_hub_hears_first(
        said in proptest::collection::vec((0_u64..6, 0_usize..4), 0..14),
        gone in 0_u64..64,
        seed in proptest::prelude::any::<u64>(),
    ) {
        const VALUES: [&str; 4] = ["no", "yes", "perhaps", "-"];
        let rule = Survivorship::Consent(Stances { refusal: vec!["no".into()], grant: vec!["yes".into()] });
        let entity = entity(&rule);
        let source = |object: u64| ["crm", "books", STEWARD][object as usize / 2];
        // Two objects each of three sources; what is said later is newer.
        let heard = |mut order: Vec<(usize, u64, usize)>, mut seed: u64| {
            let mut rows: Vec<Contribution> = (0..6).map(|object| row(object + 1, source(object))).collect();
            let mut heard = Vec::new();
            while !order.is_empty() {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let object = order[(seed >> 33) as usize % order.len()].1;
                // Each object is heard in its own order.
                let next = order.iter().position(|one| one.1 == object).unwrap();
                heard.push(order.remove(next));
            }
            for (at, object, value) in heard {
                let claim = change(&format!("x={}@{at}", VALUES[value])).1;
                let row = &mut rows[object as usize];
                if !consent::stays(&entity, "name", row.claims.get("name"), &claim.value) {
                    row.claims.insert("name", claim);
                }
            }
            let is_gone = |row: &&Contribution| gone >> (row.id.0 - 1) & 1 == 1;
            let (away, there): (Vec<&Contribution>, Vec<&Contribution>) = rows.iter().partition(is_gone);
            compute(&entity, &there, &away, None).get("name").map(|field| (field.value.display(), field.winner.0, field.claimed_at))
        };
        let all: Vec<(usize, u64, usize)> = said.iter().enumerate().map(|(at, (object, value))| (at, *object, *value)).collect();
        let found = heard(all.clone(), 0);
        proptest::prop_assert_eq!(&heard(all.clone(), seed), &found);
        // By the words of the rule, from the whole history.
        let standing = |object: u64| -> Option<(usize, bool)> {
            let mut stance = None;
            for (at, _, value) in all.iter().filter(|one| one.1 == object) {
                match value {
                    0 => stance = Some((*at, true)),
                    1 => stance = Some((*at, false)),
                    _ => stance = stance.filter(|(_, refusal)| *refusal),
                }
            }
            stance
        };
        let refused = [[0, 1], [2, 3], [4, 5]].iter().any(|objects| {
            objects.iter().filter_map(|object| standing(*object)).max().is_some_and(|(_, refusal)| refusal)
        });
        let granted = (0..6).any(|object| gone >> object & 1 == 0 && standing(object).is_some_and(|(_, refusal)| !refusal));
        let value = found.map(|(value, ..)| value);
        proptest::prop_assert_eq!(value.as_deref() == Some("no"), refused);
        proptest::prop_assert_eq!(value.as_deref() == Some("yes"), granted && !refused);
    }
}
