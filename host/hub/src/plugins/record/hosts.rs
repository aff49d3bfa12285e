//! A host that writes down what passes, and one that plays it again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use nave_runtime::contract::LogLevel;
use nave_runtime::{Blob, BlobResponse, FolderEntry, FolderError, HostCalls, HostFuture, HttpError, HttpRequest, HttpResponse};

use super::{Answer, Body, Exchange, Folders, Recording};

/// Longest body of one exchange, bytes.
const BODY_BYTES_MAX: u64 = 8 << 20;

/// Passes everything on to another host, and writes down what went out and came back. Its clock stands still: a question that goes by
/// the time is the same when it is played.
pub(crate) struct Recorder {
    inner: Arc<dyn HostCalls>,
    at: u64,
    heard: Mutex<Vec<Exchange>>,
}

impl Recorder {
    pub(crate) fn new(inner: Arc<dyn HostCalls>) -> Self {
        let at = inner.now_ms();
        Self { inner, at, heard: Mutex::default() }
    }

    /// What was heard so far; forgets it.
    pub(crate) fn take(&self) -> Vec<Exchange> {
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many exchanges were heard so far.
    pub(crate) fn heard(&self) -> usize {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Forgets all but the first so many.
    pub(crate) fn forget_after(&self, heard: usize) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).truncate(heard);
    }

    fn note(&self, endpoint: &str, request: &HttpRequest, sent: Option<&[u8]>, answer: Answer) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).push(Exchange {
            endpoint: endpoint.to_owned(),
            method: request.method.clone(),
            path: request.path.clone(),
            body: sent.map(Body::of),
            answer,
        });
    }

    /// An answer whose body is held is read whole, and handed on from memory.
    async fn held(
        &self,
        endpoint: &str,
        request: &HttpRequest,
        sent: Option<&[u8]>,
        answer: Result<BlobResponse, HttpError>,
    ) -> Result<BlobResponse, HttpError> {
        let found = match answer {
            Ok(found) => found,
            Err(error) => {
                self.note(endpoint, request, sent, failed(&error));
                return Err(error);
            }
        };
        let whole = whole(found.body.as_ref()).await?;
        self.note(
            endpoint,
            request,
            sent,
            Answer::Response { status: found.status, headers: found.headers.clone(), body: Body::of(&whole) },
        );
        Ok(BlobResponse { body: Arc::new(Bytes::from(whole)), ..found })
    }
}

async fn whole(blob: &dyn Blob) -> Result<Vec<u8>, HttpError> {
    if blob.size() > BODY_BYTES_MAX {
        return Err(HttpError::TooLarge(BODY_BYTES_MAX));
    }
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < blob.size() {
        let piece = blob.read(bytes.len() as u64, 1 << 20).await.map_err(|error| HttpError::NoAnswer(error.to_string()))?;
        if piece.is_empty() {
            break;
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn failed(error: &HttpError) -> Answer {
    Answer::Error(match error {
        HttpError::Denied(why) | HttpError::Unreachable(why) | HttpError::NoAnswer(why) | HttpError::Quota(why) => why.clone(),
        HttpError::TooLarge(bytes) => format!("larger than {bytes} bytes"),
    })
}

impl HostCalls for Recorder {
    fn http_send<'a>(&'a self, endpoint: &'a str, request: HttpRequest) -> HostFuture<'a, Result<HttpResponse, HttpError>> {
        Box::pin(async move {
            let answer = self.inner.http_send(endpoint, request.clone()).await;
            let noted = match &answer {
                Ok(found) => {
                    Answer::Response { status: found.status, headers: found.headers.clone(), body: Body::of(&found.body) }
                }
                Err(error) => failed(error),
            };
            self.note(endpoint, &request, request.body.as_deref(), noted);
            answer
        })
    }

    fn blob_fetch<'a>(&'a self, endpoint: &'a str, request: HttpRequest) -> HostFuture<'a, Result<BlobResponse, HttpError>> {
        Box::pin(async move {
            let answer = self.inner.blob_fetch(endpoint, request.clone()).await;
            self.held(endpoint, &request, request.body.as_deref(), answer).await
        })
    }

    fn blob_send<'a>(
        &'a self,
        endpoint: &'a str,
        request: HttpRequest,
        body: Arc<dyn Blob>,
    ) -> HostFuture<'a, Result<BlobResponse, HttpError>> {
        Box::pin(async move {
            let sent = whole(body.as_ref()).await?;
            let answer = self.inner.blob_send(endpoint, request.clone(), body).await;
            self.held(endpoint, &request, Some(&sent), answer).await
        })
    }

    fn settings(&self) -> String {
        self.inner.settings()
    }

    fn state_get<'a>(&'a self, key: &'a str) -> HostFuture<'a, Option<Vec<u8>>> {
        self.inner.state_get(key)
    }

    fn state_set<'a>(&'a self, _: &'a str, _: Vec<u8>) -> HostFuture<'a, Result<(), String>> {
        // A recording changes nothing that a run goes by.
        Box::pin(async { Ok(()) })
    }

    fn log(&self, level: LogLevel, message: &str) {
        self.inner.log(level, message);
    }

    fn now_ms(&self) -> u64 {
        self.at
    }
}

/// A request that a guest made while a recording was played.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asked {
    pub(super) endpoint: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Option<Vec<u8>>,
}

impl Asked {
    /// What its answer is found by: of JSON neither the order of names nor the space between them counts, which masking makes anew.
    fn key(&self) -> Self {
        let spelled = |body: &Vec<u8>| match serde_json::from_slice::<serde_json::Value>(body) {
            Ok(value) => value.to_string().into_bytes(),
            Err(_) => body.clone(),
        };
        Self { body: self.body.as_ref().map(spelled), ..self.clone() }
    }
}

/// What was recorded under one request: answers in order, the last one for ever.
type Answers = (Vec<Answer>, usize);

/// Answers as it was recorded. What was never asked then gets no answer now.
pub(super) struct Player {
    settings: String,
    at: u64,
    answers: Mutex<BTreeMap<Asked, Answers>>,
    asked: Mutex<Vec<Asked>>,
    folders: Folders,
    state: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Player {
    pub(super) fn new(recording: &Recording, granted: impl IntoIterator<Item = String>) -> Self {
        let mut answers: BTreeMap<Asked, Answers> = BTreeMap::new();
        for one in &recording.exchanges {
            let asked = Asked {
                endpoint: one.endpoint.clone(),
                method: one.method.clone(),
                path: one.path.clone(),
                body: one.body.as_ref().map(Body::bytes),
            };
            answers.entry(asked.key()).or_default().0.push(one.answer.clone());
        }
        Self {
            settings: recording.settings.to_string(),
            at: recording.at,
            answers: Mutex::new(answers),
            asked: Mutex::default(),
            folders: Folders::new(Some(recording), granted),
            state: Mutex::default(),
        }
    }

    /// What was asked since the last time; forgets it.
    pub(super) fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A file that is written is seen as a request is.
    fn written(&self, how: &str, folder: &str, name: &str, content: Vec<u8>) -> Result<(), FolderError> {
        let done = self.folders.write(folder, name, &content, how == "APPEND");
        let asked =
            Asked { endpoint: format!("folder {folder}"), method: how.to_owned(), path: name.to_owned(), body: Some(content) };
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        done
    }

    fn answer(&self, endpoint: &str, request: &HttpRequest, body: Option<Vec<u8>>) -> Result<HttpResponse, HttpError> {
        let asked = Asked { endpoint: endpoint.to_owned(), method: request.method.clone(), path: request.path.clone(), body };
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let found = answers.get_mut(&asked.key()).map(|(all, at)| {
            let one = all.get((*at).min(all.len().saturating_sub(1))).cloned();
            *at += 1;
            one
        });
        let safe = matches!(request.method.as_str(), "GET" | "HEAD");
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        match found.flatten() {
            Some(Answer::Response { status, headers, body }) => Ok(HttpResponse { status, headers, body: body.bytes().into() }),
            Some(Answer::Error(why)) => Err(HttpError::Unreachable(why)),
            None if safe => Err(HttpError::Unreachable("nothing like it was recorded".to_owned())),
            None => Err(HttpError::NoAnswer("nothing like it was recorded".to_owned())),
        }
    }
}

impl HostCalls for Player {
    fn http_send<'a>(&'a self, endpoint: &'a str, request: HttpRequest) -> HostFuture<'a, Result<HttpResponse, HttpError>> {
        let body = request.body.as_ref().map(|body| body.to_vec());
        let answer = self.answer(endpoint, &request, body);
        Box::pin(async move { answer })
    }

    fn blob_fetch<'a>(&'a self, endpoint: &'a str, request: HttpRequest) -> HostFuture<'a, Result<BlobResponse, HttpError>> {
        let body = request.body.as_ref().map(|body| body.to_vec());
        let answer = self.answer(endpoint, &request, body);
        Box::pin(async move {
            answer.map(|found| BlobResponse { status: found.status, headers: found.headers, body: Arc::new(found.body) })
        })
    }

    fn blob_send<'a>(
        &'a self,
        endpoint: &'a str,
        request: HttpRequest,
        body: Arc<dyn Blob>,
    ) -> HostFuture<'a, Result<BlobResponse, HttpError>> {
        Box::pin(async move {
            let sent = whole(body.as_ref()).await?;
            self.answer(endpoint, &request, Some(sent)).map(|found| BlobResponse {
                status: found.status,
                headers: found.headers,
                body: Arc::new(found.body),
            })
        })
    }

    fn settings(&self) -> String {
        self.settings.clone()
    }

    fn state_get<'a>(&'a self, key: &'a str) -> HostFuture<'a, Option<Vec<u8>>> {
        let found = self.state.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        Box::pin(async move { found })
    }

    fn state_set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> HostFuture<'a, Result<(), String>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), value);
        Box::pin(async { Ok(()) })
    }

    fn now_ms(&self) -> u64 {
        self.at
    }

    fn folder_list<'a>(&'a self, folder: &'a str) -> HostFuture<'a, Result<Vec<FolderEntry>, FolderError>> {
        let found = self.folders.list(folder);
        Box::pin(async move { found })
    }

    fn folder_read<'a>(
        &'a self,
        folder: &'a str,
        name: &'a str,
        offset: u64,
        length: u32,
    ) -> HostFuture<'a, Result<Vec<u8>, FolderError>> {
        let found = self.folders.read(folder, name, offset, length);
        Box::pin(async move { found })
    }

    fn folder_write<'a>(&'a self, folder: &'a str, name: &'a str, content: Vec<u8>) -> HostFuture<'a, Result<(), FolderError>> {
        let done = self.written("WRITE", folder, name, content);
        Box::pin(async move { done })
    }

    fn folder_append<'a>(&'a self, folder: &'a str, name: &'a str, content: Vec<u8>) -> HostFuture<'a, Result<(), FolderError>> {
        let done = self.written("APPEND", folder, name, content);
        Box::pin(async move { done })
    }

    fn folder_remove<'a>(&'a self, folder: &'a str, name: &'a str) -> HostFuture<'a, Result<(), FolderError>> {
        let done = self.folders.remove(folder, name);
        Box::pin(async move { done })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_of_json_is_the_same_however_it_is_spelled() {
        let asked = |body: &str| Asked {
            endpoint: "api".into(),
            method: "POST".into(),
            path: "/c".into(),
            body: Some(body.as_bytes().to_vec()),
        };
        for (one, other, same) in [
            ("{\"b\":1,\"a\":[1.0]}", "{ \"a\": [1.0], \"b\": 1 }", true),
            ("{\"a\":[1,2]}", "{\"a\":[2,1]}", false),
            ("{\"a\":\"1\"}", "{\"a\":1}", false),
            ("a=1&b=2", "b=2&a=1", false),
            ("a=1", "a=1", true),
        ] {
            assert_eq!(asked(one).key() == asked(other).key(), same, "{one} {other}");
        }
    }
}
