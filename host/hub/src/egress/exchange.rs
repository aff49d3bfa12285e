//! One request and its answer on one connection, within times and sizes.

use std::fs::File;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::Response;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout_at};

use super::body::{FileBlob, Outgoing};
use super::bounds::Bounds;
use super::dial::Live;
use super::error::EgressError;
use super::scrub::Scrubber;

/// Why there is no answer.
pub(super) enum Broken {
    /// Not one byte was sent.
    NotSent(String),
    /// Something was sent; `begun`: something came back.
    NoAnswer { why: String, begun: bool },
    /// The head was too large.
    TooLarge(u64),
}

/// Sends and waits for the head of the answer.
pub(super) async fn exchange(
    live: &mut Live,
    request: http::Request<Outgoing>,
    bounds: &Bounds,
    total: Instant,
) -> Result<Response<Incoming>, Broken> {
    let deadline = total.min(Instant::now() + bounds.head);
    let (written, read) = (live.counters.written(), live.counters.read());
    let counters = live.counters.clone();
    let broken = |why: String| {
        if counters.written() == written {
            Broken::NotSent(why)
        } else {
            Broken::NoAnswer { why, begun: counters.read() != read }
        }
    };
    match timeout_at(deadline, live.sender.ready()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(broken(format!("the connection was closed: {error}"))),
        Err(_) => return Err(broken("the connection was not ready in time".into())),
    }
    let response = match timeout_at(deadline, live.sender.send_request(request)).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) if error.is_parse_too_large() => return Err(Broken::TooLarge(bounds.header_bytes as u64)),
        Ok(Err(error)) => return Err(broken(chain(&error))),
        // The connection's task may be writing at this very moment, so the counter proves nothing here.
        Err(_) => return Err(Broken::NoAnswer { why: "no answer in time".into(), begun: true }),
    };
    // 1xx are not final, and nobody has defined anything above 599.
    if !(200..=599).contains(&response.status().as_u16()) {
        return Err(Broken::NoAnswer { why: format!("it answered with the status {}", response.status().as_u16()), begun: true });
    }
    let size: usize = response.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if size > bounds.header_bytes {
        return Err(Broken::TooLarge(bounds.header_bytes as u64));
    }
    if let Some(encoding) = response.headers().get(http::header::CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        let shown = String::from_utf8_lossy(encoding.as_bytes()).escape_debug().to_string();
        return Err(Broken::NoAnswer {
            why: format!("it answered with content-encoding {shown:.40} though asked for none"),
            begun: true,
        });
    }
    Ok(response)
}

/// Pieces of a body, bounded in silence, total time and size.
struct Pieces<'a> {
    body: Incoming,
    bounds: &'a Bounds,
    total: Instant,
    left: u64,
    cap: u64,
}

impl Pieces<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, EgressError> {
        if self.body.size_hint().lower() > self.left {
            return Err(EgressError::TooLarge(self.cap));
        }
        loop {
            let deadline = self.total.min(Instant::now() + self.bounds.idle);
            let frame = match timeout_at(deadline, self.body.frame()).await {
                Ok(None) => return Ok(None),
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => return Err(EgressError::NoAnswer(format!("the answer broke off: {}", chain(&error)))),
                Err(_) => return Err(EgressError::NoAnswer("the answer stalled".into())),
            };
            // Trailers are read and dropped.
            let Ok(data) = frame.into_data() else { continue };
            self.left = self.left.checked_sub(data.len() as u64).ok_or(EgressError::TooLarge(self.cap))?;
            return Ok(Some(data));
        }
    }
}

/// The whole body, in memory.
pub(super) async fn read_body(body: Incoming, bounds: &Bounds, total: Instant, cap: usize) -> Result<Bytes, EgressError> {
    let cap = cap as u64;
    let mut pieces = Pieces { body, bounds, total, left: cap, cap };
    let Some(first) = pieces.next().await? else { return Ok(Bytes::new()) };
    let Some(second) = pieces.next().await? else { return Ok(first) };
    let expected = pieces.body.size_hint().lower().min(pieces.left) as usize;
    let mut whole = BytesMut::with_capacity(first.len() + second.len() + expected);
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&second);
    while let Some(piece) = pieces.next().await? {
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// The whole body without secrets, in a file without a name; says whether a secret was found.
pub(super) async fn read_to_file(
    body: Incoming,
    bounds: &Bounds,
    total: Instant,
    scrubber: &Scrubber,
) -> Result<(FileBlob, u64, bool), EgressError> {
    let disk = |error: std::io::Error| EgressError::NoAnswer(format!("the answer cannot be kept: {error}"));
    let file: Arc<File> = Arc::new(tempfile::tempfile().map_err(disk)?);
    let mut writer = tokio::fs::File::from_std(file.try_clone().map_err(disk)?);
    let mut pieces = Pieces { body, bounds, total, left: bounds.blob_bytes, cap: bounds.blob_bytes };
    let (mut held, mut out, mut size, mut received, mut found) = (Vec::new(), Vec::new(), 0, 0, false);
    loop {
        let piece = pieces.next().await?;
        received += piece.as_ref().map_or(0, Bytes::len) as u64;
        held.extend_from_slice(piece.as_deref().unwrap_or_default());
        found |= scrubber.drain(&mut held, piece.is_none(), &mut out);
        writer.write_all(&out).await.map_err(disk)?;
        size += out.len() as u64;
        out.clear();
        if piece.is_none() {
            break;
        }
    }
    writer.flush().await.map_err(disk)?;
    Ok((FileBlob::new(file, size), received, found))
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
