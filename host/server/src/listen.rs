//! Connections: how many, how long one may take to say what it wants, and which one goes when there are too many.
//!
//! A connection that is silent costs a descriptor. It is closed when its head or body does not come; and where all
//! places are taken, the one that has been silent longest makes room for the next. So neither half-open connections nor
//! slow ones keep others out.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use axum::serve::Listener;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep};
use tower::ServiceExt as _;

use crate::limits::{BODY_IDLE_S, BODY_TOTAL_S, CONNECTIONS_MAX, HEAD_BYTES_MAX, HEAD_S, HEADERS_MAX, ROOM_MS};
use crate::strict::{Strict, says_no_length};

/// How much of what one listener gives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Connections at a time.
    pub(crate) connections: usize,
    /// Until a request's head is whole, and between two requests.
    pub(crate) head: Duration,
    /// Between two pieces of a request's body.
    pub(crate) body_idle: Duration,
    /// A request's whole body.
    pub(crate) body_total: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS_MAX,
            head: Duration::from_secs(HEAD_S),
            body_idle: Duration::from_secs(BODY_IDLE_S),
            body_total: Duration::from_secs(BODY_TOTAL_S),
        }
    }
}

/// Answers connections until `stopped`; then ends what was begun.
pub(crate) async fn serve<L: Listener>(
    mut listener: L,
    app: impl Fn(L::Addr) -> Router + Send,
    bounds: Bounds,
    stopped: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(bounds.connections));
    let seats = Seats::default();
    let mut connections = JoinSet::new();
    let mut end = pin!(crate::until(stopped.clone()));
    loop {
        let (io, peer) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut end => break,
            Some(_) = connections.join_next() => continue,
        };
        let place = loop {
            if let Ok(place) = places.clone().try_acquire_owned() {
                break Some(place);
            }
            seats.make_room();
            tokio::select! {
                place = places.clone().acquire_owned() => break place.ok(),
                () = &mut end => break None,
                // All were answering: look again whether one has become silent.
                () = sleep(Duration::from_millis(ROOM_MS)) => {}
            }
        };
        let Some(place) = place else { break };
        let (number, seat) = seats.take();
        let (app, seats, stopped) = (app(peer), seats.clone(), stopped.clone());
        connections.spawn(async move {
            tokio::select! {
                () = answer(io, app, bounds, seat.clone(), stopped) => {}
                () = seat.leave.notified() => {}
            }
            seats.free(number);
            drop(place);
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// One connection, from its first request to its last.
pub(crate) async fn answer(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    app: Router,
    bounds: Bounds,
    seat: Arc<Seat>,
    stopped: watch::Receiver<bool>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let busy = Busy::new(seat.clone());
        let last = says_no_length(request.headers());
        let request = request.map(|body| Body::new(Hurried::new(body, bounds)));
        let answered = app.clone().oneshot(request);
        async move {
            let mut answer: Response = answered.await?.map(|body| Body::new(Held { body, _busy: busy }));
            if last {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<Response, Infallible>(answer)
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(bounds.head)
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(Strict::new(io)), service)
    );
    // Whoever is gone, or says nothing, is no matter of ours.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = crate::until(stopped) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Who has a place.
#[derive(Clone, Default)]
struct Seats(Arc<Mutex<HashMap<u64, Arc<Seat>>>>, Arc<AtomicU64>);

/// One connection's place.
#[derive(Default)]
pub(crate) struct Seat {
    /// Requests under way.
    busy: AtomicUsize,
    /// When it fell silent, in the order of all.
    silent: AtomicU64,
    clock: Arc<AtomicU64>,
    leave: Notify,
}

impl Seats {
    fn take(&self) -> (u64, Arc<Seat>) {
        let number = self.1.fetch_add(1, Ordering::Relaxed);
        let seat = Arc::new(Seat { silent: AtomicU64::new(number), clock: self.1.clone(), ..Seat::default() });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(number, seat.clone());
        (number, seat)
    }

    fn free(&self, number: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
    }

    /// Closes the connection that has been silent longest, if one is.
    fn make_room(&self) {
        let seats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = seats.values().filter(|seat| seat.busy.load(Ordering::Relaxed) == 0);
        if let Some(seat) = silent.min_by_key(|seat| seat.silent.load(Ordering::Relaxed)) {
            seat.leave.notify_one();
        }
    }
}

/// A request is under way, until the last byte of its answer.
struct Busy(Arc<Seat>);

impl Busy {
    fn new(seat: Arc<Seat>) -> Self {
        seat.busy.fetch_add(1, Ordering::Relaxed);
        Self(seat)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.silent.store(self.0.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An answer that keeps its connection's place.
struct Held {
    body: Body,
    _busy: Busy,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Why a body ends before its end.
#[derive(Debug, thiserror::Error)]
#[error("the body did not come in time")]
struct Late;

/// Whether a body could not be read because it did not come in time.
pub(crate) fn is_late(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<Late>())
}

/// A request's body that has to come.
struct Hurried {
    body: Incoming,
    idle: Duration,
    next: Pin<Box<Sleep>>,
    end: Pin<Box<Sleep>>,
}

impl Hurried {
    fn new(body: Incoming, bounds: Bounds) -> Self {
        Self { body, idle: bounds.body_idle, next: Box::pin(sleep(bounds.body_idle)), end: Box::pin(sleep(bounds.body_total)) }
    }
}

impl HttpBody for Hurried {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            let idle = self.idle;
            self.next.as_mut().reset(Instant::now() + idle);
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if self.end.as_mut().poll(cx).is_pending() {
            ready!(self.next.as_mut().poll(cx));
        }
        Poll::Ready(Some(Err(Late.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
