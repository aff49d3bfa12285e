//! The streams: Zendesk's own fields, and those that the account added to users and organizations.

use nave_sdk::serde_json::Value;
use nave_sdk::types::{Capabilities, ChangeDetection, DeleteDetection, Failure, Field, FieldType, Stream, WriteMode};

use crate::api;
use crate::comments;
use crate::limits::{BATCH_MAX, EXPORT_LAG_MS, PAGE_ROWS_MAX};

/// All streams.
pub(crate) fn streams() -> Result<Vec<Stream>, Failure> {
    let writable = |searchable: &[&str]| Capabilities {
        writable: true,
        batch_max: BATCH_MAX,
        write_mode: WriteMode::Patch,
        deletable: true,
        searchable: searchable.iter().map(|path| (*path).to_owned()).collect(),
        webhooks: true,
        ..Capabilities::read_only()
    };
    let exported = |capabilities: Capabilities| Capabilities {
        changes: ChangeDetection::Incremental,
        deletes: DeleteDetection::Feed,
        read_lag_ms: EXPORT_LAG_MS,
        ..capabilities
    };
    let users = Capabilities { mergeable: true, ..exported(writable(&["external_id", "email"])) };
    let organizations = writable(&["external_id", "name"]);
    let tickets = Capabilities { idempotency_key: true, conditional_write: true, ..exported(writable(&["external_id"])) };
    let mut user_fields = user();
    user_fields.extend(custom("user")?);
    let mut organization_fields = organization();
    organization_fields.extend(custom("organization")?);
    Ok(vec![
        Stream::new("users", "Users").fields(user_fields).capabilities(users),
        Stream::new("organizations", "Organizations").fields(organization_fields).capabilities(organizations),
        Stream::new("tickets", "Tickets").fields(ticket()).capabilities(tickets),
        Stream::new(comments::STREAM, "Comments of tickets").fields(comment()).capabilities(Capabilities {
            changes: ChangeDetection::Incremental,
            deletes: DeleteDetection::Never,
            read_lag_ms: EXPORT_LAG_MS,
            // Those that are added to a ticket are told; the first one, its description, is not.
            webhooks: false,
            ..Capabilities::read_only()
        }),
    ])
}

/// Fields that the account added; none where the agent may not look at them.
fn custom(of: &str) -> Result<Vec<Field>, Failure> {
    let answer = api::get(format!("/{of}_fields")).query("page[size]", PAGE_ROWS_MAX.to_string()).send()?;
    if matches!(answer.status, 403 | 404) {
        return Ok(Vec::new());
    }
    if !answer.is_success() {
        return Err(api::failure(&answer));
    }
    let body: Value = answer.json()?;
    let rows = body[format!("{of}_fields")].as_array().cloned().unwrap_or_default();
    Ok(rows.iter().filter_map(|row| custom_field(of, row)).collect())
}

fn custom_field(of: &str, row: &Value) -> Option<Field> {
    let path = format!("{of}_fields.{}", row["key"].as_str()?);
    let kind = match row["type"].as_str().unwrap_or_default() {
        "checkbox" => FieldType::Boolean,
        "date" => FieldType::Timestamp,
        "integer" => FieldType::Integer,
        "decimal" => FieldType::Decimal,
        "dropdown" | "tagger" => FieldType::Enum,
        "multiselect" => FieldType::List,
        _ => FieldType::Text,
    };
    let mut field = Field::new(&path, row["title"].as_str().unwrap_or(&path), kind);
    if kind == FieldType::Enum {
        let options = row["custom_field_options"].as_array().into_iter().flatten();
        field.values = options.filter_map(|option| option["value"].as_str().map(str::to_owned)).collect();
    }
    field.custom = true;
    field.read_only = row["active"] == false;
    Some(field)
}

fn text(path: &str, label: &str) -> Field {
    Field::new(path, label, FieldType::Text).max_length(255)
}

/// What all three have.
fn common() -> Vec<Field> {
    vec![
        Field::new("id", "Id", FieldType::Integer).read_only().unique(),
        Field::new("url", "Address in the API", FieldType::Url).read_only(),
        Field::new("created_at", "Created", FieldType::Timestamp).read_only(),
        Field::new("updated_at", "Changed", FieldType::Timestamp).read_only(),
        Field::new("tags", "Tags", FieldType::List),
    ]
}

fn user() -> Vec<Field> {
    use FieldType::{Boolean, Email, Enum, Integer, Phone, Reference, Text};
    let mut fields = common();
    fields.extend([
        text("name", "Name"),
        text("first_name", "First name (of the name)"),
        text("last_name", "Last name (of the name)"),
        Field::new("email", "E-mail", Email).unique(),
        Field::new("phone", "Phone", Phone).max_length(128),
        Field::new("role", "Role", Enum).values(&["end-user", "agent", "admin"]),
        text("external_id", "External id").unique(),
        Field::new("organization_id", "Organization", Reference).target("organizations"),
        text("alias", "Alias"),
        Field::new("details", "Details", Text),
        Field::new("notes", "Notes", Text),
        Field::new("locale", "Language", Text),
        Field::new("time_zone", "Time zone", Text),
        Field::new("verified", "Verified", Boolean),
        Field::new("suspended", "Suspended", Boolean),
        Field::new("active", "Active", Boolean).read_only(),
    ]);
    for (path, label) in [("shared", "Shared"), ("shared_agent", "Shared agent"), ("shared_phone_number", "Shared phone")] {
        fields.push(Field::new(path, label, Boolean).read_only());
    }
    for (path, label) in [("iana_time_zone", "Time zone (IANA)"), ("last_login_at", "Last seen"), ("photo", "Picture")] {
        fields.push(Field::new(path, label, Text).read_only());
    }
    fields.push(Field::new("locale_id", "Language's id", Integer).read_only());
    fields
}

fn organization() -> Vec<Field> {
    use FieldType::{Boolean, Integer, List, Text};
    let mut fields = common();
    fields.extend([
        text("name", "Name").required().unique(),
        text("external_id", "External id").unique(),
        Field::new("domain_names", "Domains", List),
        Field::new("details", "Details", Text),
        Field::new("notes", "Notes", Text),
        Field::new("shared_tickets", "Shared tickets", Boolean),
        Field::new("shared_comments", "Shared comments", Boolean),
        Field::new("group_id", "Group", Integer),
    ]);
    fields
}

fn ticket() -> Vec<Field> {
    use FieldType::{Enum, Json, Reference, Text, Timestamp};
    let mut fields = common();
    fields.extend([
        Field::new("subject", "Subject", Text).max_length(150),
        // The first comment: said with the create, and never changed.
        Field::new("description", "Description", Text).required(),
        Field::new("status", "Status", Enum).values(&["new", "open", "pending", "hold", "solved", "closed"]),
        Field::new("priority", "Priority", Enum).values(&["low", "normal", "high", "urgent"]),
        Field::new("type", "Type", Enum).values(&["problem", "incident", "question", "task"]),
        Field::new("requester_id", "Requester", Reference).target("users"),
        Field::new("submitter_id", "Submitter", Reference).target("users"),
        Field::new("assignee_id", "Assignee", Reference).target("users"),
        Field::new("organization_id", "Organization", Reference).target("organizations"),
        text("external_id", "External id"),
        Field::new("due_at", "Due", Timestamp),
        Field::new("via", "Where it came from", Json).read_only(),
        Field::new("via.channel", "Channel", Text).read_only(),
    ]);
    fields
}

fn comment() -> Vec<Field> {
    use FieldType::{Boolean, Integer, List, Reference, Text, Timestamp};
    let fields = vec![
        Field::new("id", "Id", Integer),
        Field::new("ticket_id", "Ticket", Reference).target("tickets"),
        Field::new("author_id", "Author", Reference).target("users"),
        Field::new("plain_body", "Text", Text),
        Field::new("public", "Public", Boolean),
        Field::new("created_at", "At", Timestamp),
        Field::new("via.channel", "Channel", Text),
        Field::new("attachments", "Attachments", List),
    ];
    fields.into_iter().map(Field::read_only).collect()
}
