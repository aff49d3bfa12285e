//! The system is given something else than what was sent: no key, other spellings, half a batch, or a copy of itself to write to.

use super::{Faults, Seen, Switch, spelling::Spelling};
use crate::{simulated::Simulated, wire::Call};
use serde_json::Value;

/// What was done to a request.
#[derive(Debug, Default)]
pub(crate) struct Tampered {
    /// Inputs of a batch that the system does not get to see.
    pub(crate) failed: Vec<Value>,
    /// After the half that it does, the connection is cut.
    pub(crate) cut: bool,
    /// The write goes to a copy that is thrown away.
    pub(crate) dropped: bool,
}

impl Faults {
    /// Changes a write before the system sees it.
    pub(crate) fn tamper(&mut self, call: &mut Call, request: &Seen, system: &dyn Simulated) -> Tampered {
        let mut done = Tampered::default();
        if !request.write {
            return done;
        }
        if call.headers.contains_key("idempotency-key") && self.hits(Switch::NoIdempotency, request).is_some() {
            call.headers.remove("idempotency-key");
        }
        let looks_inside = [Switch::Reformat, Switch::SilentDrop, Switch::PartialBatch].iter().any(|switch| self.is_set(*switch));
        let Some(mut body) = looks_inside.then(|| serde_json::from_slice::<Value>(&call.body).ok()).flatten() else {
            done.dropped = self.hits_if(Switch::SilentDrop, request, |rule| rule.field.is_none()).is_some();
            return done;
        };
        let before = body.clone();
        self.respell(call, request, system, &mut body);
        match self.hits(Switch::SilentDrop, request).map(|rule| rule.field) {
            None => {}
            Some(None) => done.dropped = true,
            Some(Some(field)) => {
                system.written(call, &mut body, &mut |fields| _ = fields.remove(&field));
            }
        }
        if let Some(inputs) = system.batch(call, &mut body).filter(|inputs| inputs.len() > 1)
            && let Some(rule) = self.hits(Switch::PartialBatch, request)
        {
            done.failed = inputs.split_off(inputs.len() / 2);
            done.cut = rule.how.as_deref() == Some("connection");
        }
        if body != before {
            call.body = serde_json::to_vec(&body).unwrap_or_default().into();
        }
        done
    }

    /// Spells written values again.
    fn respell(&mut self, call: &Call, request: &Seen, system: &dyn Simulated, body: &mut Value) {
        let Some(field) = self.active.get(&Switch::Reformat).and_then(|active| active.rule.field.clone()) else {
            return;
        };
        let mut there = false;
        system.written(call, body, &mut |fields| there |= fields.get(&field).is_some_and(Value::is_string));
        if !there {
            return;
        }
        let Some(rule) = self.hits(Switch::Reformat, request) else { return };
        let Ok(spelling) = Spelling::from_name(rule.how.as_deref().unwrap_or_default()) else { return };
        system.written(call, body, &mut |fields| {
            if let Some(Value::String(text)) = fields.get_mut(&field) {
                self.spelled += 1;
                *text = spelling.apply(text, self.spelled);
            }
        });
    }
}
