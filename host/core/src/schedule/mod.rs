//! When a flow is due: how often it is read, and when its system may be asked at all.

mod advice;
mod calendar;
mod pace;

pub use advice::{Found, advice};
pub use calendar::{Calendar, Closed, SpecError};
pub use pace::{EVERY_MS_MIN, Measured, Pace, pace, parse_span, percentile_95, span};
