//! Copies of an old value put right, as a person chose them from a list. No second way to write: what a record copied into a
//! field of its own becomes a steward's word there, the rest is entered to be compared, and the one comparison sends it.

use std::collections::{BTreeMap, BTreeSet};

use nave_core::model::{AuditEntry, Cause, Reason, RecordId, Run};
use nave_store::KeyedRow;
use serde::{Deserialize, Serialize};

use super::copies::{Can, Copies, Copy};
use super::only::Only;
use super::{Engine, EngineError, steward};

/// Rows: the places of the list that was shown last, by record and field. No values.
const SHOWN: &str = "correction";
/// Copies that are put right in one commit.
const AT_ONCE: usize = 1_000;

/// What was shown.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Shown {
    places: Vec<String>,
}

/// Which copies are to be put right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Every one that can be written.
    All,
    /// These, by their number in the list that was shown, from 1.
    Numbers(BTreeSet<usize>),
}

/// What became of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Became {
    /// Nobody asked for it.
    Left,
    /// It does not show the old value any more, by what was read back.
    Corrected,
    /// It still does, for this reason.
    Still(String),
}

/// A list with what became of each of it.
#[derive(Clone, Debug, Default)]
pub struct Corrected {
    /// As it was before.
    pub copies: Copies,
    /// In the order of the copies.
    pub became: Vec<Became>,
    /// The runs that did it.
    pub runs: Vec<Run>,
}

impl Engine {
    /// Lists the copies, and remembers which place has which number.
    ///
    /// # Errors
    /// Those of [`Engine::copies`].
    pub async fn show_copies(&self, record: RecordId, field: &str, from: Option<&str>) -> Result<Copies, EngineError> {
        let copies = self.copies(record, field, from).await?;
        let shown = Shown { places: copies.copies.iter().map(Copy::place).collect() };
        let value = serde_json::to_vec(&shown).map_err(|error| EngineError::Refused(error.to_string()))?;
        self.write(Cause::default(), |draft| {
            draft.batch.rows.push(KeyedRow { space: SHOWN.into(), key: key(record, field), value: Some(value.clone()) });
            Ok(())
        })
        .await?;
        Ok(copies)
    }

    /// Puts the chosen copies right, through the ordinary comparison, and looks at them again.
    ///
    /// # Errors
    /// [`EngineError::Refused`] where numbers name a list that nobody was shown or that is another one now, or a copy that
    /// cannot be written. Nothing is written then.
    pub async fn correct(
        &self,
        record: RecordId,
        field: &str,
        from: Option<&str>,
        which: &Which,
        by: &str,
        because: &str,
    ) -> Result<Corrected, EngineError> {
        let copies = self.copies(record, field, from).await?;
        let chosen = self.chosen(record, &copies, which)?;
        let subject = self.store.records(&[record])?.pop().flatten().map(|row| format!("{}/{}", row.entity, row.id));
        let subject = subject.unwrap_or_else(|| record.to_string());
        let chosen: Vec<&Copy> = chosen.into_iter().map(|at| &copies.copies[at]).collect();
        if chosen.is_empty() {
            let became = vec![Became::Left; copies.copies.len()];
            return Ok(Corrected { copies, became, runs: Vec::new() });
        }
        let mut flows: BTreeMap<String, BTreeSet<RecordId>> = BTreeMap::new();
        for chunk in chosen.chunks(AT_ONCE) {
            let cause = Cause {
                person: Some(by.to_owned()),
                rule: Some(format!("correction of `{field}` of {subject}: {because}")),
                ..Cause::default()
            };
            self.write(cause, |draft| {
                for copy in chunk {
                    if let Some((name, value)) = &copy.claim {
                        steward::assert(draft, copy.record, name, value.clone())?;
                    }
                    if let Some(flow) = copy.flow.as_ref().filter(|_| copy.key.is_some()) {
                        draft.enter(flow, copy.record, Reason::Resync);
                    }
                }
                let records: BTreeSet<RecordId> =
                    chunk.iter().filter(|copy| copy.claim.is_some()).map(|copy| copy.record).collect();
                for record in records {
                    draft.recompute(record)?;
                }
                let places: Vec<String> = chunk.iter().map(|copy| copy.place()).collect();
                draft.batch.audit.push(AuditEntry {
                    at: draft.now,
                    actor: by.to_owned(),
                    action: "record.corrected".to_owned(),
                    subject: subject.clone(),
                    detail: format!("`{field}`, {}: {because}", places.join(", ")),
                });
                draft.batch.rows.push(KeyedRow { space: SHOWN.into(), key: key(record, field), value: None });
                Ok(())
            })
            .await?;
        }
        for copy in chosen.iter().filter(|copy| copy.key.is_some()) {
            if let Some(flow) = &copy.flow {
                flows.entry(flow.clone()).or_default().insert(copy.record);
            }
        }
        let (mut runs, mut failed) = (Vec::new(), BTreeMap::new());
        for (flow, records) in flows {
            match self.run_out_only(&flow, &Only::of(records)).await {
                Ok(run) => {
                    if let Some(message) = &run.message {
                        failed.insert(flow, message.clone());
                    }
                    runs.push(run);
                }
                Err(error @ (EngineError::Store(_) | EngineError::Commit(_))) => return Err(error),
                Err(error) => drop(failed.insert(flow, error.to_string())),
            }
        }
        // Of the same old values: a correction may have become a change of the record itself.
        let chosen: BTreeSet<String> = chosen.iter().map(|copy| copy.place()).collect();
        let now = self.store.records(&[record])?.pop().flatten();
        let now = now.ok_or_else(|| EngineError::NotFound("the record is not there any more".into()))?;
        let after = self.copies_among(&now, field, copies.old.clone()).await?;
        let still: BTreeMap<String, &Copy> = after.copies.iter().map(|copy| (copy.place(), copy)).collect();
        let mut became = Vec::new();
        for copy in &copies.copies {
            let place = copy.place();
            became.push(match still.get(&place) {
                None if chosen.contains(&place) => Became::Corrected,
                Some(left) if chosen.contains(&place) => Became::Still(self.why_still(left, &failed)?),
                // What is another copy of the same value went with it.
                None => Became::Corrected,
                Some(_) => Became::Left,
            });
        }
        Ok(Corrected { copies, became, runs })
    }

    /// The chosen ones' positions.
    fn chosen(&self, record: RecordId, copies: &Copies, which: &Which) -> Result<Vec<usize>, EngineError> {
        let again = || format!("`nave record correct {record} {}` shows it", copies.field);
        let numbers = match which {
            Which::All => {
                let can = |(at, copy): (usize, &Copy)| (copy.can == Can::Write).then_some(at);
                return Ok(copies.copies.iter().enumerate().filter_map(can).collect());
            }
            Which::Numbers(numbers) => numbers,
        };
        let row = self.store.row(SHOWN, &key(record, &copies.field))?;
        let Some(shown) = row.and_then(|row| serde_json::from_slice::<Shown>(&row).ok()) else {
            return Err(EngineError::Refused(format!("nobody was shown the list that these numbers are of; {}", again())));
        };
        let now: Vec<String> = copies.copies.iter().map(Copy::place).collect();
        let mut chosen = Vec::new();
        for number in numbers {
            let at = number.checked_sub(1).filter(|at| *at < shown.places.len());
            let Some(at) = at else {
                return Err(EngineError::Refused(format!(
                    "there is no copy {number}: the list has {}; {}",
                    shown.places.len(),
                    again()
                )));
            };
            if now.get(at) != shown.places.get(at) {
                return Err(EngineError::Refused(format!("the list is another one than was shown; {}", again())));
            }
            match &copies.copies[at].can {
                Can::Write => chosen.push(at),
                Can::Review(why) | Can::Cannot(why) => {
                    return Err(EngineError::Refused(format!("copy {number} ({}) is not written from here: {why}", now[at])));
                }
            }
        }
        Ok(chosen)
    }

    fn why_still(&self, copy: &Copy, failed: &BTreeMap<String, String>) -> Result<String, EngineError> {
        let Some(flow) = &copy.flow else { return Ok("nothing was sent".into()) };
        let subject = nave_core::model::DeadLetterSubject::Delivery { destination: flow.clone(), record: copy.record };
        if let Some(letter) = self.store.dead_letter_of(&nave_store::subject_key(&subject))? {
            return Ok(format!("{}; `nave dlq show {}`", letter.message, letter.id));
        }
        if let Some(message) = failed.get(flow) {
            return Ok(message.clone());
        }
        Ok(match &copy.can {
            Can::Write => format!(
                "it was not sent, or what was read back still shows it; `nave record resync {}/{}`",
                copy.entity, copy.record
            ),
            Can::Review(why) | Can::Cannot(why) => why.clone(),
        })
    }
}

fn key(record: RecordId, field: &str) -> String {
    format!("{record} {field}")
}
