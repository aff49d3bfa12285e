//! Adding, changing, archiving and forgetting members, one or many.

use super::{Mail, body, known, member::Member, refusal::Refusal};
use crate::{
    limits::MAIL_BATCH_OBJECTS_MAX,
    rng::uuid,
    simulated::Fields,
    wire::{Call, Reply},
};
use serde::Deserialize;
use serde_json::{Value, json};

/// What is to become of a member that is there, or is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode<'a> {
    /// `POST …/members`: only one that is not there.
    Add,
    /// `PUT …/members/{name}`
    Upsert(&'a str),
    /// `PATCH …/members/{name}`: only one that is there.
    Change(&'a str),
}

/// A member as it will be; whether it differs from what is there, and whether it is new.
pub(crate) struct Plan {
    pub(crate) member: Member,
    pub(crate) changed: bool,
    pub(crate) new: bool,
}

pub(crate) fn plan(mail: &Mail, list: &str, given: &Fields, mode: Mode<'_>, now: i64) -> Result<Plan, Refusal> {
    let email = given.get("email_address").and_then(Value::as_str).unwrap_or_default().trim().to_lowercase();
    let there = mail.store.by_email(list, &email);
    let old = match mode {
        Mode::Add => there,
        Mode::Upsert(name) => mail.store.named(list, name).or(there),
        Mode::Change(name) => Some(mail.store.named(list, name).ok_or_else(Refusal::not_found)?),
    };
    if there.is_some_and(|member| member.forgotten) {
        return Err(Refusal::new(
            400,
            "Forgotten Email Not Subscribed",
            format!(
                "{email} was permanently deleted and cannot be re-imported. The contact must re-subscribe to get back on the list."
            ),
        ));
    }
    if mode == Mode::Add && old.is_some_and(|old| !old.archived()) {
        return Err(Refusal::new(
            400,
            "Member Exists",
            format!("{email} is already a list member. Use PUT to insert or update list members."),
        ));
    }
    let serial = mail.store.next_serial();
    let new = old.is_none();
    let mut member = old.cloned().unwrap_or_else(|| {
        let contact = uuid(mail.seed, "mail contact", serial).replace('-', "");
        Member::new(serial, list, contact, now)
    });
    // One that was archived starts again.
    let again = member.archived() && !matches!(mode, Mode::Change(_));
    if again {
        member.status.clear();
    }
    member.take(&mail.columns, given, new || again)?;
    if mail.store.by_email(list, &member.email).is_some_and(|other| other.serial != member.serial) {
        return Err(Refusal::new(400, "Member Exists", format!("{} is already a list member.", member.email)));
    }
    let changed = old != Some(&member);
    if changed {
        member.modified = now;
    }
    Ok(Plan { member, changed, new })
}

pub(crate) fn one(mail: &mut Mail, call: &Call, list: &str, mode: Mode<'_>, now: i64) -> Result<Reply, Refusal> {
    known(call, &["skip_merge_validation"])?;
    let plan = plan(mail, list, &body(call)?, mode, now)?;
    let shown = plan.member.render(&mail.columns);
    let entries = if plan.changed { vec![mail.keep(plan.member)] } else { Vec::new() };
    Ok(Reply::json(200, shown).with_entries(entries))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Many {
    members: Vec<Fields>,
    #[serde(default)]
    update_existing: bool,
    #[serde(default, rename = "sync_tags")]
    _sync_tags: bool,
}

/// `POST lists/{id}`: each member stands for itself.
pub(crate) fn many(mail: &mut Mail, call: &Call, list: &str, now: i64) -> Result<Reply, Refusal> {
    known(call, &["skip_merge_validation", "skip_duplicate_check"])?;
    let input: Many = body(call)?;
    if input.members.is_empty() || input.members.len() > MAIL_BATCH_OBJECTS_MAX {
        return Err(Refusal::field("members", format!("There must be between 1 and {MAIL_BATCH_OBJECTS_MAX} members.")));
    }
    let (mut made, mut updated, mut errors, mut entries) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for given in &input.members {
        let mode = if input.update_existing { Mode::Upsert("") } else { Mode::Add };
        match plan(mail, list, given, mode, now) {
            Ok(plan) => {
                let mut shown = plan.member.render(&mail.columns);
                if let Some(shown) = shown.as_object_mut() {
                    // What an answer to many leaves out.
                    for name in ["contact_id", "full_name", "web_id", "consents_to_one_to_one_messaging", "source"] {
                        shown.remove(name);
                    }
                    if let Some(location) = shown.get_mut("location").and_then(Value::as_object_mut) {
                        location.remove("region");
                    }
                }
                if plan.new {
                    made.push(shown)
                } else {
                    updated.push(shown)
                }
                if plan.changed {
                    entries.push(mail.keep(plan.member));
                }
            }
            Err(refusal) => errors.push(error(given, &refusal)),
        }
    }
    let answer = json!({
        "total_created": made.len(), "total_updated": updated.len(), "error_count": errors.len(), "new_members": made,
        "updated_members": updated, "errors": errors, "_links": [],
    });
    Ok(Reply::json(200, answer).with_entries(entries))
}

fn error(given: &Fields, refusal: &Refusal) -> Value {
    let (field, message) = refusal.line();
    let code = if refusal.detail.contains("already a list member") { "ERROR_CONTACT_EXISTS" } else { "ERROR_GENERIC" };
    json!({
        "email_address": given.get("email_address").and_then(Value::as_str).unwrap_or_default(), "error": refusal.detail,
        "error_code": code, "field": field, "field_message": message,
    })
}

/// The answer to a batch of which these members failed.
pub(crate) fn failed(reply: &Reply, failed: &[Value]) -> Value {
    let mut body = reply.json_body().unwrap_or_default();
    let refusal = Refusal::new(500, "InternalServerError", "The member could not be added; try again");
    if let Some(errors) = body["errors"].as_array_mut() {
        errors.extend(failed.iter().filter_map(Value::as_object).map(|given| error(given, &refusal)));
        body["error_count"] = errors.len().into();
    }
    body
}

/// `DELETE …/members/{name}`
pub(crate) fn archive(mail: &mut Mail, call: &Call, list: &str, name: &str, now: i64) -> Result<Reply, Refusal> {
    known(call, &[])?;
    let member = mail.store.named(list, name).ok_or_else(Refusal::not_found)?;
    if member.archived() {
        return Err(Refusal::new(405, "Method Not Allowed", "This list member cannot be removed. Please contact support."));
    }
    let member = Member { status: "archived".to_owned(), modified: now, ..member.clone() };
    Ok(Reply::empty(204).with_entries(vec![mail.keep(member)]))
}

/// `POST …/members/{name}/actions/delete-permanent`
pub(crate) fn forget(mail: &mut Mail, call: &Call, list: &str, name: &str, now: i64) -> Result<Reply, Refusal> {
    known(call, &[])?;
    let member = mail.store.named(list, name).ok_or_else(Refusal::not_found)?;
    let values = Default::default();
    let member = Member { status: "archived".to_owned(), forgotten: true, values, modified: now, ..member.clone() };
    Ok(Reply::empty(204).with_entries(vec![mail.keep(member)]))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tags {
    tags: Vec<TagChange>,
    #[serde(default, rename = "is_syncing")]
    _is_syncing: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TagChange {
    name: String,
    status: String,
}

/// `POST …/members/{name}/tags`
pub(crate) fn tags(mail: &mut Mail, call: &Call, list: &str, name: &str, now: i64) -> Result<Reply, Refusal> {
    known(call, &[])?;
    let input: Tags = body(call)?;
    let old = mail.store.named(list, name).ok_or_else(Refusal::not_found)?;
    let mut member = old.clone();
    for change in &input.tags {
        match change.status.as_str() {
            "active" => member.tag(&change.name, true, now),
            "inactive" => member.tag(&change.name, false, now),
            _ => return Err(Refusal::field("status", "Value must be one of: inactive, active.")),
        }
    }
    if member == *old {
        return Ok(Reply::empty(204));
    }
    member.modified = now;
    Ok(Reply::empty(204).with_entries(vec![mail.keep(member)]))
}
