//! One object over there is one thing: several flows may read a stream, each what its filter lets in, and an object is what it was first
//! taken for. A contact of the books that looks like an organisation since its names were corrected is no second thing: its flow goes on
//! reading it, and the other one lets it be. Whoever wants it to be something else makes another object for that there.

use nave_core::catalog::Mapping;
use nave_core::intake::Pulled;
use nave_core::mapping::Env;
use nave_core::model::RemoteKey;
use nave_store::StoreError;

use super::draft::Draft;
use super::take::Intake;

/// Whether a flow's filter lets an object in; none: it has no filter, or one that cannot be asked here.
fn lets_in(mapping: &Mapping, pulled: &Pulled, region: Option<&str>) -> Option<bool> {
    let filter = mapping.flow_in.as_ref()?.filter.as_ref()?;
    let env = Env { body: &pulled.body, externals: &[], connection: &mapping.connection, region };
    filter.holds(&env).ok()
}

impl Intake<'_> {
    /// Flows that read the same objects of the same stream, and make another kind of record of them.
    fn siblings(&self) -> impl Iterator<Item = &Mapping> {
        let own = self.mapping;
        let all = self.catalog.mappings.values().map(AsRef::as_ref);
        all.filter(move |other: &&Mapping| {
            other.connection == own.connection
                && other.stream == own.stream
                && other.entity != own.entity
                && other.id.is_none()
                && own.id.is_none()
        })
    }

    /// An object that this flow knows, and that its filter does not let in any more: it stays what it is where it would become another
    /// flow's instead.
    pub(super) fn stays_ours(&self, draft: &mut Draft<'_>, key: &RemoteKey, pulled: &Pulled) -> Result<bool, StoreError> {
        let region = self.catalog.hub.region.as_deref();
        if !self.siblings().any(|other| lets_in(other, pulled, region) == Some(true)) {
            return Ok(false);
        }
        let Some(id) = draft.contribution_of(key)? else { return Ok(false) };
        let row = draft.contribution(id)?;
        Ok(row.is_active() && row.record.is_some())
    }

    /// Whether an object that this flow does not know is another's: that one made a record of it, and only its filter would let go of it
    /// now.
    pub(super) fn is_anothers(&self, draft: &mut Draft<'_>, key: &RemoteKey, pulled: &Pulled) -> Result<bool, StoreError> {
        let region = self.catalog.hub.region.as_deref();
        for other in self.siblings().filter(|other| lets_in(other, pulled, region) == Some(false)) {
            let theirs = RemoteKey::new(&*other.connection, &*other.alias, &*key.remote_id);
            let Some(id) = draft.contribution_of(&theirs)? else { continue };
            let row = draft.contribution(id)?;
            if row.is_active() && row.record.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
