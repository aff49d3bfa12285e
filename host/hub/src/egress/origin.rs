//! Which origins (scheme, host, port) a connection sends its secrets to. Decides; does no I/O.

use std::collections::{BTreeMap, BTreeSet};

use nave_core::catalog::{Connection, Credential};
use nave_core::grant::Grants;
use nave_core::manifest::EndpointRequest;
use url::Url;

/// An address's scheme, host and port, in the one spelling that browsers use; none for what is no web address.
pub fn origin(address: &str) -> Option<String> {
    let origin = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

/// Secret → the origins that it is sent to: those of the granted endpoints that are called with it, and of its log-in.
/// With them the entries of the way there, see [`super::way()`].
pub fn destinations(
    endpoints: &BTreeMap<String, EndpointRequest>,
    grants: &Grants,
    credentials: &BTreeMap<String, Credential>,
    way: &BTreeSet<String>,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (slot, credential) in credentials {
        let login = credential.kind.sign_in_endpoints();
        let on = |name: &str| credential.endpoints.as_ref().is_none_or(|granted| granted.iter().any(|granted| granted == name));
        let used = endpoints.iter().filter(|(name, asked)| {
            on(name) && (asked.credential.as_deref() == Some(slot.as_str()) || login.contains(&name.as_str()))
        });
        let origins = used.filter_map(|(name, _)| origin(&grants.endpoints.get(name)?.base));
        found.entry(credential.secret.clone()).or_default().extend(origins);
    }
    found.values_mut().filter(|origins| !origins.is_empty()).for_each(|origins| origins.extend(way.iter().cloned()));
    found
}

/// As [`destinations`], of a connection of the catalog.
pub fn destinations_of(
    endpoints: &BTreeMap<String, EndpointRequest>,
    connection: &Connection,
    way: &BTreeSet<String>,
) -> BTreeMap<String, BTreeSet<String>> {
    destinations(endpoints, &connection.grants, &connection.credentials, way)
}

/// What to type where a secret is held from these.
pub(crate) fn held_help(connection: &str, to: &[String]) -> String {
    let file = match (to.iter().any(|entry| super::is_way(entry)), to.iter().all(|entry| super::is_way(entry))) {
        (true, true) => "nave.toml".to_owned(),
        (true, false) => format!("connections/{connection}.toml and nave.toml"),
        _ => format!("connections/{connection}.toml"),
    };
    format!("nothing was sent: if that is right, `nave connection approve {connection}`; if not, correct {file}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expected: &str) {
        assert_eq!(origin(address).as_deref().unwrap_or(""), expected, "{address}");
    }

    #[test]
    fn one_origin_has_one_spelling() {
        check("https://Api.Example.com:443/v1", "https://api.example.com");
        check("https://api.example.com:8443/", "https://api.example.com:8443");
        check("http://api.example.com", "http://api.example.com");
        check("http://api.example.com:443", "http://api.example.com:443");
        check("https://good.com@evil.com/", "https://evil.com");
        check("https://gооd.com", "https://xn--gd-fmca.com");
        check("https://[::1]:80", "https://[::1]:80");
        check("file:///etc/passwd", "");
        check("api.example.com", "");
    }
}
