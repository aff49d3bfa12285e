//! What a connection offered, day by day: `streams/history/CONNECTION/2026-10-03.json`, one file per day on which it was saved and
//! had changed.

use std::path::{Path, PathBuf};

use nave_core::catalog::StreamInfo;
use serde::{Deserialize, Serialize};

use super::{ProjectError, read, write};

/// Snapshots of one connection that are listed where a date fits none.
const LISTED_MAX: usize = 20;

/// What was saved, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// When it was asked, RFC 3339.
    pub(crate) saved: String,
    /// What it offered.
    pub(crate) streams: Vec<StreamInfo>,
}

fn folder(dir: &Path, connection: &str) -> PathBuf {
    dir.join("streams").join("history").join(connection)
}

fn file(dir: &Path, connection: &str, day: &str) -> PathBuf {
    folder(dir, connection).join(format!("{day}.json"))
}

/// Keeps what a connection offers under today's date (`saved` is RFC 3339). Nothing is written where the newest one says the same.
pub(crate) fn keep(dir: &Path, connection: &str, streams: &[StreamInfo], saved: &str) -> Result<(), ProjectError> {
    let newest = match days(dir, connection)?.pop() {
        Some(day) => Some(load(dir, connection, &day)?),
        None => None,
    };
    if newest.is_some_and(|newest| newest.streams == streams) {
        return Ok(());
    }
    let snapshot = Snapshot { saved: saved.to_owned(), streams: streams.to_vec() };
    let path = file(dir, connection, saved.get(..10).unwrap_or(saved));
    let mut text = serde_json::to_string_pretty(&snapshot)
        .map_err(|error| ProjectError::Malformed { path: path.clone(), message: error.to_string() })?;
    text.push('\n');
    write::whole(&path, text.as_bytes())
}

/// Days of which there is a snapshot, oldest first.
pub(crate) fn days(dir: &Path, connection: &str) -> Result<Vec<String>, ProjectError> {
    let folder = folder(dir, connection);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(ProjectError::io(&folder)(error)),
    };
    let mut found: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".json").map(str::to_owned))
        .filter(|day| day.len() == 10 && day.chars().all(|c| c.is_ascii_digit() || c == '-'))
        .collect();
    found.sort();
    Ok(found)
}

fn load(dir: &Path, connection: &str, day: &str) -> Result<Snapshot, ProjectError> {
    let path = file(dir, connection, day);
    let text = read::text(&path)?;
    serde_json::from_str(&text).map_err(|error| ProjectError::Malformed { path, message: error.to_string() })
}

/// The newest snapshot of a year, a month or a day (`2026`, `2026-10`, `2026-10-03`): what the connection offered by its end, so one
/// from before it where nothing was saved in it.
///
/// # Errors
/// [`ProjectError`] where there is none that early.
pub(crate) fn at(dir: &Path, connection: &str, date: &str) -> Result<Snapshot, ProjectError> {
    let shape = |part: &str, digits: usize| part.len() == digits && part.chars().all(|c| c.is_ascii_digit());
    let parts: Vec<&str> = date.split('-').collect();
    let fits = parts.len() <= 3 && parts.iter().enumerate().all(|(at, part)| shape(part, if at == 0 { 4 } else { 2 }));
    if !fits {
        return Err(ProjectError::Invalid(format!("`{date}` is no date: write 2026, 2026-10, 2026-10-03, saved or now")));
    }
    let days = days(dir, connection)?;
    let by_then = |day: &&String| day.as_str() <= date || day.starts_with(&format!("{date}-"));
    match days.iter().rfind(by_then) {
        Some(day) => load(dir, connection, day),
        None if days.is_empty() => Err(ProjectError::Invalid(format!(
            "nothing of {connection} was ever saved: `nave discover {connection} --save` saves what it offers today"
        ))),
        None => {
            let known = days.iter().take(LISTED_MAX).cloned().collect::<Vec<_>>().join(", ");
            Err(ProjectError::Invalid(format!("nothing of {connection} was saved by {date}; there are: {known}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams(name: &str) -> Vec<StreamInfo> {
        vec![StreamInfo { name: name.into(), ..StreamInfo::default() }]
    }

    #[test]
    fn the_newest_by_a_date() {
        let dir = tempfile::tempdir().unwrap();
        assert!(at(dir.path(), "crm", "2026-10").unwrap_err().to_string().contains("`nave discover crm --save`"));
        for (name, saved) in [("a", "2026-09-30T10:00:00Z"), ("b", "2026-10-03T10:00:00Z"), ("b", "2026-10-09T10:00:00Z")] {
            keep(dir.path(), "crm", &streams(name), saved).unwrap();
        }
        // The same again is no snapshot of its own.
        assert_eq!(days(dir.path(), "crm").unwrap(), ["2026-09-30", "2026-10-03"]);
        for (date, expected) in
            [("2026-10", "b"), ("2026-10-02", "a"), ("2026-10-03", "b"), ("2026", "b"), ("2027-01", "b"), ("2026-09", "a")]
        {
            assert_eq!(at(dir.path(), "crm", date).unwrap().streams[0].name, expected, "{date}");
        }
        for (date, expected) in
            [("2026-08", "there are: 2026-09-30, 2026-10-03"), ("../x", "is no date"), ("2026-1", "is no date")]
        {
            assert!(at(dir.path(), "crm", date).unwrap_err().to_string().contains(expected), "{date}");
        }
    }
}
