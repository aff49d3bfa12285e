//! Who wins a field, written into its entity's file as a person would: everything else in it stays as it is.

use std::path::Path;

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value, value};

use super::{ProjectError, read, write};

/// Writes `survivorship = { priority = [CONNECTION] }` of a field into `entities/ENTITY.toml`, which is made where there is none.
///
/// # Errors
/// [`ProjectError`] where the file cannot be read, is no TOML, or cannot be written.
pub(crate) fn prefer(dir: &Path, entity: &str, field: &str, connection: &str) -> Result<(), ProjectError> {
    let path = dir.join("entities").join(format!("{entity}.toml"));
    let text = if path.exists() { read::text(&path)? } else { String::new() };
    let changed = changed(&text, field, connection).map_err(|message| ProjectError::Malformed { path: path.clone(), message })?;
    write::whole(&path, changed.as_bytes())
}

fn changed(text: &str, field: &str, connection: &str) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.message().to_owned())?;
    let mut table: &mut dyn toml_edit::TableLike = document.as_table_mut();
    for part in std::iter::once("fields").chain(field.split('.')) {
        let inner = table.entry(part).or_insert_with(|| {
            let mut made = Table::new();
            made.set_implicit(true);
            Item::Table(made)
        });
        table = inner.as_table_like_mut().ok_or_else(|| format!("`{part}` of `{field}` is no table"))?;
    }
    let mut rule = InlineTable::new();
    rule.insert("priority", Value::Array(Array::from_iter([connection])));
    table.insert("survivorship", value(rule));
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_added_and_the_rest_stays() {
        for (text, field, expected) in [
            ("", "phone", "[fields.phone]\nsurvivorship = { priority = [\"crm\"] }\n"),
            (
                "steward = \"ops\" # theirs\n\n[fields.phone]\nlabel = \"Telephone\"\n",
                "phone",
                "steward = \"ops\" # theirs\n\n[fields.phone]\nlabel = \"Telephone\"\nsurvivorship = { priority = [\"crm\"] }\n",
            ),
            (
                "[fields.phone]\nlabel = \"Telephone\"\n",
                "address.city",
                "[fields.phone]\nlabel = \"Telephone\"\n\n[fields.address.city]\nsurvivorship = { priority = [\"crm\"] }\n",
            ),
        ] {
            assert_eq!(changed(text, field, "crm").as_deref(), Ok(expected));
        }
        assert!(changed("fields = 1\n", "phone", "crm").is_err());
    }
}
