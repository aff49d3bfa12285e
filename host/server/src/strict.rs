//! Heads as the standard has them: each line ends with CR and LF. The parser behind this takes LF alone as well, as old programs
//! send it, and a server in front of the hub may read such a head in another way: whose request is whose would be a matter of taste.
//!
//! Looks at bytes and changes none but one: an LF without its CR, which becomes a byte that no head may hold, so that the parser
//! refuses it. Bodies pass as they are: their length is said by their head; where it is not, everything that follows is let
//! through, and [`says_no_length`] tells the caller to end the connection with that request.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::HeaderMap;
use hyper::header::TRANSFER_ENCODING;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What no head may hold.
const REFUSED: u8 = 0;
/// Of a line, no more is kept than tells a length.
const LINE_BYTES_MAX: usize = 64;

/// Whether the end of a request's body is not said in its head: nothing after it is looked at here.
pub(crate) fn says_no_length(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
}

/// A connection whose heads are looked at.
pub(crate) struct Strict<Io> {
    io: Io,
    heads: Heads,
}

impl<Io> Strict<Io> {
    pub(crate) fn new(io: Io) -> Self {
        Self { io, heads: Heads::default() }
    }
}

/// Where in the requests of a connection we are.
#[derive(Debug, Default)]
struct Heads {
    at: At,
    /// The byte before was CR.
    returned: bool,
    /// The line that is being read, as far as it is kept.
    line: Vec<u8>,
    /// There was a line in this head.
    begun: bool,
    /// What the head said of its body.
    length: u64,
    /// It did not say it in a way that is understood here.
    odd: bool,
}

#[derive(Debug, Default)]
enum At {
    #[default]
    Head,
    Body(u64),
    /// What comes is not looked at.
    Rest,
}

impl Heads {
    fn look(&mut self, bytes: &mut [u8]) {
        let mut at = 0;
        while at < bytes.len() {
            match &mut self.at {
                At::Rest => return,
                At::Body(left) => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len() - at);
                    *left -= here as u64;
                    at += here;
                    if *left == 0 {
                        self.at = At::Head;
                    }
                }
                At::Head => {
                    self.head(&mut bytes[at]);
                    at += 1;
                }
            }
        }
    }

    fn head(&mut self, byte: &mut u8) {
        match *byte {
            b'\n' if !self.returned => {
                *byte = REFUSED;
                self.at = At::Rest;
            }
            b'\n' => self.line_ends(),
            b'\r' => {}
            other if self.line.len() < LINE_BYTES_MAX => self.line.push(other),
            _ => {}
        }
        self.returned = *byte == b'\r';
    }

    fn line_ends(&mut self) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.begun = true;
            self.field(&line);
        } else if self.begun {
            let head = std::mem::take(self);
            self.at = match head {
                Heads { odd: true, .. } => At::Rest,
                Heads { length: 0, .. } => At::Head,
                Heads { length, .. } => At::Body(length),
            };
        }
    }

    fn field(&mut self, line: &[u8]) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.odd = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let digits = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            match digits.and_then(|text| text.parse().ok()) {
                Some(length) => self.length = length,
                None => self.odd = true,
            }
        }
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Strict<Io> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        self.heads.look(&mut buf.filled_mut()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Strict<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What passes, in one piece and byte by byte.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        for piece in [text.len(), 1, 3] {
            let (mut heads, mut bytes) = (Heads::default(), text.as_bytes().to_vec());
            bytes.chunks_mut(piece).for_each(|piece| heads.look(piece));
            assert_eq!(String::from_utf8_lossy(&bytes), expected, "{piece} at a time");
        }
    }

    #[test]
    fn only_a_bare_line_feed_of_a_head_is_changed() {
        for same in [
            "GET / HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length:  5 \r\n\r\na\nb\nc",
            "POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n\n\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\n\n\n\r\n0\r\n\r\n",
        ] {
            check(same, same);
        }
        for (text, expected) in [
            ("GET / HTTP/1.1\nhost: x\n\n", "GET / HTTP/1.1\0host: x\n\n"),
            ("GET / HTTP/1.1\r\nhost: x\n\r\n", "GET / HTTP/1.1\r\nhost: x\0\r\n"),
            ("GET / HTTP/1.1\r\nhost: x\r\n\n", "GET / HTTP/1.1\r\nhost: x\r\n\0"),
            ("\nGET / HTTP/1.1\r\n\r\n", "\0GET / HTTP/1.1\r\n\r\n"),
            ("GET / HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\n\n", "GET / HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\0\n"),
            (
                "POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n\n\nGET /\n",
                "POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n\n\nGET /\0",
            ),
        ] {
            check(text, expected);
        }
    }
}
