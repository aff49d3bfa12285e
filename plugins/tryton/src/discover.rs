//! The streams and their fields.

use nave_sdk::types::{Capabilities, ChangeDetection, DeleteDetection, Field, FieldType, Stream, WriteMode};

use crate::limits::BATCH_MAX;
use crate::mechanisms;
use crate::settings::Settings;

pub(crate) const KINDS: [&str; 10] = ["phone", "mobile", "fax", "email", "website", "skype", "sip", "irc", "jabber", "other"];

/// All streams.
pub(crate) fn streams(settings: &Settings) -> Vec<Stream> {
    vec![
        Stream::new("persons", "Persons (parties)").fields(party(settings, true)).capabilities(writable()),
        Stream::new("organisations", "Organisations (parties)").fields(party(settings, false)).capabilities(writable()),
        Stream::new("parties", "All parties").fields(party(settings, true)).capabilities(writable()),
        Stream::new(mechanisms::STREAM, "Contact mechanisms of parties")
            .fields(mechanism())
            .capabilities(Capabilities { searchable: ["party", "value"].map(str::to_owned).to_vec(), ..writable() }),
        Stream::new("products", "Products").fields(product()).capabilities(readable()),
        Stream::new("invoices", "Invoices").fields(invoice()).capabilities(readable()),
    ]
}

fn writable() -> Capabilities {
    Capabilities {
        writable: true,
        changes: ChangeDetection::Incremental,
        deletes: DeleteDetection::Get,
        batch_max: BATCH_MAX,
        write_mode: WriteMode::Patch,
        deletable: true,
        searchable: ["marker", "name", "code", "email"].map(str::to_owned).to_vec(),
        ..Capabilities::read_only()
    }
}

fn readable() -> Capabilities {
    Capabilities { changes: ChangeDetection::Incremental, deletes: DeleteDetection::Get, ..Capabilities::read_only() }
}

fn party(settings: &Settings, person: bool) -> Vec<Field> {
    use FieldType::{Boolean, Email, Enum, Integer, List, Object, Phone, Reference, Text, Url};
    let mut fields = vec![
        Field::new("id", "Id", Integer).read_only().unique(),
        Field::new("name", "Name", Text),
        Field::new("code", "Code", Text).unique(),
        Field::new("active", "Active", Boolean),
        Field::new("marker", "Marker of the hub", Text),
        Field::new("email", "First e-mail", Email),
        Field::new("phone", "First phone", Phone),
        Field::new("mobile", "First mobile", Phone),
        Field::new("website", "First website", Url),
        Field::new("tax_id", "Tax identifier", Text),
        Field::new("address", "First address", Object),
        Field::new("contact_mechanisms", "Contact mechanisms", List),
        Field::new("contact_mechanisms.id", "Id", Integer).read_only(),
        Field::new("contact_mechanisms.type", "Type", Enum).values(&KINDS),
        Field::new("contact_mechanisms.value", "Value", Text),
        Field::new("addresses", "Addresses", List),
        Field::new("addresses.id", "Id", Integer).read_only(),
        Field::new("identifiers", "Identifiers", List),
        Field::new("identifiers.id", "Id", Integer).read_only(),
        Field::new("identifiers.type", "Type", Text),
        Field::new("identifiers.code", "Code", Text),
    ];
    for prefix in ["address", "addresses"] {
        for (name, label) in [
            ("name", "Name on the address"),
            ("street", "Street"),
            ("postal_code", "Postal code"),
            ("city", "City"),
            ("country", "Country"),
        ] {
            fields.push(Field::new(&format!("{prefix}.{name}"), label, Text));
        }
        fields.push(Field::new(&format!("{prefix}.region"), "Region", Text).read_only());
    }
    if person {
        fields.push(Field::new("first_name", "First name (of the name)", Text));
        fields.push(Field::new("last_name", "Last name (of the name)", Text));
    }
    if person && settings.relations() {
        fields.push(Field::new("company", "Company", Reference).target("organisations"));
    }
    fields
}

fn mechanism() -> Vec<Field> {
    use FieldType::{Boolean, Enum, Integer, Reference, Text};
    let required = |field: Field| Field { required: true, ..field };
    vec![
        Field::new("id", "Id", Integer).read_only().unique(),
        required(Field::new("party", "Party", Reference).target("parties")),
        required(Field::new("type", "Type", Enum).values(&KINDS)),
        required(Field::new("value", "Value", Text)),
        Field::new("name", "Name", Text),
        Field::new("active", "Active", Boolean),
    ]
}

fn product() -> Vec<Field> {
    use FieldType::{Boolean, Decimal, Integer, Text};
    let fields = [
        ("id", "Id", Integer),
        ("code", "Code", Text),
        ("name", "Name", Text),
        ("active", "Active", Boolean),
        ("type", "Type", Text),
        ("description", "Description", Text),
        ("unit", "Unit", Text),
        ("list_price", "List price", Decimal),
        ("cost_price", "Cost price", Decimal),
    ];
    fields.map(|(path, label, kind)| Field::new(path, label, kind).read_only()).to_vec()
}

fn invoice() -> Vec<Field> {
    use FieldType::{Date, Decimal, Integer, List, Reference, Text};
    let fields = [
        ("id", "Id", Integer),
        ("number", "Number", Text),
        ("state", "State", Text),
        ("type", "Type", Text),
        ("party", "Party", Reference),
        ("date", "Date", Date),
        ("currency", "Currency", Text),
        ("total", "Total", Decimal),
        ("untaxed", "Net", Decimal),
        ("tax", "Tax", Decimal),
        ("description", "Description", Text),
        ("lines", "Lines", List),
        ("lines.id", "Id", Integer),
        ("lines.product", "Product", Reference),
        ("lines.product_code", "Product code", Text),
        ("lines.description", "Description", Text),
        ("lines.quantity", "Quantity", Decimal),
        ("lines.unit_price", "Unit price", Decimal),
        ("lines.amount", "Amount", Decimal),
    ];
    let mut fields = fields.map(|(path, label, kind)| Field::new(path, label, kind).read_only()).to_vec();
    for field in &mut fields {
        field.target = match field.path.as_str() {
            "party" => Some("organisations".to_owned()),
            "lines.product" => Some("products".to_owned()),
            _ => None,
        };
    }
    fields
}
