//! Where an endpoint is, stands twice in a connection's file: as settings, from which `nave connection add` made it, and as the
//! grant's `base`. The grant is what a person agreed to, and counts; a setting that says otherwise is told.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value as Json;

use super::reader::File;
use crate::grant::Grants;
use crate::manifest::Manifest;

/// Code of the warning, by which it is found.
pub const OTHER_ADDRESS: &str = "other-address";

/// Warns of each setting that names another address than the grant it belongs to. `given` are the settings that the file
/// itself has: what the plugin assumes, nobody wrote.
pub(super) fn compare(
    file: &File<'_>,
    manifest: &Manifest,
    settings: &Json,
    given: &BTreeMap<String, Range<usize>>,
    grants: &Grants,
) {
    for (name, asked) in &manifest.endpoints {
        let Some(grant) = grants.endpoints.get(name) else { continue };
        let used = given.iter().find(|(setting, _)| asked.base.contains(&hole(setting)));
        let (Some((setting, span)), Some(made)) = (used, filled(&asked.base, settings)) else { continue };
        if made.trim_end_matches('/') == grant.base.trim_end_matches('/') {
            continue;
        }
        file.warning(
            span.clone(),
            OTHER_ADDRESS,
            format!(
                "`settings.{setting}` is not used: it makes {made}, and the endpoint `{name}` goes to its `base`, {}",
                grant.base
            ),
            Some(format!("let both say the same: base = \"{made}\" under [grants.endpoints.{name}], or correct `{setting}`")),
        );
    }
}

fn hole(setting: &str) -> String {
    format!("{{settings.{setting}}}")
}

/// The manifest's address with a connection's settings put in; none where one is missing.
pub fn filled(base: &str, settings: &Json) -> Option<String> {
    let mut made = base.to_owned();
    for (name, value) in settings.as_object()? {
        made = match value {
            Json::String(text) => made.replace(&hole(name), text.trim_end_matches('/')),
            Json::Number(number) => made.replace(&hole(name), &number.to_string()),
            _ => made,
        };
    }
    (!made.contains('{')).then_some(made)
}
