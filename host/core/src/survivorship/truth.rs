//! The truth table: every rule × who changed → the value. The same in any order of arrival, and on replay.
//!
//! The three-way comparison is no rule beside these: a value that its system did not change since it was last read or
//! written is no new claim (`intake` compares with the shadow), so whoever changed it alone is the newest, and only where
//! both changed it a rule has to choose.

use super::*;
use crate::catalog::{Stances, shipped_entities};
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
        record(compute(&entity, &all, &[], previous))
    };
    let mut held = computed(&rows, None);
    for text in changes {
        let (connection, claim) = change(text);
        let row = rows.iter_mut().find(|row| row.key.connection == connection).unwrap();
        if !consent::stays(&entity, "name", row.claims.get("name"), &claim.value) {
            row.claims.insert("name", claim);
        }
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
        // At the same time, equally long: the first system by its name, whichever was known first.
        (&["crm=one@5", "books=two@5"], ["one", "two", "two", "two", "two", "two", "two", "old"]),
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
