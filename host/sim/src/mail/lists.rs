//! Lists and campaigns: seeded, read only.

use super::{Mail, member::stamp};
use crate::people::SEEDED_FROM_MS;
use serde_json::{Value, json};

/// Id and name of every list.
pub(crate) const LISTS: [(&str, &str); 2] = [("a1b2c3d4e5", "Newsletter"), ("f6a7b8c9d0", "Customers")];

const CAMPAIGNS: [(&str, &str, &str, &str); 4] = [
    ("c0000001aa", "Spring news", "sent", "a1b2c3d4e5"),
    ("c0000002bb", "Price list", "sent", "f6a7b8c9d0"),
    ("c0000003cc", "Autumn news", "schedule", "a1b2c3d4e5"),
    ("c0000004dd", "Year's end", "save", "a1b2c3d4e5"),
];

pub(crate) fn list(mail: &Mail, id: &str) -> Option<Value> {
    let nth = LISTS.iter().position(|(known, _)| *known == id)?;
    let count = |status: &str| mail.store.all().filter(|member| member.list == id && member.status == status).count();
    let contact = json!({"company": "Simulated Mail", "address1": "Hauptstr. 1", "address2": "", "city": "Berlin", "state": "", "zip": "10115", "country": "DE", "phone": ""});
    Some(json!({
        "id": id, "web_id": nth + 1, "name": LISTS[nth].1, "contact": contact, "permission_reminder": "You asked for it.",
        "use_archive_bar": true, "notify_on_subscribe": "", "notify_on_unsubscribe": "", "date_created": stamp(SEEDED_FROM_MS - 300 * 86_400_000),
        "campaign_defaults": {"from_name": "Simulated Mail", "from_email": "news@mail.example", "subject": "", "language": "en"},
        "list_rating": 3, "email_type_option": false, "subscribe_url_short": "", "subscribe_url_long": "", "beamer_address": "",
        "visibility": "prv", "double_optin": false, "has_welcome": false, "marketing_permissions": false, "modules": [],
        "stats": {"member_count": count("subscribed"), "unsubscribe_count": count("unsubscribed"), "cleaned_count": count("cleaned"), "merge_field_count": mail.columns.len()},
        "_links": [],
    }))
}

pub(crate) fn all(mail: &Mail) -> Vec<Value> {
    LISTS.iter().filter_map(|(id, _)| list(mail, id)).collect()
}

/// Those of a list and of a status, where they are named.
pub(crate) fn campaigns(of_list: Option<&str>, of_status: Option<&str>) -> Vec<Value> {
    let wanted =
        |list: &str, status: &str| of_list.is_none_or(|named| named == list) && of_status.is_none_or(|named| named == status);
    CAMPAIGNS
        .iter()
        .filter(|(_, _, status, list)| wanted(list, status))
        .map(|(id, ..)| campaign(id))
        .map(Option::unwrap_or_default)
        .collect()
}

pub(crate) fn campaign(id: &str) -> Option<Value> {
    let nth = CAMPAIGNS.iter().position(|(known, ..)| *known == id)?;
    let (_, title, status, list) = CAMPAIGNS[nth];
    let name = LISTS.iter().find(|(known, _)| *known == list).map_or("", |(_, name)| *name);
    let at = SEEDED_FROM_MS - (50 - 10 * i64::try_from(nth).unwrap_or(0)) * 86_400_000;
    let sent = status == "sent";
    let mut out = json!({
        "id": id, "web_id": nth + 1, "type": "regular", "create_time": stamp(at), "archive_url": "", "long_archive_url": "",
        "status": status, "emails_sent": if sent { 120 } else { 0 }, "content_type": "template", "needs_block_refresh": false, "resendable": sent,
        "recipients": {"list_id": list, "list_is_active": true, "list_name": name, "segment_text": "", "recipient_count": 120},
        "settings": {"subject_line": title, "preview_text": "", "title": title, "from_name": "Simulated Mail", "reply_to": "news@mail.example"},
        "tracking": {"opens": true, "html_clicks": true, "text_clicks": false}, "_links": [],
    });
    if sent {
        out["send_time"] = stamp(at + 86_400_000).into();
        out["report_summary"] = json!({"opens": 60, "unique_opens": 40, "open_rate": 0.33, "clicks": 12, "subscriber_clicks": 10, "click_rate": 0.08});
    }
    Some(out)
}
