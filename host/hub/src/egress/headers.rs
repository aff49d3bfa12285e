//! Which headers a guest may set, and which it gets to see. Decides; does no I/O.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use nave_core::limits::{HTTP_HEADER_BYTES_MAX, HTTP_REQUEST_HEADERS_MAX};
use nave_core::manifest::ASKED_HEADERS;

use super::error::EgressError;

/// Set by the hub alone, or not at all: framing, routing, identity, and what would change the method or path behind
/// the grant's back. `-` also stands for `_`, which some servers take for the same.
const HOST_ONLY: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "cookie2",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    // Half of an answer holds half of an echoed secret, which nothing recognises.
    "if-range",
    "keep-alive",
    "origin",
    "range",
    "referer",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
];
const HOST_ONLY_PREFIXES: &[&str] = &["proxy-", "sec-", "x-forwarded-"];

/// Never shown to a guest: about this connection, or a session of the hub's.
const HIDDEN: &[&str] = &[
    "alt-svc",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "set-cookie",
    "set-cookie2",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A guest's headers, checked. `credential` are the headers that the hub sets on this call, `asked` those that the manifest
/// asks to set on this endpoint.
pub(super) fn from_guest(
    headers: &[(String, String)],
    credential: &[HeaderName],
    asked: &[String],
) -> Result<HeaderMap, EgressError> {
    if headers.len() > HTTP_REQUEST_HEADERS_MAX {
        return Err(EgressError::denied("net.bad-request", format!("more than {HTTP_REQUEST_HEADERS_MAX} headers")));
    }
    if headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > HTTP_HEADER_BYTES_MAX {
        return Err(EgressError::denied("net.bad-request", format!("more than {HTTP_HEADER_BYTES_MAX} bytes of headers")));
    }
    let mut map = HeaderMap::with_capacity(headers.len() + 4);
    for (name, value) in headers {
        let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else {
            return Err(EgressError::denied("net.bad-request", format!("`{}` is not a header name", name.escape_debug())));
        };
        let plain = parsed.as_str().replace('_', "-");
        let is_asked = ASKED_HEADERS.contains(&parsed.as_str()) && asked.iter().any(|name| name.eq_ignore_ascii_case(&plain));
        let of_hub = HOST_ONLY.contains(&plain.as_str()) || HOST_ONLY_PREFIXES.iter().any(|prefix| plain.starts_with(prefix));
        if of_hub && !is_asked {
            let why = if ASKED_HEADERS.contains(&plain.as_str()) {
                "is not asked for by the plugin's manifest; only its author can add it, under `headers` of the endpoint"
            } else {
                "belongs to the hub; no grant allows a plugin to set it"
            };
            return Err(EgressError::denied("net.header-denied", format!("the header `{parsed}` {why}")));
        }
        if credential.iter().any(|own| own.as_str().replace('_', "-") == plain) {
            return Err(EgressError::denied(
                "net.header-denied",
                format!("the header `{parsed}` carries this connection's credential; the hub sets it"),
            ));
        }
        let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) else {
            return Err(EgressError::denied(
                "net.bad-request",
                format!("the value of `{parsed}` has line breaks or control characters"),
            ));
        };
        map.append(parsed, value);
    }
    // An answer that was asked for plainly can be searched for secrets and counted as it is.
    map.insert(http::header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if !map.contains_key(http::header::USER_AGENT) {
        map.insert(http::header::USER_AGENT, HeaderValue::from_static(concat!("nave/", env!("CARGO_PKG_VERSION"))));
    }
    Ok(map)
}

/// An answer's headers for the guest, not yet scrubbed.
pub(super) fn to_guest(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    headers
        .iter()
        .filter(|(name, _)| !HIDDEN.contains(&name.as_str()))
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str, expected: &str) {
        check_asked(name, value, &[], expected);
    }

    fn check_asked(name: &str, value: &str, asked: &[&str], expected: &str) {
        let own = HeaderName::from_static("x-api-key");
        let asked: Vec<String> = asked.iter().map(|name| (*name).to_owned()).collect();
        let found = match from_guest(&[(name.into(), value.into())], &[own], &asked) {
            Ok(_) => "ok",
            Err(error) => error.code(),
        };
        assert_eq!(found, expected, "{name:?}: {value:?}");
    }

    /// Lines 69 and 70 of the attack list.
    #[test]
    fn a_guest_sets_only_what_is_its_own() {
        for name in
            ["Accept", "Content-Type", "If-Match", "Idempotency-Key", "Xero-Tenant-Id", "Accept-Encoding", "Prefer", "Depth"]
        {
            check(name, "x", "ok");
        }
        for name in [
            "Authorization",
            "authorization",
            "COOKIE",
            "Host",
            "Content-Length",
            "content_length",
            "Transfer-Encoding",
            "Transfer_Encoding",
            "Connection",
            "Keep-Alive",
            "Upgrade",
            "Proxy-Authorization",
            "Proxy-Connection",
            "Proxy-Anything",
            "TE",
            "Trailer",
            "Expect",
            "X-Forwarded-For",
            "X_Forwarded_Host",
            "X-Forwarded-Proto",
            "Forwarded",
            "Via",
            "Origin",
            "Referer",
            "X-HTTP-Method-Override",
            "X-Original-URL",
            "X-Api-Key",
            "x_api_key",
            "Sec-Fetch-Site",
            "HTTP2-Settings",
            "Range",
            "If-Range",
        ] {
            check(name, "x", "net.header-denied");
        }
        for (name, value) in [
            (":authority", "x"),
            ("", "x"),
            ("A B", "x"),
            ("A:", "x"),
            ("A\r\nHost", "x"),
            ("Ä", "x"),
            ("A", "x\r\nHost: evil"),
            ("A", "x\nB: y"),
            ("A", "x\ry"),
            ("A", "x\0y"),
            ("A", "x\r\n folded"),
            ("A", "\u{7f}"),
        ] {
            check(name, value, "net.bad-request");
        }
    }

    /// A line in the manifest opens the two that say where a request comes from, and nothing else.
    #[test]
    fn the_manifest_may_ask_for_origin_and_referer() {
        check_asked("Origin", "https://a.example", &["Origin"], "ok");
        check_asked("referer", "https://a.example/x", &["Origin", "Referer"], "ok");
        check_asked("Referer", "https://a.example/x", &["Origin"], "net.header-denied");
        check_asked("Origin", "https://a.example\r\nX: y", &["Origin"], "net.bad-request");
        for name in ["Cookie", "Authorization", "Host", "X-Api-Key", "X-Forwarded-For", "Content-Length", "Sec-Fetch-Site"] {
            check_asked(name, "x", &[name, "Origin", "Referer"], "net.header-denied");
        }
    }
}
