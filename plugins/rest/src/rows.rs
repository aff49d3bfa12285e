//! Rows as records: their bytes untouched, beside them what the description says about id, time, version and end.

use nave_rest::description::Stream;
use nave_sdk::slice;
use nave_sdk::types::SourceRecord;
use serde_json::value::RawValue;

use crate::clock;
use crate::place;

/// A row as a record, also without an id: the hub sets it aside.
pub(crate) fn record(stream: &Stream, raw: &RawValue) -> SourceRecord {
    let path = |path: &Option<String>| path.clone().unwrap_or_default();
    let [id, modified, version, merged] =
        slice::texts(raw, [&stream.id, &path(&stream.modified), &path(&stream.version), &path(&stream.merged_into)]);
    let id = id.unwrap_or_default();
    let modified = modified.and_then(|text| clock::modified(&text, stream.modified_format));
    if id.is_empty() {
        return SourceRecord::upsert(id, raw.get());
    }
    if let Some(winner) = merged.filter(|winner| !winner.is_empty() && *winner != id) {
        return SourceRecord::merged_into(id, winner).modified_at(modified);
    }
    if let Some((path, is)) = &stream.deleted
        && place::says_yes(at(raw, path), is)
    {
        return SourceRecord::deleted(id).modified_at(modified);
    }
    SourceRecord::upsert(id, raw.get()).modified_at(modified).version(version)
}

/// The time of a row's last change, microseconds since 1970.
pub(crate) fn modified_us(stream: &Stream, raw: &RawValue) -> Option<i64> {
    clock::read(&slice::text(raw, stream.modified.as_ref()?)?, stream.modified_format)
}

/// What is at a path with dots, undecoded.
pub(crate) fn at<'r>(raw: &'r RawValue, path: &str) -> Option<&'r RawValue> {
    slice::at(raw.get().as_bytes(), path).ok().flatten()
}
