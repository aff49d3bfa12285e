//! Requests that are not looked at: refused in the vendor's own words, or cut off.

use super::{Faults, Seen, Switch, answered::Fate, rule::FaultRule};
use crate::{
    limits::FAULT_TIMEOUT_SECONDS_DEFAULT,
    simulated::{No, Simulated, What},
    time,
    wire::{Call, Reply},
};

impl Faults {
    /// What becomes of a request before the system sees it; `None` where it passes. `now` is the system's clock.
    pub(crate) fn before(&mut self, call: &Call, request: &Seen, system: &dyn Simulated, now: i64) -> Option<Fate> {
        let refuse = |no: No| Some(Fate::Answer(system.refuse(&no)));
        if self.hits(Switch::Down, request).is_some() {
            return refuse(No::Down);
        }
        if request.write && self.hits(Switch::Reset, request).is_some() {
            return Some(Fate::Close);
        }
        if let Some(rule) = self.hits_if(Switch::Timeout, request, |rule| !(rule.is_committed() && request.write)) {
            return Some(hang(&rule));
        }
        if let Some(rule) = self.hits(Switch::RateLimited, request) {
            return Some(Fate::Answer(rate_limited(&rule, system, now)));
        }
        if let Some(rule) = self.hits_if(Switch::Error, request, |rule| !(rule.is_committed() && request.write)) {
            return Some(Fate::Answer(failing(&rule, system)));
        }
        if request.what != What::Token {
            if self.hits(Switch::BadToken, request).is_some() {
                return refuse(No::BadToken);
            }
            if self.hits(Switch::Forbidden, request).is_some() {
                return refuse(No::Forbidden(request.object.clone()));
            }
        }
        if let Some(field) = system.by_updated(call)
            && self.hits(Switch::NoUpdatedSince, request).is_some()
        {
            return refuse(No::Unsearchable(field));
        }
        if self.expired(call, system, now) {
            return refuse(No::Expired);
        }
        self.by_field(call, request, system).and_then(refuse)
    }

    /// The switches that refuse a field.
    fn by_field(&mut self, call: &Call, request: &Seen, system: &dyn Simulated) -> Option<No> {
        type Say = fn(String) -> No;
        let table: [(Switch, bool, bool, Say); 3] = [
            (Switch::FieldGone, true, true, No::UnknownField),
            (Switch::ReadOnly, true, false, No::ReadOnly),
            (Switch::NoSearch, false, true, No::Unsearchable),
        ];
        for (switch, in_writes, in_searches, say) in table {
            let named = |rule: &FaultRule| {
                let field = rule.field.clone().unwrap_or_default();
                let written = || {
                    let mut body = serde_json::from_slice(&call.body).unwrap_or_default();
                    let mut found = false;
                    system.written(call, &mut body, &mut |fields| found |= fields.contains_key(&field));
                    found
                };
                (in_writes && written()) || (in_searches && system.searched(call).contains(&field))
            };
            if let Some(rule) = self.hits_if(switch, request, named) {
                return Some(say(rule.field.unwrap_or_default()));
            }
        }
        None
    }
}

pub(super) fn hang(rule: &FaultRule) -> Fate {
    Fate::Hang(rule.seconds.unwrap_or(FAULT_TIMEOUT_SECONDS_DEFAULT))
}

pub(super) fn failing(rule: &FaultRule, system: &dyn Simulated) -> Reply {
    let status = rule.status.unwrap_or(500);
    match status {
        502 | 504 => Reply::gateway(status),
        _ => system.refuse(&No::Failing(status)),
    }
}

fn rate_limited(rule: &FaultRule, system: &dyn Simulated, now: i64) -> Reply {
    let mut reply = system.refuse(&No::RateLimited);
    if let Some(seconds) = rule.retry_after {
        let text = if rule.http_date == Some(true) {
            time::http_date(now + i64::try_from(seconds).unwrap_or(0) * 1_000)
        } else {
            seconds.to_string()
        };
        reply.headers.push(("retry-after", text));
    }
    reply
}
