//! `books`: answers as Xero's Accounting API 2.0 does, in JSON.
//!
//! This file owns the state, the routes and the idempotency keys. Promises that a refused request changes nothing, that a key given
//! again with the same request gets the same answer, and that what is not known is refused. Must not know sockets or files.

mod contact;
mod filter;
mod invoice;
mod read;
mod refusal;
mod seed;
mod spoilt;
mod store;
mod told;
mod unasked;
mod write;

use crate::{
    answers::{Answer, Answers, Known},
    auth::{Auth, TokenRefusal},
    faults::Switch,
    limits::BOOKS_IDEMPOTENCY_KEY_CHARS_MAX,
    people::SEEDED_FROM_MS,
    rng::uuid,
    simulated::{Amendment, Ask, Checkpoint, Event, Fields, No, Notice, Page, SchemaChange, Simulated},
    time,
    wire::{Call, Reply},
};
use contact::Contact;
use invoice::Invoice;
use refusal::Refusal;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::Store;
use write::Mode;

/// All books.
#[derive(Debug)]
pub(crate) struct Books {
    seed: u64,
    store: Store,
    answers: Answers,
    /// Requests so far, for the ids in answers.
    requests: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Contact(Box<Contact>),
    Invoice(Box<Invoice>),
    Answer(Answer),
}

/// The organisation's id, which clients send as `xero-tenant-id`.
pub(crate) fn tenant_id(seed: u64) -> String {
    uuid(seed, "tenant", 0)
}

impl Books {
    /// Empty books.
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, store: Store::default(), answers: Answers::default(), requests: 0 }
    }

    /// Books with contacts and invoices in them.
    pub(crate) fn seeded(seed: u64, records: usize) -> Self {
        let mut books = Self::new(seed);
        seed::fill(&mut books, records);
        books
    }

    fn route(&mut self, auth: &mut Auth, call: &Call, now: i64) -> Result<Reply, Refusal> {
        let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let method = call.method.as_str();
        if let ["identity", "connect", "token"] | ["connect", "token"] = segments.as_slice() {
            return if method == "POST" { token(auth, call, now) } else { Err(Refusal::method(method)) };
        }
        if !auth.accepts(call, now) {
            return Err(Refusal::Title("Unauthorized", 401, "AuthenticationUnsuccessful".to_owned()));
        }
        if let ["connections" | "Connections"] = segments.as_slice() {
            read::known(call, &["authEventId"])?;
            return if method == "GET" { Ok(Reply::json(200, self.connections())) } else { Err(Refusal::method(method)) };
        }
        let ["api.xro", "2.0", rest @ ..] = segments.as_slice() else {
            return Err(Refusal::not_found());
        };
        if call.header("xero-tenant-id") != Some(tenant_id(self.seed).as_str()) {
            return Err(Refusal::Title("Forbidden", 403, "AuthenticationUnsuccessful".to_owned()));
        }
        match (method, rest) {
            ("GET", ["Contacts"]) => {
                let page = read::contacts(&self.store, call)?;
                let full = !read::flag(call, "summaryOnly")?;
                let rows = page
                    .serials
                    .iter()
                    .filter_map(|serial| self.store.contact(*serial))
                    .map(|contact| Value::Object(contact.render(full)));
                Ok(self.envelope("Contacts", rows.collect(), page.pagination, now))
            }
            ("GET", ["Contacts", name]) => {
                read::known(call, &[])?;
                let contact = self.store.by_id(name).or_else(|| self.store.by_number(name)).ok_or_else(Refusal::not_found)?;
                Ok(self.envelope("Contacts", vec![Value::Object(contact.render(true))], None, now))
            }
            ("PUT", ["Contacts"]) => self.once(call, |books| write::contacts(books, call, Mode::Create, now)),
            ("POST", ["Contacts"]) => self.once(call, |books| write::contacts(books, call, Mode::Upsert, now)),
            ("POST", ["Contacts", name]) => self.once(call, |books| write::contacts(books, call, Mode::Update(name), now)),
            ("GET", ["Invoices"]) => {
                let page = read::invoices(&self.store, call)?;
                let lines = page.pagination.is_some() && !read::flag(call, "summaryOnly")?;
                let rows = page
                    .serials
                    .iter()
                    .filter_map(|serial| self.store.invoice(*serial))
                    .map(|invoice| self.invoice(invoice, lines));
                Ok(self.envelope("Invoices", rows.collect(), page.pagination, now))
            }
            ("GET", ["Invoices", name]) => {
                read::known(call, &[])?;
                let invoice = self.store.invoice_named(name).ok_or_else(Refusal::not_found)?;
                Ok(self.envelope("Invoices", vec![self.invoice(invoice, true)], None, now))
            }
            ("GET", ["Organisation"]) => {
                read::known(call, &[])?;
                Ok(self.envelope("Organisations", vec![self.organisation()], None, now))
            }
            (method, ["Contacts" | "Invoices"] | ["Contacts" | "Invoices", _] | ["Organisation"]) => Err(Refusal::method(method)),
            _ => Err(Refusal::not_found()),
        }
    }

    /// Runs a write under its idempotency key, if it has one: the same request gets the same answer, another one is refused.
    fn once(&mut self, call: &Call, write: impl FnOnce(&mut Self) -> Result<Reply, Refusal>) -> Result<Reply, Refusal> {
        let Some(key) = call.header("idempotency-key").filter(|key| !key.is_empty()).map(str::to_owned) else {
            return write(self);
        };
        if key.chars().count() > BOOKS_IDEMPOTENCY_KEY_CHARS_MAX {
            return Err(Refusal::data(format!("The Idempotency-Key has more than {BOOKS_IDEMPOTENCY_KEY_CHARS_MAX} characters")));
        }
        match self.answers.known(&key, call) {
            Known::Nothing => {}
            Known::Same(reply) => return Ok(reply),
            Known::Other => return Err(Refusal::data("The Idempotency-Key was used before with another request")),
        }
        let instance = uuid(self.seed, "instance", self.requests);
        let mut reply = write(self).unwrap_or_else(|refusal| refusal.reply(&instance));
        let answer = Answer::new(&key, call, &reply);
        reply.entries.push(json!({"answer": answer}));
        self.answers.remember(answer);
        Ok(reply)
    }

    /// The frame around every list.
    pub(crate) fn envelope(&self, name: &str, rows: Vec<Value>, pagination: Option<Value>, now: i64) -> Reply {
        let mut out = Map::new();
        out.insert("Id".into(), uuid(self.seed, "answer", self.requests).into());
        out.insert("Status".into(), "OK".into());
        out.insert("ProviderName".into(), "Nave simulator".into());
        out.insert("DateTimeUTC".into(), format!("/Date({now})/").into());
        out.extend(pagination.map(|pagination| ("pagination".to_owned(), pagination)));
        out.insert(name.into(), rows.into());
        Reply::json(200, Value::Object(out))
    }

    fn invoice(&self, invoice: &Invoice, lines: bool) -> Value {
        let name = self.store.by_id(&invoice.contact).map_or("", |contact| contact.text("Name"));
        invoice.render(name, lines)
    }

    fn connections(&self) -> Value {
        let at = format!("{}.0000000", time::iso_plain(SEEDED_FROM_MS));
        json!([{
            "id": uuid(self.seed, "connection", 0), "authEventId": uuid(self.seed, "auth event", 0), "tenantId": tenant_id(self.seed),
            "tenantType": "ORGANISATION", "tenantName": "Simulated Books", "createdDateUtc": format!("{at}Z"), "updatedDateUtc": format!("{at}Z"),
        }])
    }

    fn organisation(&self) -> Value {
        json!({
            "OrganisationID": tenant_id(self.seed), "Name": "Simulated Books", "LegalName": "Simulated Books Ltd", "PaysTax": true, "Version": "GLOBAL",
            "OrganisationType": "COMPANY", "BaseCurrency": "EUR", "CountryCode": "DE", "IsDemoCompany": true, "OrganisationStatus": "ACTIVE",
            "FinancialYearEndDay": 31, "FinancialYearEndMonth": 12, "CreatedDateUTC": time::ms_date(SEEDED_FROM_MS), "ShortCode": "!simul",
            "OrganisationEntityType": "COMPANY", "Edition": "BUSINESS", "Class": "DEMO", "Addresses": [], "Phones": [], "ExternalLinks": [],
        })
    }
}

fn token(auth: &mut Auth, call: &Call, now: i64) -> Result<Reply, Refusal> {
    read::known(call, &[])?;
    Ok(match auth.issue(call, now) {
        Err(refusal) => {
            let status = if refusal == TokenRefusal::InvalidClient { 401 } else { 400 };
            Reply::json(status, json!({"error": refusal.word()}))
        }
        Ok(issued) => {
            let mut body = json!({"access_token": issued.access_token, "expires_in": issued.seconds, "token_type": "Bearer", "scope": "accounting.contacts accounting.transactions.read"});
            if let Some(refresh) = issued.refresh_token {
                body["refresh_token"] = refresh.into();
            }
            Reply::json(200, body)
        }
    })
}

impl Simulated for Books {
    fn handle(&mut self, auth: &mut Auth, call: &Call, now: i64) -> Reply {
        self.requests += 1;
        match self.route(auth, call, now) {
            Ok(reply) => reply,
            Err(refusal) => refusal.reply(&uuid(self.seed, "instance", self.requests)),
        }
    }

    fn is_write(&self, call: &Call) -> bool {
        call.method != http::Method::GET && call.segments.last().is_none_or(|last| last != "token")
    }

    fn dump(&self) -> Value {
        let contacts: Vec<Value> = self.store.contacts().map(|contact| Value::Object(contact.render(true))).collect();
        let invoices: Vec<Value> = self.store.invoices().map(|invoice| self.invoice(invoice, true)).collect();
        json!({"Contacts": contacts, "Invoices": invoices})
    }

    fn snapshot(&self, emit: &mut dyn FnMut(Value)) {
        self.store.contacts().for_each(|contact| emit(json!({"contact": contact})));
        self.store.invoices().for_each(|invoice| emit(json!({"invoice": invoice})));
        self.answers.all().for_each(|answer| emit(json!({"answer": answer})));
    }

    fn replay(&mut self, entry: Value) -> Result<(), String> {
        match serde_json::from_value(entry).map_err(|error| error.to_string())? {
            Kept::Contact(contact) => self.store.put_contact(*contact),
            Kept::Invoice(invoice) => self.store.put_invoice(*invoice),
            Kept::Answer(answer) => self.answers.remember(answer),
        }
        Ok(())
    }

    fn last_modified(&self) -> i64 {
        self.store.last_modified()
    }

    fn population(&self) -> usize {
        self.store.len() + self.answers.len()
    }

    fn empty(&self) -> Box<dyn Simulated> {
        Box::new(Self::new(self.seed))
    }

    fn refuse(&self, no: &No) -> Reply {
        spoilt::refuse(self, no)
    }

    fn lacks(&self, switch: Switch) -> Option<&'static str> {
        spoilt::lacks(switch)
    }

    fn ask(&self, call: &Call) -> Ask {
        spoilt::ask(call)
    }

    fn written(&self, call: &Call, body: &mut Value, visit: &mut dyn FnMut(&mut Fields)) {
        spoilt::written(call, body, visit);
    }

    fn batch<'a>(&self, call: &Call, body: &'a mut Value) -> Option<&'a mut Vec<Value>> {
        spoilt::batch(call, body)
    }

    fn partial(&mut self, call: &Call, reply: Reply, failed: &[Value]) -> Reply {
        spoilt::partial(call, reply, failed)
    }

    fn searched(&self, call: &Call) -> Vec<String> {
        spoilt::searched(call)
    }

    fn strip(&self, call: &Call, body: &mut Value, field: &str) {
        spoilt::strip(call, body, field);
    }

    fn page(&self, call: &Call, body: &Value) -> Option<Page> {
        spoilt::page(call, body)
    }

    fn checkpoint(&self, call: &Call) -> Option<Checkpoint> {
        spoilt::checkpoint(call)
    }

    fn kinds(&self) -> Vec<String> {
        vec!["Contacts".to_owned()]
    }

    fn has_field(&self, field: &str) -> bool {
        contact::has_field(field)
    }

    fn live(&self, kind: &str) -> Vec<String> {
        unasked::live(self, kind)
    }

    fn about(&self, entry: &Value) -> Option<(String, String)> {
        unasked::about(entry)
    }

    fn spend(&mut self, entry: &Value) {
        self.store.spent = self.store.spent.max(entry["contact"]["serial"].as_u64().unwrap_or(0));
    }

    fn amend(&mut self, kind: &str, id: &str, amendment: Amendment<'_>, now: i64) -> Vec<Value> {
        unasked::amend(self, kind, id, amendment, now)
    }

    fn merge(&mut self, kind: &str, winner: &str, loser: &str, now: i64) -> Result<Vec<Value>, String> {
        unasked::merge(self, kind, winner, loser, now)
    }

    fn alter(&mut self, change: &SchemaChange) -> Result<Vec<Value>, String> {
        let _ = change;
        Err("the books' contacts have the same fields in every organisation; the switch field-gone takes one away".to_owned())
    }

    fn watch(&mut self, on: bool) {
        told::watch(self, on);
    }

    fn events(&mut self) -> Vec<Event> {
        told::events(self)
    }

    fn notice(&self, event: &Event, nth: u64) -> Notice {
        told::notice(self, event, nth)
    }

    fn sign(&self, secret: &str, url: &str, body: &str, now: i64) -> Vec<(&'static str, String)> {
        told::sign(secret, url, body, now)
    }
}
