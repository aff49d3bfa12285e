//! HashiCorp Vault and what speaks its API, as OpenBao does: signed in by token or AppRole, one GET per value, leases renewed and ended.
//!
//! Of its answers a value is taken, a lease and words about errors. Both versions of the key-value engine and every engine that
//! answers a GET with a lease (databases, clouds) look alike here. No client library: those that exist bring an HTTP client of their
//! own, which would be a second way out.

use nave_core::catalog::{ExternalVault, VaultSignIn};
use nave_core::lease::Given;
use nave_core::manifest::CredentialKind;
use nave_core::secret_reference::FIELD;
use serde::Deserialize;
use serde_json::Value;

use super::answer::{Failure, made_of, one_line, overwrite, wipe};
use super::channel::{NAME, Way, allow, call};
use crate::egress::{Channel, Response};
use crate::secrets::SecretBytes;
use crate::vault::leases::Fetched;

/// Where a lease is renewed.
const RENEW: &str = "/v1/sys/leases/renew";
/// Where it is ended.
const REVOKE: &str = "/v1/sys/leases/revoke";

/// What of a vault is reached, and how the hub signs in there.
pub(super) fn way(sign_in: &VaultSignIn, namespace: Option<&String>) -> Way {
    let mut allowed = vec![allow("GET", "/v1/".to_owned()), allow("POST", RENEW.to_owned()), allow("POST", REVOKE.to_owned())];
    let token_header = "X-Vault-Token".to_owned();
    let kind = match sign_in {
        VaultSignIn::Token => CredentialKind::Header { name: token_header },
        VaultSignIn::AppRole { mount } => {
            let path = format!("/v1/auth/{mount}/login");
            allowed.push(allow("POST", path.clone()));
            CredentialKind::Login {
                endpoint: NAME.to_owned(),
                path,
                body: r#"{"role_id":"{user}","secret_id":"{password}"}"#.to_owned(),
                token: "/auth/client_token".to_owned(),
                expires_in: Some("/auth/lease_duration".to_owned()),
                header: Some(token_header),
            }
        }
    };
    let namespace = namespace.map(|namespace| ("x-vault-namespace".to_owned(), namespace.clone()));
    // A vault wants to be asked by its own protocol, not by a browser that was led here.
    let headers = namespace.into_iter().chain([("x-vault-request".to_owned(), "true".to_owned())]).collect();
    Way { allowed, kind, headers }
}

/// A value from a vault, or its lease renewed where one is held.
///
/// # Errors
/// [`Failure`], in words for people that hold no part of a value.
pub(super) async fn fetch(
    name: &str,
    settings: &ExternalVault,
    channel: &Channel,
    path: &str,
    field: &str,
    held: Option<&str>,
) -> Result<Fetched, Failure> {
    if let Some((lease, first)) = held.and_then(lease_of) {
        let body = serde_json::json!({ "lease_id": lease }).to_string();
        let answer = post(name, channel, RENEW, body).await?;
        if let Some(seconds) = renewed(&answer, first) {
            return Ok(Fetched {
                value: None,
                life_ms: Given::Leased(seconds).life_ms(settings.hold_ms),
                handle: held.map(str::to_owned),
            });
        }
        // It cannot be: another one is asked for.
    }
    let answer = call(name, channel, "GET", &format!("/v1/{path}"), &[], None).await?;
    let status = answer.status;
    if status != 200 {
        return Err(refusal(name, settings, path, status, &answer.body));
    }
    let read = value(&answer.body, path, field);
    overwrite(answer.body);
    let (value, given, lease) = match read {
        Ok(read) => read,
        Err(Unread { why, lease }) => {
            // Nobody uses what was given with it. Where it cannot be ended it ends by itself.
            if let Some(lease) = lease {
                let _ = release(name, channel, &lease).await;
            }
            return Err(Failure::Other(why));
        }
    };
    Ok(Fetched { value: Some(value), life_ms: given.life_ms(settings.hold_ms), handle: lease })
}

/// Ends a lease that is not needed any more.
///
/// # Errors
/// Why the vault did not.
pub(super) async fn release(name: &str, channel: &Channel, handle: &str) -> Result<(), String> {
    let Some((_, lease)) = handle.split_once(' ') else { return Ok(()) };
    let body = serde_json::json!({ "lease_id": lease }).to_string();
    let answer = post(name, channel, REVOKE, body).await.map_err(Failure::why)?;
    match answer.status {
        200..=299 => Ok(()),
        403 => Err(format!("the vault answered 403: its policy does not let the hub `update` {}", &REVOKE["/v1/".len()..])),
        status => Err(format!("the vault answered {status} to {REVOKE}")),
    }
}

async fn post(name: &str, channel: &Channel, path: &str, body: String) -> Result<Response, Failure> {
    call(name, channel, "POST", path, &[("content-type", "application/json")], Some(body)).await
}

/// The id of a lease that is held and can be renewed, and how long it was at first, seconds.
fn lease_of(handle: &str) -> Option<(&str, u64)> {
    let (first, lease) = handle.split_once(' ')?;
    Some((lease, first.parse().ok()?))
}

/// For how long a lease was renewed, seconds; none where it was not, or for less than half of what it was at first: then it comes
/// to the end of what the vault gives.
fn renewed(answer: &Response, first: u64) -> Option<u64> {
    let read: Value = serde_json::from_slice(&answer.body).ok().filter(|_| answer.status == 200)?;
    read["lease_duration"].as_u64().filter(|seconds| *seconds > 0 && *seconds >= first / 2)
}

#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    lease_id: String,
    #[serde(default)]
    lease_duration: u64,
    #[serde(default)]
    renewable: bool,
    #[serde(default)]
    data: Value,
}

/// Why an answer has no value, and the handle of the lease that was given with it all the same.
#[derive(Debug)]
struct Unread {
    why: String,
    lease: Option<String>,
}

/// A field of what a vault has at a path, for how long it is good, and the handle of its lease.
fn value(body: &[u8], path: &str, field: &str) -> Result<(SecretBytes, Given, Option<String>), Unread> {
    let mut read: Answered = serde_json::from_slice(body).map_err(|_| Unread {
        why: "it did not answer with the JSON of a vault; is `address` the vault's?".to_owned(),
        lease: None,
    })?;
    let field = if field.is_empty() { FIELD } else { field };
    let found = made_of(fields(&read.data, path), path, field);
    wipe(&mut read.data);
    let leased = !read.lease_id.is_empty() && !read.lease_id.chars().any(char::is_control);
    let given = match read.lease_duration {
        0 => Given::Nothing,
        seconds if leased => Given::Leased(seconds),
        seconds => Given::Advised(seconds),
    };
    // One that cannot be renewed is kept to be ended.
    let first = if read.renewable { read.lease_duration.to_string() } else { "-".to_owned() };
    let handle = (leased && read.lease_duration > 0).then(|| format!("{first} {}", read.lease_id));
    match found {
        Ok(found) => Ok((found, given, handle)),
        Err(why) => Err(Unread { why, lease: handle }),
    }
}

/// The fields at a path: version 2 of the key-value engine has them one level deeper, beside what it says of the version.
fn fields<'a>(data: &'a Value, path: &str) -> &'a Value {
    let versioned = data.get("metadata").is_some_and(|metadata| metadata.get("version").is_some_and(Value::is_u64));
    match data.get("data") {
        Some(inner) if versioned && path.split('/').skip(1).any(|part| part == "data") => inner,
        _ => data,
    }
}

/// What a status means, and what to do about it.
fn refusal(name: &str, settings: &ExternalVault, path: &str, status: u16, body: &[u8]) -> Failure {
    let read: Value = serde_json::from_slice(body).unwrap_or_default();
    let words = |key: &str| read[key].as_array().and_then(|all| all.first()).and_then(Value::as_str).map(one_line);
    // RustyVault has one `error`.
    let one = || read["error"].as_str().map(one_line);
    let said = words("errors").or_else(|| words("warnings")).or_else(one).map(|said| format!(" ({said})")).unwrap_or_default();
    let secret = &settings.secret;
    match status {
        401 | 403 => Failure::Token(format!(
            "the vault answered {status}{said}: what the secret `{secret}` signs in with is over, or may not read {path}; `nave secret set {secret}` stores another one, the vault's policy lets it read"
        )),
        404 => Failure::Other(format!(
            "the vault has nothing at {path} (404{said}); version 2 of its key-value engine wants `data` after the mount: kv/data/crm"
        )),
        300..=399 => Failure::Other(format!(
            "the vault answered {status}, which leads elsewhere and is not followed; write the active node's address into [vaults.{name}] of nave.toml"
        )),
        429 | 472 | 473 => Failure::Other(format!("the vault answered {status}{said}: it stands by, or is asked too often")),
        503 => Failure::Other(format!(
            "the vault answered 503{said}: it is sealed, or being looked after; whoever runs it unseals it"
        )),
        status => Failure::Other(format!("the vault answered {status}{said} to {path}")),
    }
}

#[cfg(test)]
mod tests {
    use nave_core::catalog::{Reach, VaultKind};
    use nave_core::limits::SECRET_BYTES_MAX;

    use super::*;

    /// An answer's body, the path and the field; the value, what was given and the handle, or a part of why there is none.
    #[track_caller]
    fn check(body: &str, path: &str, field: &str, expected: Result<(&str, Given, Option<&str>), &str>) {
        match (value(body.as_bytes(), path, field), expected) {
            (Ok((found, given, handle)), Ok((text, expected, lease))) => {
                assert_eq!((found.expose(), given, handle.as_deref()), (text.as_bytes(), expected, lease), "{body}");
            }
            (Err(unread), Err(part)) => assert!(unread.why.contains(part), "{body}: {}", unread.why),
            (found, expected) => panic!("{body}: {found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn every_engine_s_answer_is_read() {
        const V2: &str = r#"{"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"data":{"data":{"token":"v2","n":7,
            "o":{"a":1},"e":""},"metadata":{"created_time":"2026-01-01T00:00:00Z","deletion_time":"","destroyed":false,"version":3}}}"#;
        check(V2, "kv/data/crm", "token", Ok(("v2", Given::Nothing, None)));
        check(V2, "team/kv/data/crm", "n", Ok(("7", Given::Nothing, None)));
        check(V2, "kv/data/crm", "o", Err("is no text"));
        check(V2, "kv/data/crm", "e", Err("is empty"));
        check(V2, "kv/data/crm", "tokn", Err("it has e, n, o, token"));
        // Version 1 with fields that are called like version 2's, at a path that is none of version 2's.
        check(V2, "kv/crm", "data", Err("is no text"));
        let v1 = r#"{"lease_id":"","renewable":false,"lease_duration":2764800,"data":{"value":"v1","data":"d","metadata":"m"}}"#;
        check(v1, "secret/data/crm", "data", Ok(("d", Given::Advised(2_764_800), None)));
        check(v1, "secret/crm", "value", Ok(("v1", Given::Advised(2_764_800), None)));
        let leased = r#"{"lease_id":"database/creds/ro/a1","renewable":true,"lease_duration":3600,"data":{"username":"u","password":"p"}}"#;
        check(leased, "database/creds/ro", "password", Ok(("p", Given::Leased(3_600), Some("3600 database/creds/ro/a1"))));
        let fixed = leased.replace("true", "false");
        check(&fixed, "database/creds/ro", "password", Ok(("p", Given::Leased(3_600), Some("- database/creds/ro/a1"))));
        // Both of one lease, in one answer.
        let both = "{username}:{password}";
        check(leased, "database/creds/ro", both, Ok(("u:p", Given::Leased(3_600), Some("3600 database/creds/ro/a1"))));
        check(leased, "database/creds/ro", "{username}:{pass}", Err("there is no field `pass`"));
        let unread = value(leased.as_bytes(), "database/creds/ro", "pass").expect_err("there is none");
        assert_eq!(unread.lease.as_deref(), Some("3600 database/creds/ro/a1"), "it was given all the same");
        let deleted = r#"{"data":{"data":null,"metadata":{"version":2,"deletion_time":"2026-01-01T00:00:00Z"}}}"#;
        check(deleted, "kv/data/crm", "token", Err("was deleted"));
        for body in ["", "<html>", "7"] {
            check(body, "kv/data/crm", "token", Err("JSON of a vault"));
        }
        check("{}", "kv/data/crm", "token", Err("has no fields"));
        check(r#"{"data":{}}"#, "kv/data/crm", "token", Err("it has none"));
        let large = format!(r#"{{"data":{{"x":"{}"}}}}"#, "x".repeat(SECRET_BYTES_MAX + 1));
        check(&large, "kv/crm", "x", Err("is larger"));
    }

    #[test]
    fn a_lease_is_renewed_until_the_vault_gives_less_than_half() {
        let answer = |status, body: &str| Response { status, headers: Vec::new(), body: body.to_owned().into() };
        for (status, body, expected) in [
            (200, r#"{"lease_id":"a","renewable":true,"lease_duration":3600}"#, Some(3_600)),
            (200, r#"{"lease_duration":1800}"#, Some(1_800)),
            (200, r#"{"lease_duration":1799}"#, None),
            (200, r#"{"lease_duration":0}"#, None),
            (200, "{}", None),
            (200, "<html>", None),
            (400, r#"{"errors":["lease not found"],"lease_duration":3600}"#, None),
        ] {
            assert_eq!(renewed(&answer(status, body), 3_600), expected, "{status} {body}");
        }
        assert_eq!(lease_of("3600 database/creds/ro/a1"), Some(("database/creds/ro/a1", 3_600)));
        assert_eq!(lease_of("nonsense"), None);
        assert_eq!(lease_of("- database/creds/ro/a1"), None, "it cannot be renewed");
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let settings = ExternalVault {
            kind: VaultKind::HashiCorp { sign_in: VaultSignIn::Token, namespace: None },
            address: "https://v".into(),
            secret: "corp-token".into(),
            reach: Reach::default(),
            hold_ms: 1,
        };
        for (status, body, token, expected) in [
            (403, r#"{"errors":["permission denied"]}"#, true, "answered 403 (permission denied)"),
            (403, "", true, "`nave secret set corp-token`"),
            (401, "", true, "or may not read kv/data/crm"),
            (
                404,
                r#"{"errors":[],"warnings":["Invalid path for a versioned K/V secrets engine."]}"#,
                false,
                "wants `data` after",
            ),
            (307, "", false, "[vaults.corp]"),
            (429, "", false, "stands by"),
            (503, r#"{"errors":["Vault is sealed"]}"#, false, "503 (Vault is sealed): it is sealed"),
            (503, r#"{"error":"RustyVault is sealed."}"#, false, "503 (RustyVault is sealed.)"),
            (500, r#"{"errors":["one\ntwo"]}"#, false, "500 (one\\ntwo)"),
        ] {
            let failure = refusal("corp", &settings, "kv/data/crm", status, body.as_bytes());
            assert_eq!(matches!(failure, Failure::Token(_)), token, "{status}");
            let why = failure.why();
            assert!(why.contains(expected), "{status}: {why}");
        }
    }
}
