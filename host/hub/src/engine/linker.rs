//! Compares by score what no rule matches. What agreement says is learned from the records that are here, and from those that
//! arrive where there are not enough yet; again each time the hub has four times as many.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use nave_core::catalog::{Entity, Scoring};
use nave_core::intake::{self, Mapped};
use nave_core::linkage::entity::{fields, row, row_of};
use nave_core::linkage::{self, Candidate, LEARN_MAX, LEARN_MIN, Learned, Term};
use nave_core::matching::MatchDecision;
use nave_core::model::{Contribution, ContributionId, Record, RecordId, RecordState};
use nave_store::{KeyedRow, Store, StoreError};

use super::draft::Draft;
use super::take::{First, Intake};

/// Rows: what was learned of an entity.
const LEARNED: &str = "match-model";
/// Rows: how many records the hub must have for the next learning.
const DUE: &str = "match-model-due";
/// So many times as many records as last time are learned from again. What agreement says moves slowly, and learning takes as long as
/// taking ten thousand things in.
const AGAIN_TIMES: usize = 4;
/// Records of a sample that are read in one go.
const CHUNK: usize = 200;

/// What was learned last, read once. The row is the truth: this is its decoded form.
#[derive(Default)]
pub struct Linker {
    known: Mutex<HashMap<String, Decoded>>,
}

/// A row, and what it holds.
type Decoded = (Vec<u8>, Arc<Learned>);

impl Linker {
    /// What was learned of an entity.
    pub fn learned(&self, store: &dyn Store, entity: &str) -> Result<Option<Arc<Learned>>, StoreError> {
        let Some(bytes) = store.row(LEARNED, entity)? else { return Ok(None) };
        self.decoded(entity, &bytes).map(Some)
    }

    fn decoded(&self, entity: &str, bytes: &[u8]) -> Result<Arc<Learned>, StoreError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, learned)) = known.get(entity).filter(|(of, _)| of == bytes) {
            return Ok(learned.clone());
        }
        let learned: Learned = serde_json::from_slice(bytes).map_err(|error| StoreError::Damaged(error.to_string()))?;
        let learned = Arc::new(learned);
        known.insert(entity.to_owned(), (bytes.to_vec(), learned.clone()));
        Ok(learned)
    }
}

/// How an entity is compared by score, if it is.
pub fn scoring(entity: &Entity) -> Option<&Scoring> {
    entity.scoring.as_ref().filter(|scoring| scoring.on)
}

impl Intake<'_> {
    /// Makes ready to compare what arrives, learns first where that is due, and looks up what it may be the same as.
    pub(super) fn get_ready(&mut self, draft: &mut Draft<'_>, first: &[Option<First>]) -> Result<(), StoreError> {
        let Some(scoring) = scoring(self.entity) else { return Ok(()) };
        let arriving = || first.iter().flatten().map(|first| &first.mapped);
        if arriving().next().is_none() {
            return Ok(());
        }
        let population = draft.population() + arriving().count();
        let learned = match self.learn(draft, arriving, population)? {
            Some(learned) => Some(learned),
            None => self.linker.learned(draft.store(), &self.entity.name)?,
        };
        self.judge = learned.map(|learned| learned.judge(scoring, population));
        if self.judge.is_some() {
            let terms = || first.iter().flatten().map(|first| first.sought.terms.as_slice());
            draft.prefetch_terms(terms())?;
            let likely: Vec<RecordId> = terms().flat_map(|terms| draft.likely(terms)).collect();
            draft.load_records(&likely)?;
        }
        Ok(())
    }

    /// What a thing is found under among what it may be the same as.
    pub(super) fn terms(&self, mapped: &Mapped) -> Vec<Term> {
        let terms = |scoring: &Scoring| scoring.roles.terms(intake::values_of(self.mapping, mapped));
        scoring(self.entity).map(terms).unwrap_or_default()
    }

    /// Learns where it is due: with enough records to learn from, and each time there are [`AGAIN_TIMES`] as many.
    fn learn<'m, A: Iterator<Item = &'m Mapped>>(
        &self,
        draft: &mut Draft<'_>,
        arriving: impl Fn() -> A,
        population: usize,
    ) -> Result<Option<Arc<Learned>>, StoreError> {
        let (store, entity) = (draft.store(), &self.entity.name);
        let due = store.row(DUE, entity)?.and_then(|row| String::from_utf8(row).ok()?.parse().ok()).unwrap_or(LEARN_MIN);
        let nothing_yet = || Ok::<_, StoreError>(store.row(LEARNED, entity)?.is_none());
        if population < due && !(arriving().count() >= LEARN_MIN && nothing_yet()?) {
            return Ok(None);
        }
        let mut put = |space: &str, value: Vec<u8>| {
            draft.batch.rows.push(KeyedRow { space: space.into(), key: entity.clone(), value: Some(value) });
        };
        put(DUE, (population * AGAIN_TIMES).to_string().into_bytes());
        let fields = fields(self.entity);
        let mut rows = sample(store, self.entity, &fields)?;
        let room = LEARN_MAX.saturating_sub(rows.len());
        rows.extend(arriving().take(room).map(|mapped| row(&fields, intake::values_of(self.mapping, mapped))));
        if rows.len() < LEARN_MIN {
            return Ok(None);
        }
        let learned = Learned::from_rows(self.entity, &rows);
        let bytes = serde_json::to_vec(&learned).map_err(|error| StoreError::Damaged(error.to_string()))?;
        // As it will be read: the same after a restart.
        let learned = self.linker.decoded(entity, &bytes)?;
        put(LEARNED, bytes);
        Ok(Some(learned))
    }

    /// What a comparison by score says of a thing that no rule matched.
    pub(super) fn by_score(
        &self,
        draft: &mut Draft<'_>,
        mapped: &Mapped,
        terms: &[Term],
        by_rule: MatchDecision,
    ) -> Result<MatchDecision, StoreError> {
        let (Some(judge), Some(scoring)) = (&self.judge, scoring(self.entity)) else { return Ok(by_rule) };
        let mut ids = match &by_rule {
            MatchDecision::Existing(..) => return Ok(by_rule),
            MatchDecision::Ambiguous(named) => named.iter().map(|(id, _)| *id).collect(),
            MatchDecision::New => Vec::new(),
        };
        draft.prefetch_terms(std::iter::once(terms))?;
        ids.extend(draft.likely(terms));
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(by_rule);
        }
        draft.load_records(&ids)?;
        let fields = judge.fields();
        let is_there = |record: &&Record| {
            record.entity == self.entity.name.as_str() && matches!(record.state, RecordState::Active | RecordState::Archived)
        };
        let candidate = |record: &Record| Candidate {
            id: record.id,
            prepared: Arc::new(judge.prepare(&row_of(fields, record))),
            objects: record.contributions.len(),
        };
        let candidates = ids.iter().filter_map(|id| draft.loaded(*id)).filter(is_there).map(candidate).collect();
        let thing = judge.prepare(&row(fields, intake::values_of(self.mapping, mapped)));
        Ok(linkage::decide(judge, scoring, &thing, candidates, by_rule))
    }
}

/// What systems said of an entity's records, each object by itself, spread over all that there are. Not the records as computed: in
/// those what was found to be the same is one already, and nothing of it would be left to learn from.
fn sample(store: &dyn Store, entity: &Entity, fields: &[String]) -> Result<Vec<Vec<String>>, StoreError> {
    let all = store.heads()?.record;
    let chunks = (LEARN_MAX / CHUNK) as u64;
    // Of few, every chunk follows the one before; of many, each begins further on.
    let stride = (all / chunks).max(CHUNK as u64);
    let mut rows = Vec::new();
    let mut after = 0;
    while after < all && rows.len() < LEARN_MAX {
        let records = store.records_after(RecordId(after), CHUNK)?;
        let Some(last) = records.last().map(|record| record.id.0) else { break };
        let own = |record: &&Record| record.entity == entity.name.as_str() && record.state == RecordState::Active;
        let objects: Vec<ContributionId> = records.iter().filter(own).flat_map(|record| record.contributions.clone()).collect();
        // What the hub made there itself says nothing of its own.
        let says = |object: &Contribution| object.is_active() && !object.claims.is_empty();
        let objects = store.contributions(&objects)?.into_iter().flatten().filter(says);
        rows.extend(
            objects.map(|object| {
                row(fields, object.claims.iter().map(|(name, claim)| (Cow::Borrowed(name.as_str()), &claim.value)))
            }),
        );
        after = last.max(after + stride);
    }
    rows.truncate(LEARN_MAX);
    Ok(rows)
}
