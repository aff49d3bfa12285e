//! What happens to a member without a request: somebody unsubscribes, an automation sets a field.

use super::{Mail, member::Member};
use crate::simulated::{Amendment, Fields};
use serde_json::{Value, json};

pub(crate) fn live(mail: &Mail, kind: &str) -> Vec<String> {
    let members = mail.store.all().filter(|member| kind == "members" && !member.archived());
    members.map(|member| member.contact.clone()).collect()
}

pub(crate) fn about(entry: &Value) -> Option<(String, String)> {
    Some(("members".to_owned(), entry["member"]["contact"].as_str()?.to_owned()))
}

pub(crate) fn amend(mail: &mut Mail, id: &str, amendment: Amendment<'_>, now: i64) -> Vec<Value> {
    let Some(old) = mail.store.contact(id).filter(|member| !member.archived()) else { return Vec::new() };
    let mut member = Member { modified: now, ..old.clone() };
    match amendment {
        Amendment::Delete => member.status = "archived".to_owned(),
        Amendment::Touch => {}
        Amendment::Set(field, edit) => {
            let column = mail.columns.iter().any(|column| column.tag == field);
            let given = match field {
                _ if column => json!({"merge_fields": {field: edit(old.values.get(field).map_or("", String::as_str))}}),
                "status" => json!({"status": edit(&old.status)}),
                "language" => json!({"language": edit(&old.language)}),
                _ => return Vec::new(),
            };
            let given: Fields = given.as_object().cloned().unwrap_or_default();
            // What the system itself would refuse does not happen.
            if member.take(&mail.columns, &given, false).is_err() || (Member { modified: old.modified, ..member.clone() }) == *old
            {
                return Vec::new();
            }
        }
    }
    vec![mail.keep(member)]
}
