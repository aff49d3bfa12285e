//! {{name}}: a transform for Nave.
//!
//! `{{function}}(text)` answers the text without blanks around it, and with one blank where there were several.
//! The same input always gives the same output: a transform has no clock, no network and no randomness.

use nave_sdk::prelude::*;

/// The transform.
pub struct Plugin;

impl Transform for Plugin {
    fn call(name: &str, inputs: Vec<Column>) -> Result<Batch, String> {
        // An `Err` is a mistake in the plugin or in its manifest. What is wrong with one row is `push_error`.
        let ("{{function}}", [texts]) = (name, inputs.as_slice()) else {
            return Err(format!("there is no function {name} with {} inputs", inputs.len()));
        };
        let texts = Texts::of(texts)?;
        let mut out = TextBuilder::with_capacity(texts.len());
        for row in texts.rows() {
            match row {
                None => out.push(None),
                Some(text) if text.contains('\u{0}') => out.push_error("a text with a NUL in it is none"),
                Some(text) => out.push(Some(&text.split_whitespace().collect::<Vec<_>>().join(" "))),
            }
        }
        Ok(out.finish())
    }
}

nave_sdk::transform!(Plugin);

#[cfg(test)]
mod tests {
    use super::*;

    fn column(text: Option<&str>) -> Column {
        let mut builder = TextBuilder::with_capacity(1);
        builder.push(text);
        builder.finish().columns.remove(0)
    }

    fn check(text: Option<&str>, expected: Result<Option<&str>, &str>) {
        let batch = Plugin::call("{{function}}", vec![column(text)]).expect("a batch");
        let got = Texts::of(&batch.columns[0]).expect("texts").rows().next().expect("a row");
        match expected {
            Ok(text) => assert_eq!((got, batch.errors.len()), (text, 0)),
            Err(words) => assert!(batch.errors[0].message.contains(words)),
        }
    }

    #[test]
    fn blanks_are_put_in_order() {
        check(Some("  two \t words\n"), Ok(Some("two words")));
        check(Some(""), Ok(Some("")));
        check(None, Ok(None));
        check(Some("a\u{0}b"), Err("NUL"));
    }

    #[test]
    fn a_wrong_call_is_a_mistake_of_the_caller() {
        assert!(Plugin::call("other", vec![column(None)]).is_err());
        assert!(Plugin::call("{{function}}", vec![]).is_err());
    }
}
