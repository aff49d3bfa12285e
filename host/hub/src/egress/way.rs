//! The way to the network: the proxy that everything is sent through, and whose certificates are believed beside the
//! system's. It is part of what a secret is given for, as entries among its origins; no origin has a space. Does no I/O.

use std::collections::BTreeSet;

use crate::secrets::Lapsed;

/// Starts the entry of a proxy.
const PROXY: &str = "proxy ";
/// Starts the entry of a file with certificate authorities; its bytes' SHA-256 follows.
const AUTHORITIES: &str = "ca ";

/// Entries of a way, in one spelling; none where calls go straight and only the system's authorities are trusted.
pub fn way(proxy: Option<&str>, authorities: Option<&[u8]>) -> BTreeSet<String> {
    let proxy = proxy.map(|text| match super::dial::parse_proxy(text) {
        Ok((host, port)) => format!("{PROXY}http://{host}:{port}"),
        // It is refused when the hub starts. One line, whatever is in it.
        Err(_) => format!("{PROXY}{}", text.escape_debug()),
    });
    let authorities = authorities.map(|pem| format!("{AUTHORITIES}sha256:{}", crate::plugins::digest(pem)));
    proxy.into_iter().chain(authorities).collect()
}

/// Whether an entry is of the way, and no origin.
pub(crate) fn is_way(entry: &str) -> bool {
    is_proxy(entry) || entry.starts_with(AUTHORITIES)
}

/// Whether an entry is a proxy's.
pub(crate) fn is_proxy(entry: &str) -> bool {
    entry.starts_with(PROXY)
}

/// What a secret was given for, in words: `to https://a.example through the proxy http://p:3128`.
pub(crate) fn said(entries: &BTreeSet<String>) -> String {
    let hosts: Vec<&str> = entries.iter().filter(|entry| !is_way(entry)).map(String::as_str).collect();
    let hosts = if hosts.is_empty() { String::new() } else { format!("to {}", hosts.join(" and ")) };
    let ways = entries.iter().filter(|entry| is_way(entry)).map(|entry| with(entry));
    std::iter::once(hosts).chain(ways).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn with(entry: &str) -> String {
    match (entry.strip_prefix(PROXY), entry.strip_prefix(AUTHORITIES)) {
        (Some(proxy), _) => format!("through the proxy {proxy}"),
        (_, Some(digest)) => format!("with the ca-file {digest}"),
        _ => entry.to_owned(),
    }
}

/// Why a secret is held: what it was given for, and what it would meet now.
pub(crate) fn held(to: &[String], given_for: &[String], lapsed: Option<&Lapsed>) -> String {
    let split = |entries: &[String]| entries.iter().cloned().partition::<Vec<String>, _>(|entry| !is_way(entry));
    let ((hosts, ways), (known, known_ways)) = (split(to), split(given_for));
    let gone = lapsed.map(|lapsed| {
        let origins: BTreeSet<String> = lapsed.origins.iter().cloned().collect();
        let (to, given, at) = (said(&origins), &lapsed.given, &lapsed.at);
        format!("was given {to} on {given}, and that lapsed on {at} because no connection sent it there any more")
    });
    let mut before = match (known.as_slice(), &gone) {
        ([], None) => "was never given for any host".to_owned(),
        ([], Some(gone)) => gone.clone(),
        (known, None) => format!("was given for {}", known.join(" and ")),
        (known, Some(gone)) => format!("was given for {}, and {gone}", known.join(" and ")),
    };
    for (proxy, without) in [(true, " without a proxy"), (false, " without a ca-file")] {
        // Said where it is another one now; of what was never given for a host there is nothing to compare.
        if !known.is_empty() && ways.iter().any(|entry| is_proxy(entry) == proxy) {
            let old: Vec<String> = known_ways.iter().filter(|entry| is_proxy(entry) == proxy).map(|entry| with(entry)).collect();
            before += &if old.is_empty() { without.to_owned() } else { format!(" {}", old.join(" or ")) };
        }
    }
    let mut now = Vec::new();
    if !hosts.is_empty() {
        now.push(format!("would now go to {}", hosts.join(" and ")));
    }
    now.extend(ways.iter().map(|entry| match (entry.strip_prefix(PROXY), entry.strip_prefix(AUTHORITIES)) {
        (Some(proxy), _) => format!("nave.toml now sends everything through the proxy {proxy}"),
        (_, digest) => format!("nave.toml now trusts another ca-file ({})", digest.unwrap_or(entry)),
    }));
    format!("{before}, and {}", now.join(", and "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_has_one_spelling_and_one_line() {
        let one = |text: &str| way(Some(text), None).pop_first().unwrap_or_default();
        assert_eq!(one("http://Proxy.Example:3128/"), "proxy http://proxy.example:3128");
        assert_eq!(one("http://proxy.example"), one("http://proxy.example:3128"));
        assert!(!one("x\nhttps://evil.example").contains('\n'), "no second entry");
        assert_ne!(way(None, Some(b"a")), way(None, Some(b"b")));
        assert!(way(None, None).is_empty());
    }

    #[track_caller]
    fn check(to: &[&str], given_for: &[&str], expected: &str) {
        lapsed(to, given_for, None, expected);
    }

    #[track_caller]
    fn lapsed(to: &[&str], given_for: &[&str], gone: Option<&Lapsed>, expected: &str) {
        let texts = |all: &[&str]| all.iter().map(|&one| one.to_owned()).collect::<Vec<_>>();
        assert_eq!(held(&texts(to), &texts(given_for), gone), expected);
    }

    #[test]
    fn what_lapsed_was_given_once() {
        let gone = Lapsed { given: "2026-11-01".into(), at: "2026-11-30".into(), origins: vec!["https://a".into()] };
        lapsed(
            &["https://a"],
            &[],
            Some(&gone),
            "was given to https://a on 2026-11-01, and that lapsed on 2026-11-30 because no connection sent it there any more, \
             and would now go to https://a",
        );
        lapsed(
            &["https://a"],
            &["https://b"],
            Some(&gone),
            "was given for https://b, and was given to https://a on 2026-11-01, and that lapsed on 2026-11-30 because no connection \
             sent it there any more, and would now go to https://a",
        );
    }

    #[test]
    fn what_changed_is_said() {
        check(&["https://b"], &["https://a", "proxy http://p:1"], "was given for https://a, and would now go to https://b");
        check(
            &["ca sha256:1", "proxy http://q:1"],
            &["https://a", "proxy http://p:1"],
            "was given for https://a through the proxy http://p:1 without a ca-file, and nave.toml now trusts another ca-file \
             (sha256:1), and nave.toml now sends everything through the proxy http://q:1",
        );
        check(&["https://b"], &[], "was never given for any host, and would now go to https://b");
    }
}
