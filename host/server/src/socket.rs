//! The local socket: `POST /call` with a request as JSON, answered as lines of JSON.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nave_hub::api::Service;
use tokio::sync::watch;

/// A name for a socket that is short enough for the operating system. The file keeps the name valid: hold it while it is used.
///
/// # Errors
/// What the operating system says about the folder.
pub fn short_path(path: &Path) -> io::Result<(PathBuf, Option<File>)> {
    if path.as_os_str().len() <= crate::limits::SOCKET_PATH_BYTES_MAX {
        return Ok((path.to_owned(), None));
    }
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd as _;
        let folder = File::open(path.parent().unwrap_or(Path::new(".")))?;
        let name = path.file_name().unwrap_or_default();
        Ok((Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name), Some(folder)))
    }
    #[cfg(not(target_os = "linux"))]
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "the project's path is too long for a socket; move it or give a shorter `data`",
    ))
}

/// There are no Unix sockets here: commands open the hub themselves once it has stopped.
#[cfg(not(unix))]
pub(crate) async fn listen(
    _service: Arc<dyn Service>,
    _path: &Path,
    stopped: watch::Receiver<bool>,
) -> io::Result<tokio::task::JoinHandle<()>> {
    Ok(tokio::spawn(crate::until(stopped)))
}

#[cfg(unix)]
pub(crate) use unix::listen;

#[cfg(unix)]
mod unix {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use axum::Router;
    use axum::body::Body;
    use axum::extract::{DefaultBodyLimit, Extension, State};
    use axum::http::header;
    use axum::response::{IntoResponse as _, Response};
    use axum::routing::post;
    use axum::serve::Listener;
    use bytes::Bytes;
    use nave_hub::api::{Asked, Line, Progress, ProgressSender, decode_asked, encode};
    use tokio::net::{UnixListener, UnixStream};
    use tokio::sync::mpsc;

    use super::{Arc, Path, Service, io, short_path, watch};
    use crate::body::Pipe;
    use crate::limits::{LINES_QUEUE_MAX, REQUEST_BODY_BYTES_MAX};

    /// Listens on the socket, whose file only its owner may open. A file that a killed hub left behind is replaced.
    pub(crate) async fn listen(
        service: Arc<dyn Service>,
        path: &Path,
        stopped: watch::Receiver<bool>,
    ) -> io::Result<tokio::task::JoinHandle<()>> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let (short, held) = short_path(path)?;
        if path.exists() {
            match UnixStream::connect(&short).await {
                Ok(_) => return Err(io::Error::new(io::ErrorKind::AddrInUse, "another hub serves here")),
                Err(_) => fs::remove_file(path)?,
            }
        }
        let listener = UnixListener::bind(&short)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        let app =
            Router::new().route("/call", post(call)).layer(DefaultBodyLimit::max(REQUEST_BODY_BYTES_MAX)).with_state(service);
        let path = path.to_owned();
        Ok(tokio::spawn(async move {
            let _held = held;
            let of = move |peer: Peer| app.clone().layer(Extension(peer));
            crate::listen::serve(Callers(listener), of, crate::listen::Bounds::default(), stopped).await;
            let _ = fs::remove_file(&path);
        }))
    }

    /// Who is at the other end of a connection, as the kernel knows it.
    #[derive(Clone, Debug)]
    struct Peer(String);

    /// Connections with who made them. One of which that cannot be told is not answered.
    struct Callers(UnixListener);

    impl Listener for Callers {
        type Io = UnixStream;
        type Addr = Peer;

        async fn accept(&mut self) -> (UnixStream, Peer) {
            loop {
                let (stream, _) = Listener::accept(&mut self.0).await;
                match stream.peer_cred() {
                    Ok(peer) => return (stream, Peer(nave_hub::person::of_uid(peer.uid()))),
                    Err(error) => tracing::warn!(%error, "a caller on the local socket that cannot be told"),
                }
            }
        }

        fn local_addr(&self) -> io::Result<Peer> {
            Ok(Peer(nave_hub::person::here()))
        }
    }

    async fn call(State(service): State<Arc<dyn Service>>, Extension(Peer(by)): Extension<Peer>, body: Bytes) -> Response {
        let (lines, receiver) = mpsc::channel(LINES_QUEUE_MAX);
        tokio::spawn(answer(service, by, body, lines));
        ([(header::CONTENT_TYPE, "application/jsonl")], Body::new(Pipe(receiver))).into_response()
    }

    /// Progress lines, then the answer. Goes on when the client has gone: a command that was begun is ended.
    async fn answer(service: Arc<dyn Service>, by: String, body: Bytes, lines: mpsc::Sender<Bytes>) {
        let line = |line: &Line| Bytes::from(format!("{}\n", encode(line)));
        let (sender, mut progress) = mpsc::channel::<Progress>(LINES_QUEUE_MAX);
        let call = async {
            match decode_asked(&body) {
                // Whom the client calls itself is not asked.
                Ok(asked) => service.call(Asked::locally(&by, asked.request), ProgressSender::new(sender)).await,
                Err(error) => {
                    drop(sender);
                    Err(error)
                }
            }
        };
        let pass = async {
            while let Some(step) = progress.recv().await {
                // A client that does not read loses progress, not the answer.
                let _ = lines.try_send(line(&Line::Progress(step)));
            }
        };
        let (answer, ()) = tokio::join!(call, pass);
        let last = match answer {
            Ok(answer) => Line::Answer(Box::new(answer)),
            Err(error) => Line::Error(error),
        };
        let _ = lines.send(line(&last)).await;
    }
}
