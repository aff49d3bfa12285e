//! Bounds of this plugin, unit last in the name, reason beside it.

/// Deliveries per call: up to three requests each, and a call may take 30 seconds.
pub(crate) const BATCH_MAX: u32 = 20;
/// Characters of an address: Sympa's column.
pub(crate) const EMAIL_CHARS_MAX: u32 = 100;
/// Characters of a name: Sympa's column.
pub(crate) const NAME_CHARS_MAX: u32 = 150;
/// Elements within each other in an answer: Sympa's are eight deep.
pub(crate) const DEPTH_MAX: usize = 64;
