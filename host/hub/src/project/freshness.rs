//! A flow's freshness target, written into its file as a person would: everything else in it stays as it is.

use std::path::Path;

use toml_edit::{DocumentMut, value};

use super::{ProjectError, read, write};

/// Writes `freshness` of `[flow.in]` of a mapping.
///
/// # Errors
/// [`ProjectError`] where the file cannot be read, is no TOML, or cannot be written.
pub(crate) fn set_freshness(dir: &Path, mapping: &str, freshness: &str) -> Result<(), ProjectError> {
    let path = dir.join("mappings").join(format!("{mapping}.toml"));
    let text = read::text(&path)?;
    let changed = changed(&text, freshness).map_err(|message| ProjectError::Malformed { path: path.clone(), message })?;
    write::whole(&path, changed.as_bytes())
}

fn changed(text: &str, freshness: &str) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.message().to_owned())?;
    let inward = document.get_mut("flow").and_then(|flow| flow.get_mut("in")).and_then(|inward| inward.as_table_like_mut());
    let Some(inward) = inward else { return Err("it has no [flow.in]".to_owned()) };
    match inward.get_mut("freshness").and_then(|item| item.as_value_mut()) {
        // What is written beside it, as a comment, stays.
        Some(known) => {
            let decor = known.decor().clone();
            *known = freshness.into();
            *known.decor_mut() = decor;
        }
        None => {
            inward.insert("freshness", value(freshness));
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        assert_eq!(changed(text, "15m").as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn only_the_target_changes() {
        check(
            "# sales\n[flow.in]\nfreshness = \"1h\"  # as agreed\nfilter = \"a\"\n\n[flow.out]\nfreshness = \"1h\"\n",
            Ok("# sales\n[flow.in]\nfreshness = \"15m\"  # as agreed\nfilter = \"a\"\n\n[flow.out]\nfreshness = \"1h\"\n"),
        );
        check("[flow.in]\n", Ok("[flow.in]\nfreshness = \"15m\"\n"));
        check("flow = { in = { freshness = \"1d\" } }\n", Ok("flow = { in = { freshness = \"15m\" } }\n"));
        check("[flow.out]\n", Err("it has no [flow.in]"));
    }
}
