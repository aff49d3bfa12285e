//! Sync does not start while nobody has decided whose word counts.

use std::collections::BTreeSet;

use nave_core::catalog::{Catalog, Unowned};

use crate::api::{ApiError, exit};

/// Code of the findings and of the refusal.
pub const UNOWNED: &str = "unowned";

/// Whether flows of an entity wait for a decision.
pub fn open(catalog: &Catalog, entity: &str) -> bool {
    catalog.hub.ownership_required && catalog.unowned.iter().any(|one| one.entity == entity)
}

/// Everything of these entities is decided, or nothing needs to be.
///
/// # Errors
/// [`ApiError`] with exit code 1 that names the fields.
pub fn complete<'e>(catalog: &Catalog, entities: impl Iterator<Item = &'e str>) -> Result<(), ApiError> {
    let entities: BTreeSet<&str> = entities.filter(|entity| open(catalog, entity)).collect();
    let of: Vec<&Unowned> = catalog.unowned.iter().filter(|one| entities.contains(one.entity.as_str())).collect();
    if of.is_empty() { Ok(()) } else { Err(refused(&of)) }
}

/// Says which fields wait for a decision.
pub(super) fn refused(of: &[&Unowned]) -> ApiError {
    let names: Vec<String> = of.iter().map(|one| format!("{}.{}", one.entity, one.field)).collect();
    let shown = names.iter().take(10).cloned().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(10);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    ApiError::new(
        UNOWNED,
        exit::FAILED,
        format!("nothing is started: several systems write {shown}{more}, and nobody has decided whose word counts"),
    )
    .help(
        "`nave policy init crm-centric` (or books-for-money, hris-for-employees) writes who owns what, to be edited; \
         `nave mapping lint` shows the places",
    )
}
