//! From an endpoint and a guest's path to one address under the grant, or a refusal. Decides; does no I/O.
//!
//! Relative paths are put after the base; absolute addresses must be the base's scheme, host and port after parsing as
//! browsers do. Whatever two parsers could read differently is refused before parsing.

use ipnet::IpNet;
use nave_core::grant::EndpointGrant;
use url::{Host, Url};

use super::error::EgressError;

/// A granted base address, parsed.
#[derive(Clone, Debug)]
pub(super) struct Base {
    pub(super) url: Url,
    /// Private networks that it may resolve to.
    pub(super) networks: Vec<IpNet>,
}

/// Where to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) tls: bool,
    pub(super) host: Host<String>,
    pub(super) port: u16,
}

/// One address under a base.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) url: Url,
    /// Path below the base, beginning with `/`.
    pub(super) below: String,
}

impl Base {
    /// Checks what the operator wrote.
    pub(super) fn parse(endpoint: &str, grant: &EndpointGrant) -> Result<Self, EgressError> {
        let refuse = |code, why: &str| Err(EgressError::denied(code, format!("base of [grants.endpoints.{endpoint}]: {why}")));
        let Ok(url) = Url::parse(&grant.base) else {
            return refuse("net.denied", "it is not an address; write https://host/path");
        };
        if !matches!(url.scheme(), "https" | "http") {
            return refuse("net.denied", "only https:// (or http:// with `insecure = true`) can be reached");
        }
        if url.scheme() == "http" && !grant.insecure {
            return refuse("net.insecure", "http:// sends everything readable; `insecure = true` with `because` would allow it");
        }
        if raw_authority(&grant.base).is_none_or(|raw| raw.contains('@')) {
            return refuse("net.denied", "user and password do not belong into it; name a credential instead");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refuse("net.denied", "it must end with the path, without ? and #");
        }
        if url.host_str().is_none_or(|host| host.is_empty() || host.ends_with('.')) {
            return refuse("net.denied", "the host is missing or ends with a dot");
        }
        if has_tricks(&grant.base) {
            return refuse("net.denied", "it has dot segments, blanks or backslashes");
        }
        let mut networks = Vec::new();
        for text in &grant.networks {
            match text.parse::<IpNet>().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from)) {
                Ok(net) => networks.push(net),
                Err(_) => return refuse("net.denied", &format!("`networks`: `{text}` is not a network; write 10.0.0.0/8")),
            }
        }
        Ok(Self { url, networks })
    }

    /// Where it connects to.
    pub(super) fn authority(&self) -> Authority {
        Authority {
            tls: self.url.scheme() == "https",
            host: self.url.host().map_or_else(|| Host::Domain(String::new()), |host| host.to_owned()),
            port: self.url.port_or_known_default().unwrap_or(443),
        }
    }

    /// Scheme, host and port, as a secret is given for them.
    pub(super) fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// `path` as an address under this base.
    pub(super) fn target(&self, endpoint: &str, path: &str) -> Result<Target, EgressError> {
        if path.is_empty() || has_tricks(path) {
            return Err(EgressError::denied(
                "net.bad-path",
                "the path is empty or has blanks, control characters, backslashes, a fragment, dot segments or broken \
                 percent-encoding; the plugin must encode it",
            ));
        }
        let url = if path.starts_with("//") {
            None
        } else if path.starts_with('/') {
            Url::parse(&format!("{}{path}", self.url.as_str().trim_end_matches('/'))).ok()
        } else {
            raw_authority(path).filter(|raw| !raw.contains('@')).and_then(|_| Url::parse(path).ok())
        };
        let Some(url) = url else {
            return Err(EgressError::denied(
                "net.bad-path",
                "the path is neither `/path?query` nor a whole http address without user and password",
            ));
        };
        let outside = || {
            let asked = format!("{}://{}", url.scheme(), url.host_str().unwrap_or(""));
            EgressError::denied(
                "net.denied",
                format!(
                    "{asked}{} lies outside of {}; only an address under `base` of [grants.endpoints.{endpoint}] is allowed",
                    url.port().map(|port| format!(":{port}")).unwrap_or_default(),
                    self.url
                ),
            )
        };
        if url.scheme() != self.url.scheme()
            || url.host() != self.url.host()
            || url.port_or_known_default() != self.url.port_or_known_default()
            || !url.username().is_empty()
            || url.password().is_some()
        {
            return Err(outside());
        }
        let prefix = self.url.path().trim_end_matches('/');
        let below = match url.path().strip_prefix(prefix) {
            Some("") => "/".to_owned(),
            Some(rest) if rest.starts_with('/') => rest.to_owned(),
            _ => return Err(outside()),
        };
        Ok(Target { url, below })
    }
}

/// What stands between `://` and the path, if it is an http address with a host.
fn raw_authority(text: &str) -> Option<&str> {
    let lower = text.get(..8)?.to_ascii_lowercase();
    let skip = if lower.starts_with("https://") {
        8
    } else if lower.starts_with("http://") {
        7
    } else {
        return None;
    };
    let rest = &text[skip..];
    let raw = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    (!raw.is_empty()).then_some(raw)
}

/// Whether it has what two parsers could read differently.
fn has_tricks(text: &str) -> bool {
    if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f || matches!(byte, b'\\' | b'#')) {
        return true;
    }
    let whole = text.split('?').next().unwrap_or("");
    // Only the path has segments; in `https://..` the host is judged by the parser.
    let mut path = match whole.find("://") {
        Some(at) if !whole.starts_with('/') => whole[at + 3..].split_once('/').map_or("", |(_, path)| path).to_owned(),
        _ => whole.to_owned(),
    };
    if !well_encoded(text) {
        return true;
    }
    // Decoded again and again, as a chain of proxies would.
    for _ in 0..4 {
        if path.contains(['\\', '\0', '\r', '\n'])
            || path.split('/').any(|segment| {
                let bare = segment.split(';').next().unwrap_or("");
                bare == "." || bare == ".."
            })
        {
            return true;
        }
        let next = percent_encoding::percent_decode_str(&path).decode_utf8_lossy().into_owned();
        if next == path {
            return false;
        }
        path = next;
    }
    true
}

/// Whether every `%` is followed by two hexadecimal digits.
fn well_encoded(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes
        .iter()
        .enumerate()
        .all(|(at, byte)| *byte != b'%' || bytes.get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> Base {
        let grant =
            EndpointGrant { base: text.into(), allow: vec![], networks: vec![], insecure: true, read_only: false, because: None };
        Base::parse("api", &grant).unwrap()
    }

    /// `expected` is the address that is called, or the code of the refusal.
    fn check(base_text: &str, path: &str, expected: &str) {
        let found = match base(base_text).target("api", path) {
            Ok(target) => target.url.to_string(),
            Err(error) => error.code().to_owned(),
        };
        assert_eq!(found, expected, "{path:?} under {base_text}");
    }

    /// Lines 61, 66–68 and 72 of the attack list.
    #[test]
    fn only_addresses_under_the_base_come_out() {
        let good = "https://good.com/v1";
        for (path, expected) in [
            ("/contacts?limit=5", "https://good.com/v1/contacts?limit=5"),
            ("/", "https://good.com/v1/"),
            ("https://good.com/v1/contacts?after=2", "https://good.com/v1/contacts?after=2"),
            ("https://GOOD.com/v1/x", "https://good.com/v1/x"),
            ("HTTPS://good.com:443/v1/x", "https://good.com/v1/x"),
            ("https://ｇｏｏｄ.com/v1/x", "https://good.com/v1/x"),
            ("/caf%C3%A9", "https://good.com/v1/caf%C3%A9"),
            ("/café", "https://good.com/v1/caf%C3%A9"),
            ("/a%2Fb", "https://good.com/v1/a%2Fb"),
            ("/{{secret}}", "https://good.com/v1/%7B%7Bsecret%7D%7D"),
            ("/x?u=https://evil.com/..", "https://good.com/v1/x?u=https://evil.com/.."),
            ("https://good.com/v2/x", "net.denied"),
            ("https://good.com/v10", "net.denied"),
            ("https://good.com/", "net.denied"),
            ("https://good.com", "net.denied"),
            ("http://good.com/v1/x", "net.denied"),
            ("https://good.com:444/v1/x", "net.denied"),
            ("https://good.com:80/v1/x", "net.denied"),
            ("https://good.com.evil.com/v1/x", "net.denied"),
            ("https://evilgood.com/v1/x", "net.denied"),
            ("https://good.com./v1/x", "net.denied"),
            ("https://goоd.com/v1/x", "net.denied"),
            ("https://169.254.169.254/v1/x", "net.denied"),
            ("https://good.com@evil.com/v1/x", "net.bad-path"),
            ("https://user:pw@good.com/v1/x", "net.bad-path"),
            ("https://@good.com/v1/x", "net.bad-path"),
            ("https://good.com#@evil.com/v1", "net.bad-path"),
            ("https://good.com\\@evil.com/v1", "net.bad-path"),
            ("https://good.com%00.evil.com/v1", "net.bad-path"),
            ("https://[good.com]/v1/x", "net.bad-path"),
            ("https:///good.com/v1/x", "net.bad-path"),
            ("https:/good.com/v1/x", "net.bad-path"),
            ("https:good.com/v1/x", "net.bad-path"),
            ("//evil.com/v1/x", "net.bad-path"),
            ("/\\evil.com", "net.bad-path"),
            ("\\\\evil.com", "net.bad-path"),
            ("javascript:alert(1)", "net.bad-path"),
            ("file:///etc/passwd", "net.bad-path"),
            ("evil.com/v1", "net.bad-path"),
            ("@evil.com", "net.bad-path"),
            ("", "net.bad-path"),
            ("?x", "net.bad-path"),
            ("/a#b", "net.bad-path"),
            ("/../admin", "net.bad-path"),
            ("/a/../../admin", "net.bad-path"),
            ("/a/%2e%2E/admin", "net.bad-path"),
            ("/a/.%2e/admin", "net.bad-path"),
            ("/a/%252e%252e/admin", "net.bad-path"),
            ("/a%2f..%2fadmin", "net.bad-path"),
            ("/a/..;/admin", "net.bad-path"),
            ("/a/..%5cadmin", "net.bad-path"),
            ("https://good.com/v1/../v2", "net.bad-path"),
            ("https://good.com/v1/%2e%2e/v2", "net.bad-path"),
            ("/a\r\nHost: evil.com", "net.bad-path"),
            ("/a%0d%0aHost:evil.com", "net.bad-path"),
            ("/a\0", "net.bad-path"),
            ("/a b", "net.bad-path"),
            ("/a\tb", "net.bad-path"),
            ("/a%zz", "net.bad-path"),
            ("/a?x=1\r\nX: y", "net.bad-path"),
            ("/a%", "net.bad-path"),
        ] {
            check(good, path, expected);
        }
        check("https://good.com", "/x", "https://good.com/x");
        check("https://good.com", "https://good.com", "https://good.com/");
        check("http://good.com:8080/", "/x", "http://good.com:8080/x");
        check("http://good.com:8080", "http://good.com/x", "net.denied");
    }

    #[test]
    fn a_base_is_refused_with_its_reason() {
        for (text, insecure, code) in [
            ("https://good.com/v1", false, "ok"),
            ("http://good.com", true, "ok"),
            ("http://good.com", false, "net.insecure"),
            ("https://user@good.com", false, "net.denied"),
            ("ftp://good.com", false, "net.denied"),
            ("good.com", false, "net.denied"),
            ("https://good.com/?a", false, "net.denied"),
            ("https://good.com/#a", false, "net.denied"),
            ("https://good.com/a/../b", false, "net.denied"),
            ("https://good.com.", false, "net.denied"),
            ("https://[fe80::1%25eth0]/", false, "net.denied"),
            ("https://", false, "net.denied"),
            ("", false, "net.denied"),
        ] {
            let grant =
                EndpointGrant { base: text.into(), allow: vec![], networks: vec![], insecure, read_only: false, because: None };
            let found = Base::parse("api", &grant).map_or_else(|error| error.code(), |_| "ok");
            assert_eq!(found, code, "{text}");
        }
    }
}
