//! A starter mapping for a connection that only reads: what came in still does, nothing goes out.

use toml_edit::{DocumentMut, Table, value};

use super::ProjectError;

/// What is said about writing beside the fields.
const ABOUT_WRITING: [&str; 5] = ["create", "marker", "natural-key", "required", "constants"];

/// Takes the way out of a mapping: `[flow.out]` and what belongs to it, `out` of every field; `both` becomes `in`.
pub(super) fn reading_only(text: &str) -> Result<String, ProjectError> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        ProjectError::Invalid(format!("the plugin's starter mapping is not TOML: {}", error.message()))
    })?;
    if let Some(flow) = document.get_mut("flow").and_then(|flow| flow.as_table_like_mut()) {
        flow.remove("out");
    }
    for key in ABOUT_WRITING {
        document.remove(key);
    }
    for key in ["field", "list"] {
        let Some(all) = document.get_mut(key).and_then(|all| all.as_array_of_tables_mut()) else { continue };
        all.retain(|field| field.get("direction").and_then(|direction| direction.as_str()) != Some("out"));
        for field in all.iter_mut() {
            inward(field);
            let inner = field.get_mut("field").and_then(|inner| inner.as_array_of_tables_mut());
            inner.into_iter().flat_map(|inner| inner.iter_mut()).for_each(inward);
        }
    }
    Ok(document.to_string())
}

/// What is said of a field about values that go out.
const ABOUT_VALUES: [&str; 9] = ["out", "characters", "pattern", "values", "precision", "scale", "misfit", "mark", "transform"];

fn inward(field: &mut Table) {
    ABOUT_VALUES.iter().for_each(|key| _ = field.remove(key));
    if let Some(direction) = field.get_mut("direction")
        && direction.as_str() == Some("both")
    {
        *direction = value("in");
    }
}
