//! Invoices: seeded, read only.
//!
//! Amounts are decimals and are written with two places. Must not know who the contact is beyond the id: its name is looked up when an
//! answer is written.

use super::filter::Val;
use crate::time;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value, json};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) description: String,
    pub(crate) quantity: Decimal,
    pub(crate) unit_amount: Decimal,
    pub(crate) account: String,
    pub(crate) tax_percent: Decimal,
}

impl Line {
    fn amount(&self) -> Decimal {
        (self.quantity * self.unit_amount).round_dp(2)
    }

    fn tax(&self) -> Decimal {
        (self.amount() * self.tax_percent / Decimal::ONE_HUNDRED).round_dp(2)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Invoice {
    pub(crate) serial: u64,
    pub(crate) id: String,
    pub(crate) number: String,
    pub(crate) reference: String,
    pub(crate) contact: String,
    pub(crate) date: i64,
    pub(crate) due: i64,
    /// `DRAFT`, `AUTHORISED` or `PAID`.
    pub(crate) status: String,
    pub(crate) currency: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) modified: i64,
}

/// A decimal as JSON, with its places.
pub(crate) fn money(amount: Decimal, places: u32) -> Value {
    let mut amount = amount;
    amount.rescale(places);
    amount.to_string().parse::<Number>().map_or(Value::Null, Value::Number)
}

impl Invoice {
    fn subtotal(&self) -> Decimal {
        self.lines.iter().map(Line::amount).sum()
    }

    fn tax(&self) -> Decimal {
        self.lines.iter().map(Line::tax).sum()
    }

    pub(crate) fn total(&self) -> Decimal {
        self.subtotal() + self.tax()
    }

    pub(crate) fn paid(&self) -> Decimal {
        if self.status == "PAID" { self.total() } else { Decimal::ZERO }
    }

    /// A field for `where` and `order`; `None` where there is no such field.
    pub(crate) fn field(&self, name: &str) -> Option<Val> {
        Some(match name {
            "InvoiceID" => Val::Text(self.id.clone()),
            "InvoiceNumber" => Val::Text(self.number.clone()),
            "Reference" => Val::Text(self.reference.clone()),
            "Type" => Val::Text("ACCREC".to_owned()),
            "Status" => Val::Text(self.status.clone()),
            "Contact.ContactID" => Val::Text(self.contact.clone()),
            "Date" => Val::Time(self.date),
            "DueDate" => Val::Time(self.due),
            "UpdatedDateUTC" => Val::Time(self.modified),
            "Total" => Val::Number(self.total()),
            "AmountDue" => Val::Number(self.total() - self.paid()),
            "AmountPaid" => Val::Number(self.paid()),
            _ => return None,
        })
    }

    /// As the vendor writes it. Lines only where a page or this one invoice was asked for.
    pub(crate) fn render(&self, contact_name: &str, with_lines: bool) -> Value {
        let two = |amount| money(amount, 2);
        let lines: Vec<Value> = self
            .lines
            .iter()
            .filter(|_| with_lines)
            .map(|line| {
                json!({
                    "LineItemID": line.id, "Description": line.description, "Quantity": money(line.quantity, 4), "UnitAmount": two(line.unit_amount),
                    "AccountCode": line.account, "TaxType": "OUTPUT", "TaxAmount": two(line.tax()), "LineAmount": two(line.amount()), "Tracking": [],
                })
            })
            .collect();
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| _ = out.insert(name.to_owned(), value);
        put("Type", "ACCREC".into());
        put("InvoiceID", self.id.clone().into());
        put("InvoiceNumber", self.number.clone().into());
        put("Reference", self.reference.clone().into());
        put("Status", self.status.clone().into());
        put("Contact", json!({"ContactID": self.contact, "Name": contact_name, "HasValidationErrors": false}));
        put("Date", time::ms_date(self.date).into());
        put("DateString", time::iso_plain(self.date).into());
        put("DueDate", time::ms_date(self.due).into());
        put("DueDateString", time::iso_plain(self.due).into());
        put("LineAmountTypes", "Exclusive".into());
        put("LineItems", lines.into());
        put("SubTotal", two(self.subtotal()));
        put("TotalTax", two(self.tax()));
        put("Total", two(self.total()));
        put("AmountDue", two(self.total() - self.paid()));
        put("AmountPaid", two(self.paid()));
        put("AmountCredited", two(Decimal::ZERO));
        put("CurrencyCode", self.currency.clone().into());
        put("CurrencyRate", money(Decimal::ONE, 6));
        put("Payments", json!([]));
        put("CreditNotes", json!([]));
        put("SentToContact", (self.status != "DRAFT").into());
        put("IsDiscounted", false.into());
        put("HasAttachments", false.into());
        put("HasErrors", false.into());
        put("UpdatedDateUTC", time::ms_date(self.modified).into());
        Value::Object(out)
    }
}
