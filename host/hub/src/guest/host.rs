//! What one connection's guest may reach, handed to the runtime. Grants are checked in `egress` and `folder`.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use nave_core::budget::Purpose;
use nave_core::catalog::Connection;
use nave_core::manifest::Manifest;
use nave_runtime::contract::LogLevel;
use nave_runtime::{Blob, BlobResponse, FolderEntry, FolderError, HostCalls, HostFuture, HttpError, HttpRequest, HttpResponse};
use nave_store::Store;

use super::folder::Folders;
use super::lines::{Fate, Lines};
use super::state::State;
use crate::audit::StoreAudit;
use crate::egress::{AuditSink, Channel, ChannelConfig, Egress, Quota, on_behalf, purpose};
use crate::engine::Clock;
use crate::ledger::StoreLedger;
use crate::secrets::SecretSource;
use crate::spoke::SpokeError;

/// One connection's side of the host calls.
pub(super) struct Host {
    connection: String,
    settings: String,
    channel: Channel,
    folders: Arc<Folders>,
    audit: Arc<dyn AuditSink>,
    state: State,
    clock: Clock,
    lines: Mutex<Lines>,
    /// What the call under way is for: its code may go on in a task of the runtime's own.
    purpose: Mutex<Purpose>,
}

impl Host {
    #[expect(clippy::too_many_arguments, reason = "everything that one connection's guest may reach, and the time it is told")]
    /// From manifest and grants. A granted folder that cannot be opened is an error here, not in the middle of a run.
    pub(super) fn new(
        project: &Path,
        data: &Path,
        manifest: &Manifest,
        connection: &Connection,
        egress: &Egress,
        secrets: Arc<dyn SecretSource>,
        store: &Arc<dyn Store>,
        clock: Clock,
    ) -> Result<Self, SpokeError> {
        // Two keys: what the manifest does not ask for is not given, whatever the file grants.
        let mut folders = connection.grants.folders.clone();
        folders.retain(|name, _| manifest.folders.contains_key(name));
        for (name, grant) in &mut folders {
            if manifest.folders.get(name).is_some_and(|asked| asked.access == nave_core::manifest::FolderAccess::Read) {
                grant.access = nave_core::manifest::FolderAccess::Read;
            }
        }
        let audit: Arc<dyn AuditSink> = Arc::new(StoreAudit::new(store.clone()));
        let ledger = Arc::new(StoreLedger::new(store.clone()));
        Ok(Self {
            connection: connection.name.clone(),
            settings: connection.settings.to_string(),
            channel: egress.channel(ChannelConfig::new(manifest, connection, secrets, audit.clone(), ledger)),
            audit,
            folders: Arc::new(Folders::open(project, data, &folders).map_err(SpokeError::Misconfigured)?),
            state: State::new(&connection.name, store.clone()),
            clock,
            lines: Mutex::default(),
            purpose: Mutex::default(),
        })
    }

    /// How far the system's clock is ahead of ours, by its answers.
    pub(super) fn skew_ms(&self) -> Option<i64> {
        self.channel.skew_ms()
    }

    /// A call of the guest begins, about this stream if it is about one: its quota is full again.
    pub(super) fn begin_call(&self, stream: Option<&str>) {
        *self.purpose.lock().unwrap_or_else(PoisonError::into_inner) = purpose();
        self.state.begin(stream);
        self.channel.begin_run(Quota::default());
    }

    /// Does what the guest asks for on behalf of whoever called it.
    async fn on_behalf<T>(&self, work: impl Future<Output = T>) -> T {
        let purpose = *self.purpose.lock().unwrap_or_else(PoisonError::into_inner);
        on_behalf(purpose, work).await
    }

    /// Runs a folder call off the async threads.
    async fn folder<T: Send + 'static>(
        &self,
        folder: &str,
        call: impl FnOnce(&Folders) -> Result<T, FolderError> + Send + 'static,
    ) -> Result<T, FolderError> {
        let folders = self.folders.clone();
        let (audit, connection, what) = (self.audit.clone(), self.connection.clone(), format!("folder {folder}"));
        let work = move || {
            let answer = call(&folders);
            if answer.is_ok() {
                audit.used(&connection, &what);
            }
            answer
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(FolderError::Io(error.to_string())))
    }
}

impl HostCalls for Host {
    fn http_send<'a>(&'a self, endpoint: &'a str, request: HttpRequest) -> HostFuture<'a, Result<HttpResponse, HttpError>> {
        Box::pin(async move { self.on_behalf(self.channel.send(endpoint, request)).await.map_err(HttpError::from) })
    }

    fn blob_fetch<'a>(&'a self, endpoint: &'a str, request: HttpRequest) -> HostFuture<'a, Result<BlobResponse, HttpError>> {
        Box::pin(async move { self.on_behalf(self.channel.fetch(endpoint, request)).await.map_err(HttpError::from) })
    }

    fn blob_send<'a>(
        &'a self,
        endpoint: &'a str,
        request: HttpRequest,
        body: Arc<dyn Blob>,
    ) -> HostFuture<'a, Result<BlobResponse, HttpError>> {
        Box::pin(async move { self.on_behalf(self.channel.send_blob(endpoint, request, body)).await.map_err(HttpError::from) })
    }

    fn settings(&self) -> String {
        self.settings.clone()
    }

    fn state_get<'a>(&'a self, key: &'a str) -> HostFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move { self.state.get(key) })
    }

    fn state_set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> HostFuture<'a, Result<(), String>> {
        Box::pin(async move { tokio::task::block_in_place(|| self.state.set(key, value)) })
    }

    fn log(&self, level: LogLevel, message: &str) {
        let connection = self.connection.as_str();
        match self.lines.lock().unwrap_or_else(PoisonError::into_inner).next(message.len(), (self.clock)()) {
            Fate::Written => {}
            Fate::WrittenAfter(dropped) => {
                tracing::warn!(target: "plugin", connection, dropped, "log lines of this plugin were dropped in the hour before");
            }
            Fate::FirstDropped => {
                tracing::warn!(target: "plugin", connection, "this plugin floods the log: its lines are dropped for an hour, and counted");
                return;
            }
            Fate::Dropped => return,
        }
        match level {
            LogLevel::Debug => tracing::debug!(target: "plugin", connection, message),
            LogLevel::Info => tracing::info!(target: "plugin", connection, message),
            LogLevel::Warn => tracing::warn!(target: "plugin", connection, message),
            LogLevel::Error => tracing::error!(target: "plugin", connection, message),
        }
    }

    fn now_ms(&self) -> u64 {
        (self.clock)().0.max(0) as u64
    }

    fn folder_list<'a>(&'a self, folder: &'a str) -> HostFuture<'a, Result<Vec<FolderEntry>, FolderError>> {
        let folder = folder.to_owned();
        Box::pin(async move { self.folder(&folder.clone(), move |folders| folders.list(&folder)).await })
    }

    fn folder_read<'a>(
        &'a self,
        folder: &'a str,
        name: &'a str,
        offset: u64,
        length: u32,
    ) -> HostFuture<'a, Result<Vec<u8>, FolderError>> {
        let (folder, name) = (folder.to_owned(), name.to_owned());
        Box::pin(async move { self.folder(&folder.clone(), move |folders| folders.read(&folder, &name, offset, length)).await })
    }

    fn folder_write<'a>(&'a self, folder: &'a str, name: &'a str, content: Vec<u8>) -> HostFuture<'a, Result<(), FolderError>> {
        let (folder, name) = (folder.to_owned(), name.to_owned());
        Box::pin(async move { self.folder(&folder.clone(), move |folders| folders.write(&folder, &name, &content)).await })
    }

    fn folder_append<'a>(&'a self, folder: &'a str, name: &'a str, content: Vec<u8>) -> HostFuture<'a, Result<(), FolderError>> {
        let (folder, name) = (folder.to_owned(), name.to_owned());
        Box::pin(async move { self.folder(&folder.clone(), move |folders| folders.append(&folder, &name, &content)).await })
    }

    fn folder_remove<'a>(&'a self, folder: &'a str, name: &'a str) -> HostFuture<'a, Result<(), FolderError>> {
        let (folder, name) = (folder.to_owned(), name.to_owned());
        Box::pin(async move { self.folder(&folder.clone(), move |folders| folders.remove(&folder, &name)).await })
    }
}
