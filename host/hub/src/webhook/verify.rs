//! Whether a call comes from the system: the digest over what the manifest says is covered, compared in constant time.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use nave_core::model::Time;
use nave_core::webhook::{Call, Encoding, Signature, Unbelieved};
use ring::hmac;

use crate::secrets::SecretBytes;

/// # Errors
/// [`Unbelieved`], without any part of the secret.
pub(super) fn believe(
    signature: &Signature,
    call: &Call<'_>,
    query: &[(String, String)],
    secret: &SecretBytes,
    now: Time,
) -> Result<(), Unbelieved> {
    let key = |bytes: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, bytes);
    match (signature, signature.covered(call, now.0)?) {
        (Signature::HmacSha256 { encoding, .. }, Some((text, claimed))) => {
            let digest = match encoding {
                Encoding::Base64 => BASE64_STANDARD.decode(claimed).map_err(|_| Unbelieved::Wrong)?,
                Encoding::Hex => unhex(claimed).ok_or(Unbelieved::Wrong)?,
            };
            hmac::verify(&key(secret.expose()), &text, &digest).map_err(|_| Unbelieved::Wrong)
        }
        (Signature::AddressSecret { parameter }, _) => {
            let mut given = query.iter().filter(|(name, _)| name == parameter);
            let (Some((_, given)), None) = (given.next(), given.next()) else {
                return Err(Unbelieved::Missing(format!("?{parameter}=")));
            };
            // Both under one key, so that the comparison takes as long whatever the two have in common.
            let of_given = hmac::sign(&key(b"address"), given.as_bytes());
            hmac::verify(&key(b"address"), secret.expose(), of_given.as_ref()).map_err(|_| Unbelieved::Wrong)
        }
        (Signature::HmacSha256 { .. }, None) => Err(Unbelieved::Wrong),
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use nave_core::webhook::Signed;

    use super::*;

    /// RFC 4231, case 2.
    const KEY: &str = "Jefe";
    const BODY: &[u8] = b"what do ya want for nothing?";
    const HEX: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    const BASE64: &str = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=";

    #[track_caller]
    fn check(encoding: Encoding, claimed: &str, body: &[u8], fine: bool) {
        let (header, prefix) = ("x-sign".to_owned(), String::new());
        let signature = Signature::HmacSha256 { header, encoding, prefix, over: vec![Signed::Body], time: None };
        let headers = [("x-sign".to_owned(), claimed.to_owned())];
        let call = Call { method: "POST", url: "", headers: &headers, body };
        assert_eq!(believe(&signature, &call, &[], &SecretBytes::new(KEY), Time(0)).is_ok(), fine, "{claimed}");
    }

    #[test]
    fn only_the_digest_of_this_body_under_this_secret_is_believed() {
        check(Encoding::Hex, HEX, BODY, true);
        check(Encoding::Hex, &HEX.to_uppercase(), BODY, true);
        check(Encoding::Base64, BASE64, BODY, true);
        check(Encoding::Hex, HEX, b"what do ya want for something?", false);
        for wrong in ["", "5b", "zz", "5bdc é", &HEX[..62], &format!("{HEX}00"), BASE64] {
            check(Encoding::Hex, wrong, BODY, false);
        }
        for wrong in ["", "W9zB", HEX, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEN="] {
            check(Encoding::Base64, wrong, BODY, false);
        }
    }

    #[test]
    fn a_secret_in_the_address_must_be_there_once_and_whole() {
        let signature = Signature::AddressSecret { parameter: "key".into() };
        let call = Call { method: "POST", url: "", headers: &[], body: b"" };
        for (query, fine) in [
            (&[("key", "Jefe")][..], true),
            (&[("key", "Jef")], false),
            (&[("key", "")], false),
            (&[("Key", "Jefe")], false),
            (&[], false),
            (&[("key", "Jefe"), ("key", "Jefe")], false),
        ] {
            let query: Vec<(String, String)> = query.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            assert_eq!(believe(&signature, &call, &query, &SecretBytes::new(KEY), Time(0)).is_ok(), fine, "{query:?}");
        }
    }
}
