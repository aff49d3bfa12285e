//! Objects as Zendesk writes them.

use super::{
    fields::Kind,
    table::{Comment, Row},
};
use crate::time;
use serde_json::{Value, json};

/// The object, with links below `base`.
pub(crate) fn object(kind: Kind, row: &Row, base: &str) -> Value {
    let url = format!("{base}/api/v2/{}/{}.json", kind.plural(), row.id);
    let (created, modified) = (time::iso_seconds(row.created), time::iso_seconds(row.modified));
    let field = |name: &str| row.value(name).clone();
    match kind {
        Kind::Tickets => {
            let status = if row.gone { "deleted".into() } else { field("status") };
            let description = row.comments.first().map(|comment| comment.body.clone());
            json!({
                "url": url, "id": row.id, "external_id": field("external_id"),
                "via": {"channel": "api", "source": {"from": {}, "to": {}, "rel": null}},
                "created_at": created, "updated_at": modified, "generated_timestamp": row.modified.div_euclid(1_000),
                "type": field("type"), "subject": field("subject"), "raw_subject": field("subject"), "description": description,
                "priority": field("priority"), "status": status, "recipient": null, "requester_id": field("requester_id"),
                "submitter_id": field("submitter_id"), "assignee_id": field("assignee_id"),
                "organization_id": field("organization_id"), "group_id": null, "collaborator_ids": [], "follower_ids": [],
                "email_cc_ids": [], "forum_topic_id": null, "problem_id": null, "has_incidents": false, "is_public": true,
                "due_at": field("due_at"), "tags": field("tags"), "custom_fields": [], "satisfaction_rating": null,
                "sharing_agreement_ids": [], "fields": [], "followup_ids": [], "allow_channelback": false,
                "allow_attachments": true, "from_messaging_channel": false,
            })
        }
        Kind::Users => json!({
            "id": row.id, "url": url, "name": field("name"), "email": field("email"), "created_at": created,
            "updated_at": modified, "time_zone": field("time_zone"), "iana_time_zone": "Europe/Berlin", "phone": field("phone"),
            "shared_phone_number": if row.text("phone").is_empty() { Value::Null } else { false.into() }, "photo": null,
            "locale_id": 1, "locale": field("locale"), "organization_id": field("organization_id"), "role": field("role"),
            "verified": field("verified"), "external_id": field("external_id"), "tags": field("tags"), "alias": field("alias"),
            "active": !row.gone, "shared": false, "shared_agent": false, "last_login_at": null, "two_factor_auth_enabled": false,
            "signature": null, "details": field("details"), "notes": field("notes"), "role_type": null, "custom_role_id": null,
            "moderator": row.text("role") != "end-user", "ticket_restriction": if row.text("role") == "end-user" { "requested".into() } else { Value::Null },
            "only_private_comments": false, "restricted_agent": row.text("role") == "end-user", "suspended": field("suspended"),
            "default_group_id": null, "report_csv": false, "user_fields": {},
        }),
        Kind::Organizations => json!({
            "url": url, "id": row.id, "name": field("name"), "shared_tickets": field("shared_tickets"),
            "shared_comments": field("shared_comments"), "external_id": field("external_id"), "created_at": created,
            "updated_at": modified, "domain_names": field("domain_names"), "details": field("details"), "notes": field("notes"),
            "group_id": null, "tags": field("tags"), "organization_fields": {},
        }),
    }
}

pub(crate) fn comment(comment: &Comment) -> Value {
    json!({
        "id": comment.id, "type": "Comment", "author_id": comment.author, "body": comment.body,
        "html_body": format!("<div class=\"zd-comment\">{}</div>", escaped(&comment.body)), "plain_body": comment.body,
        "public": comment.public, "attachments": [], "audit_id": comment.id + 1, "created_at": time::iso_seconds(comment.created),
        "via": {"channel": "api", "source": {"from": {}, "to": {}, "rel": null}}, "metadata": {"system": {}, "custom": {}},
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
