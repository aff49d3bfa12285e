//! Bodies: from memory or from a held blob on the way out; into memory or into a file on the way in.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use nave_runtime::{Blob, HostFuture};

/// Bytes taken from a blob at a time.
const PIECE_BYTES: u32 = 64 << 10;

/// A body that can be sent more than once.
#[derive(Clone)]
pub(super) enum Source {
    Bytes(Bytes),
    Blob(Arc<dyn Blob>),
}

impl Source {
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Blob(blob) => blob.size(),
        }
    }

    /// The body of one try.
    pub(super) fn body(&self) -> Outgoing {
        match self {
            Self::Bytes(bytes) => Outgoing::Bytes(bytes.clone()),
            Self::Blob(blob) => Outgoing::Blob { blob: blob.clone(), at: 0, size: blob.size(), reading: None },
        }
    }
}

type Reading = Pin<Box<dyn Future<Output = io::Result<Vec<u8>>> + Send>>;

/// A body as hyper sends it; its length is always known, so the hub frames it with Content-Length.
pub(super) enum Outgoing {
    Bytes(Bytes),
    Blob { blob: Arc<dyn Blob>, at: u64, size: u64, reading: Option<Reading> },
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Self::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Bytes(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Blob { blob, at, size, reading } => {
                if at >= size {
                    return Poll::Ready(None);
                }
                let future = reading.get_or_insert_with(|| {
                    let (blob, from) = (blob.clone(), *at);
                    let length = (*size - from).min(u64::from(PIECE_BYTES)) as u32;
                    Box::pin(async move { blob.read(from, length).await })
                });
                let piece = std::task::ready!(future.as_mut().poll(context));
                *reading = None;
                let piece = piece?;
                if piece.is_empty() || piece.len() as u64 > *size - *at {
                    return Poll::Ready(Some(Err(io::Error::other("the held body changed its size"))));
                }
                *at += piece.len() as u64;
                Poll::Ready(Some(Ok(Frame::data(piece.into()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Blob { at, size, .. } => at >= size,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Blob { at, size, .. } => size.saturating_sub(*at),
        })
    }
}

/// A received body in a file that has no name: it is gone when the last handle is.
pub(super) struct FileBlob {
    file: Arc<File>,
    size: u64,
}

impl FileBlob {
    pub(super) fn new(file: Arc<File>, size: u64) -> Self {
        Self { file, size }
    }
}

impl Blob for FileBlob {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, length: u32) -> HostFuture<'_, io::Result<Vec<u8>>> {
        let length = self.size.saturating_sub(offset).min(u64::from(length)) as usize;
        let file = self.file.clone();
        Box::pin(async move {
            tokio::task::spawn_blocking(move || {
                let mut piece = vec![0; length];
                file.read_exact_at(&mut piece, offset)?;
                Ok(piece)
            })
            .await
            .map_err(io::Error::other)?
        })
    }
}
