//! `windows`, `blackouts` and `time-zone` of a connection.

use super::reader::Table;
use crate::schedule::Calendar;

pub(super) fn read(table: &mut Table<'_>) -> Calendar {
    let (windows, blackouts, zone) = (table.texts("windows"), table.texts("blackouts"), table.text("time-zone"));
    let values = |texts: &[super::reader::At<String>]| texts.iter().map(|text| text.value.clone()).collect::<Vec<_>>();
    let name = zone.as_ref().map(|zone| zone.value.as_str());
    // Each by itself, so that a mistake is shown where it stands.
    for text in zone.iter().chain(&windows).chain(&blackouts) {
        let alone = if zone.as_ref().is_some_and(|zone| zone.span == text.span) {
            Calendar::parse(name, &[], &[])
        } else {
            Calendar::parse(None, std::slice::from_ref(&text.value), &[])
        };
        if let Err(error) = alone {
            table.file.error(text.span.clone(), "bad-time", error.to_string(), None);
        }
    }
    Calendar::parse(name, &values(&windows), &values(&blackouts)).unwrap_or_default()
}
