//! The system changes objects by itself: after a write, or between two pages.

use super::{Faults, Seen, Switch, spelling::Spelling};
use crate::{
    simulated::{Amendment, Simulated},
    wire::{Call, Reply},
};
use serde_json::Value;

impl Faults {
    /// What automations make of an answered request. `later` is after the request's own modification time.
    pub(crate) fn automate(
        &mut self,
        call: &Call,
        request: &Seen,
        reply: &Reply,
        system: &mut dyn Simulated,
        later: i64,
    ) -> Vec<Value> {
        let mut entries = Vec::new();
        if reply.changed
            && let Some(rule) = self.hits(Switch::Rewrite, request)
        {
            let field = rule.field.unwrap_or_default();
            let written: Vec<_> = reply.entries.iter().filter_map(|entry| system.about(entry)).collect();
            for (kind, id) in written {
                self.spelled += 1;
                let (how, nth) = (rule.how.as_deref().and_then(|how| Spelling::from_name(how).ok()), self.spelled);
                let edit = |old: &str| match how {
                    Some(spelling) => spelling.apply(old, nth),
                    None => rule.value.clone().unwrap_or_default(),
                };
                entries.extend(system.amend(&kind, &id, Amendment::Set(&field, &edit), later));
            }
        }
        // One object that is asked for by itself is no page of a listing.
        if self.is_set(Switch::PageShift)
            && let Some(page) = reply.json_body().and_then(|body| system.page(call, &body))
            && let (Some(_), [first, _, ..]) = (&page.next, page.ids.as_slice())
            && self.hits(Switch::PageShift, request).is_some()
        {
            let what = if page.by_id { Amendment::Delete } else { Amendment::Touch };
            entries.extend(system.amend(&page.kind, first, what, later));
        }
        entries
    }
}
