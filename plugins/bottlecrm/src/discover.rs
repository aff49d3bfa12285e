//! The streams and their fields.

use nave_sdk::types::{Capabilities, DeleteDetection, Field, FieldType, Stream, WriteMode};

use crate::limits::BATCH_MAX;

/// All streams.
pub(crate) fn streams() -> Vec<Stream> {
    let capabilities = |search: &str| Capabilities {
        writable: true,
        deletes: DeleteDetection::FullScan,
        batch_max: BATCH_MAX,
        write_mode: WriteMode::Patch,
        deletable: true,
        searchable: vec!["custom_fields.nave_id".to_owned(), search.to_owned()],
        ..Capabilities::read_only()
    };
    vec![
        Stream::new("contacts", "Contacts").fields(contact()).capabilities(capabilities("email")),
        Stream::new("accounts", "Accounts").fields(account()).capabilities(capabilities("name")),
    ]
}

fn text(path: &str, label: &str) -> Field {
    Field::new(path, label, FieldType::Text).max_length(255)
}

/// Fields that both have.
fn common() -> Vec<Field> {
    use FieldType::{Boolean, Json, List, Phone, Text, Timestamp};
    vec![
        Field::new("id", "Id", Text).read_only().unique(),
        Field::new("phone", "Phone", Phone).max_length(25),
        text("address_line", "Address"),
        text("city", "City"),
        text("state", "State"),
        text("postcode", "Postal code").max_length(64),
        Field::new("country", "Country (ISO code)", Text).max_length(2),
        Field::new("description", "Description", Text),
        Field::new("is_active", "Active", Boolean),
        Field::new("custom_fields.nave_id", "Marker of the hub", Text),
        Field::new("created_at", "Created", Timestamp).read_only(),
        Field::new("created_by", "Created by", Json).read_only(),
        Field::new("org", "Organisation", Json).read_only(),
        Field::new("assigned_to", "Assigned to", List),
        Field::new("teams", "Teams", List),
        Field::new("tags", "Tags", List),
    ]
}

fn contact() -> Vec<Field> {
    use FieldType::{Boolean, Email, Json, List, Reference, Text, Timestamp, Url};
    let mut fields = vec![
        text("first_name", "First name").required(),
        text("last_name", "Last name").required(),
        Field::new("email", "E-mail", Email).unique(),
        Field::new("phone_e164", "Phone, normalised", Text).read_only(),
        Field::new("account", "Account", Reference).target("accounts"),
        text("organization", "Organisation's name"),
        text("title", "Title"),
        text("department", "Department"),
        Field::new("source", "Source", Text),
        Field::new("source_detail", "Source, detail", Text),
        Field::new("source_ref", "Source, reference", Text),
        Field::new("do_not_call", "Do not call", Boolean),
        Field::new("linkedin_url", "LinkedIn", Url),
        Field::new("updated_at", "Changed", Timestamp).read_only(),
        Field::new("account_detail", "Account, shown", Json).read_only(),
        Field::new("linked_accounts", "Linked accounts", List).read_only(),
    ];
    fields.extend(common());
    fields
}

fn account() -> Vec<Field> {
    use FieldType::{Decimal, Email, Integer, Json, Text, Url};
    let mut fields = vec![
        text("name", "Name").required().unique(),
        Field::new("email", "E-mail", Email),
        Field::new("website", "Website", Url),
        Field::new("industry", "Industry", Text),
        Field::new("number_of_employees", "Employees", Integer),
        Field::new("annual_revenue", "Revenue", Decimal),
        Field::new("currency", "Currency", Text),
        Field::new("country_display", "Country, shown", Text).read_only(),
        Field::new("rollups", "Figures", Json).read_only(),
    ];
    fields.extend(common());
    fields
}
