//! The address of an endpoint, as a setting and as a grant.

use super::*;

/// What is said where a setting has this line (or none, and the plugin's own value counts) and the grant this base.
#[track_caller]
fn check_address(setting: Option<&str>, base: &str, expected: &[&str]) {
    let mut plugins = plugins();
    let manifest = &mut plugins.get_mut("hubspot").unwrap().manifest;
    manifest.endpoints.get_mut("api").unwrap().base = "{settings.portal}/v3".into();
    let portal = manifest.settings.get_mut("portal").unwrap();
    (portal.required, portal.default) = (false, Some("https://api.hubapi.com".into()));
    let mut files = patched("connections/crm.toml", "base = \"https://api.hubapi.com\"", &format!("base = \"{base}\""));
    let file = files.iter_mut().find(|file| file.path == "connections/crm.toml").unwrap();
    let line = setting.map(|value| format!("portal = \"{value}\"\n")).unwrap_or_default();
    file.text = file.text.replace("portal = \"12\"\n", &line);
    let (_, found) = check(&files, &plugins).unwrap_or_else(|found| panic!("{}", found[0]));
    let said: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), expected.len().min(1), "{setting:?} {base}: {said:?}");
    for part in expected {
        assert!(said[0].contains(part), "{part} is not in {}", said[0]);
    }
}

#[test]
fn a_setting_that_names_another_address_than_the_grant_is_told() {
    check_address(Some("https://a.test"), "https://a.test/v3", &[]);
    check_address(Some("https://a.test/"), "https://a.test/v3/", &[]);
    check_address(None, "https://a.test/v3", &[]);
    check_address(
        Some("https://a.test"),
        "https://b.test/v3",
        &[
            "connections/crm.toml:6:10: warning:",
            "`settings.portal` is not used",
            "`api` goes to its `base`, https://b.test/v3",
            "help:",
        ],
    );
    check_address(Some("https://a.test"), "https://a.test/v2", &["base = \"https://a.test/v3\""]);
}
