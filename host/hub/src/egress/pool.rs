//! Idle connections of one channel.
//!
//! A channel is one grant identity, and an endpoint of it is one scheme, host, port and set of networks; so an idle
//! connection, which was vetted when it was dialled, is only ever used again for exactly what it was vetted for. A
//! changed grant is a new channel, with an empty pool. Names are not looked up for a connection that is open already.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nave_core::limits::{HTTP_CONNECTIONS_MAX, HTTP_POOL_IDLE_MS_MAX, HTTP_POOL_LIFE_MS_MAX, HTTP_POOL_WRITE_IDLE_MS_MAX};
use tokio::time::Instant;

use super::dial::Live;

/// By endpoint, last used last.
#[derive(Default)]
pub(super) struct Pool {
    idle: Mutex<HashMap<String, Vec<(Instant, Live)>>>,
}

impl Pool {
    /// The most recently used connection that is still good for this request.
    pub(super) fn take(&self, endpoint: &str, writes: bool) -> Option<Live> {
        let now = Instant::now();
        let idle_max = Duration::from_millis(if writes { HTTP_POOL_WRITE_IDLE_MS_MAX } else { HTTP_POOL_IDLE_MS_MAX });
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let list = idle.get_mut(endpoint)?;
        list.retain(|(since, live)| {
            now - *since < Duration::from_millis(HTTP_POOL_IDLE_MS_MAX)
                && now - live.born < Duration::from_millis(HTTP_POOL_LIFE_MS_MAX)
                && !live.sender.is_closed()
        });
        if list.last().is_some_and(|(since, _)| now - *since < idle_max) { list.pop().map(|(_, live)| live) } else { None }
    }

    /// Keeps a connection whose answer was read to its end.
    pub(super) fn put(&self, endpoint: &str, mut live: Live) {
        if live.sender.is_closed() {
            return;
        }
        live.reused = true;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let list = idle.entry(endpoint.to_owned()).or_default();
        if list.len() >= HTTP_CONNECTIONS_MAX {
            list.remove(0);
        }
        list.push((Instant::now(), live));
    }
}
