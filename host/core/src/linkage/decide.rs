//! Which record a new thing is by score, where no rule said it: one, none, or a person's to say.

use std::sync::Arc;

use super::{Judge, Prepared};
use crate::catalog::Scoring;
use crate::matching::MatchDecision;
use crate::model::RecordId;

/// A record that a new thing may be.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Record.
    pub id: RecordId,
    /// What is compared of it.
    pub prepared: Arc<Prepared>,
    /// Objects that it has in systems.
    pub objects: usize,
}

/// Decides for a thing that no rule matched (`by_rule`: new, or which records a rule named without being sure).
///
/// What is surely the same as one record joins it; as several, a person says which. A record that would grow beyond its bound is
/// held, as is what is only likely.
pub fn decide(
    judge: &Judge,
    scoring: &Scoring,
    thing: &Prepared,
    candidates: Vec<Candidate>,
    by_rule: MatchDecision,
) -> MatchDecision {
    let others: Vec<&Prepared> = candidates.iter().map(|candidate| &*candidate.prepared).collect();
    let is_named =
        |id: RecordId| matches!(&by_rule, MatchDecision::Ambiguous(named) if named.iter().any(|(known, _)| *known == id));
    let wanted = |at: usize, bits: f64| bits >= scoring.ask_bits || is_named(candidates[at].id);
    let mut judged: Vec<_> = candidates.iter().zip(judge.compare(thing, &others, wanted)).collect();
    judged.sort_by(|(one, of_one), (other, of_other)| of_other.bits.total_cmp(&of_one.bits).then(one.id.cmp(&other.id)));
    let sure: Vec<_> = judged.iter().filter(|(_, judged)| judged.is_safe && judged.bits >= scoring.sure_bits).collect();
    let line = |(candidate, judged): &(&Candidate, super::Judged)| (candidate.id, judged.line());
    match sure.as_slice() {
        [(candidate, judged)] if candidate.objects >= scoring.cluster_max => {
            let why = format!("{}; it has {} objects already", judged.line(), candidate.objects);
            return MatchDecision::Ambiguous(vec![(candidate.id, why)]);
        }
        [(candidate, judged)] => return MatchDecision::Existing(candidate.id, judged.line()),
        [] => {}
        several => return MatchDecision::Ambiguous(several.iter().map(|one| line(one)).collect()),
    }
    let likely = judged.iter().filter(|(_, judged)| judged.is_worth_asking && judged.bits >= scoring.ask_bits).map(line);
    match by_rule {
        MatchDecision::Ambiguous(mut named) => {
            // A shared telephone or address is no question where all the rest speaks against it; a shared mailbox stays one, since
            // most systems have each mailbox once.
            let unlikely = |id: RecordId| {
                judged.iter().any(|(known, judged)| known.id == id && judged.bits < scoring.ask_bits && !judged.is_identified)
            };
            named.retain(|(id, _)| !unlikely(*id));
            for (id, why) in judged.iter().map(line) {
                if let Some((_, reason)) = named.iter_mut().find(|(known, _)| *known == id) {
                    reason.push_str("; ");
                    reason.push_str(&why);
                }
            }
            for (id, why) in likely {
                if named.iter().all(|(known, _)| *known != id) {
                    named.push((id, why));
                }
            }
            if named.is_empty() { MatchDecision::New } else { MatchDecision::Ambiguous(named) }
        }
        other => {
            let likely: Vec<_> = likely.collect();
            if likely.is_empty() { other } else { MatchDecision::Ambiguous(likely) }
        }
    }
}
