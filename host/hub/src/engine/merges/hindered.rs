//! What keeps a system from being told of a merge: whether it waits for that, or somebody has to do something first.

use nave_core::hindrance::{Hindrance, too_long};

use super::{Merge, StepOutcome, Told};
use crate::engine::{Engine, EngineError};

impl Engine {
    /// What kept a flow's run from its work; none where that was the store, which is nobody's answer.
    pub(super) fn hindered(&self, flow: &str, error: &EngineError) -> Option<Told> {
        let hindrance = match error {
            EngineError::Store(_) | EngineError::Commit(_) => return None,
            EngineError::Spoke(_, error) => error.hindrance(),
            EngineError::NotFound(_) => Hindrance::Impossible,
            EngineError::Refused(_) => {
                let mapping = self.mapping(flow).ok();
                if self.store.flow(flow).is_ok_and(|flow| flow.paused) {
                    Hindrance::Paused
                } else if mapping.is_some_and(|mapping| self.used_up(&mapping).is_some()) {
                    Hindrance::BudgetUsedUp
                } else {
                    Hindrance::Impossible
                }
            }
        };
        Some(Told { flow: flow.to_owned(), why: error.to_string(), hindrance })
    }

    /// A step that is not done and that nothing but time stands against, by what is stored: it goes on waiting, unless its flow's run
    /// said that a person has to do something first, or it has waited for too long.
    pub(super) fn as_told(&self, merge: &Merge, flow: &str, outcome: &StepOutcome) -> StepOutcome {
        let why = match (merge.told.iter().find(|told| told.flow == flow), outcome) {
            (Some(told), _) if !told.hindrance.passes() => return StepOutcome::Refused(told.why.clone()),
            (Some(told), _) => told.why.clone(),
            (None, StepOutcome::Waiting(why)) => why.clone(),
            (None, other) => return other.clone(),
        };
        self.in_time(merge, why)
    }

    /// A step that was sent and could not be read back.
    pub(super) fn unread(&self, merge: &Merge, why: Option<&Told>) -> StepOutcome {
        match why {
            Some(told) if !told.hindrance.passes() => {
                StepOutcome::Refused(format!("sent, and it cannot be read back: {}", told.why))
            }
            Some(told) => self.in_time(merge, format!("sent, and not read back yet: {}", told.why)),
            None => self.in_time(merge, "sent, and not read back yet".into()),
        }
    }

    fn in_time(&self, merge: &Merge, why: String) -> StepOutcome {
        let since = merge.still_since();
        if too_long(since, self.now()) {
            return StepOutcome::Refused(format!("it has waited since {since}: {why}"));
        }
        StepOutcome::Waiting(why)
    }
}
