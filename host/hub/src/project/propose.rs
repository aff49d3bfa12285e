//! Proposed fields, as mapping files that a person edits: a new file, or lines added to the one that is there.

use std::collections::BTreeMap;
use std::path::Path;

use nave_core::catalog::{Catalog, Direction};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use super::edit::{Edit, present, try_edits, write_edits};
use super::field_add::add_field;
use super::load::Sources;
use crate::api::{ApiError, EditsAnswer, Finding};

/// One field that is proposed. It goes in: nothing is written anywhere before a person says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proposed {
    /// Path over there.
    pub(crate) remote: String,
    /// Canonical field.
    pub(crate) canonical: String,
    /// It is a list, or an element of one.
    pub(crate) listed: Option<Listed>,
    /// What is done to it on the way in.
    pub(crate) inward: Option<String>,
    /// Why it is proposed.
    pub(crate) because: String,
}

/// What is proposed for a list field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Sub-field of the canonical list.
    pub(crate) canonical: String,
    /// Path within an element there; empty: the element itself.
    pub(crate) remote: String,
    /// What stands between the elements, where the list is one text there.
    pub(crate) split: Option<String>,
}

/// What is proposed, by connection and stream.
pub(crate) type All = BTreeMap<(String, String), Vec<Proposed>>;

/// How it is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// Of what.
    pub(crate) entity: &'a str,
    /// Who answers for mappings that are new; none: the entity's steward.
    pub(crate) steward: Option<&'a str>,
    /// The day.
    pub(crate) today: &'a str,
    /// The files are written.
    pub(crate) apply: bool,
}

/// Mapping files with these fields: shown, or written. Fields that the mapping reads already are left out, and so is what the
/// configuration's check would refuse: that is said in the notes.
///
/// # Errors
/// Where a new mapping would be written for which nobody answers.
pub(crate) fn propose(dir: &Path, asked: &Asked<'_>, proposed: &All) -> Result<EditsAnswer, ApiError> {
    let Asked { entity, steward, apply, .. } = *asked;
    if steward.is_some_and(|steward| steward.trim().is_empty()) {
        return Err(ApiError::usage("--steward names nobody").help(say_who(entity, proposed)));
    }
    let attempt = |proposed: &All| -> Result<(Vec<Edit>, Vec<Finding>), ApiError> {
        let mut sources = Sources::read(dir)?;
        let catalog = match sources.check()? {
            Ok((catalog, _)) => catalog,
            Err(found) => return Err(ApiError::configuration(&found)),
        };
        let edits = edits(&sources, &catalog, asked, proposed)?;
        let (_, findings) = try_edits(&mut sources, &edits)?;
        Ok((edits, findings))
    };
    let mut notes = Vec::new();
    let (edits, findings) = match attempt(proposed) {
        Err(refused) if !refused.findings.is_empty() => {
            attempt(&All::new())?; // what is there must be in order
            let mut kept = All::new();
            for (at, fields) in proposed {
                for field in fields {
                    let mut more = kept.clone();
                    more.entry(at.clone()).or_default().push(field.clone());
                    match attempt(&more) {
                        Ok(_) => kept = more,
                        Err(error) => notes.push(left_out(at, field, &error)),
                    }
                }
            }
            attempt(&kept)?
        }
        done => done?,
    };
    let nobody: Vec<&str> = edits.iter().filter(|edit| edit.before.is_none()).map(|edit| edit.path.as_str()).collect();
    if steward.is_none() && !nobody.is_empty() && entity_steward(dir, entity)?.is_empty() {
        let what =
            format!("nobody answers for {}: neither is --steward given, nor has entities/{entity}.toml one", nobody.join(", "));
        if apply {
            return Err(ApiError::usage(format!("{what}; nothing is written")).help(say_who(entity, proposed)));
        }
        notes.push(format!("{what}; {}", say_who(entity, proposed)));
    }
    if apply {
        write_edits(dir, &edits)?;
    }
    let next = if apply {
        vec![
            "look at the files: each line says why it is proposed; take out what is wrong, and say `direction` and `because`"
                .to_owned(),
            "`nave mapping coverage` says what is left; `nave sync` reads, and sends nothing before its plan is agreed to"
                .to_owned(),
        ]
    } else {
        Vec::new()
    };
    Ok(EditsAnswer {
        what: format!("proposed fields of {entity}, from outside to here"),
        files: edits.iter().map(Edit::shown).collect(),
        findings,
        written: apply,
        next,
        notes,
    })
}

/// Who answers for an entity; empty: nobody was named.
fn entity_steward(dir: &Path, entity: &str) -> Result<String, ApiError> {
    let found = match Sources::read(dir)?.check()? {
        Ok((catalog, _)) => catalog.entities.get(entity).map(|entity| entity.steward.clone()),
        Err(found) => return Err(ApiError::configuration(&found)),
    };
    Ok(found.unwrap_or_default())
}

/// What to type where nobody was named.
fn say_who(entity: &str, proposed: &All) -> String {
    let mut connections: Vec<&str> = proposed.keys().map(|(connection, _)| connection.as_str()).collect();
    connections.dedup();
    let streams = proposed.keys().map(|(connection, stream)| match connections.len() {
        1 => crate::shell::word(stream).into_owned(),
        _ => crate::shell::word(&format!("{connection}/{stream}")).into_owned(),
    });
    let streams = streams.map(|stream| format!("--stream {stream}")).collect::<Vec<_>>().join(" ");
    let connections = connections.join(" ");
    let command = format!("{connections} {streams} --entity {entity} --steward sales-ops --apply");
    format!("say who decides what it asks: `nave mapping suggest {command}`")
}

/// Why a field is not proposed after all.
fn left_out((connection, stream): &(String, String), field: &Proposed, error: &ApiError) -> String {
    let why =
        error.findings.iter().find(|finding| finding.error).map(|finding| finding.message.as_str()).unwrap_or(&error.message);
    format!(
        "{connection}/{stream}.{} is left out as `{}`, since the check of the files refuses it: {why}",
        field.remote, field.canonical
    )
}

fn edits(sources: &Sources, catalog: &Catalog, asked: &Asked<'_>, proposed: &All) -> Result<Vec<Edit>, ApiError> {
    let entity = asked.entity;
    let mut edits = Vec::new();
    for ((connection, stream), fields) in proposed {
        let known =
            catalog.mappings.values().find(|one| one.connection == *connection && one.stream == *stream && one.entity == entity);
        let name = known.map_or_else(|| file_name(connection, stream), |mapping| mapping.name.clone());
        let path = format!("mappings/{name}.toml");
        let before = present(sources, &path);
        if known.is_none() && before.is_some() {
            return Err(
                ApiError::usage(format!("{path} is there, and is about something else")).help("rename it, then ask again")
            );
        }
        let read = |field: &Proposed| {
            let canonical = field.canonical.as_str();
            known.is_some_and(|one| match field.listed {
                // Several fields there may be read into one list, but none beside one that is written, or that is parts.
                Some(_) => {
                    one.lists.iter().any(|list| list.canonical == canonical && list.direction != Direction::In)
                        || one.parts.iter().any(|part| part.list.canonical == canonical)
                }
                None => one.fields.iter().any(|field| field.direction.reads() && field.canonical.as_deref() == Some(canonical)),
            })
        };
        let new: Vec<&Proposed> = fields.iter().filter(|field| !read(field)).collect();
        if new.is_empty() {
            continue;
        }
        let text = before.clone().unwrap_or_else(|| head(connection, stream, asked));
        let mut document: DocumentMut =
            text.parse().map_err(|error: toml_edit::TomlError| ApiError::failed(format!("{path}: {}", error.message())))?;
        for field in new {
            let added = match &field.listed {
                Some(listed) => add_list(&mut document, field, listed),
                None => {
                    add_field(&mut document, &field.remote, Some(&field.canonical), "in", field.inward.as_deref(), &field.because)
                }
            };
            added.map_err(|why| ApiError::failed(format!("{path}: {why}")))?;
        }
        edits.push(Edit { path, before, after: document.to_string() });
    }
    Ok(edits)
}

/// Adds a `[[list]]` after the others.
fn add_list(document: &mut DocumentMut, field: &Proposed, listed: &Listed) -> Result<(), String> {
    let lists = document.entry("list").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    let lists = lists.as_array_of_tables_mut().ok_or("`list` is no [[list]]")?;
    let mut table = Table::new();
    table.insert("remote", value(&field.remote));
    table.insert("canonical", value(&field.canonical));
    table.insert("direction", value("in"));
    if let Some(split) = &listed.split {
        table.insert("split", value(split));
    }
    table.insert("because", value(&field.because));
    table.decor_mut().set_prefix("\n");
    let mut inner = Table::new();
    inner.insert("remote", value(&listed.remote));
    inner.insert("canonical", value(&listed.canonical));
    if let Some(inward) = &field.inward {
        inner.insert("in", value(inward));
    }
    inner.decor_mut().set_prefix("\n");
    table.insert("field", Item::ArrayOfTables(ArrayOfTables::from_iter([inner])));
    lists.push(table);
    Ok(())
}

/// `crm-contacts`, of letters that a file's name may have.
fn file_name(connection: &str, stream: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' };
    format!("{connection}-{}", stream.chars().map(plain).collect::<String>())
}

fn head(connection: &str, stream: &str, asked: &Asked<'_>) -> String {
    let quoted = |text: &str| toml_edit::Value::from(text).to_string();
    let steward = asked.steward.map(|steward| format!("steward = {}\n", quoted(steward))).unwrap_or_default();
    format!(
        "# Proposed by nave mapping suggest on {}, yours to edit. Everything only comes in: nothing goes out before\n\
         # there is a [flow.out] and directions say so.\n\
         connection = {}\nstream = {}\nentity = {}\n{steward}\n[flow.in]\nfreshness = \"1h\"\n",
        asked.today,
        quoted(connection),
        quoted(stream),
        quoted(asked.entity)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(remote: &str, canonical: &str, listed: bool) -> Proposed {
        let listed = listed.then(|| Listed { canonical: "address".into(), remote: String::new(), split: Some(";".into()) });
        Proposed { remote: remote.into(), canonical: canonical.into(), listed, inward: None, because: "alike".into() }
    }

    /// What the check of the files refuses is not proposed; the rest is.
    #[test]
    fn what_would_be_refused_is_left_out_and_said() {
        let project = tempfile::tempdir().unwrap();
        let at = |path: &str| project.path().join(path);
        for folder in ["mappings", "connections", "entities"] {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        std::fs::write(at("nave.toml"), "").unwrap();
        let all = |fields: Vec<Proposed>| All::from([(("crm".to_owned(), "people".to_owned()), fields)]);
        let as_asked = Asked { entity: "contact", steward: Some("ops"), today: "2026-11-29", apply: false };
        let ask = |fields| propose(project.path(), &as_asked, &all(fields));
        // The connection is not there: nothing of it can be in order, and that is said as it is.
        let mut sources = Sources::read(project.path()).unwrap();
        assert!(sources.check().unwrap().is_ok());
        let answer = ask(vec![field("mail", "email", false)]).unwrap();
        assert_eq!((answer.files.len(), answer.notes.len()), (0, 1), "{answer:?}");
        assert!(answer.notes[0].contains("crm/people.mail is left out as `email`"), "{}", answer.notes[0]);
        std::fs::write(at("systems.toml"), "[crm]\nkind = \"other\"\nowner = \"ops\"\n").unwrap();
        std::fs::write(at("connections/crm.toml"), "plugin = \"files\"\nenvironment = \"dev\"\n").unwrap();
        let lock = "[plugins.files]\nsource = \"x\"\ndigest = \"00\"\nserial = 1\nversion = \"1.0.0\"\n";
        std::fs::write(at("nave.lock"), lock).unwrap();
        sources = Sources::read(project.path()).unwrap();
        assert!(sources.check().unwrap().is_ok(), "{:?}", sources.check().unwrap().err());
        let asked = vec![field("mail", "email", false), field("work", "email", false), field("mail", "emails", true)];
        let answer = ask(asked).unwrap();
        let diff = &answer.files[0].diff;
        assert!(diff.contains("canonical = \"emails\"") && diff.contains("remote = \"mail\""), "{diff}");
        assert!(!diff.contains("remote = \"work\""), "{diff}");
        assert_eq!(answer.notes.len(), 1, "{:?}", answer.notes);
        assert!(answer.notes[0].contains("both claim `email`"), "{:?}", answer.notes);
    }

    /// Who answers for what is written: whoever was named, else the entity's steward, else it is not written and said what to type.
    #[test]
    fn what_is_written_has_a_steward() {
        let cases: [(&str, Option<&str>, Result<&str, &str>); 5] = [
            ("", Some("sales-ops"), Ok("sales-ops")),
            ("", None, Err("nave mapping suggest crm --stream people --entity contact --steward sales-ops --apply")),
            ("", Some(" "), Err("nave mapping suggest crm --stream people --entity contact --steward sales-ops --apply")),
            ("steward = \"data\"\n", None, Ok("data")),
            ("steward = \"data\"\n", Some("sales-ops"), Ok("sales-ops")),
        ];
        for (of_entity, steward, expected) in cases {
            let project = tempfile::tempdir().unwrap();
            let put = |path: &str, text: &str| {
                let at = project.path().join(path);
                std::fs::create_dir_all(at.parent().unwrap()).unwrap();
                std::fs::write(at, text).unwrap();
            };
            put("nave.toml", "");
            put("systems.toml", "[crm]\nkind = \"other\"\nowner = \"ops\"\n");
            put("connections/crm.toml", "plugin = \"files\"\nenvironment = \"dev\"\n");
            put("nave.lock", "[plugins.files]\nsource = \"x\"\ndigest = \"00\"\nserial = 1\nversion = \"1.0.0\"\n");
            put("entities/contact.toml", of_entity);
            let all = All::from([(("crm".to_owned(), "people".to_owned()), vec![field("mail", "email", false)])]);
            let ask = |apply| propose(project.path(), &Asked { entity: "contact", steward, today: "2026-11-29", apply }, &all);
            let case = format!("{of_entity:?} {steward:?}");
            match (ask(true), expected) {
                (Ok(_), Ok(expected)) => {
                    let (catalog, found) = Sources::read(project.path()).unwrap().check().unwrap().unwrap();
                    assert_eq!(catalog.mappings["crm-people"].steward, expected, "{case}");
                    assert!(found.iter().all(|found| !found.code.contains("steward")), "{case}: {found:?}");
                }
                (Err(error), Err(expected)) => {
                    assert!(error.help.as_deref().unwrap_or_default().contains(expected), "{case}: {error:?}");
                    assert!(!project.path().join("mappings/crm-people.toml").exists(), "{case}: nothing is written");
                    let shown = ask(false);
                    assert_eq!(shown.is_ok(), steward.is_none(), "{case}: it may be looked at all the same");
                }
                (got, _) => panic!("{case}: {got:?}"),
            }
        }
    }
}
