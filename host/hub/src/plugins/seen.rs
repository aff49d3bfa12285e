//! What a build of a plugin was seen to do, in a few lines, and what another build does otherwise.

use std::path::Path;

use nave_runtime::{Engine, Plugin};
use serde_json::Value as Json;

use super::record::{self, Behaviour, differences, play};
use super::{PluginsError, inspect_file};

/// What calls of one build answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    behaviour: Behaviour,
}

impl Seen {
    /// Plays the recordings of a folder that are this plugin's through a file; nothing where there is none.
    ///
    /// # Errors
    /// [`PluginsError`] where it is not a plugin, or a recording cannot be read.
    pub async fn in_recordings(file: &Path, folder: &Path) -> Result<Option<Self>, PluginsError> {
        let (bytes, manifest, _) = inspect_file(file)?;
        let mut recordings = Vec::new();
        for name in record::names(folder)? {
            recordings.extend(record::read_file(&folder.join(format!("{name}.json")), &name)?);
        }
        recordings.retain(|recording| recording.plugin == manifest.name);
        if recordings.is_empty() {
            return Ok(None);
        }
        let plugin = tokio::task::spawn_blocking(move || {
            let engine = Engine::new()?;
            Plugin::compile(&engine, &bytes, None)
        })
        .await
        .map_err(|error| PluginsError::Call(error.to_string()))??;
        let mut seen = Self::default();
        for recording in &recordings {
            seen.behaviour.merge(play(recording, &plugin).await);
        }
        Ok(Some(seen))
    }

    /// A call, as it is typed, and what it answered: as `nave plugin call` prints it, or `{"error": …}`.
    pub fn note(&mut self, call: &str, result: Json) {
        self.behaviour.answered(call, result);
    }

    /// Streams of which a page was read or is offered.
    pub fn streams(discovered: &Json) -> Vec<String> {
        let all = discovered.as_array().into_iter().flatten();
        let readable = all.filter(|stream| stream["capabilities"]["readable"] == true);
        readable.filter_map(|stream| stream["name"].as_str().map(str::to_owned)).collect()
    }

    /// One line for each call: what it answered, in short.
    pub fn lines(&self) -> Vec<String> {
        let calls = self.behaviour.results().filter(|(title, _)| !title.starts_with("write "));
        calls.map(|(title, result)| format!("{title}: {}", short(title, result))).collect()
    }

    /// What another build does otherwise, a line each.
    pub fn differences(&self, new: &Self) -> Vec<String> {
        differences(&self.behaviour, &new.behaviour).into_iter().map(|one| one.text).collect()
    }
}

fn short(title: &str, result: &Json) -> String {
    if let Some(error) = result["error"].as_str() {
        return format!("failed: {error}");
    }
    let count = |list: &Json| list.as_array().map_or(0, Vec::len);
    match title.split(' ').next() {
        Some("check") => format!("account {}", result["account"].as_str().unwrap_or_default()),
        Some("discover") => {
            let all = result.as_array().into_iter().flatten();
            let named = all
                .map(|stream| format!("{} ({} fields)", stream["name"].as_str().unwrap_or_default(), count(&stream["fields"])));
            named.collect::<Vec<_>>().join(", ")
        }
        Some("read") => {
            let more = if result["more"] == true { ", more to come" } else { "" };
            let scan = if result["complete-scan"] == true { ", a complete scan" } else { "" };
            format!("{} records{more}{scan}", count(&result["records"]))
        }
        _ => format!("{} records", count(result)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_build_is_told_in_lines_and_by_what_differs() {
        let discovered = |path: &str| json!([{ "name": "people", "fields": [{ "path": "id" }, { "path": path }], "capabilities": { "readable": true } }]);
        let mut old = Seen::default();
        old.note("check", json!({ "account": "acme" }));
        old.note("discover", discovered("name"));
        old.note("read people", json!({ "records": [{ "remote-id": "1", "body": {} }], "more": true }));
        old.note("get people 9", json!({ "error": "down" }));
        assert_eq!(
            old.lines(),
            [
                "check: account acme",
                "discover: people (2 fields)",
                "get people 9: failed: down",
                "read people: 1 records, more to come",
            ]
        );
        let mut new = old.clone();
        new.note("discover", discovered("mail"));
        assert_eq!(
            old.differences(&new),
            [
                r#"discover: people.fields.mail is new: {"path":"mail"}"#,
                r#"discover: people.fields.name is gone (was {"path":"name"})"#
            ]
        );
        assert_eq!(Seen::streams(&discovered("x")), ["people"]);
    }
}
