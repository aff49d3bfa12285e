//! How a system signs what it tells us, and over which text.
//!
//! Decides which text a signature must cover and whether its time is near enough; computes no digest and knows no secret.

use serde::{Deserialize, Serialize};

/// A call older than this, by the time that it says itself, is a replay; vendors name five minutes.
pub const WEBHOOK_AGE_MS_MAX: i64 = 5 * 60_000;

/// How the system tells that something changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WebhookScheme {
    /// Said to the operator: what is told at once.
    pub reason: String,
    /// Where a person sets it up over there, and finds the secret.
    #[serde(default)]
    pub help: String,
    /// How a call shows that it comes from there.
    pub signature: Signature,
    /// JSON pointer to the vendor's own id of a call, where it has one: the same id is the same call, repeated.
    #[serde(default)]
    pub id: Option<String>,
}

/// How a call shows that it comes from the system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Signature {
    /// HMAC-SHA256 under the secret, in a header.
    HmacSha256 {
        /// Header that carries it.
        header: String,
        /// How its bytes are written.
        #[serde(default)]
        encoding: Encoding,
        /// What stands before them: `sha256=`.
        #[serde(default)]
        prefix: String,
        /// What it covers, in this order, joined without anything between.
        over: Vec<Signed>,
        /// The time that it covers, where it does: without one, a call can be repeated by whoever has seen it.
        #[serde(default)]
        time: Option<SignedTime>,
    },
    /// The secret itself is a parameter of the address that the vendor was given. For vendors that sign nothing.
    AddressSecret {
        /// Name of the query parameter.
        parameter: String,
    },
}

/// How a digest is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Encoding {
    #[default]
    Base64,
    Hex,
}

/// A part of the signed text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signed {
    /// `POST`.
    Method,
    /// The whole address, as the vendor was given it.
    Url,
    /// The body's bytes.
    Body,
    /// The header with the time, as it came.
    Time,
}

/// Where the time of a call is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SignedTime {
    /// Header.
    pub header: String,
    /// How it is written.
    pub format: TimeFormat,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeFormat {
    /// Since 1970.
    Milliseconds,
    /// Since 1970.
    Seconds,
    /// `2026-11-28T20:00:00Z`.
    Rfc3339,
}

/// A call as it came.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Method.
    pub method: &'a str,
    /// Whole address, as the vendor was given it.
    pub url: &'a str,
    /// Header names in lower case.
    pub headers: &'a [(String, String)],
    /// Body.
    pub body: &'a [u8],
}

/// Why a call is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unbelieved {
    /// The header with the signature, or with its time, is not there once.
    #[error("its header `{0}` is missing")]
    Missing(String),
    /// The time cannot be read.
    #[error("the time in its header `{0}` cannot be read")]
    NoTime(String),
    /// Too old, or from a future that is no skew of clocks.
    #[error("it is from {0} seconds away; a call is believed for five minutes, so set the clocks right if it is no replay")]
    Old(i64),
    /// Signed with another secret, or altered.
    #[error("its signature is not the one that our secret gives")]
    Wrong,
}

impl Signature {
    /// The text that the signature in the call must cover, and the signature as it came without its prefix; for
    /// [`Signature::AddressSecret`] there is none.
    ///
    /// # Errors
    /// [`Unbelieved`] where a header is missing, or the call is older than [`WEBHOOK_AGE_MS_MAX`] at `now_ms`.
    pub fn covered<'c>(&self, call: &Call<'c>, now_ms: i64) -> Result<Option<(Vec<u8>, &'c str)>, Unbelieved> {
        let Self::HmacSha256 { header, prefix, over, time, .. } = self else { return Ok(None) };
        let needed = |name: &str| {
            let mut found = call.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
            match (found.next(), found.next()) {
                (Some((_, value)), None) => Ok(value.as_str()),
                _ => Err(Unbelieved::Missing(name.to_owned())),
            }
        };
        let signature = needed(header)?;
        let signature = signature.strip_prefix(prefix.as_str()).ok_or(Unbelieved::Wrong)?;
        let at = match time {
            Some(time) => {
                let text = needed(&time.header)?;
                let at = time.format.read(text).ok_or_else(|| Unbelieved::NoTime(time.header.clone()))?;
                let away = now_ms.saturating_sub(at).saturating_abs();
                if away > WEBHOOK_AGE_MS_MAX {
                    return Err(Unbelieved::Old(away / 1_000));
                }
                text
            }
            None => "",
        };
        let mut text = Vec::with_capacity(call.body.len() + 256);
        for part in over {
            text.extend_from_slice(match part {
                Signed::Method => call.method.as_bytes(),
                Signed::Url => call.url.as_bytes(),
                Signed::Body => call.body,
                Signed::Time => at.as_bytes(),
            });
        }
        Ok(Some((text, signature)))
    }

    /// What is wrong with a scheme that a manifest asks for, in words.
    ///
    /// # Errors
    /// A signature that does not cover the body proves nothing about it; a time that is not covered can be changed.
    pub fn check(&self) -> Result<(), &'static str> {
        let Self::HmacSha256 { over, time, .. } = self else { return Ok(()) };
        if !over.contains(&Signed::Body) {
            return Err("its signature must cover the body");
        }
        match (time.is_some(), over.contains(&Signed::Time)) {
            (true, false) => Err("its signature must cover the time that it names"),
            (false, true) => Err("its signature covers a time, and no header of it is named"),
            _ => Ok(()),
        }
    }
}

impl TimeFormat {
    /// A time as it is sent.
    pub fn write(self, ms: i64) -> String {
        match self {
            Self::Milliseconds => ms.to_string(),
            Self::Seconds => ms.div_euclid(1_000).to_string(),
            Self::Rfc3339 => jiff::Timestamp::from_millisecond(ms.div_euclid(1_000) * 1_000).unwrap_or_default().to_string(),
        }
    }

    fn read(self, text: &str) -> Option<i64> {
        match self {
            Self::Milliseconds => text.parse().ok(),
            Self::Seconds => text.parse::<i64>().ok()?.checked_mul(1_000),
            Self::Rfc3339 => text.parse::<jiff::Timestamp>().ok().map(|time| time.as_millisecond()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_750_000_000_000;

    fn scheme(over: &str, time: Option<TimeFormat>) -> Signature {
        Signature::HmacSha256 {
            header: "X-Sign".into(),
            encoding: Encoding::Base64,
            prefix: "v1=".into(),
            over: serde_json::from_str(over).unwrap(),
            time: time.map(|format| SignedTime { header: "x-time".into(), format }),
        }
    }

    #[track_caller]
    fn check(scheme: &Signature, headers: &[(&str, &str)], expected: &str) {
        let headers: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let call = Call { method: "POST", url: "https://hub/hooks/crm", headers: &headers, body: b"{}" };
        let found = match scheme.covered(&call, NOW) {
            Ok(Some((text, signature))) => format!("{} · {signature}", String::from_utf8(text).unwrap()),
            Ok(None) => "nothing".to_owned(),
            Err(why) => why.to_string(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn the_covered_text_is_put_together_as_the_manifest_says() {
        let all = scheme(r#"["method", "url", "body", "time"]"#, Some(TimeFormat::Milliseconds));
        let now = NOW.to_string();
        check(&all, &[("x-sign", "v1=abc"), ("x-time", &now)], &format!("POSThttps://hub/hooks/crm{{}}{now} · abc"));
        let body = scheme(r#"["body"]"#, None);
        check(&body, &[("x-sign", "v1=abc")], "{} · abc");
        check(&Signature::AddressSecret { parameter: "secret".into() }, &[], "nothing");
    }

    #[test]
    fn what_is_missing_twice_there_or_old_is_not_believed() {
        let iso = scheme(r#"["time", "body"]"#, Some(TimeFormat::Rfc3339));
        check(&iso, &[("x-time", "2025-06-15T15:06:40Z")], "its header `X-Sign` is missing");
        check(
            &iso,
            &[("x-sign", "v1=a"), ("x-sign", "v1=b"), ("x-time", "2025-06-15T15:06:40Z")],
            "its header `X-Sign` is missing",
        );
        check(&iso, &[("x-sign", "v1=a")], "its header `x-time` is missing");
        check(&iso, &[("x-sign", "v1=a"), ("x-time", "now")], "the time in its header `x-time` cannot be read");
        check(&iso, &[("x-sign", "a"), ("x-time", "2025-06-15T15:06:40Z")], Unbelieved::Wrong.to_string().as_str());
        let far = "it is from 301 seconds away; a call is believed for five minutes, so set the clocks right if it is no replay";
        check(&iso, &[("x-sign", "v1=a"), ("x-time", "2025-06-15T15:01:39Z")], far);
        check(&iso, &[("x-sign", "v1=a"), ("x-time", "2025-06-15T15:11:41Z")], far);
        check(&iso, &[("x-sign", "v1=a"), ("x-time", "2025-06-15T15:01:40Z")], "2025-06-15T15:01:40Z{} · a");
        let seconds = scheme(r#"["time", "body"]"#, Some(TimeFormat::Seconds));
        check(&seconds, &[("x-sign", "v1=a"), ("x-time", "1750000000")], "1750000000{} · a");
        check(
            &seconds,
            &[("x-sign", "v1=a"), ("x-time", "9223372036854775807")],
            "the time in its header `x-time` cannot be read",
        );
    }

    #[test]
    fn a_scheme_that_proves_nothing_is_refused() {
        for (over, time, fine) in [
            (r#"["body"]"#, None, true),
            (r#"["time", "body"]"#, Some(TimeFormat::Seconds), true),
            (r#"["url"]"#, None, false),
            (r#"["body"]"#, Some(TimeFormat::Seconds), false),
            (r#"["time", "body"]"#, None, false),
        ] {
            assert_eq!(scheme(over, time).check().is_ok(), fine, "{over} {time:?}");
        }
    }
}
