//! Products and invoices: read only, everything once, then what changed since.

use nave_sdk::checkpoint;
use nave_sdk::serde::{Deserialize, Serialize};
use nave_sdk::serde_json::{Value, json};
use nave_sdk::types::{Failure, Page, SourceRecord};
use nave_sdk::{body, time};

use crate::api::{self, Query};
use crate::limits::{IDS_PER_QUERY, OVERLAP_US, PAGE_ROWS_MAX};
use crate::party::{id_text, list, lists_are_lists, row_id, truth};
use crate::settings::Settings;

/// One of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Document {
    Product,
    Invoice,
}

impl Document {
    pub(crate) fn of(stream: &str) -> Option<Self> {
        match stream {
            "products" => Some(Self::Product),
            "invoices" => Some(Self::Invoice),
            _ => None,
        }
    }

    fn model(self) -> &'static str {
        match self {
            Self::Product => "product.product",
            Self::Invoice => "account.invoice",
        }
    }

    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Product => &[
                "code",
                "name",
                "active",
                "type",
                "description",
                "default_uom.symbol",
                "template.list_price",
                "cost_price",
                "write_date",
                "create_date",
                "template.write_date",
            ],
            Self::Invoice => &[
                "number",
                "state",
                "type",
                "party",
                "invoice_date",
                "currency.code",
                "total_amount",
                "untaxed_amount",
                "tax_amount",
                "description",
                "lines.product",
                "lines.product.code",
                "lines.description",
                "lines.quantity",
                "lines.unit_price",
                "lines.amount",
                "write_date",
                "create_date",
            ],
        }
    }

    /// Paths whose times tell that it changed.
    fn times(self) -> &'static [&'static str] {
        match self {
            Self::Product => &["write_date", "create_date", "template.write_date"],
            Self::Invoice => &["write_date", "create_date", "lines.write_date", "lines.create_date"],
        }
    }

    fn record(self, row: &Value) -> SourceRecord {
        let body = match self {
            Self::Product => json!({
                "id": row["id"], "code": row["code"], "name": row["name"], "active": truth(&row["active"]), "type": row["type"],
                "description": row["description"], "unit": row["default_uom"]["symbol"],
                "list_price": row["template"]["list_price"], "cost_price": row["cost_price"],
            }),
            Self::Invoice => json!({
                "id": row["id"], "number": row["number"], "state": row["state"], "type": row["type"],
                "party": id_text(&row["party"]), "date": row["invoice_date"], "currency": row["currency"]["code"],
                "total": row["total_amount"], "untaxed": row["untaxed_amount"], "tax": row["tax_amount"],
                "description": row["description"],
                "lines": list(row, "lines").map(|line| json!({
                    "id": line["id"], "product": id_text(&line["product"]), "product_code": line["product"]["code"],
                    "description": line["description"], "quantity": line["quantity"],
                    "unit_price": line["unit_price"], "amount": line["amount"],
                })).collect::<Vec<_>>(),
            }),
        };
        let modified = [&row["write_date"], &row["create_date"], &row["template"]["write_date"]];
        let newest = modified.into_iter().filter_map(Value::as_str).max_by_key(|text| time::parse_rfc3339(text));
        SourceRecord::upsert(row_id(row), body::bytes(&body)).modified_at(newest.map(str::to_owned))
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(crate = "nave_sdk::serde", deny_unknown_fields)]
struct Position {
    since: Option<i64>,
    until: Option<i64>,
    after: i64,
    /// A row of this pass had no id: who is missing, nobody knows.
    #[serde(default)]
    unnamed: bool,
}

/// The page after a checkpoint.
pub(crate) fn read(document: Document, settings: &Settings, from: Option<&[u8]>, limit: u32) -> Result<Page, Failure> {
    let mut position: Position = checkpoint::decode(from)?;
    let limit = limit.clamp(1, PAGE_ROWS_MAX);
    let now = i64::try_from(nave_sdk::host::now_ms()).unwrap_or(0) * 1000;
    let until = *position.until.get_or_insert(now);
    let mut domain = vec![json!(["id", ">", position.after])];
    if document == Document::Product {
        domain.push(json!(["active", "in", [true, false]]));
    }
    if let Some(since) = position.since {
        let since = api::datetime(since);
        let mut any = vec![json!("OR")];
        any.extend(document.times().iter().map(|path| json!([path, ">=", since])));
        domain.push(Value::Array(any));
    }
    let query = Query { model: document.model(), domain: Value::Array(domain), fields: document.fields(), limit };
    let rows = query.rows_of_company(settings.company)?;
    lists_are_lists(&rows)?;
    position.unnamed |= rows.iter().any(|row| row["id"].as_i64().is_none());
    let records: Vec<_> = rows.iter().map(|row| document.record(row)).collect();
    if rows.len() as u64 == u64::from(limit) {
        position.after = rows.last().and_then(|row| row["id"].as_i64()).unwrap_or(position.after);
        return Ok(Page::more(records, checkpoint::encode(&position)));
    }
    let full = position.since.is_none() && !position.unnamed;
    // Our clock, so with more room than the server's own would need.
    let next = checkpoint::encode(&Position { since: Some(until - 10 * OVERLAP_US), until: None, after: 0, unnamed: false });
    Ok(if full { Page::scan_end(records, next) } else { Page::end(records, next) })
}

/// These documents.
pub(crate) fn get(document: Document, settings: &Settings, ids: &[String]) -> Result<Vec<SourceRecord>, Failure> {
    let mut records = Vec::new();
    for ids in ids.chunks(IDS_PER_QUERY) {
        let numbers: Vec<i64> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let mut domain = vec![json!(["id", "in", numbers])];
        if document == Document::Product {
            domain.push(json!(["active", "in", [true, false]]));
        }
        let query =
            Query { model: document.model(), domain: Value::Array(domain), fields: document.fields(), limit: ids.len() as u32 };
        let rows = query.rows_of_company(settings.company)?;
        for id in ids.iter().filter(|id| id.parse::<i64>().is_ok()) {
            match rows.iter().find(|row| row["id"].as_i64() == id.parse().ok()) {
                Some(row) => records.push(document.record(row)),
                None => {
                    let answer = api::row("GET", document.model(), Some(id), &["id"])?.send()?;
                    match answer.status {
                        404 => records.push(SourceRecord::deleted(id)),
                        // There, but not for this user or company: left out.
                        _ if answer.is_success() => {}
                        _ => return Err(api::failure(&answer)),
                    }
                }
            }
        }
    }
    Ok(records)
}
