//! Business processes that a starter mapping names, where the project has others of its own.

use std::path::Path;

use super::ProjectError;

/// A starter's text without the processes that `nave.toml` does not know: they are left as comments, and the lint asks for one.
/// Where `nave.toml` names none at all, any will do.
pub(super) fn known_processes(dir: &Path, text: &str) -> Result<String, ProjectError> {
    let path = dir.join("nave.toml");
    let hub = if path.exists() { super::super::read::text(&path)? } else { String::new() };
    // A file that cannot be read is an error elsewhere.
    let hub: toml::Table = hub.parse().unwrap_or_default();
    let Some(known) = hub.get("processes").and_then(toml::Value::as_table).filter(|known| !known.is_empty()) else {
        return Ok(text.to_owned());
    };
    let mut flow = false;
    let lines = text.split_inclusive('\n').map(|line| {
        if line.starts_with('[') {
            flow = line.starts_with("[flow.");
        }
        let named = line.trim().strip_prefix("process = \"").and_then(|rest| rest.strip_suffix('"'));
        match named.filter(|name| flow && !known.contains_key(*name)) {
            Some(_) => format!("# {line}"),
            None => line.to_owned(),
        }
    });
    Ok(lines.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(hub: &str, text: &str, expected: &str) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("nave.toml"), hub).unwrap();
        assert_eq!(known_processes(dir.path(), text).unwrap(), expected);
    }

    #[test]
    fn a_process_that_the_project_does_not_have_is_left_as_a_comment() {
        let text = "[flow.in]\nprocess = \"sales\"\nbecause = \"x\"\n[constants]\nprocess = \"sales\"\n";
        check("", text, text);
        check("[processes]\nsales = \"Sales\"\n", text, text);
        check("[processes]\nother = \"Other\"\n", text, &text.replacen("process", "# process", 1));
    }
}
