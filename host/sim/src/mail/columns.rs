//! Merge fields: which there are, how they are written, and what an administrator does to them.

use super::{
    Mail,
    lists::LISTS,
    member::{MergeField, normal, type_name},
};
use crate::{
    limits::MAIL_TAG_CHARS_MAX,
    simulated::{SchemaChange, SchemaVerb},
};
use serde_json::{Value, json};

/// Those that every list has at the start, and one as an administrator would add it for an integration.
pub(crate) fn at_start() -> Vec<MergeField> {
    let columns = [
        ("FNAME", "First Name", "text"),
        ("LNAME", "Last Name", "text"),
        ("PHONE", "Phone Number", "phone"),
        ("COMPANY", "Company", "text"),
        ("NAVE_ID", "Nave ID", "text"),
    ];
    (1..)
        .zip(columns)
        .map(|(id, (tag, name, kind))| MergeField { id, tag: tag.to_owned(), name: name.to_owned(), kind: kind.to_owned() })
        .collect()
}

pub(crate) fn render(column: &MergeField, list: &str) -> Value {
    json!({
        "merge_id": column.id, "tag": column.tag, "name": column.name, "type": column.kind, "required": false, "default_value": "",
        "public": true, "display_order": column.id + 1, "options": {"size": 25}, "help_text": "", "list_id": list, "_links": [],
    })
}

/// For all lists at once. Values go with their field; one that the new type does not allow is dropped.
pub(crate) fn alter(mail: &mut Mail, change: &SchemaChange) -> Result<(), String> {
    let tag = &change.field;
    let at = mail.columns.iter().position(|column| column.tag == *tag);
    let there = || at.ok_or_else(|| format!("there is no merge field `{tag}`"));
    let free = |mail: &Mail, tag: &str| {
        let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if tag.is_empty() || tag.len() > MAIL_TAG_CHARS_MAX || !tag.chars().all(plain) {
            return Err(format!("a tag is upper case, digits and `_`, at most {MAIL_TAG_CHARS_MAX} characters, not `{tag}`"));
        }
        if mail.columns.iter().any(|column| column.tag == tag) { Err(format!("`{tag}` is there already")) } else { Ok(()) }
    };
    let kind = change.kind.map(type_name).transpose()?;
    let mut columns = mail.columns.clone();
    match change.change {
        SchemaVerb::Add => {
            free(mail, tag)?;
            let id = columns.iter().map(|column| column.id).max().unwrap_or(0) + 1;
            columns.push(MergeField { id, tag: tag.clone(), name: tag.clone(), kind: kind.unwrap_or("text").to_owned() });
        }
        SchemaVerb::Remove => _ = columns.remove(there()?),
        SchemaVerb::Rename => {
            let to = change.to.as_ref().ok_or("rename needs `to`")?;
            free(mail, to)?;
            columns[there()?].tag.clone_from(to);
        }
        SchemaVerb::Retype => kind.ok_or("retype needs `type`")?.clone_into(&mut columns[there()?].kind),
    }
    mail.columns = columns;
    let members: Vec<_> = mail.store.all().filter(|member| member.values.contains_key(tag)).cloned().collect();
    for mut member in members {
        let value = member.values.remove(tag).unwrap_or_default();
        let now = match change.change {
            SchemaVerb::Rename => change.to.as_deref().unwrap_or(tag),
            _ => tag.as_str(),
        };
        if let Some(column) = mail.columns.iter().find(|column| column.tag == now)
            && let Ok(value) = normal(column, &value.into())
        {
            member.values.insert(now.to_owned(), value);
        }
        mail.store.put(member);
    }
    Ok(())
}

/// The merge fields of a list.
pub(crate) fn of_list(mail: &Mail, list: &str) -> Vec<Value> {
    debug_assert!(LISTS.iter().any(|(id, _)| *id == list));
    mail.columns.iter().map(|column| render(column, list)).collect()
}
