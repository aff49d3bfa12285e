//! `nave policy init`: who owns what, as a start that is edited afterwards.
//!
//! A template says for some entities which system's word counts, and why. Fields whose survivorship somebody wrote down
//! already are left alone.

use std::path::Path;

use nave_core::catalog::{Catalog, Entity, Survivorship, shipped_entities};
use toml_edit::{DocumentMut, InlineTable, Item, Table, Value, value};

use super::edit::{Edit, present, try_edits, write_edits};
use super::load::Sources;
use crate::api::{Answer, ApiError, EditsAnswer};

/// What a template says of one entity.
struct Part {
    entity: &'static str,
    /// These fields; empty: all.
    fields: &'static [&'static str],
    because: &'static str,
}

/// A start.
struct Template {
    name: &'static str,
    /// Kinds of systems, as systems.toml has them, and names that such a connection may have.
    kinds: &'static [&'static str],
    /// Plugins that are of that kind.
    plugins: &'static [&'static str],
    /// Who answers for it where the inventory does not say.
    steward: &'static str,
    parts: &'static [Part],
}

const TEMPLATES: [Template; 3] = [
    Template {
        name: "crm-centric",
        kinds: &["crm"],
        plugins: &["hubspot", "bottlecrm", "tryton"],
        steward: "sales-ops",
        parts: &[
            Part { entity: "contact", fields: &[], because: "Sales talks to people and corrects them in the CRM first" },
            Part { entity: "company", fields: &[], because: "Sales knows its customers and corrects them in the CRM first" },
            Part { entity: "deal", fields: &[], because: "deals are made in the CRM" },
        ],
    },
    Template {
        name: "books-for-money",
        kinds: &["accounting", "books", "erp"],
        plugins: &["xero", "tryton"],
        steward: "finance",
        parts: &[
            Part { entity: "invoice", fields: &[], because: "what was booked counts, nowhere else" },
            Part { entity: "payment", fields: &[], because: "what was booked counts, nowhere else" },
            Part { entity: "product", fields: &[], because: "prices and articles are kept where they are sold from" },
            Part { entity: "company", fields: &["tax_id", "currency", "number"], because: "the tax office holds Finance to it" },
            Part { entity: "contact", fields: &["tax_id", "number"], because: "the tax office holds Finance to it" },
        ],
    },
    Template {
        name: "hris-for-employees",
        kinds: &["hris", "hr"],
        plugins: &[],
        steward: "people-ops",
        parts: &[
            Part { entity: "employee", fields: &[], because: "HR hires, and is told first" },
            Part { entity: "user", fields: &[], because: "access follows what HR knows of the person" },
        ],
    },
];

/// Names of the templates.
pub const TEMPLATE_NAMES: [&str; 3] = ["crm-centric", "books-for-money", "hris-for-employees"];

/// Who decides it, and when.
pub struct Decision<'d> {
    /// Connection that owns; none: found by its kind.
    pub owner: Option<&'d str>,
    /// Person or team that answers for it; none: the system's owner in the inventory, else the template's.
    pub steward: Option<&'d str>,
    /// Who decides it.
    pub by: &'d str,
    /// Today (date).
    pub on: &'d str,
}

/// Writes `entities/*.toml` by a template, or says what it would write.
pub fn policy_init(dir: &Path, template: &str, decision: &Decision<'_>, plan: bool) -> Result<Answer, ApiError> {
    let template = TEMPLATES.iter().find(|known| known.name == template).ok_or_else(|| {
        ApiError::usage(format!("there is no policy `{template}`")).help(format!("there are: {}", TEMPLATE_NAMES.join(", ")))
    })?;
    let mut sources = Sources::read(dir)?;
    let catalog = match sources.check()? {
        Ok((catalog, _)) => catalog,
        Err(found) => return Err(ApiError::configuration(&found)),
    };
    let owner = owner(&catalog, template, decision.owner)?;
    let steward = decision.steward.map(str::to_owned).unwrap_or_else(|| {
        let system = catalog.connections.get(&owner).map(|connection| connection.system.as_str());
        let known = system.and_then(|system| catalog.systems.get(system)).map(|system| system.owner.clone());
        known.filter(|owner| !owner.is_empty()).unwrap_or_else(|| template.steward.to_owned())
    });
    let shipped = shipped_entities();
    let mut edits = Vec::new();
    let mut notes = Vec::new();
    for part in template.parts {
        let Some(entity) = catalog.entities.get(part.entity).or_else(|| shipped.get(part.entity)) else { continue };
        let path = format!("entities/{}.toml", part.entity);
        let before = present(&sources, &path);
        let mut document: DocumentMut = before
            .as_deref()
            .unwrap_or_default()
            .parse()
            .map_err(|error: toml_edit::TomlError| ApiError::failed(format!("{path}: {}", error.message())))?;
        let mut added = 0;
        for field in fields(&catalog, entity, part) {
            added += u64::from(line(&mut document, field, &owner, &steward, part.because, decision));
        }
        if added == 0 {
            notes.push(format!("{path}: every field has an owner already"));
            continue;
        }
        let text = document.to_string();
        let after = match before {
            Some(_) => text,
            None => format!(
                "# Who owns what, of each {}: written by nave policy init {}, yours to edit.\n# `owner` is the connection whose \
                 word counts; an edit made elsewhere is put back. Other rules: \"newest\", \"longest\",\n# \"non-empty\", \
                 \"three-way\", \"manual\", {{ priority = [\"a\", \"b\"] }}; a field of consent has \"consent\".\n{text}",
                entity.label.to_lowercase(),
                template.name
            ),
        };
        edits.push(Edit { path, before, after });
    }
    let (_, findings) = try_edits(&mut sources, &edits)?;
    if !plan {
        write_edits(dir, &edits)?;
    }
    let what = format!("{}: {owner} owns it, {steward} answers for it", template.name);
    let files = edits.iter().map(Edit::shown).collect();
    Ok(Answer::Edits(EditsAnswer { what, files, findings, written: !plan, notes, ..EditsAnswer::default() }))
}

/// The connection that owns, by what the person said or by its kind.
fn owner(catalog: &Catalog, template: &Template, said: Option<&str>) -> Result<String, ApiError> {
    let known = || catalog.connections.keys().cloned().collect::<Vec<_>>().join(", ");
    if let Some(name) = said {
        return match catalog.connections.contains_key(name) {
            true => Ok(name.to_owned()),
            false => Err(ApiError::not_found(format!("there is no connection `{name}`")).help(format!("there are: {}", known()))),
        };
    }
    let kind = |name: &str| catalog.systems.get(name).map(|system| system.kind.as_str()).unwrap_or_default();
    let ranked = |rank: fn(&Template, &str, &str, &str) -> bool| -> Vec<String> {
        let fits = catalog.connections.values().filter(|one| rank(template, kind(&one.system), &one.name, &one.plugin));
        fits.map(|one| one.name.clone()).collect()
    };
    for found in [
        ranked(|template, kind, _, _| template.kinds.contains(&kind)),
        ranked(|template, _, name, _| template.kinds.contains(&name)),
        ranked(|template, _, _, plugin| template.plugins.contains(&plugin)),
    ] {
        match found.as_slice() {
            [] => {}
            [one] => return Ok(one.clone()),
            several => {
                return Err(ApiError::usage(format!("it may be {}", several.join(" or ")))
                    .help(format!("say which: nave policy init {} --owner {}", template.name, several[0])));
            }
        }
    }
    let kinds = template.kinds.join("` or `");
    Err(ApiError::usage(format!("no connection is known to be of the kind `{kinds}`"))
        .help(format!("say which one it is with --owner, of {}; or write its kind into systems.toml", known())))
}

/// The fields that a part is about: those that a mapping reads, or all where none does yet. A field that is computed has no owner,
/// and one of consent keeps its rule: with an owner, a word of one system would lift the refusal in another.
fn fields<'e>(catalog: &Catalog, entity: &'e Entity, part: &Part) -> Vec<&'e str> {
    let read = |name: &str| {
        catalog.mappings.values().filter(|mapping| mapping.entity == entity.name).any(|mapping| {
            mapping.fields.iter().any(|field| field.direction.reads() && field.canonical.as_deref() == Some(name))
                || mapping.lists.iter().chain(mapping.parts.iter().map(|part| &part.list)).any(|list| list.canonical == name)
        })
    };
    let about = |name: &&str| {
        let consent = || matches!(entity.fields[*name].survivorship, Survivorship::Consent(_));
        (part.fields.is_empty() || part.fields.contains(name)) && !matches!(*name, "updated_at" | "archived") && !consent()
    };
    let all: Vec<&str> = entity.fields.keys().map(String::as_str).filter(about).collect();
    let mapped: Vec<&str> = all.iter().copied().filter(|name| read(name)).collect();
    if mapped.is_empty() { all } else { mapped }
}

/// Adds one policy line. False where the field has one.
fn line(document: &mut DocumentMut, field: &str, owner: &str, steward: &str, because: &str, decision: &Decision<'_>) -> bool {
    let Some(table) = field_table(document, field) else { return false };
    if table.contains_key("survivorship") {
        return false;
    }
    let rule = InlineTable::from_iter([("owner", Value::from(owner))]);
    table.insert("survivorship", value(rule));
    for (key, text) in [("steward", steward), ("because", because), ("decided-by", decision.by), ("decided-on", decision.on)] {
        if !table.contains_key(key) {
            table.insert(key, value(text));
        }
    }
    true
}

/// `[fields.address.street]`, made where it is not there.
pub(super) fn field_table<'d>(document: &'d mut DocumentMut, field: &str) -> Option<&'d mut dyn toml_edit::TableLike> {
    let mut at: &mut Item = document.entry("fields").or_insert_with(implicit);
    let mut names = field.split('.').peekable();
    while let Some(name) = names.next() {
        let last = names.peek().is_none();
        let make = || if last { Item::Table(Table::new()) } else { implicit() };
        at = at.as_table_like_mut()?.entry(name).or_insert_with(make);
    }
    at.as_table_like_mut()
}

fn implicit() -> Item {
    let mut table = Table::new();
    table.set_implicit(true);
    Item::Table(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Request;
    use crate::project::{answer, load, ownership};

    const CRM: &str = "connection = \"crm\"\nstream = \"contacts\"\nentity = \"contact\"\nsteward = \"ops\"\n[flow.in]\nprocess = \"sales\"\n\
        because = \"x\"\n[flow.out]\nprocess = \"sales\"\nbecause = \"x\"\n[[field]]\nremote = \"email\"\ncanonical = \"email\"\n\
        direction = \"both\"\nbecause = \"both sides edit it\"\n";

    fn project(hub: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let books = CRM.replace("\"crm\"", "\"books\"");
        for (path, text) in [
            ("nave.toml", hub),
            ("systems.toml", "[crm]\nkind = \"crm\"\nowner = \"Sales\"\n[books]\nkind = \"accounting\"\n"),
            ("nave.lock", "[plugins.x]\nsource = \"test\"\ndigest = \"00\"\nserial = 1\nversion = \"1.0.0\"\n"),
            ("connections/crm.toml", "plugin = \"x\"\n"),
            ("connections/books.toml", "plugin = \"x\"\n"),
            ("mappings/crm-contacts.toml", CRM),
            ("mappings/books-contacts.toml", &books),
        ] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        dir
    }

    fn lint(dir: &Path) -> Result<Answer, ApiError> {
        answer(dir, &Request::MappingLint { mapping: None }).unwrap()
    }

    fn init(dir: &Path, template: &str) -> EditsAnswer {
        let decision = Decision { owner: None, steward: None, by: "Ada", on: "2026-11-03" };
        match policy_init(dir, template, &decision, false).unwrap() {
            Answer::Edits(edits) => edits,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_starts_before_somebody_decided() {
        let dir = project("ownership = \"required\"\n");
        let error = lint(dir.path()).unwrap_err();
        assert_eq!((error.code.as_str(), error.exit), ("unowned", 1));
        assert!(
            error.message.contains("contact.email") && error.findings.iter().filter(|found| found.error).count() == 2,
            "{error:?}"
        );
        let catalog = load(dir.path()).unwrap().catalog;
        assert_eq!(ownership::complete(&catalog, ["contact"].into_iter()).unwrap_err().exit, 1);
        assert!(ownership::complete(&catalog, ["company"].into_iter()).is_ok(), "what is decided goes on");
        let edits = init(dir.path(), "crm-centric");
        assert!(edits.files.iter().any(|file| file.path == "entities/contact.toml" && file.new));
        let catalog = load(dir.path()).unwrap().catalog;
        assert!(lint(dir.path()).is_ok() && ownership::complete(&catalog, ["contact"].into_iter()).is_ok());
        let email = &catalog.entities["contact"].fields["email"];
        assert_eq!((email.steward.as_deref(), email.decided_by.as_deref()), (Some("Sales"), Some("Ada")));
        // What somebody decided stays.
        std::fs::write(dir.path().join("entities/contact.toml"), "# ours\n[fields.email]\nsurvivorship = \"newest\"\n").unwrap();
        init(dir.path(), "crm-centric");
        let text = std::fs::read_to_string(dir.path().join("entities/contact.toml")).unwrap();
        assert_eq!(text, "# ours\n[fields.email]\nsurvivorship = \"newest\"\n");
    }

    /// With an owner, a word of one system would lift the refusal in another: the template leaves the shipped rule alone.
    #[test]
    fn who_has_refused_is_owned_by_nobody() {
        let dir = project("");
        for system in ["crm", "books"] {
            let path = dir.path().join(format!("mappings/{system}-contacts.toml"));
            let text = std::fs::read_to_string(&path).unwrap();
            let more = "[[field]]\nremote = \"optout\"\ncanonical = \"email_marketing\"\ndirection = \"in\"\nbecause = \"x\"\n\
                        [[field]]\nremote = \"since\"\ncanonical = \"first_seen\"\ndirection = \"in\"\nbecause = \"x\"\n";
            std::fs::write(path, text + more).unwrap();
        }
        init(dir.path(), "crm-centric");
        let text = std::fs::read_to_string(dir.path().join("entities/contact.toml")).unwrap();
        assert!(!text.contains("email_marketing") && text.contains("[fields.first_seen]"), "{text}");
        let Ok(Answer::Lint(answer)) = lint(dir.path()) else { panic!() };
        assert!(answer.findings.iter().all(|found| found.code != "not-consent" && found.code != "unowned"), "{answer:?}");
    }

    #[test]
    fn where_it_is_only_advised_it_is_a_warning() {
        let dir = project("");
        let Ok(Answer::Lint(answer)) = lint(dir.path()) else { panic!() };
        assert_eq!(answer.findings.iter().filter(|found| found.code == "unowned").count(), 2);
        assert!(answer.findings.iter().all(|found| !found.error));
    }

    #[test]
    fn every_template_lints() {
        for template in TEMPLATE_NAMES {
            let dir = project("");
            let decision = Decision { owner: Some("crm"), steward: None, by: "Ada", on: "2026-11-03" };
            policy_init(dir.path(), template, &decision, false).unwrap();
            assert!(lint(dir.path()).is_ok(), "{template}");
        }
        let dir = project("");
        let decision = Decision { owner: None, steward: None, by: "Ada", on: "2026-11-03" };
        let error = policy_init(dir.path(), "hris-for-employees", &decision, true).unwrap_err();
        assert!(error.help.unwrap().contains("--owner"), "{}", error.message);
    }
}
