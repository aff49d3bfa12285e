//! `[flow.in]`, `[flow.out]`, and what is written beside fields: constants, marker, natural key.

use std::collections::BTreeMap;

use super::super::entity::did_you_mean;
use super::super::reader::{At, Table, json};
use super::super::{Canary, FlowIn, FlowOut, OnLeave, Pilot};
use super::Between;
use super::scope::Side;
use crate::limits::HOLD_NEW_ABOVE;
use crate::value::Value;
use crate::volume::Volume;

/// How soon, where a flow does not say.
const FRESHNESS_MS: u64 = 3_600_000;
/// `mode` of a flow out: whether it is a shadow.
const MODES: &[(&str, bool)] = &[("send", false), ("shadow", true)];
/// How often a canary goes, where it does not say.
const CANARY_MS: u64 = 3_600_000;

impl Between<'_, '_> {
    pub(super) fn flow_in(&mut self, mut table: Table<'_>) -> FlowIn {
        let filtered = table.has("filter");
        if table.has("filter-once") && !filtered {
            let help = "say what it lets in, as filter = \"kind = person\", or leave `filter-once` out";
            self.file.error(
                table.span.clone(),
                "missing-key",
                "`filter-once` asks a `filter`, and there is none".to_owned(),
                Some(help.to_owned()),
            );
        }
        let flow = FlowIn {
            freshness_ms: table.duration("freshness").unwrap_or(FRESHNESS_MS),
            filter: table.text("filter").and_then(|text| self.predicate(&text, Side::Remote)),
            filter_once: table.flag("filter-once").unwrap_or(false) && filtered,
            hold_above: self.hold_above(&mut table),
            hold_new_above: table.number("hold-new-above").map_or(HOLD_NEW_ABOVE, |number| number.value),
            verify_ms: table.duration("verify"),
            purpose: self.purpose(&mut table, "flow.in"),
        };
        table.finish();
        flow
    }

    /// `hold-above = { count = 10, percent = 20 }`; what is not said is the default.
    fn hold_above(&self, table: &mut Table<'_>) -> Volume {
        let mut volume = Volume::default();
        let Some(mut inner) = table.table("hold-above") else { return volume };
        if let Some(count) = inner.number("count") {
            volume.count = count.value;
        }
        if let Some(percent) = inner.number("percent") {
            if percent.value > 100 {
                self.file.error(percent.span, "wrong-value", "`percent` is at most 100".to_owned(), None);
            }
            volume.percent = percent.value.min(100);
        }
        inner.finish();
        volume
    }

    pub(super) fn flow_out(&mut self, mut table: Table<'_>) -> FlowOut {
        let flow = FlowOut {
            freshness_ms: table.duration("freshness").unwrap_or(FRESHNESS_MS),
            filter: table.text("filter").and_then(|text| self.predicate(&text, Side::Canonical)),
            pilot: self.pilot(&mut table),
            on_leave: table.word("on-leave", super::policy::LEAVES).map_or_else(OnLeave::default, |word| word.value),
            purpose: self.purpose(&mut table, "flow.out"),
            shadow: table.word("mode", MODES).is_some_and(|word| word.value),
            ..FlowOut::default()
        };
        table.finish();
        flow
    }

    /// `[flow.canary]`: how often, and what it holds.
    pub(super) fn canary(&mut self, mut table: Table<'_>) -> Canary {
        let every_ms = table.duration("every").unwrap_or(CANARY_MS);
        let mut values = BTreeMap::new();
        if let Some(inner) = table.table("values") {
            for (field, value) in inner.entries() {
                if !self.entity.fields.contains_key(field.value) {
                    self.file.error(
                        field.span,
                        "unknown-field",
                        format!("`{}` has no field `{}`", self.entity.name, field.value),
                        did_you_mean(field.value, self.entity.fields.keys()),
                    );
                }
                values.insert(field.value.to_owned(), Value::from_json(&json(value.get_ref())));
            }
        }
        table.finish();
        Canary { every_ms, values }
    }

    /// `pilot = "address.country in (DE)"`, `pilot-percent = 10`.
    fn pilot(&mut self, table: &mut Table<'_>) -> Pilot {
        let percent = table.number("pilot-percent");
        if let Some(percent) = percent.as_ref().filter(|percent| percent.value > 100) {
            self.file.error(percent.span.clone(), "wrong-value", "`pilot-percent` is at most 100".to_owned(), None);
        }
        Pilot {
            filter: table.text("pilot").and_then(|text| self.predicate(&text, Side::Canonical)),
            percent: percent.map(|percent| percent.value),
        }
    }

    /// Remote paths and the values that are written there: `constants`, `archive`, `restore`.
    pub(super) fn values(&self, table: &mut Table<'_>, key: &'static str) -> BTreeMap<String, Value> {
        let Some(inner) = table.table(key) else {
            return BTreeMap::new();
        };
        let mut out = BTreeMap::new();
        for (path, value) in inner.entries() {
            let path = At { value: path.value.to_owned(), span: path.span };
            if let Some(info) = self.remote(&path).info
                && info.read_only
            {
                self.read_only(&path);
            }
            out.insert(path.value, Value::from_json(&json(value.get_ref())));
        }
        out
    }

    pub(super) fn lookup_path(&self, table: &mut Table<'_>, key: &'static str) -> Option<String> {
        let path = table.text(key)?;
        self.remote(&path);
        if let Some(stream) = self.stream
            && !stream.capabilities.searchable.contains(&path.value)
        {
            let help = match stream.capabilities.searchable.as_slice() {
                [] => "the plugin can find nothing by a value; a lost answer will wait for a person".to_owned(),
                paths => format!("it can find things by {}", paths.join(", ")),
            };
            self.file.warning(
                path.span,
                "not-searchable",
                format!("`{}` cannot be searched for in `{}`", path.value, stream.name),
                Some(help),
            );
        }
        Some(path.value)
    }
}
