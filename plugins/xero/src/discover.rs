//! The streams and their fields: Xero's are the same for everybody.

use nave_sdk::types::{Capabilities, ChangeDetection, DeleteDetection, Field, FieldType, Stream, WriteMode};

use crate::api::Settings;
use crate::limits::{BATCH_MAX, NUMBER_CHARS_MAX};

/// All streams.
pub(crate) fn streams(settings: &Settings) -> Vec<Stream> {
    let read_lag_ms = u64::from(settings.lag_seconds) * 1_000;
    let contacts = Capabilities {
        writable: true,
        changes: ChangeDetection::Incremental,
        deletes: DeleteDetection::Feed,
        upsert_by: vec!["ContactNumber".to_owned()],
        batch_max: BATCH_MAX,
        idempotency_key: true,
        write_mode: WriteMode::Patch,
        webhooks: true,
        deletable: true,
        searchable: ["ContactNumber", "EmailAddress", "Name", "AccountNumber"].map(str::to_owned).to_vec(),
        read_lag_ms,
        ..Capabilities::read_only()
    };
    let invoices = Capabilities {
        changes: ChangeDetection::Incremental,
        deletes: DeleteDetection::Feed,
        webhooks: true,
        read_lag_ms,
        ..Capabilities::read_only()
    };
    vec![
        Stream::new("contacts", "Contacts").fields(contact()).capabilities(contacts),
        Stream::new("invoices", "Invoices").fields(invoice()).capabilities(invoices),
    ]
}

fn contact() -> Vec<Field> {
    use FieldType::{Boolean, Decimal, Email, Enum, List, Object, Phone, Text, Timestamp, Url};
    let text = |path: &str, label: &str, length: u32| Field::new(path, label, Text).max_length(length);
    vec![
        Field::new("ContactID", "Id", Text).read_only().unique(),
        text("Name", "Name", 255).required().unique(),
        text("FirstName", "First name", 255),
        text("LastName", "Last name", 255),
        Field::new("EmailAddress", "E-mail", Email).max_length(255),
        Field::new("phone", "Phone", Phone).max_length(50),
        Field::new("mobile", "Mobile phone", Phone).max_length(50),
        Field::new("fax", "Fax", Phone).max_length(50),
        Field::new("ddi", "Direct dial", Phone).max_length(50),
        Field::new("address", "Street address", Object),
        text("address.street", "Street", 2000),
        text("address.city", "City", 255),
        text("address.region", "Region", 255),
        text("address.postal_code", "Postal code", 50),
        text("address.country", "Country", 50),
        text("address.attention", "Attention", 255),
        text("ContactNumber", "Contact number", NUMBER_CHARS_MAX as u32).unique(),
        text("AccountNumber", "Account number", 50),
        text("CompanyNumber", "Company number", 50),
        text("TaxNumber", "Tax number", 50),
        text("BankAccountDetails", "Bank account", 255),
        text("DefaultCurrency", "Currency", 3),
        Field::new("ContactStatus", "Status", Enum).values(&["ACTIVE", "ARCHIVED", "GDPRREQUEST"]),
        Field::new("Website", "Website", Url).read_only(),
        Field::new("IsCustomer", "Customer", Boolean).read_only(),
        Field::new("IsSupplier", "Supplier", Boolean).read_only(),
        Field::new("kind", "Kind", Enum).values(&["person", "organisation"]).read_only(),
        Field::new("balance", "Owed to us", Decimal).read_only(),
        Field::new("overdue", "Overdue to us", Decimal).read_only(),
        Field::new("UpdatedDateUTC", "Changed", Timestamp).read_only(),
        Field::new("Phones", "Phones", List),
        Field::new("Addresses", "Addresses", List),
        Field::new("ContactPersons", "Contact persons", List),
        Field::new("ContactGroups", "Groups", List).read_only(),
    ]
}

fn invoice() -> Vec<Field> {
    use FieldType::{Date, Decimal, List, Reference, Text};
    let mut fields = vec![
        Field::new("InvoiceID", "Id", Text).unique(),
        Field::new("InvoiceNumber", "Number", Text),
        Field::new("Reference", "Reference", Text),
        Field::new("Type", "Type", Text),
        Field::new("Status", "Status", Text),
        Field::new("contact_id", "Contact", Reference).target("contacts"),
        Field::new("date", "Date", Date),
        Field::new("due_date", "Due date", Date),
        Field::new("CurrencyCode", "Currency", Text),
        Field::new("SubTotal", "Net", Decimal),
        Field::new("TotalTax", "Tax", Decimal),
        Field::new("Total", "Total", Decimal),
        Field::new("AmountDue", "Due", Decimal),
        Field::new("AmountPaid", "Paid", Decimal),
        Field::new("LineItems", "Lines", List),
        Field::new("LineItems.LineItemID", "Id", Text),
        Field::new("LineItems.Description", "Description", Text),
        Field::new("LineItems.Quantity", "Quantity", Decimal),
        Field::new("LineItems.UnitAmount", "Unit price", Decimal),
        Field::new("LineItems.LineAmount", "Amount", Decimal),
    ];
    for field in &mut fields {
        field.read_only = true;
    }
    fields
}
