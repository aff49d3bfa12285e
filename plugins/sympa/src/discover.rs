//! The streams and their fields.

use nave_sdk::types::{Capabilities, Field, FieldType, Stream, WriteMode};

use crate::limits::{BATCH_MAX, EMAIL_CHARS_MAX, NAME_CHARS_MAX};

/// All streams. Sympa tells neither what changed nor what was removed: everything is read each time.
pub(crate) fn streams() -> Vec<Stream> {
    let writable = Capabilities {
        writable: true,
        batch_max: BATCH_MAX,
        write_mode: WriteMode::Patch,
        deletable: true,
        searchable: vec!["email".to_owned()],
        ..Capabilities::read_only()
    };
    vec![
        Stream::new("members", "Members of the list").fields(member()).capabilities(writable),
        Stream::new("lists", "Lists").fields(list()).capabilities(Capabilities::read_only()),
    ]
}

fn text(path: &str, label: &str) -> Field {
    Field::new(path, label, FieldType::Text)
}

fn member() -> Vec<Field> {
    vec![
        Field::new("email", "Address", FieldType::Email).required().unique().max_length(EMAIL_CHARS_MAX),
        text("gecos", "Name").max_length(NAME_CHARS_MAX),
        text("first_name", "First name (of the name)"),
        text("last_name", "Last name (of the name)"),
    ]
}

fn list() -> Vec<Field> {
    let fields = vec![
        text("listAddress", "Address").unique(),
        text("name", "Name (of the address)"),
        text("subject", "Subject"),
        text("homepage", "Page"),
    ];
    fields.into_iter().map(Field::read_only).collect()
}
