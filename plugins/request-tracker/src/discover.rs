//! The streams and their fields: the same everywhere, but for custom fields, which are not read.

use nave_sdk::types::{Capabilities, ChangeDetection, DeleteDetection, Field, FieldType, Stream, WriteMode};

use crate::limits::{BATCH_MAX, SUBJECT_CHARS_MAX};

/// All streams.
pub(crate) fn streams() -> Vec<Stream> {
    let writable = |deletes, searchable: &[&str]| Capabilities {
        writable: true,
        changes: ChangeDetection::Incremental,
        deletes,
        batch_max: BATCH_MAX,
        conditional_write: true,
        write_mode: WriteMode::Patch,
        deletable: true,
        searchable: searchable.iter().map(|path| (*path).to_owned()).collect(),
        ..Capabilities::read_only()
    };
    let transactions =
        Capabilities { changes: ChangeDetection::Incremental, deletes: DeleteDetection::Never, ..Capabilities::read_only() };
    vec![
        Stream::new("users", "Users without privileges")
            .fields(user())
            .capabilities(writable(DeleteDetection::Feed, &["Name", "EmailAddress"])),
        Stream::new("tickets", "Tickets").fields(ticket()).capabilities(writable(DeleteDetection::Feed, &["Subject"])),
        Stream::new("transactions", "What was done to tickets").fields(transaction()).capabilities(transactions),
    ]
}

fn text(path: &str, label: &str) -> Field {
    Field::new(path, label, FieldType::Text)
}

fn user() -> Vec<Field> {
    use FieldType::{Email, Phone, Text, Timestamp};
    vec![
        text("id", "Id").read_only().unique(),
        text("Name", "Log-in name").unique().max_length(200),
        text("first_name", "First name (of the real name)"),
        text("last_name", "Last name (of the real name)"),
        text("RealName", "Real name").max_length(120),
        Field::new("EmailAddress", "E-mail", Email).unique().max_length(120),
        text("NickName", "Nickname").max_length(16),
        text("Organization", "Organisation's name").max_length(200),
        text("Address1", "Address").max_length(200),
        text("Address2", "Address, second line").max_length(200),
        text("City", "City").max_length(100),
        text("State", "State").max_length(100),
        text("Zip", "Postal code").max_length(16),
        text("Country", "Country").max_length(50),
        Field::new("WorkPhone", "Phone at work", Phone).max_length(30),
        Field::new("MobilePhone", "Mobile phone", Phone).max_length(30),
        Field::new("HomePhone", "Phone at home", Phone).max_length(30),
        Field::new("PagerPhone", "Pager", Phone).max_length(30),
        Field::new("Comments", "Comments", Text),
        text("Lang", "Language").max_length(16),
        text("Gecos", "Unix name").max_length(16),
        Field::new("Created", "Created", Timestamp).read_only(),
        Field::new("LastUpdated", "Changed", Timestamp).read_only(),
    ]
}

fn ticket() -> Vec<Field> {
    use FieldType::{Reference, Timestamp};
    vec![
        text("id", "Number").read_only().unique(),
        text("Subject", "Subject").max_length(SUBJECT_CHARS_MAX),
        // Statuses are those of the queue's life cycle.
        text("Status", "Status"),
        Field::new("Priority", "Priority", FieldType::Integer),
        text("Queue", "Queue"),
        Field::new("Requestor", "First requestor", Reference).target("users"),
        text("Owner", "Owner's user id").read_only(),
        text("Type", "Type").read_only(),
        Field::new("Created", "Created", Timestamp).read_only(),
        Field::new("Started", "Begun", Timestamp).read_only(),
        Field::new("Resolved", "Resolved", Timestamp).read_only(),
        Field::new("LastUpdated", "Changed", Timestamp).read_only(),
    ]
}

fn transaction() -> Vec<Field> {
    use FieldType::{Reference, Timestamp};
    let fields = vec![
        text("id", "Id").unique(),
        text("Type", "Type"),
        Field::new("ObjectId", "Ticket", Reference).target("tickets"),
        text("Field", "Field"),
        text("OldValue", "Old value"),
        text("NewValue", "New value"),
        Field::new("Creator", "By", Reference).target("users"),
        Field::new("Created", "At", Timestamp),
    ];
    fields.into_iter().map(Field::read_only).collect()
}
