//! The one place where the hub reads the wall clock.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use nave_core::model::Time;

/// Now, in milliseconds since 1970.
pub fn now() -> Time {
    Time(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis() as i64))
}

/// Tells the time to whoever goes by it; a test moves it.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;
