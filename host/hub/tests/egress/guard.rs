//! Lines 61 to 72 and 76: what is not granted does not leave.

use nave_core::manifest::Allow;
use nave_hub::egress::{Quota, Request};

use crate::server::{Server, Step, ok, status};
use crate::setup::{Setup, get, outcome, post, request};

/// Line 61.
#[tokio::test]
async fn an_endpoint_without_both_keys_is_denied_before_dns() {
    let mut setup = Setup::new("http://api.test:1/v1");
    setup.endpoint("other", "http://other.test:1");
    setup.config.grants.endpoints.remove("other");
    setup.config.grants.endpoints.insert("extra".into(), setup.config.grants.endpoints["api"].clone());
    let channel = setup.channel();
    for (endpoint, path, code) in [
        ("other", "/x", "net.denied"),
        ("extra", "/x", "net.not-requested"),
        ("nothing", "/x", "net.not-requested"),
        ("api", "http://evil.test/v1/x", "net.denied"),
        ("api", "http://evil.test:1/v1/x", "net.denied"),
        ("api", "https://api.test:1/v1/x", "net.denied"),
        ("api", "http://api.test:2/v1/x", "net.denied"),
        ("api", "http://api.test:1/v2", "net.denied"),
    ] {
        let result = channel.send(endpoint, request("GET", path)).await;
        assert_eq!(outcome(&result), code, "{endpoint} {path}");
    }
    setup.grant().insecure = false;
    assert_eq!(outcome(&get(&setup.channel(), "/x").await), "net.insecure");
    assert_eq!(setup.names.asked(), 0);

    let notes = setup.audit.notes();
    let note = notes.iter().find(|note| note.subject == "crm/other").unwrap();
    assert_eq!((note.actor.as_str(), note.action), ("plugin:hubspot", "net.denied"));
    assert!(note.detail.contains("[grants.endpoints.other]") && note.detail.contains("connections/crm.toml"), "{}", note.detail);
}

#[tokio::test]
async fn a_denial_is_audited_once_per_run() {
    let setup = Setup::new("http://api.test:1");
    let channel = setup.channel();
    for _ in 0..5 {
        assert_eq!(outcome(&channel.send("nothing", request("GET", "/")).await), "net.not-requested");
    }
    assert_eq!(setup.audit.notes().len(), 1);
    channel.begin_run(Quota::default());
    let _ = channel.send("nothing", request("GET", "/")).await;
    assert_eq!(setup.audit.notes().len(), 2);
    for name in 0..1_000 {
        let _ = channel.send(&format!("nothing-{name}"), request("GET", "/")).await;
    }
    assert!(setup.audit.notes().len() <= 102, "a flood is bounded");
}

/// Methods and paths of manifest and grant; line 73's "unlisted path".
#[tokio::test]
async fn methods_and_paths_are_those_of_manifest_and_grant() {
    let server = Server::start(|_| ok("{}")).await;
    let mut setup = Setup::new(&format!("http://api.test:{}/v1", server.port()));
    let allow = |methods: &[&str], paths: &[&str]| Allow {
        methods: methods.iter().map(ToString::to_string).collect(),
        paths: paths.iter().map(ToString::to_string).collect(),
        reads: false,
    };
    setup.config.endpoints.get_mut("api").unwrap().allow =
        vec![allow(&["GET", "POST"], &["/contacts"]), allow(&["DELETE"], &["/contacts"]), allow(&["POST"], &["/search"])];
    setup.grant().allow = vec![allow(&["GET", "POST"], &["/contacts"])];
    let base = format!("http://api.test:{}/v1", server.port());
    let absolute = format!("{base}/contacts?after=1");
    let outside = format!("{base}/companies");
    for (method, path, expected) in [
        ("GET", "/contacts", "200"),
        ("GET", "/contacts/1?x=y", "200"),
        ("POST", "/contacts", "200"),
        ("GET", absolute.as_str(), "200"),
        ("GET", "/contactsx", "net.not-requested"),
        ("GET", "/echo", "net.not-requested"),
        ("GET", "/%63ontacts", "net.not-requested"),
        ("GET", outside.as_str(), "net.not-requested"),
        ("PUT", "/contacts", "net.not-requested"),
        ("get", "/contacts", "net.not-requested"),
        ("DELETE", "/contacts/1", "net.method-denied"),
        ("POST", "/search", "net.method-denied"),
        ("GET", "/contacts/../echo", "net.bad-path"),
    ] {
        let result = setup.channel().send("api", request(method, path)).await;
        assert_eq!(outcome(&result), expected, "{method} {path}");
    }
    setup.grant().allow.clear();
    setup.grant().read_only = true;
    for (method, path, expected) in [
        ("GET", "/contacts", "200"),
        ("POST", "/search", "200"),
        ("POST", "/contacts", "net.read-only"),
        ("DELETE", "/contacts", "net.read-only"),
    ] {
        assert_eq!(outcome(&setup.channel().send("api", request(method, path)).await), expected, "{method} {path}");
    }
    assert!(
        server.requests().iter().all(|request| request.line().contains("/v1/contacts") || request.line().contains("/v1/search"))
    );
}

/// Line 62: as written in a base address, granted or not.
#[tokio::test]
async fn literal_addresses_of_the_inside_are_denied() {
    let literals = [
        "127.0.0.1",
        "127.1",
        "0",
        "0.0.0.0",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::]",
        "[fe80::1%25eth0]",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "100.64.0.1",
        "192.0.0.192",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
    ];
    for literal in literals {
        for scheme in ["http", "https"] {
            let mut setup = Setup::new(&format!("{scheme}://{literal}/v1"));
            setup.grant().networks.clear();
            let result = get(&setup.channel(), "/x").await;
            let expected = if literal.contains('%') { "net.denied" } else { "net.address-denied" };
            assert_eq!(outcome(&result), expected, "{scheme}://{literal}");
            assert_eq!(setup.audit.notes().len(), 1, "{literal}");
        }
    }
    // What no grant lifts.
    for literal in [
        "0.0.0.0",
        "[::]",
        "[64:ff9b::a9fe:a9fe]",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "192.0.0.192",
        "224.0.0.1",
        "255.255.255.255",
    ] {
        let mut setup = Setup::new(&format!("http://{literal}/v1"));
        setup.grant().networks = vec!["0.0.0.0/0".into(), "::/0".into()];
        let result = get(&setup.channel(), "/x").await;
        assert_eq!(outcome(&result), "net.address-denied", "{literal}");
        assert!(result.unwrap_err().to_string().contains("no grant lifts this"));
    }
}

/// Line 63.
#[tokio::test]
async fn a_name_with_any_address_of_the_inside_is_denied() {
    let server = Server::start(|_| ok("{}")).await;
    for answers in [
        &["10.0.0.1"][..],
        &["169.254.169.254"],
        &["::1"],
        &["::ffff:10.0.0.1"],
        &["64:ff9b::a9fe:a9fe"],
        &["fd00:ec2::254"],
        &["127.0.0.1", "10.0.0.1"],
        &["10.0.0.1", "127.0.0.1"],
        &["127.0.0.1", "8.8.8.8", "169.254.169.254"],
        &["127.0.0.1", "fe80::1"],
    ] {
        let setup = Setup::new(&format!("http://api.test:{}", server.port()));
        setup.names.set("api.test", &[answers]);
        assert_eq!(outcome(&get(&setup.channel(), "/x").await), "net.address-denied", "{answers:?}");
        assert_eq!(setup.names.asked(), 1);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_denied_address_says_which_grant_would_allow_it() {
    let mut setup = Setup::new("http://api.test:1");
    setup.names.set("api.test", &[&["10.1.2.3"]]);
    setup.grant().networks.clear();
    let text = get(&setup.channel(), "/").await.unwrap_err().to_string();
    assert!(text.contains("`networks = [\"10.1.2.3/32\"]` under [grants.endpoints.api]"), "{text}");
    setup.grant().networks = vec!["ten".into()];
    assert_eq!(outcome(&get(&setup.channel(), "/").await), "net.denied", "a mistake in the grant denies");
}

/// Line 64, and the first half of 65.
#[tokio::test]
async fn a_name_is_looked_up_once_and_never_for_an_open_connection() {
    let server = Server::start(|request| {
        if request.request == 3 {
            vec![Step::Send(b"HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_vec()), Step::Close]
        } else {
            ok("{}")
        }
    })
    .await;
    let setup = Setup::new(&format!("http://api.test:{}", server.port()));
    setup.names.set("api.test", &[&["127.0.0.1"], &["169.254.169.254"]]);
    let channel = setup.channel();
    for _ in 0..3 {
        assert_eq!(outcome(&get(&channel, "/x").await), "200");
    }
    assert_eq!((setup.names.asked(), server.connections()), (1, 1));
    assert_eq!(outcome(&get(&channel, "/x").await), "net.address-denied", "the new connection is vetted anew");
    assert_eq!((setup.names.asked(), server.connections()), (2, 1));
}

/// A dead address first: the next vetted one is tried without another look-up.
#[tokio::test]
async fn the_next_vetted_address_is_tried() {
    let server = Server::start(|_| ok("{}")).await;
    let setup = Setup::new(&format!("http://api.test:{}", server.port()));
    // The server listens on 127.0.0.1 alone.
    setup.names.set("api.test", &[&["127.0.0.7", "127.0.0.1"], &["169.254.169.254"]]);
    assert_eq!(outcome(&get(&setup.channel(), "/x").await), "200");
    assert_eq!(setup.names.asked(), 1);
}

/// Line 65: connections are not shared between channels, nor between endpoints at one address.
#[tokio::test]
async fn connections_are_not_shared_beyond_their_grant() {
    let server = Server::start(|_| status(200, "Alt-Svc: h2=\"evil.test:443\"\r\n", "{}")).await;
    let mut setup = Setup::new(&format!("http://api.test:{}", server.port()));
    setup.endpoint("second", &format!("http://second.test:{}", server.port()));
    setup.names.set("second.test", &[&["127.0.0.1"]]);
    let channel = setup.channel();
    let response = get(&channel, "/x").await.unwrap();
    assert!(response.headers.iter().all(|(name, _)| name != "alt-svc"));
    get(&channel, "/x").await.unwrap();
    assert_eq!(server.connections(), 1);
    channel.send("second", request("GET", "/x")).await.unwrap();
    assert_eq!(server.connections(), 2, "another endpoint");
    get(&setup.channel(), "/x").await.unwrap();
    assert_eq!(server.connections(), 3, "another channel");
    let hosts: Vec<String> = server.requests().iter().map(|request| request.header("host")[0].to_owned()).collect();
    assert_eq!(hosts[2], format!("second.test:{}", server.port()));
}

/// Lines 66 and 67.
#[tokio::test]
async fn redirects_are_returned_and_their_targets_checked() {
    for code in [301, 302, 303, 307, 308] {
        for location in [
            "http://169.254.169.254/latest/meta-data",
            "https://api.test/",
            "http://api.test:1/",
            "//evil.test/",
            "/\\evil.test",
            "http://user:pw@api.test/",
            "javascript:alert(1)",
        ] {
            let server = Server::start(move |_| status(code, &format!("Location: {location}\r\n"), "")).await;
            let setup = Setup::new(&format!("http://api.test:{}", server.port()));
            let channel = setup.channel();
            let response = get(&channel, "/x").await.unwrap();
            assert_eq!(response.status, code);
            assert!(response.headers.contains(&("location".into(), location.into())), "{location}");
            assert_eq!(server.requests().len(), 1);
            let followed = outcome(&get(&channel, location).await);
            assert!(["net.denied", "net.bad-path"].contains(&followed.as_str()), "{location}: {followed}");
            assert_eq!(server.requests().len(), 1);
        }
    }
}

/// Lines 69 and 70, on the wire.
#[tokio::test]
async fn smuggled_headers_never_reach_the_wire() {
    let server = Server::start(|_| ok("{}")).await;
    let setup = Setup::new(&format!("http://api.test:{}/v1", server.port()));
    let channel = setup.channel();
    let send = |method: &str, path: &str, headers: &[(&str, &str)]| {
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let request = Request { method: method.into(), path: path.into(), headers, body: Some("abc".into()) };
        let channel = channel.clone();
        async move { outcome(&channel.send("api", request).await) }
    };
    for (name, value, code) in [
        ("Host", "evil.test", "net.header-denied"),
        ("Authorization", "Bearer x", "net.header-denied"),
        ("Cookie", "a=b", "net.header-denied"),
        ("Content-Length", "1", "net.header-denied"),
        ("Transfer-Encoding", "chunked", "net.header-denied"),
        ("Connection", "X-Real-Header", "net.header-denied"),
        ("Upgrade", "h2c", "net.header-denied"),
        ("Proxy-Authorization", "x", "net.header-denied"),
        ("TE", "trailers", "net.header-denied"),
        ("Trailer", "x", "net.header-denied"),
        ("Expect", "100-continue", "net.header-denied"),
        ("X-Forwarded-Host", "evil", "net.header-denied"),
        ("Origin", "https://evil.test", "net.header-denied"),
        ("Referer", "https://evil.test", "net.header-denied"),
        (":authority", "evil.test", "net.bad-request"),
        ("X", "a\r\nHost: evil.test", "net.bad-request"),
        ("X", "a\nTransfer-Encoding: chunked", "net.bad-request"),
        ("X", "a\r\n folded", "net.bad-request"),
        ("X", "a\0b", "net.bad-request"),
        ("X\r\nHost", "evil.test", "net.bad-request"),
        ("", "x", "net.bad-request"),
    ] {
        assert_eq!(send("POST", "/x", &[(name, value)]).await, code, "{name:?}: {value:?}");
    }
    for (method, path, code) in [
        ("GET /evil HTTP/1.1\r\nHost: evil\r\n\r\nGET", "/x", "net.bad-request"),
        ("GET\r\n", "/x", "net.bad-request"),
        ("", "/x", "net.bad-request"),
        ("G ET", "/x", "net.bad-request"),
        ("GET", "/x HTTP/1.1\r\nHost: evil\r\n\r\n", "net.bad-path"),
        ("GET", "/x?a=\r\nb", "net.bad-path"),
        ("GET", "/x\0", "net.bad-path"),
        ("GET", "", "net.bad-path"),
    ] {
        assert_eq!(send(method, path, &[]).await, code, "{method:?} {path:?}");
    }
    assert_eq!(server.connections(), 0);
    assert_eq!(send("POST", "/x", &[("X-Own", "1"), ("Content-Type", "text/plain")]).await, "200");
    let seen = &server.requests()[0];
    assert_eq!(seen.line(), "POST /v1/x HTTP/1.1");
    assert_eq!(seen.header("host"), [format!("api.test:{}", server.port())]);
    assert_eq!(seen.header("content-length"), ["3"]);
    assert_eq!(seen.header("x-own"), ["1"]);
    assert_eq!(seen.header("accept-encoding"), ["identity"]);
    assert!(seen.header("transfer-encoding").is_empty());
}

/// Line 71: the hub frames the body, whatever is in it.
#[tokio::test]
async fn a_body_that_looks_like_a_request_stays_a_body() {
    let server = Server::start(|_| ok("{}")).await;
    let setup = Setup::new(&format!("http://api.test:{}", server.port()));
    let channel = setup.channel();
    let body = "0\r\n\r\nGET /evil HTTP/1.1\r\nHost: evil.test\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(outcome(&post(&channel, "/x", body).await), "200");
    assert_eq!(outcome(&get(&channel, "/y").await), "200");
    let seen = server.requests();
    assert_eq!(seen.len(), 2);
    assert_eq!(
        (seen[0].body.as_slice(), seen[0].header("content-length")),
        (body.as_bytes(), vec![body.len().to_string().as_str()])
    );
    assert_eq!(seen[1].line(), "GET /y HTTP/1.1");
}

/// Line 72.
#[tokio::test]
async fn connect_and_trace_are_never_sent() {
    let setup = Setup::new("http://api.test:1");
    for method in ["CONNECT", "TRACE", "TRACK", "connect", "Trace"] {
        assert_eq!(outcome(&setup.channel().send("api", request(method, "/x")).await), "net.method-denied", "{method}");
    }
    assert_eq!(outcome(&setup.channel().send("api", request("GET", "evil.test:443")).await), "net.bad-path");
    assert_eq!(setup.names.asked(), 0);
}

/// Line 76.
#[tokio::test]
async fn a_flood_is_bounded_in_width_and_number() {
    const REQUESTS: usize = 60;
    // The first eight wait for one another, so that they are surely open at once.
    let server = Server::start(|_| vec![Step::Await(8), ok("{}").remove(0)]).await;
    let setup = Setup::new(&format!("http://api.test:{}", server.port()));
    let channel = setup.channel();
    channel.begin_run(Quota { requests: REQUESTS as u64, bytes: 1_000 });
    let calls: Vec<_> = (0..REQUESTS)
        .map(|_| {
            let channel = channel.clone();
            tokio::spawn(async move { outcome(&get(&channel, "/x").await) })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), "200");
    }
    assert_eq!((server.busiest(), server.connections()), (8, 8));
    assert_eq!(outcome(&get(&channel, "/x").await), "net.quota");
    channel.begin_run(Quota { requests: 10, bytes: 5 });
    assert_eq!(outcome(&post(&channel, "/x", "123456").await), "net.quota", "bytes out");
    assert_eq!(outcome(&post(&channel, "/x", "1234").await), "200");
    assert_eq!(outcome(&post(&channel, "/x", "1").await), "net.quota", "bytes in count as well");
    assert_eq!(server.requests().len(), REQUESTS + 1);
}
