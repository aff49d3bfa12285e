//! A manifest beside a plugin's file. What counts is the one inside, which is under the digest and the signature. One beside it that
//! says something else is a second story about the same file: a person may have read it, so the file is not taken.

use std::path::{Path, PathBuf};

use super::{PluginsError, manifest_of, read_plain};

/// Refuses a file whose manifest is not the one beside it. `desk.wasm` has `desk.manifest.json` beside it, or a `manifest.json` of
/// the same plugin; where there is neither, there is nothing to compare.
///
/// # Errors
/// `plugin.manifest-differs`; or that what lies there cannot be read.
pub(super) fn same(file: &Path, bytes: &[u8]) -> Result<(), PluginsError> {
    let own = file.with_extension("manifest.json");
    let shared = file.with_file_name("manifest.json");
    // What is no plugin is refused for that.
    let Ok(inside) = manifest_of(bytes) else { return Ok(()) };
    for (beside, names_it) in [(own, true), (shared, false)] {
        if std::fs::symlink_metadata(&beside).is_err() {
            continue;
        }
        let text = match read_plain(&beside) {
            Ok(text) => text,
            // Somebody else's, for all we know.
            Err(_) if !names_it => continue,
            Err(error) => return Err(error),
        };
        let found = nave_runtime::parse_manifest(&text);
        let about_it = names_it || found.as_ref().is_ok_and(|found| found.name == inside.name);
        if about_it && found.as_ref().ok() != Some(&inside) {
            return Err(differs(file, beside));
        }
    }
    Ok(())
}

fn differs(file: &Path, beside: PathBuf) -> PluginsError {
    let (file, beside) = (file.display(), beside.display());
    let message = format!(
        "{beside} says something else than the manifest inside of {file}, which is the one that counts; delete {beside}, or build the plugin again with it"
    );
    PluginsError::Refused(nave_runtime::PluginError { code: "plugin.manifest-differs", message })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T17.
    #[test]
    fn a_manifest_beside_the_file_says_the_same_or_the_file_is_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("desk.wasm");
        let bytes = nave_hostile::plugin(&nave_hostile::connector_component("", &[]), nave_hostile::CONNECTOR);
        std::fs::write(&file, &bytes).unwrap();
        let good = nave_hostile::CONNECTOR;
        let more = good.replace("\"GET\"", "\"GET\",\"DELETE\"");
        let other = good.replace("\"name\":\"test\"", "\"name\":\"other\"");
        assert!(more != good && other != good);
        for (own, shared, expected) in [
            (None, None, "ok"),
            (Some(good), None, "ok"),
            (None, Some(good), "ok"),
            (Some(&*good.replace('\n', "  ")), Some(good), "ok"),
            (Some(&*more), None, "plugin.manifest-differs"),
            (None, Some(&*more), "plugin.manifest-differs"),
            (Some(good), Some(&*more), "plugin.manifest-differs"),
            (Some(&*other), None, "plugin.manifest-differs"),
            (Some("no manifest"), None, "plugin.manifest-differs"),
            // Of another plugin, or of no plugin at all.
            (None, Some(&*other), "ok"),
            (None, Some("{\"manifest_version\": 3}"), "ok"),
        ] {
            for (name, text) in [("desk.manifest.json", own), ("manifest.json", shared)] {
                let path = dir.path().join(name);
                let _ = std::fs::remove_file(&path);
                if let Some(text) = text {
                    std::fs::write(&path, text).unwrap();
                }
            }
            let offered = super::super::Offer::file(&file);
            let code = offered.map_or_else(|error| crate::api::ApiError::from(error).code, |_| "ok".to_owned());
            assert_eq!(code, expected, "{own:?} {shared:?}");
        }
        let text = nave_hostile::CONNECTOR;
        std::fs::write(dir.path().join("real"), text).unwrap();
        let _ = std::fs::remove_file(dir.path().join("manifest.json"));
        std::os::unix::fs::symlink(dir.path().join("real"), dir.path().join("desk.manifest.json")).unwrap();
        assert!(same(&file, &bytes).is_err(), "a link leads elsewhere");
        assert!(same(&file, b"no plugin").is_ok(), "that is said of the file itself");
    }
}
