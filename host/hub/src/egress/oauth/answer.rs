//! Reads what a token endpoint and a device endpoint answer. Nothing of theirs becomes a header or a sentence unchecked.

use std::time::Duration;

use nave_core::limits::{DEVICE_INTERVAL_MS, SIGN_IN_MS};
use nave_core::scopes::split;
use serde_json::Value;

use super::super::token::{self, Obtained};
use crate::secrets::SecretBytes;

/// One token: a signed one with many claims is far below, and two of them fit into one row of the vault.
const TOKEN_BYTES_MAX: usize = 16 << 10;

/// What a token endpoint gave.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) access: Obtained,
    /// None: the one before stays good.
    pub(crate) refresh: Option<SecretBytes>,
    /// None: those that were asked for.
    pub(crate) scopes: Option<Vec<String>>,
}

/// How a token endpoint answered.
#[derive(Debug)]
pub(crate) enum Answered {
    Tokens(Box<Tokens>),
    /// It said no, with the standard's word.
    Refused {
        word: String,
    },
    /// It is in no state to say anything; asking again later may help.
    Busy(String),
    /// What no token endpoint says.
    Odd(String),
}

/// Reads the answer of a token endpoint.
pub(crate) fn tokens(status: u16, body: &[u8]) -> Answered {
    match status {
        408 | 429 | 500..=599 => return Answered::Busy(format!("it answered {status}")),
        300..=399 => return Answered::Odd("it answered with a redirect".into()),
        _ => {}
    }
    let answer: Option<Value> = serde_json::from_slice(body).ok();
    let word = answer.as_ref().and_then(|answer| answer.get("error")).map(token::word);
    match (status, word) {
        (_, Some(word)) => Answered::Refused { word },
        (200..=299, None) => read(body, answer.as_ref()).map_or_else(Answered::Odd, |tokens| Answered::Tokens(Box::new(tokens))),
        (status, None) => Answered::Odd(format!("it refused with status {status}")),
    }
}

fn read(body: &[u8], answer: Option<&Value>) -> Result<Tokens, String> {
    let access = token::from_oauth(body)?;
    let text = |name: &str| answer.and_then(|answer| answer.get(name)).and_then(Value::as_str).filter(|text| !text.is_empty());
    let refresh = match text("refresh_token") {
        Some(refresh) if !refresh.bytes().all(|byte| (0x20..0x7f).contains(&byte)) => {
            return Err("the refresh token has line breaks or other characters that no token has".into());
        }
        refresh => refresh.map(SecretBytes::new),
    };
    if access.value.len() > TOKEN_BYTES_MAX || refresh.as_ref().is_some_and(|refresh| refresh.len() > TOKEN_BYTES_MAX) {
        return Err("a token in its answer is far too large".into());
    }
    Ok(Tokens { access, refresh, scopes: text("scope").map(split) })
}

/// What a device endpoint gave.
pub struct Device {
    /// What the person types there.
    pub user_code: String,
    /// Where they type it.
    pub address: String,
    /// The same with the code in it, where the system has that.
    pub address_with_code: Option<String>,
    /// How long the code is good.
    pub life: Duration,
    /// How often may be asked.
    pub interval: Duration,
    pub(crate) device_code: SecretBytes,
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Device({})", self.address)
    }
}

/// Reads the answer of a device endpoint.
pub(crate) fn device(status: u16, body: &[u8]) -> Result<Device, String> {
    let answer: Value = serde_json::from_slice(body).map_err(|_| format!("it answered {status}, and not with JSON"))?;
    if let Some(error) = answer.get("error") {
        return Err(format!("it said {}", token::word(error)));
    }
    if !(200..=299).contains(&status) {
        return Err(format!("it refused with status {status}"));
    }
    let text = |names: &[&str]| names.iter().find_map(|name| answer.get(*name)?.as_str()).filter(|text| !text.is_empty());
    let plain = |text: &str, most: usize| text.len() <= most && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    let page = |text: &str| {
        let good = plain(text, 2_048) && url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        good.then(|| text.to_owned())
    };
    let user_code = text(&["user_code"]).filter(|code| plain(code, 64)).ok_or("its answer has no usable `user_code`")?;
    let address = text(&["verification_uri", "verification_url"]).and_then(page);
    let address = address.ok_or("its answer has no usable `verification_uri`")?;
    let device_code = text(&["device_code"]).ok_or("its answer has no `device_code`")?;
    let seconds = |name: &str, default_ms: u64, most_ms: u64| {
        let ms = answer.get(name).and_then(Value::as_u64).map_or(default_ms, |seconds| seconds.saturating_mul(1_000));
        Duration::from_millis(ms.clamp(1_000, most_ms))
    };
    Ok(Device {
        user_code: user_code.to_owned(),
        address,
        address_with_code: text(&["verification_uri_complete"]).and_then(page),
        life: seconds("expires_in", SIGN_IN_MS, SIGN_IN_MS),
        interval: seconds("interval", DEVICE_INTERVAL_MS, 60_000),
        device_code: SecretBytes::new(device_code),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of an answer, in a few words.
    #[track_caller]
    fn check(status: u16, body: &str, expected: &str) {
        let text = |bytes: &SecretBytes| String::from_utf8_lossy(bytes.expose()).into_owned();
        let found = match tokens(status, body.as_bytes()) {
            Answered::Tokens(tokens) => {
                let refresh = tokens.refresh.as_ref().map_or("-".into(), text);
                let scopes = tokens.scopes.map_or("-".into(), |scopes| scopes.join(","));
                format!("{} {refresh} {scopes}", text(&tokens.access.value))
            }
            Answered::Refused { word } => format!("refused {word}"),
            Answered::Busy(_) => "busy".into(),
            Answered::Odd(_) => "odd".into(),
        };
        assert_eq!(found, expected, "{status} {body}");
    }

    /// Lines 89 and 90 of the attack list.
    #[test]
    fn answers_of_token_endpoints() {
        check(200, r#"{"access_token":"a","refresh_token":"r","scope":"x y"}"#, "a r x,y");
        check(200, r#"{"access_token":"a","token_type":"Bearer","refresh_token":""}"#, "a - -");
        check(200, r#"{"error":"invalid_grant","access_token":"a"}"#, "refused invalid_grant");
        check(400, r#"{"error":"invalid_grant","error_description":"<script>"}"#, "refused invalid_grant");
        check(401, r#"{"error":"invalid_client"}"#, "refused invalid_client");
        check(400, r#"{"error":"<script>alert(1)</script>"}"#, "refused scriptalert1script");
        check(400, r#"{"error":{"code":1}}"#, "refused an error");
        check(400, "<html>", "odd");
        check(200, "<html>", "odd");
        check(200, r#"{"access_token":"a\r\nX: y"}"#, "odd");
        check(200, r#"{"access_token":"a","refresh_token":"r\r\nX: y"}"#, "odd");
        check(200, r#"{"access_token":"a","token_type":"mac"}"#, "odd");
        check(302, r#"{"access_token":"a"}"#, "odd");
        check(503, r#"{"error":"invalid_grant"}"#, "busy");
        check(429, "", "busy");
    }

    #[test]
    fn answers_of_device_endpoints() {
        let good = r#"{"device_code":"d","user_code":"AB-CD","verification_uri":"https://x.example/device","interval":1,"expires_in":9}"#;
        let device_of = |text: &str| device(200, text.as_bytes());
        let found = device_of(good).unwrap();
        assert_eq!((found.user_code.as_str(), found.interval.as_secs(), found.life.as_secs()), ("AB-CD", 1, 9));
        let found = device_of(&good.replace(":1,", ":0,").replace(":9}", ":999999}")).unwrap();
        assert_eq!((found.interval.as_secs(), found.life.as_secs()), (1, 600), "clamped");
        for broken in [
            good.replace("https://x.example/device", "javascript:alert(1)"),
            good.replace("AB-CD", "A\\nB"),
            good.replace("\"d\"", "\"\""),
            r#"{"error":"invalid_client"}"#.to_owned(),
            "<html>".to_owned(),
        ] {
            assert!(device_of(&broken).is_err(), "{broken}");
        }
        assert!(device(404, good.as_bytes()).is_err());
    }
}
