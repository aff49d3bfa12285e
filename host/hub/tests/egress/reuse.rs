//! Whether something was sent: told exactly, on new and on reused connections.

use std::sync::Arc;

use nave_hub::egress::EgressError;
use nave_runtime::Blob;

use crate::server::{Server, Step, ok, raw};
use crate::setup::{Setup, get, outcome, post, request};

#[tokio::test]
async fn keep_alive_connections_are_reused() {
    let server = Server::start(|_| ok("{}")).await;
    let setup = Setup::new(&format!("http://api.test:{}", server.port()));
    let channel = setup.channel();
    for _ in 0..10 {
        assert_eq!(outcome(&get(&channel, "/x").await), "200");
        assert_eq!(outcome(&post(&channel, "/x", "{}").await), "200");
    }
    assert_eq!((server.requests().len(), server.connections()), (20, 1));
}

#[tokio::test]
async fn nothing_listening_and_no_such_name_are_unreachable() {
    let gone = Server::start(|_| ok("{}")).await.port();
    // A port that is surely closed: bound and given back.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_ne!(gone, closed);
    let setup = Setup::new(&format!("http://api.test:{closed}"));
    assert_eq!(outcome(&post(&setup.channel(), "/x", "{}").await), "net.unreachable");
    let setup = Setup::new("http://nowhere.test");
    assert_eq!(outcome(&post(&setup.channel(), "/x", "{}").await), "net.unreachable");
}

#[tokio::test]
async fn a_request_without_an_answer_is_never_called_unsent() {
    for (what, answer) in [
        ("nothing", ""),
        ("half a head", "HTTP/1.1 200 OK\r\nContent-"),
        ("half a body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
    ] {
        let server = Server::start(move |_| vec![Step::Send(answer.into()), Step::Close]).await;
        let setup = Setup::new(&format!("http://api.test:{}", server.port()));
        assert_eq!(outcome(&post(&setup.channel(), "/x", "{}").await), "net.no-answer", "{what}");
        assert_eq!(outcome(&get(&setup.channel(), "/x").await), "net.no-answer", "{what}");
        assert_eq!(server.requests().len(), 2, "{what}: each was sent once");
    }
}

/// The server takes the second request of a connection and closes without a byte: the keep-alive race.
#[tokio::test]
async fn on_a_stale_connection_a_read_is_repeated_once_and_a_write_never() {
    let stale = || Server::start(|request| if request.request == 2 { vec![Step::Close] } else { ok("{}") });
    let server = stale().await;
    let channel = Setup::new(&format!("http://api.test:{}", server.port())).channel();
    assert_eq!(outcome(&get(&channel, "/x").await), "200");
    assert_eq!(outcome(&get(&channel, "/x").await), "200");
    assert_eq!((server.requests().len(), server.connections()), (3, 2));

    let server = stale().await;
    let channel = Setup::new(&format!("http://api.test:{}", server.port())).channel();
    assert_eq!(outcome(&post(&channel, "/x", "{}").await), "200");
    assert_eq!(outcome(&post(&channel, "/x", "{}").await), "net.no-answer");
    assert_eq!((server.requests().len(), server.connections()), (2, 1));

    // Half an answer is not a stale connection, also for a read.
    let server = Server::start(|request| {
        if request.request == 2 { vec![Step::Send(b"HTTP/1.1 200 OK\r\n".to_vec()), Step::Close] } else { ok("{}") }
    })
    .await;
    let channel = Setup::new(&format!("http://api.test:{}", server.port())).channel();
    assert_eq!(outcome(&get(&channel, "/x").await), "200");
    assert_eq!(outcome(&get(&channel, "/x").await), "net.no-answer");
    assert_eq!(server.requests().len(), 2);
}

/// An answer that nobody asked for must not become the answer to the next request.
#[tokio::test]
async fn bytes_after_an_answer_do_not_answer_the_next_request() {
    let server = Server::start(|_| {
        raw("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nreal\
             HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
    })
    .await;
    let channel = Setup::new(&format!("http://api.test:{}", server.port())).channel();
    for _ in 0..5 {
        let response = get(&channel, "/x").await.unwrap();
        assert_eq!(&response.body[..], b"real");
    }
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn blobs_pass_in_both_directions() {
    let server = Server::start(|request| ok(&format!("{} bytes", request.body.len()))).await;
    let mut setup = Setup::new(&format!("http://api.test:{}", server.port()));
    setup.bounds.blob_bytes = 300_000;
    let channel = setup.channel();
    let big: Arc<dyn Blob> = Arc::new(bytes::Bytes::from(vec![7_u8; 200_001]));
    let response = channel.send_blob("api", request("PUT", "/x"), big).await.unwrap();
    assert_eq!((response.status, response.body.size()), (200, 12));
    assert_eq!(response.body.read(0, 100).await.unwrap(), b"200001 bytes");
    assert_eq!(response.body.read(7, 3).await.unwrap(), b"byt");
    assert_eq!(response.body.read(12, 5).await.unwrap(), b"");
    assert_eq!(server.requests()[0].header("content-length"), ["200001"]);
    assert!(server.requests()[0].body.iter().all(|byte| *byte == 7));

    let huge: Arc<dyn Blob> = Arc::new(bytes::Bytes::from(vec![7_u8; 300_001]));
    assert_eq!(channel.send_blob("api", request("PUT", "/x"), huge).await.err().unwrap().code(), "net.bad-request");

    let server = Server::start(|_| ok(&"a".repeat(300_001))).await;
    let mut setup = Setup::new(&format!("http://api.test:{}", server.port()));
    setup.bounds.blob_bytes = 300_001;
    assert_eq!(setup.channel().fetch("api", request("GET", "/x")).await.unwrap().body.size(), 300_001);
    setup.bounds.blob_bytes = 300_000;
    assert_eq!(setup.channel().fetch("api", request("GET", "/x")).await.err(), Some(EgressError::TooLarge(300_000)));
}

/// A blob whose size lies must not leave a request open for the next bytes; and what was sent of it was sent.
#[tokio::test]
async fn a_blob_that_ends_early_is_not_an_answer() {
    struct Liar(u64);
    impl Blob for Liar {
        fn size(&self) -> u64 {
            1_000_000
        }
        fn read(&self, offset: u64, length: u32) -> nave_runtime::HostFuture<'_, std::io::Result<Vec<u8>>> {
            let length = self.0.saturating_sub(offset).min(u64::from(length)) as usize;
            Box::pin(async move { Ok(vec![7; length]) })
        }
    }
    for (real, code) in [(0, "net.unreachable"), (800_000, "net.no-answer")] {
        let server = Server::start(|_| ok("{}")).await;
        let channel = Setup::new(&format!("http://api.test:{}", server.port())).channel();
        let result = channel.send_blob("api", request("PUT", "/x"), Arc::new(Liar(real))).await;
        assert_eq!(result.err().unwrap().code(), code, "{real} bytes");
        assert!(server.requests().is_empty(), "never whole");
    }
}
