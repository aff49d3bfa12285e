//! `[scored]` of an entity: whether what no rule matches is compared by score, and from which odds it is the same.

use std::collections::BTreeMap;

use super::entity::did_you_mean;
use super::reader::{Table, decimal};
use super::{Entity, Scoring};
use crate::linkage::Roles;

/// Odds from which two are the same, 64 to one, as a logarithm (base 2).
const SURE_BITS: f64 = 6.0;
/// Odds from which a person is asked, one to one.
const ASK_BITS: f64 = 0.0;
/// Objects of one record: a dozen systems that hold somebody four times.
const CLUSTER_MAX: usize = 50;
/// A field counts at most so much.
const WEIGHT_MAX: f64 = 3.0;

/// Reads the table; what it leaves out is as before.
pub(super) fn read(mut table: Table<'_>, entity: &Entity) -> Scoring {
    let file = table.file;
    let mut scoring = entity.scoring.clone().unwrap_or_else(|| Scoring {
        on: true,
        because: None,
        sure_bits: SURE_BITS,
        ask_bits: ASK_BITS,
        cluster_max: CLUSTER_MAX,
        weights: BTreeMap::new(),
        roles: Roles::default(),
    });
    let span = table.key_span("on");
    scoring.on = table.flag("on").unwrap_or(scoring.on);
    scoring.because = table.plain("because");
    if !scoring.on && scoring.because.is_none() {
        let message = format!("duplicates of {} are no longer looked for, and nobody says why", entity.name);
        file.error(span, "missing-key", message, Some("write because = \"...\" beside it".to_owned()));
    }
    let sure = table.decimal("sure");
    let ask = table.decimal("ask");
    scoring.sure_bits = sure.as_ref().map_or(scoring.sure_bits, |bits| bits.value);
    scoring.ask_bits = ask.as_ref().map_or(scoring.ask_bits, |bits| bits.value);
    if scoring.sure_bits < scoring.ask_bits {
        let at = sure.or(ask).map_or(0..0, |bits| bits.span);
        let message = format!("`sure` ({}) is below `ask` ({})", scoring.sure_bits, scoring.ask_bits);
        let help = "a person is asked from `ask` bits on, and from `sure` on nobody: sure = 6 is 64 to one".to_owned();
        file.error(at, "turned-round", message, Some(help));
    }
    if let Some(most) = table.number("cluster-max") {
        if most.value < 2 {
            let message = "a record of fewer than two objects is never matched";
            file.error(most.span, "too-small", message, Some("write 2 or more; 50 is the default".to_owned()));
        } else {
            scoring.cluster_max = usize::try_from(most.value).unwrap_or(usize::MAX);
        }
    }
    if let Some(weights) = table.table("weights") {
        for (field, value) in weights.entries() {
            if !entity.fields.contains_key(field.value) {
                let message = format!("{} has no field `{}` (weights)", entity.name, field.value);
                let help = did_you_mean(field.value, entity.fields.keys());
                file.error(field.span, "unknown-field", message, help);
                continue;
            }
            match decimal(value.get_ref()).filter(|weight| (0.0..=WEIGHT_MAX).contains(weight)) {
                Some(weight) => {
                    scoring.weights.insert(field.value.to_owned(), weight);
                }
                None => {
                    let message = format!("how much `{}` counts is a number from 0 to {WEIGHT_MAX}", field.value);
                    file.error(value.span(), "wrong-type", message, Some("1 is as it was learned, 0 not at all".to_owned()));
                }
            }
        }
    }
    table.finish();
    scoring
}
