//! Who answered a person that was sent to sign in at a system (RFC 9207). Decides; does no I/O.

/// Whether the one who answered is the one who was asked: `expected` as the connection says, `address` where the person was sent,
/// `issuer` (`iss`) as the answer says.
///
/// # Errors
/// The reason, for people: another system answered in this one's place.
pub fn answered_by(expected: Option<&str>, address: &str, issuer: Option<&str>) -> Result<(), String> {
    match (expected, issuer) {
        (Some(expected), Some(issuer)) if expected == issuer => Ok(()),
        (Some(_), Some(_)) => Err("another system answered than the one that was asked; nothing was taken".to_owned()),
        (Some(_), None) => Err("the answer does not say who gave it, and `issuer` says who must; nothing was taken".to_owned()),
        (None, None) => Ok(()),
        (None, Some(issuer)) if origin(issuer) == origin(address) => Ok(()),
        (None, Some(_)) => {
            Err("the answer says that another system gave it than the one that was asked; `issuer` of the credential names the right one"
                .to_owned())
        }
    }
}

/// Scheme, host and port; the whole text where there is no path.
fn origin(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_ascii_lowercase() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let default = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    format!("{scheme}://{}", authority.strip_suffix(default).unwrap_or(authority)).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expected: &str, issuer: &str, fits: bool) {
        let option = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let found = answered_by(option(expected).as_deref(), "https://login.example/authorize?x=1", option(issuer).as_deref());
        assert_eq!(found.is_ok(), fits, "{expected:?} {issuer:?}: {found:?}");
    }

    /// Line 91 of the attack list: a system that answers in another one's name.
    #[test]
    fn only_the_one_who_was_asked_answers() {
        check("", "", true);
        check("", "https://login.example", true);
        check("", "https://Login.example:443/tenant", true);
        check("", "https://evil.example", false);
        check("", "http://login.example", false);
        check("", "https://login.example.evil.example", false);
        check("", "https://login.example@evil.example", false);
        check("https://tenant.example/9", "https://tenant.example/9", true);
        check("https://tenant.example/9", "https://tenant.example/8", false);
        check("https://tenant.example/9", "", false);
    }
}
