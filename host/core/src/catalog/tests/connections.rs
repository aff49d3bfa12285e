//! Connections: settings, grants, credentials, and plugins that are not there.

use super::*;

#[test]
fn connections() {
    let at = "connections/crm.toml";
    let patch = |from: &str, to: &str, expected: &str| check_patch(at, from, to, &expected.replace("@", at));
    patch(
        "environment = \"dev\"",
        "environment = \"prod\"",
        "@:2:15: this connection is for `prod`, and this data folder holds `dev` [wrong-environment] → a data folder holds exactly one environment; promotion copies configuration, never data",
    );
    patch(
        "portal = \"12\"",
        "portl = \"12\"",
        "@:5:1: setting `portal` (Portal) is missing [missing-setting] → under [settings]: portal = …\n@:6:1: `portl` is no setting of `hubspot` [unknown-setting] → did you mean `portal`?",
    );
    patch("portal = \"12\"", "portal = 12", "@:6:10: setting `portal` must be a text [wrong-type]");
    patch(
        "secret = \"hubspot-dev\"",
        "secret = \"pat-na1-1234567890abcdef\"", // nave:no-secret
        "@:9:10: `secret` holds what looks like a secret; it would end up in version control [secret-in-configuration] → keep it with `nave secret set NAME`, and write secret = \"NAME\" here. If it was committed already, have it replaced",
    );
    // A value that was pasted where its name goes, and a key within an address: neither is said.
    let pasted = "@:9:10: `secret` holds what looks like a secret; it would end up in version control [secret-in-configuration] → keep it with `nave secret set NAME`, and write secret = \"NAME\" here. If it was committed already, have it replaced. Where it is a name all the same: `# nave:no-secret` at the end of that line";
    patch("secret = \"hubspot-dev\"", "secret = \"k-1234567890abcdef\"", pasted); // nave:no-secret
    patch("secret = \"hubspot-dev\"", "secret = \"k-1234567890abcdef\" # nave:no-secret", "");
    patch(
        "portal = \"12\"",
        "portal = \"https://x.example/v2?api_key=zX8q1LmN0pQ7rS2tUvW3xY\"", // nave:no-secret
        &pasted.replace("@:9:10: `secret`", "@:6:10: `portal`"),
    );
    patch(
        "portal = \"12\"",
        "portal = \"https://u:p@x.example\"",
        "@:6:10: `portal` holds what looks like a secret; it would end up in version control [secret-in-configuration] → keep it with `nave secret set NAME`, and write secret = \"NAME\" here. If it was committed already, have it replaced",
    );
    patch(
        "secret = \"hubspot-dev\"",
        "secret = \"hubspot-dev\"\nkind = \"basic\"",
        "@:10:1: this slot takes `bearer` or `header`, not `basic` [unknown-word]",
    );
    patch("secret = \"hubspot-dev\"", "secret = \"hubspot-dev\"\nkind = \"header\"", "");
    patch(
        "[credentials.key]",
        "[credentials.kay]",
        "@:8:14: the plugin has no credential slot `kay` [unknown-credential] → did you mean `key`?",
    );
    patch(
        "base = \"https://api.hubapi.com\"",
        "base = \"http://api.hubapi.com\"",
        "@:12:8: http:// sends everything, secrets too, unencrypted [insecure] → write https://, or insecure = true with `because`",
    );
    patch(
        "base = \"https://api.hubapi.com\"",
        "base = \"http://api.hubapi.com\"\ninsecure = true",
        "@:13:1: `insecure` needs `because` [missing-because] → say why this is acceptable: because = \"…\"",
    );
    patch(
        "base = \"https://api.hubapi.com\"",
        "base = \"https://*.hubapi.com\"",
        "@:12:8: `https://*.hubapi.com` is no concrete address [bad-address] → write base = \"https://api.example.com\"",
    );
    patch(
        "[grants.endpoints.api]",
        "[grants.endpoints.apy]",
        "@:1:1: warning: the plugin asks to reach `api` (to read contacts), and is not granted it [not-granted] → add [grants.endpoints.api] with base = \"https://api.hubapi.com\"\n@:11:19: the plugin asks for no endpoint `apy` [unknown-endpoint] → did you mean `api`?",
    );
    patch(
        "access = \"read\"",
        "access = \"read-write\"",
        "@:16:10: the plugin asks for reading only [more-than-asked] → write access = \"read\"",
    );
    patch(
        "requests-per-second = 10",
        "request-per-second = 10",
        "@:3:1: `request-per-second` is not a key here [unknown-key] → did you mean `requests-per-second`?",
    );
    patch(
        "requests-per-second = 10",
        "read-only = true",
        "@:3:1: `read-only` is not a key here [unknown-key] → `read-only` belongs under [grants.endpoints.NAME]",
    );
    patch(
        "plugin = \"hubspot\"",
        "plugin = \"phone-e164\"",
        "@:1:10: `phone-e164` is a transform, it connects to nothing [wrong-plugin] → call its functions in mappings",
    );
    patch(
        "environment = \"dev\"",
        "system = \"crn\"",
        "@:2:10: systems.toml has no `crn` [unknown-system] → did you mean `crm`?",
    );
    let found = findings(at, "plugin = \"hubspot\"", "plugin = \"hubspott\"");
    assert_eq!(found, format!("{at}:1:10: no plugin `hubspott` is installed [unknown-plugin] → did you mean `hubspot`?"));
}

/// A pinned plugin whose file is not there is a warning: what needs no plugin goes on.
#[test]
fn a_missing_plugin_is_its_connections_trouble() {
    let lock = "[plugins.hubspot]\nsource = \"hubspot.wasm\"\ndigest = \"00\"\nserial = 1\nversion = \"1.0.0\"\n";
    let mut files = project();
    files.push(SourceFile { path: "nave.lock".into(), text: lock.into() });
    let mut plugins = plugins();
    plugins.remove("hubspot");
    let (catalog, warnings) = check(&files, &plugins).expect("a catalog");
    assert!(catalog.connections.contains_key("crm") && catalog.mappings.contains_key("crm-contacts"));
    let found: Vec<_> = warnings.iter().map(|warning| (warning.path.as_str(), warning.line, warning.code)).collect();
    assert_eq!(found, [("connections/crm.toml", 1, "missing-plugin")]);
}

#[test]
fn hosts_are_names_alone() {
    for (host, fits) in [
        ("hub.example.com", true),
        ("HUB", true),
        ("10.1.2.3", true),
        ("[fd00::1]", true),
        ("https://hub.example.com", false),
        ("hub.example.com:6283", false),
        ("hub.example.com/x", false),
        ("*.example.com", false),
        ("", false),
        ("a..b", false),
    ] {
        let mut files = project();
        let hub = files.iter_mut().find(|file| file.path == "nave.toml").unwrap();
        hub.text = format!("hosts = [\"{host}\"]\n{}", hub.text);
        let found = check(&files, &plugins());
        match found {
            Ok((catalog, _)) => assert!(fits && catalog.hub.hosts == [host.to_ascii_lowercase()], "{host}"),
            Err(found) => {
                assert!(!fits && found.iter().all(|one| one.code == "bad-host" && one.help.is_some()), "{host}: {found:?}")
            }
        }
    }
}

#[test]
fn looking_like_a_secret() {
    for secret in [
        "sk-abcdefghijklmnop",
        "ghp_0123456789abcdef",
        "eyJhbGciOiJIUzI1NiJ9.e30.abc",
        "-----BEGIN PRIVATE KEY-----", // nave:no-secret
        "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW",
        "0123456789abcdef0123456789abcdef",
        "postgres://app:hunter2@db/x", // nave:no-secret
    ] {
        assert!(secrets::looks_like_secret(secret), "{secret}");
    }
    for plain in [
        "hubspot-dev",
        "https://api.hubapi.com/v1",
        "properties.hs_additional_emails_of_the_contact",
        "550e8400-e29b-41d4-a716-446655440000",
        "trim | lower",
        "sk-short",
        "a-very-long-name-of-a-process-in-this-company",
    ] {
        assert!(!secrets::looks_like_secret(plain), "{plain}");
    }
}

/// An empty list would be everybody, and reads like nobody.
#[test]
fn a_list_of_networks_that_names_none_is_refused() {
    let says = "`allow-from` names no network [bad-network] → write allow-from = [\"203.0.113.0/24\"], or leave `allow-from` out: then everybody may call";
    check_patch("nave.toml", "region", "allow-from = []\nregion", &format!("nave.toml:2:1: {says}"));
    check_patch("nave.toml", "region", "allow-from = [\"10.0.0.0/8\"]\nregion", "");
}
