//! Answers that are given again under the same idempotency key. Bounded: the oldest are forgotten, as vendors do after some hours.
//!
//! Must not know what a vendor says to a key that was used with another request.

use crate::{
    limits::IDEMPOTENCY_ANSWERS_MAX,
    rng::fingerprint,
    wire::{Body, Call, Reply},
};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    key: String,
    /// Of method, path, query and body.
    request: u64,
    status: u16,
    body: String,
}

#[derive(Debug, Default)]
pub(crate) struct Answers {
    by_key: HashMap<String, Answer>,
    /// Keys in the order of their first use.
    keys: VecDeque<String>,
}

/// What is known of a key.
pub(crate) enum Known {
    Nothing,
    /// The answer that it got.
    Same(Reply),
    /// It was used with another request.
    Other,
}

impl Answer {
    pub(crate) fn new(key: &str, call: &Call, reply: &Reply) -> Self {
        Self { key: key.to_owned(), request: request(call), status: reply.status, body: reply.body_text().into_owned() }
    }
}

fn request(call: &Call) -> u64 {
    let mut bytes = format!("{} {}?{}\n", call.method, call.path, call.query_text).into_bytes();
    bytes.extend_from_slice(&call.body);
    fingerprint(&bytes)
}

impl Answers {
    pub(crate) fn known(&self, key: &str, call: &Call) -> Known {
        match self.by_key.get(key) {
            None => Known::Nothing,
            Some(answer) if answer.request != request(call) => Known::Other,
            Some(answer) => Known::Same(Reply { body: Body::Text(answer.body.clone()), ..Reply::empty(answer.status) }),
        }
    }

    pub(crate) fn remember(&mut self, answer: Answer) {
        if self.keys.len() == IDEMPOTENCY_ANSWERS_MAX
            && let Some(oldest) = self.keys.pop_front()
        {
            self.by_key.remove(&oldest);
        }
        self.keys.push_back(answer.key.clone());
        self.by_key.insert(answer.key.clone(), answer);
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Answer> {
        self.keys.iter().filter_map(|key| self.by_key.get(key))
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }
}
