//! The streams: a member's own fields, and the merge fields of the audience.

use nave_sdk::http;
use nave_sdk::serde_json::Value;
use nave_sdk::types::{Capabilities, ChangeDetection, DeleteDetection, Failure, Field, FieldType, Stream, WriteMode};

use crate::api::{self, Settings};
use crate::limits::{BATCH_MAX, PAGE_ROWS_MAX};
use crate::whole;

/// Length of a merge field's text, in characters.
const TEXT_CHARS_MAX: u32 = 255;

/// All streams.
pub(crate) fn streams(settings: &Settings) -> Result<Vec<Stream>, Failure> {
    let (changes, deletes) = match whole::tells_changes(settings)? {
        true => (ChangeDetection::Incremental, DeleteDetection::Feed),
        false => (ChangeDetection::FullScan, DeleteDetection::Get),
    };
    let members = Capabilities {
        writable: true,
        changes,
        deletes,
        batch_max: BATCH_MAX,
        write_mode: WriteMode::Patch,
        deletable: true,
        searchable: vec!["email_address".to_owned()],
        webhooks: true,
        read_lag_ms: u64::from(settings.lag_seconds) * 1_000,
        ..Capabilities::read_only()
    };
    let mut fields = member();
    fields.extend(merge_fields(settings)?);
    Ok(vec![
        Stream::new(crate::MEMBERS, "Members of the audience").fields(fields).capabilities(members),
        Stream::new("audiences", "Audiences").fields(audience()).capabilities(Capabilities::read_only()),
        Stream::new("campaigns", "Campaigns").fields(campaign()).capabilities(Capabilities::read_only()),
    ])
}

fn merge_fields(settings: &Settings) -> Result<Vec<Field>, Failure> {
    let path = format!("/lists/{}/merge-fields", http::segment(&settings.audience));
    let body: Value = api::read(api::get(path).query("count", PAGE_ROWS_MAX.to_string()))?.json()?;
    let rows = body["merge_fields"].as_array().cloned().unwrap_or_default();
    Ok(rows.iter().filter_map(merge_field).collect())
}

fn merge_field(row: &Value) -> Option<Field> {
    let tag = row["tag"].as_str()?;
    let kind = match row["type"].as_str().unwrap_or_default() {
        "number" => FieldType::Decimal,
        "date" => FieldType::Date,
        "phone" => FieldType::Phone,
        "url" | "imageurl" => FieldType::Url,
        "address" => FieldType::Object,
        "radio" | "dropdown" => FieldType::Enum,
        _ => FieldType::Text,
    };
    let mut field = Field::new(&format!("merge_fields.{tag}"), row["name"].as_str().unwrap_or(tag), kind);
    if kind == FieldType::Text {
        field.max_length = Some(TEXT_CHARS_MAX);
    }
    if kind == FieldType::Enum {
        let choices = row["options"]["choices"].as_array().into_iter().flatten();
        field.values = choices.filter_map(|choice| choice.as_str().map(str::to_owned)).collect();
    }
    field.custom = !matches!(tag, "FNAME" | "LNAME" | "ADDRESS" | "PHONE" | "BIRTHDAY");
    Some(field)
}

fn member() -> Vec<Field> {
    use FieldType::{Boolean, Email, Enum, Integer, Json, List, Text, Timestamp};
    let own = |path: &str, label: &str, kind: FieldType| Field::new(path, label, kind).read_only();
    vec![
        own("contact_id", "Id", Text).unique(),
        own("id", "Hash of the mailbox", Text),
        Field::new("email_address", "E-mail", Email).required().unique(),
        Field::new("status", "Status", Enum).values(&["subscribed", "unsubscribed", "cleaned", "pending"]),
        Field::new("language", "Language", Text),
        Field::new("email_type", "Form of mails", Enum).values(&["html", "text"]),
        Field::new("vip", "VIP", Boolean),
        own("full_name", "Name", Text),
        own("tags", "Tags", List),
        own("tags_count", "Number of tags", Integer),
        own("timestamp_signup", "Signed up", Timestamp),
        own("timestamp_opt", "Confirmed", Timestamp),
        own("last_changed", "Changed", Timestamp),
        own("member_rating", "Rating", Integer),
        own("stats", "Figures", Json),
        own("source", "Source", Text),
        own("list_id", "Audience", Text),
    ]
}

fn audience() -> Vec<Field> {
    use FieldType::{Integer, Text, Timestamp};
    let fields = vec![
        Field::new("id", "Id", Text).unique(),
        Field::new("name", "Name", Text),
        Field::new("contact.company", "Company", Text),
        Field::new("stats.member_count", "Members", Integer),
        Field::new("date_created", "Created", Timestamp),
    ];
    fields.into_iter().map(Field::read_only).collect()
}

fn campaign() -> Vec<Field> {
    use FieldType::{Integer, Reference, Text, Timestamp};
    let fields = vec![
        Field::new("id", "Id", Text).unique(),
        Field::new("settings.title", "Title", Text),
        Field::new("settings.subject_line", "Subject", Text),
        Field::new("type", "Type", Text),
        Field::new("status", "Status", Text),
        Field::new("create_time", "Created", Timestamp),
        Field::new("send_time", "Sent", Timestamp),
        Field::new("emails_sent", "Mails sent", Integer),
        Field::new("recipients.list_id", "Audience", Reference).target("audiences"),
    ];
    fields.into_iter().map(Field::read_only).collect()
}
