//! The answer is not what it was, or there is none.

use super::{
    Faults, Seen, Switch,
    refused::{failing, hang},
};
use crate::{
    simulated::Simulated,
    wire::{Body, Call, Reply},
};

/// What a client gets.
#[derive(Debug)]
pub(crate) enum Fate {
    Answer(Reply),
    /// The connection is closed.
    Close,
    /// Nothing, for so many seconds; then the connection is closed.
    Hang(u64),
}

impl Faults {
    /// After the request was committed.
    pub(crate) fn after(&mut self, request: &Seen, reply: Reply, system: &dyn Simulated) -> Fate {
        if reply.changed && self.hits(Switch::LostResponse, request).is_some() {
            return Fate::Close;
        }
        if request.write
            && let Some(rule) = self.hits_if(Switch::Timeout, request, |rule| rule.is_committed())
        {
            return hang(&rule);
        }
        if request.write
            && let Some(rule) = self.hits_if(Switch::Error, request, |rule| rule.is_committed())
        {
            return Fate::Answer(Reply { changed: reply.changed, ..failing(&rule, system) });
        }
        let mut reply = reply;
        if let Some(date) = self.hits(Switch::Sunset, request).and_then(|rule| rule.value) {
            reply.headers.push(("sunset", date));
            reply.headers.push(("deprecation", "true".to_owned()));
        }
        Fate::Answer(reply)
    }

    /// Takes a field that is gone out of an answer.
    pub(crate) fn hide(&mut self, call: &Call, request: &Seen, reply: &mut Reply, system: &dyn Simulated) {
        if !self.is_set(Switch::FieldGone) {
            return;
        }
        let Some(mut body) = reply.json_body() else { return };
        if let Some(field) = self.hits(Switch::FieldGone, request).and_then(|rule| rule.field) {
            system.strip(call, &mut body, &field);
            reply.body = Body::Json(body);
        }
    }
}
