//! What every plugin must do, whatever its system is: which values it is given, how its system misbehaves, and what it may say then.
//!
//! Pure: the hub makes the calls (`host/hub/src/plugins/conformance`) and asks here whether what came is right.

pub mod answers;
pub mod kinds;
pub mod place;
pub mod report;
pub mod streams;
pub mod values;
