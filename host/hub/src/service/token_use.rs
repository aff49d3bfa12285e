//! When the tokens of the HTTP API were used last: to the day, so that a busy token costs a write a day.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use nave_core::model::{Cause, Time};
use nave_store::{KeyedRow, Store};

use super::access::DAY_MS;
use crate::api::ApiError;
use crate::engine::Engine;

/// Rows: when a token was used last, by its hash: milliseconds as decimal digits.
const SPACE: &str = "token-used";

/// What this process has noted already: by hash, the day.
#[derive(Debug, Default)]
pub(crate) struct TokenUses(Mutex<BTreeMap<String, i64>>);

impl TokenUses {
    /// Whether this use is the token's first of the day in this process. It counts as noted from then on.
    pub(crate) fn is_news(&self, hash: &str, now: Time) -> bool {
        let day = now.0.div_euclid(DAY_MS);
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.insert(hash.to_owned(), day) != Some(day)
    }
}

/// Notes that a token was used now, and forgets the uses of those that are no more.
pub(super) async fn note(engine: &Engine, hash: &str) -> Result<(), ApiError> {
    let known = engine.store.tokens()?;
    let gone: Vec<String> = engine
        .store
        .rows(SPACE)?
        .into_iter()
        .map(|(key, _)| key)
        .filter(|key| !known.iter().any(|row| row.hash == *key))
        .collect();
    engine
        .write(Cause::default(), |draft| {
            let value = Some(draft.now.0.to_string().into_bytes());
            draft.batch.rows.push(KeyedRow { space: SPACE.into(), key: hash.to_owned(), value });
            draft.batch.rows.extend(gone.iter().map(|key| KeyedRow { space: SPACE.into(), key: key.clone(), value: None }));
            Ok(())
        })
        .await?;
    Ok(())
}

/// When each token was used last, by its hash; to the day.
pub(super) fn last(store: &dyn Store) -> Result<BTreeMap<String, Time>, ApiError> {
    let time = |bytes: Vec<u8>| String::from_utf8(bytes).ok()?.parse().ok().map(Time);
    Ok(store.rows(SPACE)?.into_iter().filter_map(|(hash, bytes)| Some((hash, time(bytes)?))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_noted_once_a_day() {
        let uses = TokenUses::default();
        let day = Time(10 * DAY_MS);
        for (hash, at, news) in [
            ("a", day, true),
            ("a", Time(day.0 + DAY_MS - 1), false),
            ("b", day, true),
            ("a", Time(day.0 + DAY_MS), true),
            ("a", Time(day.0 + DAY_MS), false),
        ] {
            assert_eq!(uses.is_news(hash, at), news, "{hash} {}", at.0);
        }
    }
}
