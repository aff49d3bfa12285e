//! Round trips, and bytes that nobody wrote.

use nave_core::model::{
    Attempt, AttemptOutcome, Base, Cause, Change, ChangeKind, Claim, Contribution, ContributionId, ContributionState, ElementId,
    Field, FieldChange, Intent, Reasons, Record, RecordId, RecordState, RemoteKey, Rule, Sequence, Time, WriteKind,
};
use nave_core::value::{Reference, Value};
use nave_core::{NameMap, Text};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::names::{Interning, Names};
use super::*;
use crate::seal::Sealer;

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,6}", "\\PC{0,8}"]
}

/// Names that look like list elements, and some that only seem to.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{1,3}", "[a-b]/[0-9]{1,3}", "[a-b]/0[0-9]", "/[0-9]", "\\PC{0,6}", "[a-z]{200}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        "-?[0-9]{1,9}(\\.[0-9]{1,4})?".prop_map(|number| Value::Number(number.into())),
        text().prop_map(Value::text),
        any::<u64>().prop_map(|id| Value::Reference(Reference::Record(RecordId(id)))),
        ("[a-z]{1,4}", "[a-z]{1,4}", text()).prop_map(|(connection, stream, remote_id)| Value::Reference(Reference::Remote(
            RemoteKey::new(connection, stream, remote_id).into()
        ))),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![vec(inner.clone(), 0..4).prop_map(Value::List), names(inner).prop_map(Value::Object)]
    })
}

fn time() -> impl Strategy<Value = Time> {
    any::<i64>().prop_map(Time)
}

fn values() -> impl Strategy<Value = NameMap<Value>> {
    names(value())
}

fn names<V: std::fmt::Debug>(of: impl Strategy<Value = V>) -> impl Strategy<Value = NameMap<V>> {
    vec((name(), of), 0..5).prop_map(NameMap::from_iter)
}

fn record() -> impl Strategy<Value = Record> {
    let rule = prop_oneof![
        Just(Rule::Only),
        Just(Rule::Owner),
        Just(Rule::Priority),
        Just(Rule::Newest),
        Just(Rule::Longest),
        Just(Rule::NonEmpty),
        Just(Rule::Manual),
        Just(Rule::Steward),
        Just(Rule::Consent),
        Just(Rule::ThreeWay),
        Just(Rule::Undecided)
    ];
    let field = (value(), any::<u64>(), rule, time()).prop_map(|(value, winner, rule, claimed_at)| Field {
        value,
        winner: ContributionId(winner),
        rule,
        claimed_at,
    });
    let state = prop_oneof![
        Just(RecordState::Active),
        Just(RecordState::Archived),
        time().prop_map(|at| RecordState::Deleted { at }),
        any::<u64>().prop_map(|id| RecordState::MergedInto(RecordId(id)))
    ];
    (any::<u64>(), state, any::<u64>(), names(field), vec(any::<u64>(), 0..4), any::<u64>()).prop_map(
        |(id, state, version, fields, contributions, next_element)| Record {
            id: RecordId(id),
            entity: "contact".into(),
            state,
            version,
            fields,
            contributions: contributions.into_iter().map(ContributionId).collect(),
            next_element,
        },
    )
}

fn contribution() -> impl Strategy<Value = Contribution> {
    let base = (value(), option::of(time())).prop_map(|(value, known)| Box::new(Base { value, known }));
    let claim = (value(), time(), time(), option::of(base));
    let claim = claim.prop_map(|(value, claimed_at, observed_at, base)| Claim { value, claimed_at, observed_at, base });
    let state = prop_oneof![
        Just(ContributionState::Active),
        (text(), time()).prop_map(|(evidence, at)| ContributionState::Deleted { evidence, at }),
        text().prop_map(ContributionState::MergedInto)
    ];
    let elements = vec((any::<u64>().prop_map(ElementId), text().prop_map(Text::from)), 0..3);
    let whens = (option::of(time()), time(), option::of(time()));
    let maps = (values(), values(), names(claim), names(elements));
    (text(), option::of(any::<u64>()), state, option::of(text().prop_map(Text::from)), whens, maps).prop_map(
        |(remote_id, record, state, version, (modified_at, read_at, attempted_at), (shadow, sent, claims, elements))| {
            Contribution {
                id: ContributionId(3),
                key: RemoteKey::new("crm", "contacts", remote_id),
                record: record.map(RecordId),
                state,
                version,
                modified_at,
                read_at,
                attempted_at,
                shadow,
                sent,
                claims,
                elements,
            }
        },
    )
}

fn change() -> impl Strategy<Value = Change> {
    let kind = prop_oneof![
        Just(ChangeKind::Created),
        Just(ChangeKind::Updated),
        any::<u64>().prop_map(|id| ChangeKind::Absorbed(RecordId(id))),
        any::<u64>().prop_map(|id| ChangeKind::MergedInto(RecordId(id))),
        any::<u64>().prop_map(|id| ChangeKind::Unmerged(RecordId(id))),
        any::<u64>().prop_map(|id| ChangeKind::UnmergedFrom(RecordId(id))),
        Just(ChangeKind::Deleted),
        Just(ChangeKind::Restored),
        (any::<u64>(), ".{0,40}").prop_map(|(id, why)| ChangeKind::Linked(ContributionId(id), why)),
        (any::<u64>(), ".{0,40}").prop_map(|(id, why)| ChangeKind::Rejected(ContributionId(id), why)),
        Just(ChangeKind::Archived)
    ];
    let field = (name(), option::of(value()), option::of(value()), option::of(any::<u64>().prop_map(ContributionId)))
        .prop_map(|(field, before, after, winner)| FieldChange { field: field.into(), before, after, winner });
    let cause = (option::of("[a-z]{1,4}".prop_map(Text::from)), option::of(any::<u64>()), option::of(text()), option::of(text()))
        .prop_map(|(connection, run, person, rule)| Cause { connection, run, person, rule });
    (any::<u64>(), any::<u64>(), time(), kind, cause, vec(field, 0..4)).prop_map(|(sequence, record, at, kind, cause, fields)| {
        Change { sequence: Sequence(sequence), record: RecordId(record), entity: "contact".into(), at, kind, cause, fields }
    })
}

fn intent() -> impl Strategy<Value = Intent> {
    let kind = prop_oneof![
        Just(WriteKind::Create),
        text().prop_map(WriteKind::Update),
        text().prop_map(WriteKind::Delete),
        (text(), text()).prop_map(|(from, into)| WriteKind::Merge(from, into))
    ];
    let outcome = prop_oneof![Just(AttemptOutcome::Open), text().prop_map(AttemptOutcome::Unknown)];
    let attempts = vec((time(), outcome).prop_map(|(at, outcome)| Attempt { at, outcome }), 0..3);
    let bytes = (vec(any::<u8>(), 0..20), vec(any::<u8>(), 0..20));
    let elements = btree_map(name(), vec(any::<u64>(), 0..3), 0..3);
    let rest = (option::of((text(), text())), attempts, any::<u64>(), any::<u8>());
    (any::<u64>(), kind, values(), values(), elements, bytes, rest).prop_map(
        |(record, kind, base, values, elements, (changed, desired), (lookup, attempts, stamp, reasons))| Intent {
            destination: "out".to_owned(),
            record: RecordId(record),
            contribution: (stamp % 2 == 0).then_some(ContributionId(stamp)),
            kind,
            base,
            base_version: (stamp % 3 == 0).then(|| "v".to_owned()),
            values,
            elements,
            changed,
            desired,
            key: "key".to_owned(),
            lookup,
            attempts,
            stamp,
            reasons: Reasons(reasons),
            run: record,
        },
    )
}

/// Encodes with an empty table and gives the row with the names it needs.
fn encode(put: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>, &mut Interning<'_>)) -> (Vec<u8>, Names) {
    let empty = Names::default();
    let mut interning = Interning::new(&empty);
    let (mut row, mut scratch) = (Vec::new(), vec![9; 3]);
    put(&mut row, &mut scratch, &mut interning);
    let mut names = Names::default();
    interning.into_fresh().into_iter().for_each(|name| {
        names.push(name);
    });
    (row, names)
}

fn sealer() -> Sealer {
    Sealer::new(&[5; 32])
}

proptest! {
    #[test]
    fn a_record_comes_back(row in record(), last in any::<u64>(), other in any::<u64>()) {
        let (bytes, names) = encode(|out, scratch, names| put_record(out, scratch, &row, last, names));
        prop_assert_eq!(read_record(row.id, &bytes, &names), Ok(row.clone()));
        let head = record_head(&bytes, &names).unwrap();
        prop_assert_eq!((head.version, head.last_change, head.active), (row.version, last, row.state == RecordState::Active));
        for (name, field) in &row.fields {
            prop_assert_eq!(record_value(&bytes, name, &names), Ok(Some(field.value.clone())));
        }
        prop_assert_eq!(record_value(&bytes, "no such field", &names), Ok(None));
        let patched = with_last_change(&bytes, other, &names).unwrap();
        prop_assert_eq!(record_head(&patched, &names).unwrap().last_change, other);
        prop_assert_eq!(read_record(row.id, &patched, &names), Ok(row));
    }

    #[test]
    fn a_contribution_comes_back(row in contribution()) {
        let (bytes, names) = encode(|out, scratch, names| put_contribution(out, scratch, &row, names));
        prop_assert!(is_of(&bytes, &row.key, &names).unwrap());
        let glimpse = Contribution { sent: NameMap::new(), claims: NameMap::new(), elements: NameMap::new(), ..row.clone() };
        prop_assert_eq!(read_glimpse(row.id, &bytes, &names), Ok(glimpse));
        prop_assert_eq!(read_contribution(row.id, &bytes, &names), Ok(row));
    }

    #[test]
    fn an_intent_comes_back(row in intent()) {
        let (bytes, names) = encode(|out, _, names| put_intent(out, &row, names));
        prop_assert_eq!(read_intent("out", row.record, &bytes, &names), Ok(row));
    }

    // I2: the values are there for who holds the record's key, and for nobody else.
    #[test]
    fn a_change_comes_back_under_its_key_only(row in change(), previous in any::<u64>()) {
        let key = sealer();
        let place = Place { sequence: row.sequence, at: row.at, previous };
        let (bytes, names) = encode(|out, scratch, names| put_change(out, scratch, &row, &place, Some((&key, 7)), names));
        prop_assert_eq!(change_head(&bytes), Ok((row.record, previous)));
        prop_assert_eq!(read_change(row.sequence, &bytes, &Key::Held(&key), &names), Ok(row.clone()));
        let mut erased = row.clone();
        for field in &mut erased.fields {
            field.before = field.before.as_ref().map(|_| Value::Null);
            field.after = field.after.as_ref().map(|_| Value::Null);
        }
        prop_assert_eq!(read_change(row.sequence, &bytes, &Key::Destroyed, &names), Ok(erased));
        if row.fields.iter().any(|field| field.before.is_some() || field.after.is_some()) {
            let wrong = Sealer::new(&[6; 32]);
            prop_assert_eq!(read_change(row.sequence, &bytes, &Key::Held(&wrong), &names), Err(FormatError::Sealed));
            let moved = Sequence(row.sequence.0 ^ 1);
            prop_assert_eq!(read_change(moved, &bytes, &Key::Held(&key), &names), Err(FormatError::Sealed));
        }
    }

    #[test]
    fn bytes_that_nobody_wrote_are_refused_without_a_panic(mut bytes in vec(any::<u8>(), 0..200), versioned in any::<bool>()) {
        if versioned && !bytes.is_empty() {
            bytes[0] = 1;
        }
        let mut names = Names::default();
        (0..20).for_each(|n| { names.push(format!("n{n}").into()); });
        let key = sealer();
        let _ = read_record(RecordId(1), &bytes, &names);
        let _ = record_head(&bytes, &names);
        let _ = record_value(&bytes, "a/1", &names);
        let _ = with_last_change(&bytes, 1, &names);
        let _ = read_contribution(ContributionId(1), &bytes, &names);
        let _ = read_glimpse(ContributionId(1), &bytes, &names);
        let _ = read_intent("out", RecordId(1), &bytes, &names);
        let _ = read_change(Sequence(1), &bytes, &Key::Held(&key), &names);
        let _ = read_change(Sequence(1), &bytes, &Key::Destroyed, &names);
        let _ = read_json::<Review>(&bytes);
    }

    #[test]
    fn a_row_that_was_altered_is_refused_or_reads_as_something(row in record(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (mut bytes, names) = encode(|out, scratch, names| put_record(out, scratch, &row, 1, names));
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read_record(row.id, &bytes, &names);
        let _ = read_record(row.id, &bytes[..at], &names);
    }
}

use nave_core::model::Review;

#[test]
fn a_count_that_the_bytes_do_not_justify_is_refused() {
    // A list of 2^40 values in ten bytes.
    let mut bytes = vec![5];
    put_u64(&mut bytes, 1 << 40);
    assert_eq!(value::read_value(&mut Reader(&bytes), &Names::default()), Err(FormatError::Short));
    // Nesting without end.
    let bytes = [5_u8, 1].repeat(100_000);
    assert!(value::read_value(&mut Reader(&bytes), &Names::default()).is_err());
}

#[test]
fn a_row_of_a_newer_hub_is_named_as_such() {
    assert_eq!(read_record(RecordId(1), &[9], &Names::default()), Err(FormatError::Newer(9)));
    assert_eq!(read_json::<Review>(&[2]), Err(FormatError::Newer(2)));
}

#[test]
fn names_from_data_do_not_fill_the_table() {
    let known = Names::default();
    let mut names = Interning::new(&known);
    let mut out = Vec::new();
    for n in 0..60_000 {
        names.put_field(&mut out, &format!("k{n}"));
    }
    names.put(&mut out, "configured");
    assert_eq!(names.into_fresh().len(), 50_001);
}
