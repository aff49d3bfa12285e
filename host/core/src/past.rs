//! What a record was at a time, from its changelog.
//!
//! Two ways lead there: forward from the change that made it, and backward from what it is now. Most changes name every field that
//! they changed; a deletion and a merge into another record name none. Where both ways agree, or only one of them passes such a
//! change, the field is known. Where neither can be relied on the answer says so, for that field.

use crate::model::{Change, ChangeKind, ContributionId, Record, RecordState, Sequence, Time};
use crate::value::Value;
use crate::{NameMap, Text};

/// One field as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastField {
    /// What it held; `None`: nobody had claimed it.
    pub value: Option<Value>,
    /// The change that had set it, and whose claim that was; none where the history does not reach so far back.
    pub set: Option<(Sequence, Time, Option<ContributionId>)>,
    /// Why it cannot be told for sure what it held.
    pub unsure: Option<Unsure>,
}

/// Why a field's value at a time is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsure {
    /// A deletion or a merge lies before and after that time, and those do not name the fields that went with them.
    Unnamed,
    /// The history from its beginning says one thing, and from what the record is now another.
    Differs,
    /// The record holds it now, and no change of it is in the history: it may have had another name.
    NoHistory,
    /// The record's values were erased.
    Erased,
}

/// A record as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Where it stood. A deletion's time is that of the change.
    pub state: RecordState,
    /// Its fields, by name; without those that nobody had claimed.
    pub fields: NameMap<PastField>,
    /// The last change before that time.
    pub last: (Sequence, Time),
    /// The first one after it.
    pub next: Option<(Sequence, Time)>,
    /// The hub's clock was put back at some time since: which changes were before is told by their order, not by their times.
    pub clock_put_back: bool,
}

/// Why there is nothing to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPast {
    /// It was made later.
    NotYet(Time),
    /// Nothing is kept of it.
    NoHistory,
}

/// What a record was at a time. `newest_first` are its changes, as a store answers; `all` says that they are all there are.
///
/// # Errors
/// [`NoPast`] where it was not there yet, or has no history.
pub fn at(now: &Record, newest_first: &[Change], all: bool, time: Time) -> Result<Past, NoPast> {
    let changes: Vec<&Change> = newest_first.iter().rev().collect();
    let first = changes.first().ok_or(NoPast::NoHistory)?;
    let count = changes.iter().rposition(|change| change.at <= time).map_or(0, |last| last + 1);
    if count == 0 {
        return Err(if all { NoPast::NotYet(first.at) } else { NoPast::NoHistory });
    }
    let (before, after) = changes.split_at(count);
    let made = all && first.kind == ChangeKind::Created;
    let last_unnamed = before.iter().rev().find(|change| unnamed(&change.kind)).map(|change| change.sequence);
    // What was set since the last of them is known from then on.
    let forward_sure = |set: Option<(Sequence, Time, Option<ContributionId>)>| match last_unnamed {
        None => made,
        Some(last) => set.is_some_and(|(sequence, ..)| sequence > last),
    };
    let backward_sure = !after.iter().any(|change| unnamed(&change.kind));

    let mut forward: NameMap<PastField> = NameMap::new();
    for change in before {
        for field in &change.fields {
            let set = Some((change.sequence, change.at, field.winner));
            forward.insert(field.field.clone(), PastField { value: field.after.clone(), set, unsure: None });
        }
    }
    let mut backward: NameMap<Option<Value>> =
        now.fields.iter().map(|(name, field)| (name.clone(), Some(field.value.clone()))).collect();
    for change in after.iter().rev() {
        for field in &change.fields {
            backward.insert(field.field.clone(), field.before.clone());
        }
    }
    let erased = erased(&changes);
    let ever = |name: &Text| changes.iter().any(|change| change.fields.iter().any(|field| field.field == *name));
    let mut fields = NameMap::new();
    let names: Vec<Text> = forward.keys().chain(backward.keys()).cloned().collect();
    for name in names {
        let by_forward = forward.get(&name).and_then(|field| field.value.clone());
        let by_backward = backward.get(&name).cloned().flatten();
        let set = forward.get(&name).and_then(|field| field.set);
        let field = if erased {
            PastField { value: None, set, unsure: Some(Unsure::Erased) }
        } else if by_forward == by_backward {
            PastField { value: by_forward, set, unsure: None }
        } else if !ever(&name) {
            PastField { value: None, set, unsure: Some(Unsure::NoHistory) }
        } else {
            match (forward_sure(set), backward_sure) {
                (true, false) => PastField { value: by_forward, set, unsure: None },
                (false, true) => PastField { value: by_backward, set, unsure: None },
                (true, true) => PastField { value: None, set, unsure: Some(Unsure::Differs) },
                (false, false) => PastField { value: None, set, unsure: Some(Unsure::Unnamed) },
            }
        };
        if field.value.is_some() || field.unsure.is_some() {
            fields.insert(name, field);
        }
    }
    let position = |change: &&Change| (change.sequence, change.at);
    Ok(Past {
        state: state(before, now, after.is_empty()),
        fields,
        last: before.last().map_or((first.sequence, first.at), position),
        next: after.first().map(position),
        clock_put_back: changes.windows(2).any(|pair| pair[1].at < pair[0].at),
    })
}

/// Whether fields may go with a change without being named in it.
fn unnamed(kind: &ChangeKind) -> bool {
    matches!(kind, ChangeKind::Deleted | ChangeKind::MergedInto(_))
}

/// A record of which every value ever reads as null has been erased: nothing is made of nothing but nulls.
fn erased(changes: &[&Change]) -> bool {
    let mut values = changes.iter().flat_map(|change| &change.fields).flat_map(|field| field.before.iter().chain(&field.after));
    let mut any = false;
    let null = values.all(|value| {
        any = true;
        *value == Value::Null
    });
    any && null
}

fn state(before: &[&Change], now: &Record, newest: bool) -> RecordState {
    if newest {
        return now.state.clone();
    }
    let told = before.iter().rev().find_map(|change| match &change.kind {
        ChangeKind::Created | ChangeKind::Restored | ChangeKind::UnmergedFrom(_) => Some(RecordState::Active),
        ChangeKind::Archived => Some(RecordState::Archived),
        ChangeKind::Deleted => Some(RecordState::Deleted { at: change.at }),
        ChangeKind::MergedInto(into) => Some(RecordState::MergedInto(*into)),
        ChangeKind::Updated
        | ChangeKind::Absorbed(_)
        | ChangeKind::Unmerged(_)
        | ChangeKind::Linked(..)
        | ChangeKind::Rejected(..) => None,
    });
    told.unwrap_or(RecordState::Active)
}

/// A time as a person writes it: RFC 3339; without an offset UTC; a date alone is the end of that day, UTC.
pub fn time(text: &str) -> Option<Time> {
    let text = text.trim();
    if let Some(time) = Time::parse(text) {
        return Some(time);
    }
    let utc = |time: jiff::civil::DateTime| Some(Time(jiff::tz::Offset::UTC.to_timestamp(time).ok()?.as_millisecond()));
    if let Ok(date) = text.parse::<jiff::civil::Date>()
        && text.len() == "2026-10-01".len()
    {
        return utc(date.at(23, 59, 59, 999_000_000));
    }
    utc(text.parse::<jiff::civil::DateTime>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, Field, FieldChange, RecordId, Rule};

    fn record(fields: &[(&str, &str)]) -> Record {
        let field =
            |value: &str| Field { value: Value::text(value), winner: ContributionId(1), rule: Rule::Only, claimed_at: Time(0) };
        Record {
            id: RecordId(1),
            entity: "contact".into(),
            state: RecordState::Active,
            version: 1,
            fields: fields.iter().map(|(name, value)| (Text::from(*name), field(value))).collect(),
            contributions: Vec::new(),
            next_element: 1,
        }
    }

    /// `at`, kind, `field: before → after`.
    fn change(at: i64, kind: ChangeKind, fields: &[(&str, &str, &str)]) -> Change {
        let value = |text: &str| match text {
            "-" => None,
            "null" => Some(Value::Null),
            text => Some(Value::text(text)),
        };
        Change {
            sequence: Sequence(at as u64),
            record: RecordId(1),
            entity: "contact".into(),
            at: Time(at),
            kind,
            cause: Cause::default(),
            fields: fields
                .iter()
                .map(|(name, before, after)| FieldChange {
                    field: (*name).into(),
                    before: value(before),
                    after: value(after),
                    winner: None,
                })
                .collect(),
        }
    }

    /// Fields at a time: `name=value`, `name?` where it is not sure.
    #[track_caller]
    fn check(now: &Record, history: &[Change], time: i64, expected: &str) {
        let newest: Vec<Change> = history.iter().rev().cloned().collect();
        let told = match at(now, &newest, true, Time(time)) {
            Err(error) => format!("{error:?}"),
            Ok(past) => {
                let field = |(name, field): (&Text, &PastField)| match (&field.unsure, &field.value) {
                    (Some(_), _) => format!("{name}?"),
                    (None, value) => format!("{name}={}", value.as_ref().map(Value::display).unwrap_or_default()),
                };
                past.fields.iter().map(field).collect::<Vec<_>>().join(" ")
            }
        };
        assert_eq!(told, expected, "at {time}");
    }

    #[test]
    fn every_change_is_taken_at_its_time() {
        let now = record(&[("first", "Eve"), ("title", "boss")]);
        let history = [
            change(10, ChangeKind::Created, &[("first", "-", "Ada"), ("mail", "-", "a@x")]),
            change(20, ChangeKind::Updated, &[("title", "-", "boss")]),
            change(30, ChangeKind::Updated, &[("first", "Ada", "Eve"), ("mail", "a@x", "-")]),
        ];
        check(&now, &history, 9, "NotYet(Time(10))");
        check(&now, &history, 10, "first=Ada mail=a@x");
        check(&now, &history, 29, "first=Ada mail=a@x title=boss");
        check(&now, &history, 30, "first=Eve title=boss");
        check(&now, &history, 99, "first=Eve title=boss");
    }

    #[test]
    fn what_a_deletion_did_not_name_is_known_from_one_side_only() {
        let now = record(&[("first", "Eve")]);
        let history = [
            change(10, ChangeKind::Created, &[("first", "-", "Ada"), ("mail", "-", "a@x")]),
            change(20, ChangeKind::Deleted, &[]),
            change(30, ChangeKind::Restored, &[("first", "-", "Eve")]),
        ];
        check(&now, &history, 15, "first=Ada mail=a@x");
        // Both went with the deletion, which is known from what it was restored to.
        check(&now, &history, 25, "");
        check(&now, &history, 35, "first=Eve");
        let mut again = history.to_vec();
        again.push(change(40, ChangeKind::Deleted, &[]));
        again.push(change(50, ChangeKind::Restored, &[("first", "-", "Eve")]));
        check(&now, &again, 35, "first=Eve mail?");
    }

    #[test]
    fn what_has_no_history_or_was_erased_is_said_so() {
        let history = [change(10, ChangeKind::Created, &[("first", "-", "Ada")]), change(20, ChangeKind::Updated, &[])];
        check(&record(&[("first", "Ada"), ("given", "Ada")]), &history, 15, "first=Ada given?");
        let erased = [
            change(10, ChangeKind::Created, &[("first", "-", "null")]),
            change(20, ChangeKind::Updated, &[("first", "null", "null")]),
        ];
        check(&record(&[]), &erased, 15, "first?");
    }

    #[test]
    fn a_part_of_the_history_leads_back_as_far_as_it_reaches() {
        let now = record(&[("first", "Eve")]);
        let newest = [
            change(30, ChangeKind::Updated, &[("first", "Ada", "Eve")]),
            change(20, ChangeKind::Updated, &[("title", "boss", "-")]),
        ];
        let past = at(&now, &newest, false, Time(25)).unwrap();
        assert_eq!(past.fields.get("first").unwrap().value, Some(Value::text("Ada")));
        assert_eq!(at(&now, &newest, false, Time(15)), Err(NoPast::NoHistory));
    }

    #[test]
    fn times_as_people_write_them() {
        let shown = |text: &str| time(text).map(|time| time.to_string());
        assert_eq!(shown("2026-10-01T12:00:00+02:00").as_deref(), Some("2026-10-01T10:00:00Z"));
        assert_eq!(shown("2026-10-01 12:00").as_deref(), Some("2026-10-01T12:00:00Z"));
        assert_eq!(shown("2026-10-01").as_deref(), Some("2026-10-01T23:59:59.999Z"));
        assert_eq!(shown("yesterday"), None);
        assert_eq!(shown("2026-13-01"), None);
    }
}
