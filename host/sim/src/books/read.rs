//! `GET Contacts` and `GET Invoices`: pages, filters, order.
//!
//! Promises that a page in the default order (oldest change first) with at most `If-Modified-Since` costs the same whatever the number
//! of rows. Must not know HTTP beyond a call's parameters.

use super::{
    contact::Contact,
    filter::{self, Clause, Op, Val},
    invoice::Invoice,
    refusal::Refusal,
    store::Store,
};
use crate::{
    limits::{BOOKS_PAGE_OBJECTS_DEFAULT, BOOKS_PAGE_OBJECTS_MAX},
    sorted::SortedIndex,
    time,
    wire::Call,
};
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// Rows of one page, and how many pages there are.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) serials: Vec<u64>,
    /// Only where a page was asked for.
    pub(crate) pagination: Option<Value>,
}

/// What is asked of the rows, whichever they are.
#[derive(Debug)]
struct Question {
    clauses: Vec<Clause>,
    order: (String, bool),
    since: Option<i64>,
    page: Option<usize>,
    page_size: usize,
}

pub(crate) fn flag(call: &Call, name: &str) -> Result<bool, Refusal> {
    match call.param(name).map(str::to_ascii_lowercase).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(Refusal::query(format!("{name} is true or false, not \"{other}\""))),
    }
}

pub(crate) fn known(call: &Call, names: &[&str]) -> Result<(), Refusal> {
    match call.unknown_param(names) {
        Some(name) => Err(Refusal::query(format!("The parameter \"{name}\" does not exist on this resource"))),
        None => Ok(()),
    }
}

fn question(call: &Call) -> Result<Question, Refusal> {
    let number = |name: &str| match call.param(name) {
        None => Ok(None),
        Some(text) => match text.parse::<usize>() {
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => Err(Refusal::query(format!("{name} is a number from 1, not \"{text}\""))),
        },
    };
    let page_size = number("pageSize")?;
    if page_size.is_some_and(|size| size > BOOKS_PAGE_OBJECTS_MAX) {
        return Err(Refusal::query(format!("pageSize is at most {BOOKS_PAGE_OBJECTS_MAX}")));
    }
    let since = match call.header("if-modified-since") {
        None => None,
        Some(text) => {
            Some(time::parse(text).ok_or_else(|| Refusal::query(format!("If-Modified-Since \"{text}\" is not a time")))?)
        }
    };
    Ok(Question {
        clauses: call.param("where").map_or(Ok(Vec::new()), filter::parse)?,
        order: call.param("order").map_or(Ok(("UpdatedDateUTC".to_owned(), false)), filter::parse_order)?,
        since,
        page: number("page")?.or(page_size.map(|_| 1)),
        page_size: page_size.unwrap_or(BOOKS_PAGE_OBJECTS_DEFAULT),
    })
}

impl Question {
    fn pagination(&self, total: usize) -> Option<Value> {
        let page = self.page?;
        Some(json!({"page": page, "pageSize": self.page_size, "pageCount": total.div_ceil(self.page_size), "itemCount": total}))
    }

    /// The positions of the page among so many rows.
    fn window(&self, total: usize) -> std::ops::Range<usize> {
        match self.page {
            None => 0..total,
            Some(page) => {
                let start = (page - 1).saturating_mul(self.page_size).min(total);
                start..(start + self.page_size).min(total)
            }
        }
    }

    /// A page straight from an index that is in the order asked for.
    fn page_of_index(&self, index: &SortedIndex) -> Page {
        let first = self.since.map_or(0, |since| index.rank((since, 0)));
        let total = index.len() - first;
        let window = self.window(total);
        let serials: Vec<u64> = if self.order.1 {
            let positions = index.len() - window.end..index.len() - window.start;
            let mut serials: Vec<u64> = index.slice(positions).map(|(_, serial)| serial).collect();
            serials.reverse();
            serials
        } else {
            index.slice(first + window.start..first + window.end).map(|(_, serial)| serial).collect()
        };
        Page { serials, pagination: self.pagination(total) }
    }

    /// A page of rows that were looked at one by one.
    fn page_of_rows<'a, R: 'a>(
        &self,
        rows: impl Iterator<Item = &'a R>,
        field: impl Fn(&R, &str) -> Option<Val>,
        serial: impl Fn(&R) -> (i64, u64),
    ) -> Page {
        let (name, descending) = &self.order;
        let holds = |row: &R| self.clauses.iter().all(|clause| field(row, &clause.field).is_some_and(|own| clause.holds(&own)));
        let mut found: Vec<(SortKey, u64)> = rows
            .filter(|row| self.since.is_none_or(|since| serial(row).0 >= since) && holds(row))
            .map(|row| (sort_key(field(row, name)), serial(row).1))
            .collect();
        found.sort();
        if *descending {
            found.reverse();
        }
        let pagination = self.pagination(found.len());
        let window = self.window(found.len());
        Page { serials: found[window].iter().map(|(_, serial)| *serial).collect(), pagination }
    }

    /// 400 where a clause or the order names a field that does not exist.
    fn check(&self, exists: impl Fn(&str) -> bool) -> Result<(), Refusal> {
        let names = self.clauses.iter().map(|clause| &clause.field).chain([&self.order.0]);
        for name in names {
            if !exists(name) {
                return Err(Refusal::query(format!("No property or field '{name}' exists in this type")));
            }
        }
        Ok(())
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum SortKey {
    Nothing,
    Number(Decimal),
    Time(i64),
    Text(String),
}

fn sort_key(value: Option<Val>) -> SortKey {
    match value {
        Some(Val::Text(text)) => SortKey::Text(text.to_lowercase()),
        Some(Val::Time(ms)) => SortKey::Time(ms),
        Some(Val::Number(number)) => SortKey::Number(number),
        Some(Val::Bool(value)) => SortKey::Time(i64::from(value)),
        Some(Val::Null) | None => SortKey::Nothing,
    }
}

/// A contact's field for `where` and `order`; `None` where there is no such field.
fn contact_field(contact: &Contact, name: &str) -> Option<Val> {
    Some(match name {
        "ContactID" => Val::Text(contact.id.clone()),
        "ContactStatus" => Val::Text(contact.status.word().to_owned()),
        "UpdatedDateUTC" => Val::Time(contact.modified),
        "IsCustomer" => Val::Bool(contact.customer),
        "IsSupplier" => Val::Bool(false),
        "Name" | "FirstName" | "LastName" | "EmailAddress" | "ContactNumber" | "AccountNumber" | "CompanyNumber"
        | "TaxNumber" => {
            let text = contact.text(name);
            if text.is_empty() { Val::Null } else { Val::Text(text.to_owned()) }
        }
        _ => return None,
    })
}

pub(crate) fn contacts(store: &Store, call: &Call) -> Result<Page, Refusal> {
    known(call, &["where", "order", "IDs", "page", "pageSize", "includeArchived", "summaryOnly", "searchTerm"])?;
    let question = question(call)?;
    let probe = Contact::new(0, String::new());
    question.check(|name| contact_field(&probe, name).is_some())?;
    let archived = flag(call, "includeArchived")?;
    let ids = call.list("IDs");
    let term = call.param("searchTerm").map(str::to_lowercase);
    let index = if archived { &store.by_modified } else { &store.active_by_modified };
    if question.clauses.is_empty() && ids.is_empty() && term.is_none() && question.order.0 == "UpdatedDateUTC" {
        return Ok(question.page_of_index(index));
    }
    let named = |clause: &Clause| match (&clause.value, clause.op, clause.field.as_str()) {
        (Val::Text(text), Op::Eq, "EmailAddress") => Some(store.by_email(text).to_vec()),
        (Val::Text(text), Op::Eq, "ContactNumber") => {
            Some(store.by_number(text).map(|contact| contact.serial).into_iter().collect())
        }
        (Val::Text(text), Op::Eq, "ContactID") => Some(store.by_id(text).map(|contact| contact.serial).into_iter().collect()),
        (Val::Text(text), Op::Eq, "Name") if !archived => {
            Some(store.by_name(text).map(|contact| contact.serial).into_iter().collect())
        }
        _ => None,
    };
    let few: Option<Vec<u64>> = if ids.is_empty() {
        question.clauses.iter().find_map(named)
    } else {
        Some(ids.iter().filter_map(|id| store.by_id(id)).map(|contact| contact.serial).collect())
    };
    let shown = |contact: &&Contact| {
        let live = archived || contact.status == super::contact::Status::Active;
        let found = term.as_ref().is_none_or(|term| {
            ["Name", "FirstName", "LastName", "ContactNumber", "EmailAddress"]
                .iter()
                .any(|name| contact.text(name).to_lowercase().contains(term.as_str()))
        });
        live && found
    };
    let serial = |contact: &Contact| (contact.modified, contact.serial);
    Ok(match few {
        Some(serials) => {
            question.page_of_rows(serials.iter().filter_map(|serial| store.contact(*serial)).filter(shown), contact_field, serial)
        }
        None => question.page_of_rows(store.contacts().filter(shown), contact_field, serial),
    })
}

pub(crate) fn invoices(store: &Store, call: &Call) -> Result<Page, Refusal> {
    known(
        call,
        &[
            "where",
            "order",
            "IDs",
            "InvoiceNumbers",
            "ContactIDs",
            "Statuses",
            "page",
            "pageSize",
            "includeArchived",
            "createdByMyApp",
            "unitdp",
            "summaryOnly",
            "searchTerm",
        ],
    )?;
    for name in ["createdByMyApp", "unitdp"] {
        if call.param(name).is_some() {
            return Err(Refusal::query(format!("{name} is not simulated")));
        }
    }
    let question = question(call)?;
    let (ids, numbers, contacts, statuses) =
        (call.list("IDs"), call.list("InvoiceNumbers"), call.list("ContactIDs"), call.list("Statuses"));
    let term = call.param("searchTerm").map(str::to_lowercase);
    if let Some(probe) = store.invoices().next() {
        question.check(|name| probe.field(name).is_some())?;
    }
    let plain = question.clauses.is_empty()
        && ids.is_empty()
        && numbers.is_empty()
        && contacts.is_empty()
        && statuses.is_empty()
        && term.is_none();
    if plain && question.order.0 == "UpdatedDateUTC" {
        return Ok(question.page_of_index(&store.invoices_by_modified));
    }
    let among = |list: &[String], own: &str| list.is_empty() || list.iter().any(|one| one.eq_ignore_ascii_case(own));
    let shown = |invoice: &&Invoice| {
        among(&ids, &invoice.id)
            && among(&numbers, &invoice.number)
            && among(&contacts, &invoice.contact)
            && among(&statuses, &invoice.status)
            && term
                .as_ref()
                .is_none_or(|term| format!("{} {}", invoice.number, invoice.reference).to_lowercase().contains(term.as_str()))
    };
    Ok(question.page_of_rows(
        store.invoices().filter(shown),
        |invoice, name| invoice.field(name),
        |invoice| (invoice.modified, invoice.serial),
    ))
}
