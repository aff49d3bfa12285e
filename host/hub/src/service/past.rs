//! A record as it was at a time, as a person asks for it.

use nave_core::model::RecordState;
use nave_core::past::{self, Unsure};

use super::find::find;
use super::names::{Names, record_state, reference, remote};
use crate::api::{ApiError, PastAnswer, PastField, RecordRef};
use crate::engine::Engine;
use crate::engine::take;

/// One record as the hub held it then. A record that was merged since is shown as it was, under the number that was asked for.
pub(super) fn show(engine: &Engine, which: &RecordRef, at: &str) -> Result<PastAnswer, ApiError> {
    let time = past::time(at).ok_or_else(|| {
        ApiError::usage(format!("`{at}` is no time"))
            .help("write 2026-10-01T12:00:00Z, or a date: 2026-10-01 is the end of that day, UTC")
    })?;
    let now = engine.now();
    // The day that is not over is as far as it has come.
    let today = at.trim().len() == "2026-10-01".len() && at.trim() == now.to_string().get(..10).unwrap_or_default();
    if time > now && !today {
        return Err(ApiError::usage(format!("{time} is still to come")).help("leave out --at: that is the record as it is"));
    }
    let asked = find(engine, which)?.asked;
    let (record, past) = engine.past(asked.id, time.min(now))?;
    let names = Names::new(engine);
    let title = match names.catalog.entities.get(record.entity.as_str()) {
        Some(entity) => take::title(entity, |field| past.fields.get(field).and_then(|field| field.value.as_ref())),
        None => reference(&record),
    };
    let fields = past.fields.iter().filter(|(name, field)| {
        // An element that was taken out of its list.
        field.unsure.is_some() || !name.contains('/') || field.value.as_ref().is_some_and(|value| !value.is_empty())
    });
    let fields = fields.map(|(name, field)| {
        let winner = field.set.and_then(|(_, _, winner)| winner).and_then(|id| names.key_of(id));
        PastField {
            field: name.to_string(),
            label: names.label(&record.entity, name),
            value: field.value.as_ref().map(nave_core::Value::to_json).unwrap_or_default(),
            display: field.value.as_ref().map(|value| names.display(value)).unwrap_or_default(),
            known: field.unsure.is_none(),
            why: field.unsure.map(why),
            from: winner.as_ref().map(remote).unwrap_or_default(),
            since: field.set.map(|(_, at, _)| at.to_string()),
            sequence: field.set.map(|(sequence, ..)| sequence.0),
        }
    });
    let mut notes = Vec::new();
    if past.clock_put_back {
        notes.push("the hub's clock was put back since it was made: which change came first is told by their numbers".to_owned());
    }
    Ok(PastAnswer {
        record: reference(&record),
        entity: record.entity.to_string(),
        title,
        at: time.min(now).to_string(),
        state: record_state(&past.state).to_owned(),
        merged_into: match &past.state {
            RecordState::MergedInto(into) => Some(format!("{}/{into}", record.entity)),
            _ => None,
        },
        fields: fields.collect(),
        sequence: past.last.0.0,
        since: past.last.1.to_string(),
        until: past.next.map(|(_, at)| at.to_string()),
        notes,
    })
}

/// A time from which on something is asked for: a date is its beginning, UTC; nothing is always.
pub(super) fn since(text: &str) -> Result<Option<nave_core::model::Time>, ApiError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let whole = if text.len() == "2026-10-01".len() { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let time = past::time(&whole).ok_or_else(|| {
        ApiError::usage(format!("`{text}` is no time")).help("write 2026-10-01T12:00:00Z, or a date: 2026-10-01")
    })?;
    Ok(Some(time))
}

fn why(unsure: Unsure) -> String {
    match unsure {
        Unsure::Unnamed => {
            "the record was deleted or merged before and after that time, and its history does not name what went with it"
        }
        Unsure::Differs => "its history says one thing from its beginning and another from what the record is now",
        Unsure::NoHistory => "no change of it is in the history: it may have had another name then",
        Unsure::Erased => "the values of the record were erased",
    }
    .to_owned()
}
