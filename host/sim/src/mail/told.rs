//! Webhooks as Mailchimp words them: forms, unsigned.

use super::{Mail, member::Member};
use crate::{
    simulated::{Event, Happened, Notice},
    time,
};

pub(crate) fn watch(mail: &mut Mail, on: bool) {
    mail.store.watched = on.then(Vec::new);
}

pub(crate) fn events(mail: &mut Mail) -> Vec<Event> {
    let seen = mail.store.watched.as_mut().map(std::mem::take).unwrap_or_default();
    let event = |(before, after): (Option<Member>, Member)| {
        let what = match &before {
            None => Happened::Made,
            Some(before) if before.status != "subscribed" && after.status == "subscribed" => Happened::Made,
            Some(before) if before.status == "subscribed" && after.status != "subscribed" => Happened::Deleted,
            Some(before) if before.email != after.email => {
                Happened::Changed(vec![("email_address".to_owned(), before.email.clone().into())])
            }
            Some(_) => Happened::Changed(Vec::new()),
        };
        Event { kind: "members".to_owned(), id: after.contact, what, at: after.modified }
    };
    seen.into_iter().map(event).collect()
}

pub(crate) fn notice(mail: &Mail, event: &Event) -> Notice {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    let fired = time::iso_plain(event.at).replace('T', " ");
    let word = match &event.what {
        Happened::Made => "subscribe",
        Happened::Deleted | Happened::MergedInto(_) => "unsubscribe",
        Happened::Changed(fields) if fields.is_empty() => "profile",
        Happened::Changed(_) => "upemail",
    };
    form.append_pair("type", word).append_pair("fired_at", &fired);
    if let Some(member) = mail.store.all().rev().find(|member| member.contact == event.id) {
        form.append_pair("data[list_id]", &member.list).append_pair("data[id]", &member.contact[..10]);
        match &event.what {
            Happened::Changed(fields) if !fields.is_empty() => {
                let old = fields[0].1.as_str().unwrap_or_default();
                form.append_pair("data[old_email]", old).append_pair("data[new_email]", &member.email);
            }
            what => {
                if *what == Happened::Deleted {
                    let action = if member.archived() { "archive" } else { "unsub" };
                    form.append_pair("data[action]", action).append_pair("data[reason]", "manual");
                }
                form.append_pair("data[email]", &member.email).append_pair("data[email_type]", &member.email_type);
                for column in &mail.columns {
                    let value = member.values.get(&column.tag).map_or("", String::as_str);
                    form.append_pair(&format!("data[merges][{}]", column.tag), value);
                }
            }
        }
    }
    Notice { content_type: "application/x-www-form-urlencoded", body: form.finish() }
}
