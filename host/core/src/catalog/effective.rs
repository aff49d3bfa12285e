//! What of a configuration file changes what is written: the file without comments, and without what only says when, by whom
//! and why.

use toml::Table;
use toml::Value;

use super::SourceFile;

/// The file with only that, spelled one way. A file that cannot be read is left as it is: it is an error elsewhere.
pub(super) fn effective(source: &SourceFile) -> SourceFile {
    let text = match source.text.parse::<Table>() {
        Ok(mut table) => {
            match source.path.split('/').next() {
                Some("mappings") => mapping(&mut table),
                Some("entities") => entity(&mut table),
                Some("connections") => connection(&mut table),
                _ => {}
            }
            table.to_string()
        }
        Err(_) => source.text.clone(),
    };
    SourceFile { path: source.path.clone(), text }
}

fn entity(table: &mut Table) {
    table.remove("steward");
    if let Some(Value::Table(fields)) = table.get_mut("fields") {
        words(fields);
    }
}

/// What is for people alone, and `renamed-from`, where they are texts: a field may be called so.
fn words(table: &mut Table) {
    for word in ["because", "steward", "decided-by", "decided-on", "renamed-from"] {
        if table.get(word).is_some_and(Value::is_str) {
            table.remove(word);
        }
    }
    for (_, value) in table.iter_mut() {
        if let Value::Table(inner) = value {
            words(inner);
        }
    }
}

fn mapping(table: &mut Table) {
    table.remove("steward");
    table.remove("critical");
    if let Some(Value::Table(flow)) = table.get_mut("flow") {
        flow.remove("canary");
        for (_, direction) in flow.iter_mut() {
            if let Value::Table(direction) = direction {
                direction.remove("freshness");
                direction.remove("process");
                direction.remove("because");
                direction.remove("verify");
                direction.remove("mode");
            }
        }
    }
    reasons(table);
}

/// `because` of fields and lists, and of the fields in those. Tables of values (constants) are left alone.
fn reasons(table: &mut Table) {
    for word in ["because", "comment", "approved-by", "approved-on"] {
        table.remove(word);
    }
    for (_, value) in table.iter_mut() {
        let Value::Array(tables) = value else { continue };
        for inner in tables {
            if let Value::Table(inner) = inner {
                reasons(inner);
            }
        }
    }
}

fn connection(table: &mut Table) {
    for word in ["requests-per-second", "webhook", "windows", "blackouts", "time-zone", "account", "budget"] {
        table.remove(word);
    }
    let Some(Value::Table(grants)) = table.get_mut("grants") else { return };
    for (_, kind) in grants.iter_mut() {
        let Value::Table(kind) = kind else { continue };
        for (_, grant) in kind.iter_mut() {
            if let Value::Table(grant) = grant {
                grant.remove("because");
            }
        }
    }
}
