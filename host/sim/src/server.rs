//! The listener: one port per system, its requests handled one after the other under one lock.
//!
//! Promises: a dropped answer is a closed connection and nothing else. Must not know what any vendor's paths mean.

use crate::{
    Credential, StartError,
    auth::Auth,
    books::Books,
    config::{SimConfig, System},
    crm::Crm,
    desk::{self, Desk},
    faults::{Fate, Faults},
    journal::{self, Header, Journal},
    legacy::Legacy,
    limits::{REQUEST_BODY_BYTES_MAX, SEED_RECORDS_MAX},
    mail::Mail,
    requests::RequestLog,
    rng::token,
    serve::Running,
    simulated::Simulated,
    webhooks::Webhooks,
    wire::{Body, Call, Reply},
};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// A system that is running. Dropping it stops it.
#[derive(Debug)]
pub struct RunningSim {
    /// Where it listens.
    pub addr: SocketAddr,
    /// What its clients need.
    pub credential: Credential,
    /// What the control interface under `/_sim` asks for.
    pub control_token: String,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl RunningSim {
    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Closes the port and every connection, and waits until that is done.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let _ = (&mut self.task).await;
    }

    /// Waits until the listener ends, which it does only when stopped.
    pub async fn wait(mut self) {
        let _ = (&mut self.task).await;
    }
}

impl Drop for RunningSim {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.task.abort();
    }
}

/// Starts a system: loads or seeds its state, then listens.
///
/// # Errors
/// [`StartError`] where the address is taken, the state file cannot be used or belongs to another system, or a setting makes no sense.
pub async fn start(system: System, config: SimConfig) -> Result<RunningSim, StartError> {
    if config.records > SEED_RECORDS_MAX {
        return Err(StartError::Settings(format!("{} records are more than {SEED_RECORDS_MAX}", config.records)));
    }
    let listener = TcpListener::bind(config.bind).await.map_err(|source| StartError::Bind { addr: config.bind, source })?;
    let addr = listener.local_addr().map_err(|source| StartError::Bind { addr: config.bind, source })?;
    let running = open(system, &config)?;
    let credential = running.auth.credential.clone();
    let control_token = running.control_token.clone();
    tracing::info!(system = system.name(), %addr, objects = running.system.population(), "simulated system is listening");
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(listen(listener, Arc::new(Mutex::new(running)), stopped));
    Ok(RunningSim { addr, credential, control_token, stop, task })
}

/// Loads or makes the state.
fn open(system: System, config: &SimConfig) -> Result<Running, StartError> {
    let header = Header { nave_sim: 1, system: system.name().to_owned(), seed: config.seed };
    let empty = |seed: u64| -> Result<Box<dyn Simulated>, StartError> {
        Ok(match system {
            System::Crm => Box::new(Crm::new(seed, config.schemas.clone()).map_err(StartError::Settings)?),
            System::Books => Box::new(Books::new(seed)),
            System::Desk => Box::new(Desk::new(seed)),
            System::Mail => Box::new(Mail::new(seed)),
            System::Legacy => Box::new(Legacy::new(seed, Some(folder(config)?))),
        })
    };
    let mut state = empty(config.seed)?;
    let mut loaded = None;
    if let Some(path) = &config.state_file {
        loaded = journal::load(path, &header, |entry| state.replay(entry))?;
    }
    if loaded.is_none() {
        state = match system {
            System::Crm => {
                Box::new(Crm::seeded(config.seed, config.records, config.schemas.clone()).map_err(StartError::Settings)?)
            }
            System::Books => Box::new(Books::seeded(config.seed, config.records)),
            System::Desk => Box::new(Desk::seeded(config.seed, config.records)),
            System::Mail => Box::new(Mail::seeded(config.seed, config.records)),
            System::Legacy => {
                Box::new(Legacy::seeded(config.seed, config.records, folder(config)?).map_err(StartError::Settings)?)
            }
        };
    }
    let journal = match (&config.state_file, &loaded) {
        (None, _) => None,
        (Some(path), Some(found)) if found.entries <= 2 * state.population() + 1_000 => Some(Journal::reopen(path, found)?),
        (Some(path), _) => Some(Journal::create(path, &header, |emit| state.snapshot(emit))?),
    };
    let tenant = (system == System::Books).then(|| crate::books::tenant_id(config.seed));
    let mut auth = Auth::new(config.seed, system.name(), config.token.clone(), tenant);
    auth.credential.user = match system {
        System::Desk => Some(desk::USER.to_owned()),
        System::Crm | System::Books | System::Mail | System::Legacy => None,
    };
    let mut running = Running {
        system: state,
        auth,
        faults: Faults::new(config.seed),
        requests: RequestLog::default(),
        control_token: config
            .control_token
            .clone()
            .unwrap_or_else(|| format!("control-{}", token(config.seed, &format!("{} control", system.name())))),
        journal,
        broken: None,
        clock: config.clock.clone(),
        date: config.date.clone().unwrap_or_else(|| config.clock.clone()),
        seed: config.seed,
        webhooks: Webhooks::new(config.clock.clone()),
        acts: 0,
        floor: i64::MIN,
    };
    match running.export() {
        Ok(()) => Ok(running),
        Err(error) => Err(StartError::state(config.folder.as_deref().unwrap_or(std::path::Path::new("")), error)),
    }
}

fn folder(config: &SimConfig) -> Result<PathBuf, StartError> {
    config.folder.clone().ok_or_else(|| StartError::Settings("`legacy` drops files: say into which folder".to_owned()))
}

async fn listen(listener: TcpListener, running: Arc<Mutex<Running>>, mut stopped: watch::Receiver<bool>) {
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    continue;
                }
            },
            _ = stopped.wait_for(|stop| *stop) => return,
        };
        let _ = stream.set_nodelay(true);
        let running = running.clone();
        let mut stopped = stopped.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(running.clone(), request));
            let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
            // An error here is a closed connection: ours on purpose, or the client's.
            tokio::select! {
                _ = connection => {}
                _ = stopped.wait_for(|stop| *stop) => {}
            }
        });
    }
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("dropped on purpose")]
struct Dropped;

async fn answer(running: Arc<Mutex<Running>>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Dropped> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, REQUEST_BODY_BYTES_MAX).collect().await else {
        let no = json!({"message": "The request body is too large or was cut off."});
        return Ok(response(Reply::json(413, no)));
    };
    let call = Call::new(head.method, head.uri.path(), head.uri.query().unwrap_or_default(), head.headers, body.to_bytes());
    let fate = running.lock().unwrap_or_else(PoisonError::into_inner).serve(call);
    match fate {
        Fate::Answer(reply) => Ok(response(reply)),
        Fate::Close => Err(Dropped),
        // Where the client goes first, this is dropped with its connection.
        Fate::Hang(seconds) => {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            Err(Dropped)
        }
    }
}

fn response(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = http::StatusCode::from_u16(reply.status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    match reply.body {
        Body::Empty => {}
        Body::Html(_) => _ = headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html")),
        Body::Json(_) | Body::Text(_) => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json;charset=utf-8"));
        }
    }
    for (name, value) in &reply.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(*name, value);
        }
    }
    *response.body_mut() = Full::new(Bytes::from(reply.body_text().into_owned()));
    response
}
