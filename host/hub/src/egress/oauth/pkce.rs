//! The secret that only whoever began a sign-in knows, and what is shown of it (RFC 7636, S256).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::secrets::SecretBytes;

/// Bytes of randomness of a verifier, a state and a binding.
const RANDOM_BYTES: usize = 32;

/// A verifier and its challenge.
pub struct Pkce {
    /// Sent with the code, never before.
    pub(crate) verifier: SecretBytes,
    /// Sent with the browser.
    pub(crate) challenge: String,
}

impl Pkce {
    /// A new one; none where the machine gives no randomness.
    pub fn new() -> Option<Self> {
        Self::of(&random()?)
    }

    fn of(verifier: &str) -> Option<Self> {
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()).as_ref());
        Some(Self { verifier: SecretBytes::new(verifier), challenge })
    }
}

/// A text that nobody guesses, of characters that an address can carry.
pub(crate) fn random() -> Option<String> {
    let mut bytes = [0; RANDOM_BYTES];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

/// Whether two texts are the same, in a time that depends on their lengths only.
pub fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7636, appendix B.
    #[test]
    fn the_challenge_is_the_standards() {
        let pkce = Pkce::of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
        assert_eq!(pkce.challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let (one, other) = (random().unwrap(), random().unwrap());
        assert!(one.len() >= 43 && one != other, "RFC 7636 asks for at least 43 characters");
        assert!(same(&one, &one.clone()) && !same(&one, &other) && !same(&one, &one[1..]));
    }
}
