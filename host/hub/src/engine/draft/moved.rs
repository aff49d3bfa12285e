//! Which records are not what they were, and in what.

use nave_core::Text;
use nave_core::model::{Record, RecordId, RecordState};

use nave_store::StoreError;

use super::{Draft, Slot};
use crate::engine::returned::ANY;

/// What became of a record that was here before this draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Moved {
    /// Fields of it hold something else now.
    Changed(Vec<Text>),
    /// It is found again, having been deleted or merged.
    Back,
    /// It is found no more: deleted, or merged into another.
    Gone,
}

impl Draft<'_> {
    /// A record as it was before this draft; none for a new one, and for one that was not looked at.
    pub(in crate::engine) fn before(&self, id: RecordId) -> Option<&Record> {
        self.records.get(&id)?.before()
    }

    /// Whether any record of an entity ended with a refusal, as it was before this draft; asked once.
    pub(in crate::engine) fn any_ended(&mut self, entity: &str) -> Result<bool, StoreError> {
        if let Some(any) = self.ended.get(entity) {
            return Ok(*any);
        }
        let any = self.store.row(ANY, entity)?.is_some();
        self.ended.insert(entity.to_owned(), any);
        Ok(any)
    }

    /// Records that were here before and are not what they were, in the order of their ids; what only counts their versions is left
    /// out.
    pub(in crate::engine) fn moved(&self) -> Vec<(RecordId, Moved)> {
        let mut moved: Vec<(RecordId, Moved)> = self.records.iter().filter_map(|(id, slot)| Some((*id, of(slot)?))).collect();
        moved.sort_unstable_by_key(|(id, _)| *id);
        moved
    }
}

fn of(slot: &Slot) -> Option<Moved> {
    if !slot.touched || slot.new {
        return None;
    }
    let before = slot.before()?;
    let found = |record: &Record| matches!(record.state, RecordState::Active | RecordState::Archived);
    match (found(before), found(&slot.now)) {
        (true, false) => Some(Moved::Gone),
        (false, true) => Some(Moved::Back),
        (false, false) => None,
        (true, true) => {
            let (was, is) = (&before.fields, &slot.now.fields);
            let differs = |name: &&Text| was.get(name.as_str()).map(|f| &f.value) != is.get(name.as_str()).map(|f| &f.value);
            let lost = was.keys().filter(|name| is.get(name.as_str()).is_none());
            let names: Vec<Text> = is.keys().filter(differs).chain(lost).cloned().collect();
            (!names.is_empty()).then_some(Moved::Changed(names))
        }
    }
}
