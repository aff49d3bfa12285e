//! Lines 77 to 80: answers that do not end, do not fit, or are not HTTP.

use std::time::Duration;

use crate::server::{Server, Step, raw};
use crate::setup::{Setup, get, outcome, post, request};

/// The code that a server's doings lead to, for a read and for a write; no panic, and within the bounds.
async fn check(what: &str, expected: &str, script: impl Fn() -> Vec<Step> + Send + Sync + 'static) {
    let server = Server::start(move |_| script()).await;
    let mut setup = Setup::new(&format!("http://api.test:{}", server.port()));
    let short = Duration::from_millis(300);
    setup.bounds.head = short;
    setup.bounds.idle = short;
    setup.bounds.total = Duration::from_secs(3);
    setup.bounds.body_bytes = 100_000;
    setup.bounds.header_bytes = 16 << 10;
    setup.bounds.headers = 100;
    setup.bounds.blob_bytes = 100_000;
    let channel = setup.channel();
    assert_eq!(outcome(&get(&channel, "/x").await), expected, "{what}");
    assert_eq!(outcome(&post(&channel, "/x", "{}").await), expected, "{what}, written");
    let blob = channel
        .fetch("api", request("GET", "/x"))
        .await
        .map_or_else(|error| error.code().to_owned(), |blob| blob.status.to_string());
    assert_eq!(blob, expected, "{what}, as a blob");
}

/// Line 77.
#[tokio::test]
async fn answers_that_stall_are_given_up() {
    check("nothing at all", "net.no-answer", || vec![Step::Hang]).await;
    check("half a head", "net.no-answer", || vec![Step::Send(b"HTTP/1.1 200 OK\r\nA: b\r\n".to_vec()), Step::Hang]).await;
    check("a head, then nothing", "net.no-answer", || {
        vec![Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".to_vec()), Step::Hang]
    })
    .await;
    check("half a body", "net.no-answer", || {
        vec![Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab".to_vec()), Step::Hang]
    })
    .await;
    check("half a chunk", "net.no-answer", || {
        vec![Step::Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab".to_vec()), Step::Hang]
    })
    .await;
}

/// Line 78.
#[tokio::test]
async fn answers_without_end_are_cut() {
    let head = |text: &str| Step::Send(text.as_bytes().to_vec());
    check("a body without end", "net.response-too-large", move || {
        vec![head("HTTP/1.1 200 OK\r\n\r\n"), Step::Endless(vec![b'a'; 4096])]
    })
    .await;
    check("chunks without end", "net.response-too-large", move || {
        vec![head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Step::Endless(b"5\r\nabcde\r\n".to_vec())]
    })
    .await;
    check("a length beyond the bound", "net.response-too-large", move || {
        vec![head("HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n"), Step::Hang]
    })
    .await;
    check("a chunk extension without end", "net.no-answer", move || {
        vec![head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;"), Step::Endless(vec![b'a'; 4096])]
    })
    .await;
    check("trailers without end", "net.no-answer", move || {
        vec![head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"), Step::Endless(b"A: b\r\n".to_vec())]
    })
    .await;
    check("1xx without end", "net.no-answer", move || vec![Step::Endless(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec())]).await;
    check("a head without end", "net.response-too-large", move || {
        vec![head("HTTP/1.1 200 OK\r\nA: "), Step::Endless(vec![b'a'; 4096])]
    })
    .await;
}

/// Lines 79 and 80.
#[tokio::test]
async fn answers_that_are_not_http_are_errors() {
    let many: String = (0..10_000).map(|n| format!("A{n}: b\r\n")).collect();
    check("ten thousand headers", "net.response-too-large", move || raw(format!("HTTP/1.1 200 OK\r\n{many}\r\n"))).await;
    check("101 headers", "net.response-too-large", || {
        let many: String = (0..101).map(|n| format!("A{n}: b\r\n")).collect();
        raw(format!("HTTP/1.1 200 OK\r\n{many}\r\n"))
    })
    .await;
    check("a large header", "net.response-too-large", || raw(format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "b".repeat(1 << 20))))
        .await;
    for (what, bytes) in [
        ("a header of odd bytes", &b"HTTP/1.1 200 OK\r\nA\x01: b\r\n\r\n"[..]),
        ("a value with NUL", b"HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n"),
        ("status 999", b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n"),
        ("status 99", b"HTTP/1.1 99 X\r\nContent-Length: 0\r\n\r\n"),
        ("status 101", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        ("HTTP/0.9", b"<html>hello</html>\r\n\r\n"),
        ("HTTP/2's preface", b"HTTP/2.0 200 OK\r\n\r\n"),
        ("garbage", b"\x00\x01\x02\xff\xfe\r\n\r\n"),
        ("TLS on a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
        ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        ("a negative length", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nab"),
        ("a chunk that is no number", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab"),
        ("a chunk beyond 64 bits", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nab"),
        ("gzip that nobody asked for", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b"),
        ("several encodings", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, br\r\nContent-Length: 2\r\n\r\n\x1f\x8b"),
        ("an encoding of another name", b"HTTP/1.1 200 OK\r\nContent-Encoding: x-\xff\r\nContent-Length: 0\r\n\r\n"),
    ] {
        check(what, "net.no-answer", move || vec![Step::Send(bytes.to_vec()), Step::Close]).await;
    }
}

/// What is odd and still an answer.
#[tokio::test]
async fn odd_answers_that_are_answers_pass() {
    for (what, bytes, expected) in [
        ("1xx before", &b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"[..], "200"),
        ("no length, closed", b"HTTP/1.0 200 OK\r\n\r\nok", "200"),
        ("chunks with trailers", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nT: x\r\n\r\n", "200"),
        ("identity", b"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 2\r\n\r\nok", "200"),
        ("an unknown 5xx", b"HTTP/1.1 599 X\r\nContent-Length: 2\r\n\r\nok", "599"),
    ] {
        check(what, expected, move || vec![Step::Send(bytes.to_vec()), Step::Close]).await;
    }
}

#[tokio::test]
async fn a_request_larger_than_the_bound_is_not_sent() {
    let mut setup = Setup::new("http://api.test:1");
    setup.bounds.body_bytes = 5;
    assert_eq!(outcome(&post(&setup.channel(), "/x", "123456").await), "net.bad-request");
    let headers = (0..65).map(|n| (format!("X-{n}"), "y".into())).collect();
    let many = nave_hub::egress::Request { headers, ..request("GET", "/x") };
    assert_eq!(outcome(&setup.channel().send("api", many).await), "net.bad-request");
    assert_eq!(setup.names.asked(), 0);
}

/// A rate budget that leaves no room in time sends nothing.
#[tokio::test]
async fn waiting_for_the_rate_budget_is_not_sending() {
    let server = Server::start(|_| crate::server::ok("{}")).await;
    let mut setup = Setup::new(&format!("http://api.test:{}", server.port()));
    setup.config.requests_per_second = Some(1);
    setup.bounds.total = Duration::from_millis(500);
    let channel = setup.channel();
    assert_eq!(outcome(&post(&channel, "/x", "{}").await), "200");
    assert_eq!(outcome(&post(&channel, "/x", "{}").await), "net.unreachable");
    assert_eq!(server.requests().len(), 1);
}
