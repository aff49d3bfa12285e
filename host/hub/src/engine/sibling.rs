//! Flows whose filter is asked once (`filter-once`): several may read a stream, each what its filter lets in, and an object of such a flow is
//! what it was first taken for. A contact of the books that looks like an organisation since its names were corrected is no second thing: its
//! flow goes on reading it, and the others let it be. Whoever wants it to be something else makes another object for that there.

use nave_core::catalog::Mapping;
use nave_core::model::RemoteKey;
use nave_store::StoreError;

use super::draft::Draft;
use super::take::Intake;

/// Whether a flow keeps what it once took in.
fn keeps(mapping: &Mapping) -> bool {
    mapping.flow_in.as_ref().is_some_and(|flow| flow.filter_once)
}

/// Whether an object is a record's.
fn is_known(draft: &mut Draft<'_>, key: &RemoteKey) -> Result<bool, StoreError> {
    let Some(id) = draft.contribution_of(key)? else { return Ok(false) };
    let row = draft.contribution(id)?;
    Ok(row.is_active() && row.record.is_some())
}

impl Intake<'_> {
    /// An object that this flow knows, and that its filter does not let in any more: it stays what it is.
    pub(super) fn stays_ours(&self, draft: &mut Draft<'_>, key: &RemoteKey) -> Result<bool, StoreError> {
        Ok(keeps(self.mapping) && is_known(draft, key)?)
    }

    /// Whether an object that this flow does not know is another's, which makes another kind of record of it and keeps it.
    pub(super) fn is_anothers(&self, draft: &mut Draft<'_>, key: &RemoteKey) -> Result<bool, StoreError> {
        let own = self.mapping;
        let others = self.catalog.mappings.values().filter(|other| {
            other.connection == own.connection && other.stream == own.stream && other.entity != own.entity && keeps(other)
        });
        for other in others.filter(|other| other.id.is_none() && own.id.is_none()) {
            if is_known(draft, &RemoteKey::new(&*other.connection, &*other.alias, &*key.remote_id))? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
