//! Fetches things by their ids. An id that cannot be asked for (`..` in a path) spoils no other's answer.

use nave_core::accounting::InCounts;
use nave_core::catalog::Mapping;
use nave_core::intake::FieldError;
use nave_runtime::contract::SourceRecord;

use super::pull::{GET_IDS_MAX, PageCommit, Reading};
use super::take::{Incoming, IncomingKind};
use super::{Engine, EngineError};
use crate::spoke::{Spoke, SpokeError};

/// What came of asking.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    /// What the system said.
    pub found: Vec<SourceRecord>,
    /// Ids that could not be asked for, and why.
    pub refused: Vec<(String, String)>,
}

impl Engine {
    /// Asks for these things, at most [`GET_IDS_MAX`] in one call. A call that is refused for good is made again in halves,
    /// until the id at fault stands alone.
    pub(super) async fn fetch(
        &self,
        mapping: &Mapping,
        spoke: &dyn Spoke,
        stream: &str,
        ids: &[String],
    ) -> Result<Fetched, EngineError> {
        let mut fetched = Fetched::default();
        let mut parts: Vec<&[String]> = ids.chunks(GET_IDS_MAX).rev().collect();
        while let Some(part) = parts.pop() {
            match spoke.get(stream.to_owned(), part.to_vec()).await {
                Ok(found) => fetched.found.extend(found.into_iter().filter(|record| part.contains(&record.remote_id))),
                Err(SpokeError::Rejected(why)) if part.len() == 1 => {
                    fetched.refused.push((part[0].clone(), cannot(&part[0], &why)))
                }
                Err(SpokeError::Rejected(_)) => {
                    let (left, right) = part.split_at(part.len() / 2);
                    parts.extend([right, left]);
                }
                Err(error) => return Err(EngineError::Spoke(mapping.connection.clone(), error)),
            }
        }
        Ok(fetched)
    }

    /// Sets aside the things that could not be asked for.
    pub(super) async fn set_aside_refused(
        &self,
        reading: &Reading<'_>,
        refused: Vec<(String, String)>,
        counts: &mut InCounts,
    ) -> Result<(), EngineError> {
        if refused.is_empty() {
            return Ok(());
        }
        let page = refused.iter().map(|(id, why)| refusal(id, why)).collect();
        self.take_decoded(reading, page, counts, PageCommit::default()).await?;
        Ok(())
    }
}

fn cannot(id: &str, why: &str) -> String {
    format!("a thing with the id {id:?} cannot be asked for: {why}")
}

/// A thing that could not be asked for, as a source record to be set aside.
pub(super) fn refusal(id: &str, why: &str) -> Incoming {
    let error = FieldError { path: "id".into(), class: "other".into(), message: why.to_owned() };
    Incoming { remote_id: id.into(), kind: IncomingKind::Bad { errors: vec![error], raw: Vec::new() } }
}
