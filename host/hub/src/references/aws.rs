//! AWS Secrets Manager: one signed call per value, `GetSecretValue`, by its JSON protocol.
//!
//! It gives no lease: a value is held for the configured time, and a rotated one counts after that. Of its answers a value is taken,
//! and words about errors.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use nave_core::catalog::ExternalVault;
use nave_core::lease::Given;
use nave_core::manifest::CredentialKind;
use serde::Deserialize;
use serde_json::Value;
use zeroize::{Zeroize as _, Zeroizing};

use super::answer::{Failure, bounded, made_of, one_line, overwrite, wipe};
use super::channel::{Way, allow, call};
use crate::egress::Channel;
use crate::secrets::SecretBytes;
use crate::vault::leases::Fetched;

/// As it is signed.
const SERVICE: &str = "secretsmanager";
const HEADERS: [(&str, &str); 2] =
    [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "secretsmanager.GetSecretValue")];

/// What of it is reached: its one path.
pub(super) fn way(region: &str) -> Way {
    let kind = CredentialKind::AwsV4 { region: region.to_owned(), service: SERVICE.to_owned() };
    Way { allowed: vec![allow("POST", "/".to_owned())], kind, headers: Vec::new() }
}

/// The value of a secret, of a version by its stage (AWSCURRENT where none is named).
///
/// # Errors
/// [`Failure`], in words for people that hold no part of a value.
pub(super) async fn fetch(
    name: &str,
    settings: &ExternalVault,
    channel: &Channel,
    path: &str,
    field: &str,
    stage: Option<&str>,
) -> Result<Fetched, Failure> {
    let mut asked = serde_json::json!({ "SecretId": path });
    if let Some(stage) = stage {
        asked["VersionStage"] = stage.into();
    }
    let answer = call(name, channel, "POST", "/", &HEADERS, Some(asked.to_string())).await?;
    if answer.status != 200 {
        return Err(Failure::Other(refusal(name, settings, path, stage, answer.status, &answer.body)));
    }
    let read = value(&answer.body, path, field);
    overwrite(answer.body);
    let life_ms = Given::Nothing.life_ms(settings.hold_ms);
    Ok(Fetched { value: Some(read.map_err(Failure::Other)?), life_ms, handle: None })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answered {
    #[serde(default)]
    secret_string: Option<String>,
    #[serde(default)]
    secret_binary: Option<String>,
}

/// The whole secret, or a field of the JSON that it is.
fn value(body: &[u8], path: &str, field: &str) -> Result<SecretBytes, String> {
    let read: Answered = serde_json::from_slice(body)
        .map_err(|_| "it did not answer with the JSON of Secrets Manager; is `endpoint` its address?".to_owned())?;
    let text = match (read.secret_string, read.secret_binary) {
        (Some(text), _) => Zeroizing::new(text),
        (None, Some(encoded)) => {
            let encoded = Zeroizing::new(encoded);
            let bytes = BASE64_STANDARD.decode(encoded.as_bytes()).map_err(|_| format!("what is at {path} cannot be read"))?;
            let text = String::from_utf8(bytes).map_err(|error| {
                error.into_bytes().zeroize();
                format!("what is at {path} is binary, and no text")
            })?;
            Zeroizing::new(text)
        }
        (None, None) => return Err(format!("what is at {path} has no value")),
    };
    if field.is_empty() {
        return bounded(text, path, "");
    }
    let mut fields: Value = serde_json::from_str(&text).unwrap_or_default();
    let found = match &fields {
        Value::Object(_) => made_of(&fields, path, field),
        _ => Err(format!("what is at {path} is no JSON with fields; leave --field out, and the whole text is the secret")),
    };
    wipe(&mut fields);
    found
}

/// What an error means, and what to do about it.
fn refusal(name: &str, settings: &ExternalVault, path: &str, stage: Option<&str>, status: u16, body: &[u8]) -> String {
    let read: Value = serde_json::from_slice(body).unwrap_or_default();
    // What refuses a signature may speak the older protocols, whose errors are XML.
    let xml = |tag: &str| {
        let text = std::str::from_utf8(body).ok()?;
        let (_, rest) = text.split_once(&format!("<{tag}>"))?;
        Some(rest.split_once("</")?.0.to_owned())
    };
    let kind = read["__type"].as_str().map(str::to_owned).or_else(|| xml("Code")).unwrap_or_default();
    let kind = one_line(kind.rsplit(['#', '.']).next().unwrap_or_default());
    let said = ["message", "Message"].iter().find_map(|key| read[key].as_str().map(str::to_owned));
    let said = said.or_else(|| xml("Message")).map(|said| one_line(&said));
    let said = said.map(|said| format!(" ({said})")).unwrap_or_default();
    let secret = &settings.secret;
    let version = stage.map(|stage| format!(" in the version {stage}")).unwrap_or_default();
    match kind.as_str() {
        "ResourceNotFoundException" => format!(
            "AWS has no secret {path}{version} there{said}: is the name right, and is the region of [vaults.{name}] the one that it is in?"
        ),
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken" => format!(
            "AWS does not take the access key of the secret `{secret}` ({kind}{said}); `nave secret set {secret}` stores another: access-key-id:secret-access-key. A clock that is wrong by minutes is refused so as well"
        ),
        "ExpiredTokenException" | "ExpiredToken" => format!(
            "the session token of the secret `{secret}` is over ({kind}{said}); `nave secret set {secret}` stores another, or `nave secret refer {secret} --file PATH` has it read where an agent renews it"
        ),
        "AccessDeniedException" | "AccessDenied" => format!(
            "AWS does not let the access key of `{secret}` read {path}{said}; its policy needs secretsmanager:GetSecretValue on it"
        ),
        "DecryptionFailure" | "DecryptionFailureException" => {
            format!("AWS cannot decrypt {path}{said}; the policy needs kms:Decrypt on its key")
        }
        "InvalidRequestException" => {
            format!("AWS does not give {path} out{said}: it may be marked for deletion, or have no value yet")
        }
        "ThrottlingException" | "RequestLimitExceeded" => {
            format!("AWS is asked too often ({kind}{said}); a longer `hold` asks less")
        }
        "" => match status {
            300..=399 => format!(
                "AWS answered {status}, which leads elsewhere and is not followed; is `endpoint` of [vaults.{name}] its address?"
            ),
            status => format!("it answered {status} to {path}; is `endpoint` of [vaults.{name}] the address of Secrets Manager?"),
        },
        kind => format!("AWS answered {status} to {path}: {kind}{said}"),
    }
}

#[cfg(test)]
mod tests {
    use nave_core::catalog::{Reach, VaultKind};

    use super::*;

    /// An answer's body and the field; the value, or a part of why there is none.
    #[track_caller]
    fn check(body: &str, field: &str, expected: Result<&str, &str>) {
        match (value(body.as_bytes(), "prod/crm", field), expected) {
            (Ok(found), Ok(text)) => assert_eq!(found.expose(), text.as_bytes(), "{body}"),
            (Err(why), Err(part)) => assert!(why.contains(part), "{body}: {why}"),
            (found, expected) => panic!("{body}: {found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn a_secret_is_its_text_or_a_field_of_its_json() {
        let json =
            r#"{"ARN":"a","Name":"prod/crm","SecretString":"{\"username\":\"u\",\"password\":\"p\",\"port\":5432,\"o\":{}}"}"#;
        check(json, "password", Ok("p"));
        check(json, "port", Ok("5432"));
        check(json, "{username}:{password}", Ok("u:p"));
        check(json, "", Ok(r#"{"username":"u","password":"p","port":5432,"o":{}}"#));
        check(json, "token", Err("it has o, password, port, username"));
        check(json, "o", Err("is no text"));
        check(r#"{"SecretString":"t0ken"}"#, "", Ok("t0ken"));
        check(r#"{"SecretString":"t0ken"}"#, "token", Err("leave --field out"));
        check(r#"{"SecretString":"7"}"#, "token", Err("leave --field out"));
        check(r#"{"SecretString":""}"#, "", Err("is empty"));
        check(r#"{"SecretBinary":"dDBrZW4="}"#, "", Ok("t0ken"));
        check(r#"{"SecretBinary":"/w=="}"#, "", Err("is binary"));
        check(r#"{"SecretBinary":"?"}"#, "", Err("cannot be read"));
        check("{}", "", Err("has no value"));
        check("<html>", "", Err("JSON of Secrets Manager"));
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let settings = ExternalVault {
            kind: VaultKind::Aws { region: "eu-central-1".into() },
            address: "https://v".into(),
            secret: "corp-key".into(),
            reach: Reach::default(),
            hold_ms: 1,
        };
        for (status, body, expected) in [
            (
                400,
                r#"{"__type":"ResourceNotFoundException","message":"can't find"}"#,
                "no secret prod/crm in the version AWSPREVIOUS there (can't find)",
            ),
            (400, r#"{"__type":"com.amazonaws.secretsmanager#ResourceNotFoundException"}"#, "[vaults.corp]"),
            (400, r#"{"__type":"UnrecognizedClientException","message":"x"}"#, "`nave secret set corp-key` stores another"),
            (400, r#"{"__type":"InvalidSignatureException"}"#, "clock that is wrong"),
            (400, r#"{"__type":"ExpiredTokenException"}"#, "--file PATH"),
            (
                400,
                r#"{"__type":"AccessDeniedException","Message":"User: a\nb"}"#,
                "(User: a\\nb); its policy needs secretsmanager:GetSecretValue",
            ),
            (400, r#"{"__type":"InvalidRequestException"}"#, "marked for deletion"),
            (400, r#"{"__type":"ThrottlingException"}"#, "longer `hold`"),
            (
                403,
                "<ErrorResponse><Errors><Error><Code>SignatureDoesNotMatch</Code><Message>no</Message></Error></Errors></ErrorResponse>",
                "(SignatureDoesNotMatch (no)); `nave secret set corp-key`",
            ),
            (500, r#"{"__type":"InternalServiceError"}"#, "answered 500 to prod/crm: InternalServiceError"),
            (302, "", "is not followed"),
            (404, "<html>", "is `endpoint` of [vaults.corp]"),
        ] {
            let why = refusal("corp", &settings, "prod/crm", Some("AWSPREVIOUS"), status, body.as_bytes());
            assert!(why.contains(expected), "{body}: {why}");
        }
    }
}
