//! Zendesk's Support API: users, organizations, tickets and their comments.
//!
//! Owns Zendesk's spelling: exports that are a minute late, lists by cursor, mailboxes as identities, refusals by field.
//! Promises that a change which the hub has not seen is never overwritten in a ticket. Must not know what the hub does with
//! a field.

mod api;
mod comments;
mod deliver;
mod discover;
mod kind;
mod limits;
mod pages;
#[cfg(test)]
mod tests;
mod told;

use nave_sdk::prelude::{
    CheckReport, Connection, Delivery, Destination, Event, Failure, Outcome, Page, Source, SourceRecord, Stream, WebhookRequest,
};
use nave_sdk::serde_json::Value;

use kind::Kind;

/// The connector.
#[derive(Debug)]
pub struct Zendesk;

impl Connection for Zendesk {
    fn check() -> Result<CheckReport, Failure> {
        let answer = api::read(api::get("/users/me"))?;
        let body: Value = answer.json()?;
        let text = |name: &str| body["user"][name].as_str().unwrap_or_default();
        if text("role") == "end-user" || body["user"]["id"].is_null() {
            // Without a credential Zendesk answers as for a visitor.
            return Err(Failure::Unauthorized("Zendesk takes this credential for a visitor's, not for an agent's".to_owned()));
        }
        let mut report = CheckReport::account(format!("{} ({})", text("name"), text("email")));
        report.scopes.push(text("role").to_owned());
        for header in ["x-rate-limit", "x-rate-limit-remaining"] {
            if let Some(value) = answer.header(header) {
                report.limits.push((header.to_owned(), value.to_owned()));
            }
        }
        Ok(report)
    }

    fn webhook(request: WebhookRequest) -> Result<Vec<Event>, Failure> {
        told::events(&request.body)
    }
}

impl Source for Zendesk {
    fn discover() -> Result<Vec<Stream>, Failure> {
        discover::streams()
    }

    fn read(stream: &str, checkpoint: Option<Vec<u8>>, limit: u32) -> Result<Page, Failure> {
        if stream == comments::STREAM {
            return comments::read(checkpoint.as_deref(), limit);
        }
        pages::read(Kind::of(stream)?, checkpoint.as_deref(), limit)
    }

    fn get(stream: &str, ids: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        if stream == comments::STREAM {
            return comments::get(&ids);
        }
        pages::get(Kind::of(stream)?, &ids)
    }
}

impl Destination for Zendesk {
    fn write(stream: &str, deliveries: Vec<Delivery>) -> Result<Vec<Outcome>, Failure> {
        if stream == comments::STREAM {
            return Err(Failure::rejected("read-only", "comments are read only"));
        }
        deliver::write(Kind::of(stream)?, &deliveries)
    }

    fn find(stream: &str, path: &str, values: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        pages::find(Kind::of(stream)?, path, &values)
    }
}

nave_sdk::connector!(Zendesk);
