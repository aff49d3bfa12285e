//! A host in this process: answers as they were recorded or as a case wants them, and opens no network.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use nave_core::manifest::Manifest;
use nave_runtime::{Blob, BlobResponse, FolderEntry, FolderError, HostCalls, HostFuture, HttpError, HttpRequest, HttpResponse};
use serde_json::Value as Json;

use super::super::record::{Answer, Exchange, Folders, Recording};

/// What a request gets.
#[derive(Clone, Debug)]
pub(super) enum Given {
    Answer { status: u16, headers: Vec<(String, String)>, body: Bytes },
    Error(HttpError),
}

impl Given {
    fn come(&self) -> Result<HttpResponse, HttpError> {
        match self {
            Self::Answer { status, headers, body } => {
                Ok(HttpResponse { status: *status, headers: headers.clone(), body: body.clone() })
            }
            Self::Error(error) => Err(error.clone()),
        }
    }
}

/// How requests are answered.
#[derive(Clone, Debug)]
pub(super) enum Script {
    /// As it was recorded, and what was not recorded is out of reach.
    Recorded,
    /// As it was recorded under that method and path, whatever is asked for there.
    Loose,
    /// Everything under the method and path of this exchange gets its answer again; the rest as under [`Script::Loose`].
    Again(usize),
    /// Everything gets this.
    All(Given),
    /// What reads is answered as under [`Script::Loose`], what writes gets this.
    Writes(Given),
}

/// A request that the plugin made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) endpoint: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Bytes>,
    /// It may change something over there.
    pub(super) writes: bool,
    /// A file was written, and nothing was asked over HTTP.
    pub(super) is_file: bool,
}

impl Asked {
    /// A request of the kind that a system may fail.
    pub(super) fn asks_to_write(&self) -> bool {
        self.writes && !self.is_file
    }

    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

#[derive(Default)]
struct Noted {
    asked: Vec<Asked>,
    /// Exchanges of the recording that answered, in order.
    used: Vec<usize>,
    /// Requests that were not recorded.
    unrecorded: Vec<String>,
    state: BTreeMap<String, Vec<u8>>,
    turns: BTreeMap<usize, usize>,
}

/// The host.
pub(super) struct Stage {
    settings: String,
    at: u64,
    exchanges: Vec<Exchange>,
    /// Endpoint, method and path of calls that only read though they are no GET.
    reads: Vec<(String, String, String)>,
    script: Script,
    folders: Folders,
    noted: Mutex<Noted>,
}

impl Stage {
    pub(super) fn new(settings: &Json, at: u64, recording: Option<&Recording>, manifest: &Manifest, script: Script) -> Arc<Self> {
        let reads = manifest.endpoints.iter().flat_map(|(endpoint, asked)| {
            asked.allow.iter().filter(|allow| allow.reads).flat_map(move |allow| {
                let each = move |path: &String| {
                    allow.methods.iter().map(move |method| (endpoint.clone(), method.clone(), path.clone())).collect::<Vec<_>>()
                };
                allow.paths.iter().flat_map(each)
            })
        });
        Arc::new(Self {
            settings: settings.to_string(),
            at,
            exchanges: recording.map(|recording| recording.exchanges.clone()).unwrap_or_default(),
            reads: reads.collect(),
            script,
            folders: Folders::new(recording, manifest.folders.keys().cloned()),
            noted: Mutex::default(),
        })
    }

    fn noted(&self) -> std::sync::MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was asked since the last time; forgets it.
    pub(super) fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut self.noted().asked)
    }

    /// Which exchanges answered.
    pub(super) fn used(&self) -> Vec<usize> {
        self.noted().used.clone()
    }

    /// What was asked and is in no recording.
    pub(super) fn unrecorded(&self) -> Vec<String> {
        self.noted().unrecorded.clone()
    }

    /// Exchanges whose request was this one, to the letter.
    fn exact(&self, asked: &Asked) -> Vec<usize> {
        let body = asked.body.as_deref();
        let same = |one: &Exchange| {
            one.endpoint == asked.endpoint
                && one.method == asked.method
                && one.path == asked.path
                && one.body.as_ref().map(super::super::record::Body::bytes).as_deref() == body
        };
        (0..self.exchanges.len()).filter(|at| same(&self.exchanges[*at])).collect()
    }

    /// An exchange under the same method and path, if its query was another one.
    fn alike(&self, asked: &Asked) -> Option<usize> {
        self.exchanges.iter().position(|one| Self::is_alike(one, asked))
    }

    fn is_alike(one: &Exchange, asked: &Asked) -> bool {
        let bare = |path: &str| path.split('?').next().unwrap_or_default().to_owned();
        one.endpoint == asked.endpoint && one.method == asked.method && bare(&one.path) == bare(&asked.path)
    }

    fn writes(&self, endpoint: &str, method: &str, path: &str, recorded: bool) -> bool {
        let below = |prefix: &str| {
            let path = path.split('?').next().unwrap_or_default();
            path.strip_prefix(prefix.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let only_reads = self.reads.iter().any(|(at, with, prefix)| at == endpoint && with == method && below(prefix));
        !(matches!(method, "GET" | "HEAD") || only_reads || recorded)
    }

    /// A file that is written is noted as a request is.
    fn written(&self, how: &str, folder: &str, name: &str, content: Vec<u8>) -> Result<(), FolderError> {
        let done = self.folders.write(folder, name, &content, how == "APPEND");
        self.noted().asked.push(Asked {
            endpoint: folder.to_owned(),
            method: how.to_owned(),
            path: name.to_owned(),
            headers: Vec::new(),
            body: Some(content.into()),
            writes: true,
            is_file: true,
        });
        done
    }

    fn answer(&self, endpoint: &str, request: &HttpRequest, body: Option<Bytes>) -> Result<HttpResponse, HttpError> {
        let mut asked = Asked {
            endpoint: endpoint.to_owned(),
            method: request.method.clone(),
            path: request.path.clone(),
            headers: request.headers.clone(),
            body,
            writes: false,
            is_file: false,
        };
        let exact = self.exact(&asked);
        asked.writes = self.writes(endpoint, &asked.method, &asked.path, !exact.is_empty());
        let alike = self.alike(&asked);
        let again = matches!(self.script, Script::Again(at) if Self::is_alike(&self.exchanges[at], &asked));
        let mut noted = self.noted();
        // The same request again gets the next answer of those that were recorded, and the last one for ever.
        let nth = exact.first().map(|first| {
            let turn = noted.turns.entry(*first).or_default();
            *turn += 1;
            exact[(*turn - 1).min(exact.len() - 1)]
        });
        let writes = asked.writes;
        let line = asked.line();
        noted.asked.push(asked);
        let found = match &self.script {
            Script::All(given) => return given.come(),
            Script::Writes(given) if writes => return given.come(),
            Script::Recorded => nth,
            Script::Again(at) if again => Some(*at),
            Script::Loose | Script::Again(_) | Script::Writes(_) => nth.or(alike),
        };
        match found {
            Some(at) => {
                noted.used.push(at);
                match &self.exchanges[at].answer {
                    Answer::Response { status, headers, body } => {
                        Ok(HttpResponse { status: *status, headers: headers.clone(), body: body.bytes().into() })
                    }
                    Answer::Error(why) => Err(HttpError::Unreachable(why.clone())),
                }
            }
            None => {
                noted.unrecorded.push(line);
                Err(HttpError::Unreachable("nothing like it was recorded".to_owned()))
            }
        }
    }
}

impl HostCalls for Stage {
    fn http_send<'a>(&'a self, endpoint: &'a str, request: HttpRequest) -> HostFuture<'a, Result<HttpResponse, HttpError>> {
        let answer = self.answer(endpoint, &request, request.body.clone());
        Box::pin(async move { answer })
    }

    fn blob_fetch<'a>(&'a self, endpoint: &'a str, request: HttpRequest) -> HostFuture<'a, Result<BlobResponse, HttpError>> {
        let answer = self.answer(endpoint, &request, request.body.clone());
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
            let size = u32::try_from(body.size()).unwrap_or(u32::MAX);
            let sent = body.read(0, size).await.map_err(|error| HttpError::NoAnswer(error.to_string()))?;
            self.answer(endpoint, &request, Some(sent.into())).map(|found| BlobResponse {
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
        let found = self.noted().state.get(key).cloned();
        Box::pin(async move { found })
    }

    fn state_set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> HostFuture<'a, Result<(), String>> {
        self.noted().state.insert(key.to_owned(), value);
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
