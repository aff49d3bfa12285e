//! Connections as bytes: those that come to no point, those that two servers could read differently, and the local socket.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

/// Talks to one connection, on a clock that moves on when everybody waits. Answers everything that came back.
async fn talk(text: &str) -> String {
    let server = Server::new();
    let (mut ours, theirs) = tokio::io::duplex(1 << 20);
    let (_stop, stopped) = watch::channel(false);
    let app = server.router.clone().layer(axum::Extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 4000)))));
    let answered = tokio::spawn(crate::listen::answer(theirs, app, Default::default(), Default::default(), stopped));
    ours.write_all(text.as_bytes()).await.unwrap();
    let mut back = Vec::new();
    ours.read_to_end(&mut back).await.unwrap();
    answered.await.unwrap();
    String::from_utf8_lossy(&back).into_owned()
}

/// Lines 95, 109 and 110: a head or body that does not come ends the connection, and so does a head without end.
#[tokio::test(start_paused = true)]
async fn connections_that_do_not_come_to_the_point_are_closed() {
    let none = talk("").await;
    assert_eq!(none, "");
    for half in ["GET /v1/status HTTP/1.1\r\nHo", "GET /login HTTP/1.1\r\nhost: localhost\r\n\r\nGET /lo"] {
        let closed = talk(half).await;
        assert!(closed.is_empty() || closed.starts_with("HTTP/1.1 "), "{closed}");
    }
    let login = "POST /login HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost\r\n\
                 content-type: application/x-www-form-urlencoded\r\ncontent-length: 100\r\n\r\ntoken=a";
    let late = talk(login).await;
    assert!(late.starts_with("HTTP/1.1 4"), "{late}");
    for name in ["crm", "books"] {
        let slow = format!("POST /hooks/{name} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n1");
        let late = talk(&slow).await;
        assert!(late.starts_with("HTTP/1.1 408 "), "{late}");
    }
    let long = format!("GET /login HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "a".repeat(64 << 10));
    assert!(talk(&long).await.starts_with("HTTP/1.1 431 "));
    let many = format!("GET /login HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: a\r\n".repeat(1_000));
    assert!(talk(&many).await.starts_with("HTTP/1.1 431 "));
    let twice = "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n\
                 0\r\n\r\nGET /login HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let once = talk(twice).await;
    assert!(once.starts_with("HTTP/1.1 400 ") && once.matches("HTTP/1.1 ").count() == 1, "{once}");
}

/// Line 109: what two servers could read in two ways gets one refusal, and nothing more is read from there.
#[tokio::test(start_paused = true)]
async fn requests_that_two_servers_could_read_differently_end_the_connection() {
    const SECOND: &str = "GET /login HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for head in [
        "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcd",
        "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4, 5\r\n\r\nabcd",
        "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\ncontent-length: -4\r\n\r\nabcd",
        "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0x4\r\n\r\nabcd",
        "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\nx: a\r\n folded\r\n\r\n",
        "GET /login HTTP/1.1\r\nhost: localhost\r\nx\0: a\r\n\r\n",
    ] {
        let back = talk(&format!("{head}{SECOND}")).await;
        assert!(back.starts_with("HTTP/1.1 400 ") && back.matches("HTTP/1.1 ").count() == 1, "{head:?}: {back}");
    }
    // A line that ends with LF alone, in the first head and in the second, and what somebody would hide behind it.
    for head in [
        "GET /login HTTP/1.1\nhost: localhost\n\n",
        "GET /login HTTP/1.1\r\nhost: localhost\n\r\n",
        "GET /login HTTP/1.1\r\nhost: localhost\r\n\n",
        "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\nx: a\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\nabcd",
    ] {
        let back = talk(&format!("{head}{SECOND}")).await;
        assert!(back.starts_with("HTTP/1.1 400 ") && back.matches("HTTP/1.1 ").count() == 1, "{head:?}: {back}");
        let back = talk(&format!("{SECOND}{head}{SECOND}")).await;
        assert!(back.starts_with("HTTP/1.1 200 ") && back.matches("HTTP/1.1 ").count() == 2, "{head:?}: {back}");
        assert!(back.contains("HTTP/1.1 400 "), "{head:?}: {back}");
    }
    // Good heads after one another are answered one by one; a body whose length is not said is the last thing that is read.
    let body = "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\na\n\n\n";
    let back = talk(&format!("{SECOND}{body}{SECOND}{SECOND}")).await;
    assert_eq!((back.matches("HTTP/1.1 200 ").count(), back.matches("HTTP/1.1 ").count()), (3, 4), "{back}");
    let chunked = "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\r\n\n\r\n0\r\n\r\n";
    let back = talk(&format!("{chunked}{SECOND}")).await;
    assert_eq!((back.matches("connection: close").count(), back.matches("HTTP/1.1 ").count()), (1, 1), "{back}");
    // Who begins with HTTP/2 is not even answered.
    assert_eq!(talk(&format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{SECOND}")).await, "");
}

/// Line 110: with every place taken by silent connections, the next one is answered.
#[tokio::test]
async fn silent_connections_make_room() {
    let server = Server::new();
    let (stop, stopped) = watch::channel(false);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let router = server.router.clone();
    let app = move |peer: SocketAddr| router.clone().layer(axum::Extension(ConnectInfo(peer)));
    // They are not closed for their silence in this test.
    let long = std::time::Duration::from_secs(3_600);
    let bounds = crate::listen::Bounds { connections: 3, head: long, body_idle: long, body_total: long };
    let serving = tokio::spawn(crate::listen::serve(listener, app, bounds, stopped));
    let mut silent = Vec::new();
    for _ in 0..10 {
        let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
        stream.write_all(b"GET /v1/status HTTP/1.1\r\nHo").await.unwrap();
        silent.push(stream);
        let mut asking = tokio::net::TcpStream::connect(addr).await.unwrap();
        asking.write_all(b"GET /login HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut text = String::new();
        asking.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    }
    stop.send_replace(true);
    drop(silent);
    serving.await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn the_local_socket_answers_in_lines() {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = tempfile::tempdir().unwrap();
    // Longer than a socket's path may be.
    let path = dir.path().join("d".repeat(120)).join("nave.sock");
    let (stop, stopped) = watch::channel(false);
    let options = crate::Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        socket: Some(path.clone()),
        hosts: Vec::new(),
        allow_from: Vec::new(),
    };
    let fake = Arc::new(Fake::default());
    let running = crate::start(fake.clone(), options.clone(), stopped.clone()).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(crate::start(Arc::new(Fake::default()), options, stopped).await.is_err(), "two hubs on one socket");
    let (short, _held) = crate::short_path(&path).unwrap();
    let mut stream = tokio::net::UnixStream::connect(&short).await.unwrap();
    let body = r#"{"command":"status","by":"local:mallory"}"#;
    let call = format!("POST /call HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(call.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let progress = text.find("{\"progress\":").unwrap();
    let answer = text.find("{\"answer\":").unwrap();
    assert!(progress < answer, "{text}");
    let by = fake.asked.lock().unwrap().last().unwrap().by.clone();
    assert_eq!(by, format!("local:{}", nave_hub::person::here()), "who it is, the kernel says");
    stop.send_replace(true);
    running.stopped().await;
    assert!(!path.exists(), "the socket's file stays behind");
}
