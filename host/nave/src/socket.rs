//! The client's side of the local socket of a hub that serves: HTTP over a Unix socket, answers as JSON lines.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{Method, Request as HttpRequest};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use nave_hub::api::{Answer, ApiError, Asked, Line, ProgressSender, Request, decode, encode_asked, exit};

/// Longest answer line kept: a page of records with everything about them is far below.
const LINE_BYTES_MAX: usize = 256 << 20;

/// A hub that serves, and answered.
pub(crate) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
}

/// Connects, where a hub serves. A socket that nobody listens on any more is none.
#[cfg(unix)]
pub(crate) async fn connect(path: &Path) -> Result<Option<Connection>, ApiError> {
    use std::io::ErrorKind;
    let (short, _held) = match nave_server::short_path(path) {
        Ok(short) => short,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreachable(path, &error)),
    };
    let stream = match tokio::net::UnixStream::connect(&short).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) => return Err(unreachable(path, &error)),
    };
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| unreachable(path, &error))?;
    tokio::spawn(connection);
    Ok(Some(Connection { sender }))
}

/// There are no Unix sockets here: commands open the hub themselves.
#[cfg(not(unix))]
pub(crate) async fn connect(_path: &Path) -> Result<Option<Connection>, ApiError> {
    Ok(None)
}

fn unreachable(path: &Path, error: &dyn std::fmt::Display) -> ApiError {
    ApiError::new("unreachable", exit::UNAVAILABLE, format!("the hub at {} does not answer: {error}", path.display()))
        .help("if no `nave serve` is running there, remove the file")
}

fn cut(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::new("unreachable", exit::UNAVAILABLE, format!("the hub stopped answering: {error}"))
        .help("`nave status` says whether it still serves; what was committed stays")
}

impl Connection {
    /// Sends a request, passes progress on, answers.
    pub(crate) async fn call(mut self, asked: &Asked, progress: &ProgressSender) -> Result<Answer, ApiError> {
        let body = Full::new(Bytes::from(encode_asked(&absolute(asked))));
        let call = HttpRequest::builder()
            .method(Method::POST)
            .uri("/call")
            .header(http::header::HOST, "localhost")
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|error| cut(&error))?;
        let mut answer = self.sender.send_request(call).await.map_err(|error| cut(&error))?.into_body();
        let mut pending = Vec::new();
        while let Some(frame) = answer.frame().await {
            let frame = frame.map_err(|error| cut(&error))?;
            pending.extend_from_slice(frame.data_ref().map(AsRef::as_ref).unwrap_or_default());
            while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = pending.drain(..=end).collect();
                match decode::<Line>(&line).map_err(|error| cut(&error))? {
                    Line::Progress(step) => progress.send(step),
                    Line::Answer(answer) => return Ok(*answer),
                    Line::Error(error) => return Err(error),
                }
            }
            if pending.len() > LINE_BYTES_MAX {
                return Err(cut(&"its answer has no end"));
            }
        }
        Err(cut(&"the connection was closed before the answer"))
    }
}

/// The hub has another current directory: paths are sent whole.
fn absolute(asked: &Asked) -> Asked {
    let whole = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let source_of = |source: &String| match source.contains("://") {
        true => source.clone(),
        false => whole(&PathBuf::from(source)).display().to_string(),
    };
    let request = match &asked.request {
        Request::PluginInstall { source, rollback, other_source, reach } => Request::PluginInstall {
            source: source_of(source),
            rollback: *rollback,
            other_source: *other_source,
            reach: reach.clone(),
        },
        Request::PluginUpgrade { target, how, rollback, other_source, reach } => Request::PluginUpgrade {
            // A name is no file, even where there is a file of that name.
            target: if target.ends_with(".wasm") { source_of(target) } else { target.clone() },
            how: *how,
            rollback: *rollback,
            other_source: *other_source,
            reach: reach.clone(),
        },
        Request::Backup { to } => Request::Backup { to: whole(to) },
        other => other.clone(),
    };
    Asked { by: asked.by.clone(), request }
}
