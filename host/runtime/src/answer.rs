//! What a plugin may answer: counts and sizes of the contract, checked before anything is handed to the hub.
//!
//! Does not look into records: a bad one is set aside by the hub, alone. A bad answer is a broken plugin.

use std::collections::HashSet;

use nave_core::limits::{CHECKPOINT_BYTES_MAX, PAGE_RECORDS_MAX, RECORD_BYTES_MAX, RECORD_FIELDS_MAX};

use crate::{
    contract::*,
    error::CallError,
    limits::{EVENTS_MAX, REMOTE_ID_BYTES_MAX, STREAM_NAME_BYTES_MAX, STREAMS_MAX},
};

type Checked = Result<(), CallError>;

fn broken(what: impl Into<String>) -> CallError {
    CallError::Broken(what.into())
}

fn at_most(what: &str, count: usize, max: usize) -> Checked {
    if count > max {
        return Err(broken(format!("{count} {what}, at most {max} are allowed")));
    }
    Ok(())
}

pub(crate) fn streams(streams: &[Stream]) -> Checked {
    at_most("streams", streams.len(), STREAMS_MAX)?;
    let mut names = HashSet::new();
    for stream in streams {
        if stream.name.is_empty() || stream.name.chars().any(char::is_control) {
            return Err(broken(format!("a stream is called {:?}", stream.name)));
        }
        at_most("bytes in a stream's name", stream.name.len(), STREAM_NAME_BYTES_MAX)?;
        if !names.insert(&stream.name) {
            return Err(broken(format!("two streams are called `{}`", stream.name)));
        }
        at_most("fields in a stream", stream.fields.len(), RECORD_FIELDS_MAX)?;
        if stream.capabilities.batch_max == 0 {
            return Err(broken(format!("stream `{}` has batch-max 0; it must be at least 1", stream.name)));
        }
    }
    Ok(())
}

fn remote_id(id: &str) -> Checked {
    if id.is_empty() {
        return Err(broken("a remote id is empty"));
    }
    at_most("bytes in a remote id", id.len(), REMOTE_ID_BYTES_MAX)
}

/// One record's id and sizes are not looked at: the hub sets that record aside, and the others go on.
pub(crate) fn records(found: &[SourceRecord]) -> Checked {
    at_most("records", found.len(), PAGE_RECORDS_MAX)
}

pub(crate) fn page(page: &Page) -> Checked {
    records(&page.records)?;
    at_most("bytes in a checkpoint", page.next.len(), CHECKPOINT_BYTES_MAX)
}

pub(crate) fn got(asked: &[RemoteId], found: &[SourceRecord]) -> Checked {
    records(found)?;
    let asked: HashSet<&str> = asked.iter().map(String::as_str).collect();
    let mut seen = HashSet::new();
    for record in found {
        if !asked.contains(record.remote_id.as_str()) {
            return Err(broken(format!("`get` answered `{}`, which was not asked for", record.remote_id)));
        }
        if !seen.insert(record.remote_id.as_str()) {
            return Err(broken(format!("`get` answered `{}` twice", record.remote_id)));
        }
    }
    Ok(())
}

/// The class of what has none of its own.
const OTHER: &str = "other";
/// Longest class, bytes: what a person can say.
const CLASS_BYTES_MAX: usize = 40;

/// A short machine word, as the contract has it. It becomes part of keys, lists and labels, so anything else is no class.
fn is_class(text: &str) -> bool {
    let word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    text.len() <= CLASS_BYTES_MAX && text.split('-').all(word)
}

/// What became of a delivery whose outcome names nothing that can be found again is unknown; of the others it is known.
pub(crate) fn outcomes(asked: usize, outcomes: &mut [Outcome]) -> Checked {
    if outcomes.len() != asked {
        return Err(broken(format!("{} outcomes for {asked} deliveries", outcomes.len())));
    }
    for outcome in outcomes {
        let named = match outcome {
            Outcome::Written(written) => {
                if written.body.len() > RECORD_BYTES_MAX {
                    written.body.clear(); // as if it had come without one
                }
                remote_id(&written.remote_id)
            }
            Outcome::MergedInto(id) => remote_id(id),
            Outcome::Rejected(no) => {
                if !is_class(&no.class) {
                    no.class = OTHER.to_owned();
                }
                Ok(())
            }
            Outcome::Conflict(_) | Outcome::Gone | Outcome::RetryAfter(_) | Outcome::Unknown(_) => Ok(()),
        };
        if let Err(error) = named {
            *outcome = Outcome::Unknown(error.to_string());
        }
    }
    Ok(())
}

pub(crate) fn events(events: &[Event]) -> Checked {
    at_most("events", events.len(), EVENTS_MAX)?;
    at_most("things in one call", events.iter().map(|event| event.remote_ids.len()).sum(), EVENTS_MAX)?;
    for event in events {
        event.remote_ids.iter().try_for_each(|id| remote_id(id))?;
    }
    Ok(())
}

pub(crate) fn batch(rows: usize, batch: &Batch) -> Checked {
    for column in &batch.columns {
        if column.rows() != rows {
            return Err(broken(format!("a result has {} rows, the inputs have {rows}", column.rows())));
        }
        let (Column::Text { valid, .. } | Column::Integer { valid, .. } | Column::Boolean { valid, .. }) = column;
        if valid.len() != rows.div_ceil(8) {
            return Err(broken(format!("{} bytes of validity bits for {rows} rows", valid.len())));
        }
        if let Column::Text { ends, data, .. } = column {
            text(ends, data)?;
        }
        if let Column::Boolean { values, .. } = column
            && values.iter().any(|value| *value > 1)
        {
            return Err(broken("a boolean that is neither 0 nor 1"));
        }
    }
    at_most("errors in a batch", batch.errors.len(), rows)?;
    if let Some(error) = batch.errors.iter().find(|error| error.row as usize >= rows) {
        return Err(broken(format!("an error for row {} of {rows}", error.row)));
    }
    Ok(())
}

fn text(ends: &[u32], data: &[u8]) -> Checked {
    let text = std::str::from_utf8(data).map_err(|_| broken("a text column is not UTF-8"))?;
    let mut start = 0;
    for end in ends {
        let end = *end as usize;
        if end < start || !text.is_char_boundary(end) {
            return Err(broken("the ends of a text column do not fit its data"));
        }
        start = end;
    }
    if start != data.len() {
        return Err(broken("a text column has data beyond its last row"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T115: a class is a word, or it is none.
    #[test]
    fn a_class_is_a_short_word() {
        let long = "x".repeat(CLASS_BYTES_MAX + 1);
        for (class, expected) in [
            ("required", "required"),
            ("missing-lastname", "missing-lastname"),
            ("error-17", "error-17"),
            ("", OTHER),
            ("-", OTHER),
            ("Not A Word", OTHER),
            ("a\"} 1\nnave_runs_total{flow=\"forged", OTHER),
            ("a\nINFO audit", OTHER),
            ("t\u{435}st", OTHER),
            (&*long, OTHER),
        ] {
            let rejection = Rejection { class: class.to_owned(), field: None, message: "why".to_owned() };
            let mut all = [Outcome::Rejected(rejection)];
            outcomes(1, &mut all).expect("one outcome for one delivery");
            assert!(matches!(&all[0], Outcome::Rejected(no) if no.class == expected && no.message == "why"), "{class}: {all:?}");
        }
    }
}
