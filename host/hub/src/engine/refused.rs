//! What came at once and a person refused goes nowhere, and stays so until somebody says otherwise: let in after all, or detached for
//! good, so that it is no record of anybody's any more.

use nave_core::model::{AuditEntry, Cause, ChangeKind, ContributionState, Reason, RecordId, RecordState, Went};

use super::surge::{SPACE, surge_key, surge_of, surge_row};
use super::{Engine, EngineError};

/// What was refused of a stream and is still here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Connection.
    pub connection: String,
    /// Stream, or the alias of its mapping.
    pub stream: String,
    /// `Went::Arrived` or `Went::Changed`.
    pub what: Went,
    /// How many records.
    pub records: u64,
}

/// What became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Records that are let in, or detached.
    pub done: u64,
    /// Left as they were, because others know them too: detaching takes away nothing that somebody else holds.
    pub left: u64,
}

impl Engine {
    /// What was refused and is still here, by stream.
    ///
    /// # Errors
    /// Those of the store.
    pub fn refused(&self) -> Result<Vec<Refused>, EngineError> {
        let mut found = Vec::new();
        for (key, stored) in self.store.rows(SPACE)? {
            let records = surge_of(Some(stored)).refused.count();
            let named = key.rsplit_once(' ').and_then(|(named, what)| Some((named.split_once('/')?, what)));
            let Some(((connection, stream), what)) = named.filter(|_| records > 0) else { continue };
            let what = if what == "changed" { Went::Changed } else { Went::Arrived };
            found.push(Refused { connection: connection.to_owned(), stream: stream.to_owned(), what, records });
        }
        Ok(found)
    }

    /// What was refused of a stream is let in after all: it goes where everything goes, with the next sync.
    ///
    /// # Errors
    /// [`EngineError::Refused`] where nothing of the kind was refused.
    pub async fn let_in(
        &self,
        (connection, stream): (&str, &str),
        what: &Went,
        by: &str,
        reason: &str,
    ) -> Result<Released, EngineError> {
        let key = surge_key(connection, stream, what);
        let released = self
            .write(cause(by, reason), |draft| {
                let mut surge = surge_of(draft.row(SPACE, &key)?);
                let refused = std::mem::take(&mut surge.refused);
                let mut released = Released::default();
                for id in refused.ids() {
                    let record = draft.surviving(RecordId(id))?;
                    draft.enter_all(record, Reason::Resync)?;
                    released.done += 1;
                }
                none(released, connection, stream)?;
                draft.batch.rows.push(surge_row(key.clone(), &surge)?);
                draft.batch.audit.push(audit(draft.now, "surge.let-in", by, &key, reason));
                Ok(released)
            })
            .await;
        self.surges.forget();
        released
    }

    /// What was refused of a stream is no record any more, and nothing that it says brings it back. What others know too is left
    /// as it was. Nothing is deleted in any system.
    ///
    /// # Errors
    /// [`EngineError::Refused`] where nothing of the kind was refused.
    pub async fn detach_refused(
        &self,
        (connection, stream): (&str, &str),
        by: &str,
        reason: &str,
    ) -> Result<Released, EngineError> {
        let key = surge_key(connection, stream, &Went::Arrived);
        let released = self
            .write(cause(by, reason), |draft| {
                let mut surge = surge_of(draft.row(SPACE, &key)?);
                let refused = std::mem::take(&mut surge.refused);
                let mut released = Released::default();
                for id in refused.ids() {
                    let record = draft.surviving(RecordId(id))?;
                    let rows = draft.record(record)?.contributions.clone();
                    let mut theirs = record == RecordId(id);
                    for row in rows {
                        let row = draft.contribution(row)?;
                        let here = row.key.connection == connection && row.key.stream == stream;
                        theirs &= here || !matches!(row.state, ContributionState::Active);
                    }
                    if !theirs {
                        surge.refused.add(id);
                        released.left += 1;
                        continue;
                    }
                    // Held as before, so that its end is told nowhere either.
                    surge.detached.add(id);
                    if !matches!(draft.record(record)?.state, RecordState::Deleted { .. }) {
                        let at = draft.now;
                        draft.set_state(record, RecordState::Deleted { at }, ChangeKind::Deleted)?;
                    }
                    released.done += 1;
                }
                none(released, connection, stream)?;
                draft.batch.rows.push(surge_row(key.clone(), &surge)?);
                draft.batch.audit.push(audit(draft.now, "surge.detached", by, &key, reason));
                Ok(released)
            })
            .await;
        self.surges.forget();
        released
    }
}

fn cause(by: &str, reason: &str) -> Cause {
    Cause { person: Some(by.to_owned()), rule: Some(format!("what came at once: {reason}")), ..Cause::default() }
}

fn none(released: Released, connection: &str, stream: &str) -> Result<(), EngineError> {
    if released == Released::default() {
        return Err(EngineError::Refused(format!(
            "nothing that came at once in {connection}/{stream} was refused; `nave anomalies` lists what was"
        )));
    }
    Ok(())
}

fn audit(at: nave_core::model::Time, action: &str, by: &str, subject: &str, reason: &str) -> AuditEntry {
    AuditEntry { at, actor: by.to_owned(), action: action.to_owned(), subject: subject.to_owned(), detail: reason.to_owned() }
}
