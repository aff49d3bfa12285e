//! A delivery set aside: its class, its reason, and what to type next.

use nave_core::catalog::Mapping;
use nave_core::model::{DeadLetter, DeadLetterSubject, RecordId, Time};

use crate::shell;

/// What to do where an object cannot be made again for one of two records that part ways, since it is there already: the other's object
/// took over what was this one's.
pub(super) fn parted(mapping: &Mapping, merge: u64) -> String {
    format!(
        "take it (an address, a number) off the object of the other record in {}, which took it over when the two were merged there, then \
         `nave match merges resume {merge}`",
        mapping.connection
    )
}

/// A delivery set aside.
pub(super) fn dead_letter(
    mapping: &Mapping,
    record: RecordId,
    class: &str,
    field: Option<String>,
    message: String,
    now: Time,
    run: u64,
) -> DeadLetter {
    let fix = match class {
        "required" => format!(
            "give {}/{record} a value for it in a system that may say so, or map `{}` in mappings/{}.toml; it is tried again when the record changes, or with `nave dlq retry --class required`",
            mapping.entity,
            field.as_deref().unwrap_or("the field"),
            mapping.name
        ),
        "length" => format!(
            "shorten the value at its source, or set `misfit` for the field in mappings/{}.toml, then `nave dlq retry --class length`",
            mapping.name
        ),
        "duplicate" => format!(
            "`nave record show {}/{record}` and merge the two in {}, then `nave dlq retry --class duplicate`",
            mapping.entity, mapping.connection
        ),
        "exhausted" => {
            format!("`nave connection check {}`; when it works, `nave dlq retry --class exhausted`", mapping.connection)
        }
        other => format!(
            "`nave record show {}/{record}`, correct what {} complains about, then `nave dlq retry --class {}`",
            mapping.entity,
            mapping.connection,
            // A plugin may name what it likes.
            shell::word(other)
        ),
    };
    DeadLetter {
        id: 0,
        subject: DeadLetterSubject::Delivery { destination: mapping.name.clone(), record },
        class: class.to_owned(),
        field,
        message,
        fix,
        first_at: now,
        last_at: now,
        count: 1,
        run,
    }
}
