//! Texts with places in braces: `/users/{id}`.

use crate::fault::instead;

/// What stands in a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As it is.
    Text(String),
    /// A setting of the connection.
    Setting(String),
    /// A field of what is written, by its path.
    Record(String),
    /// What the call is about: `id`, `value`, `since`.
    Word(&'static str),
}

/// A text with places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// Its pieces, in order.
    pub pieces: Vec<Piece>,
}

/// What may stand in braces at a place of the description.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed<'s> {
    /// Names of settings.
    pub(crate) settings: &'s [String],
    /// Words.
    pub(crate) words: &'static [&'static str],
    /// Fields of what is written.
    pub(crate) record: bool,
}

impl Template {
    /// Reads one. `{{` and `}}` are braces.
    pub(crate) fn parse(text: &str, allowed: Allowed<'_>) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..];
            if let Some(after) = brace.strip_prefix("{{") {
                plain.push('{');
                rest = after;
            } else if let Some(after) = brace.strip_prefix("}}") {
                plain.push('}');
                rest = after;
            } else if let Some(inner) = brace.strip_prefix('{') {
                let Some((name, after)) = inner.split_once('}') else {
                    return Err(format!("`{text}` has a brace that is not closed; a plain brace is written twice: {{{{"));
                };
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(piece(name.trim(), allowed)?);
                rest = after;
            } else {
                return Err(format!("`{text}` closes a brace that was not opened; a plain brace is written twice: }}}}"));
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self { pieces })
    }

    /// Whether it names this word.
    pub fn has(&self, word: &str) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Word(own) if *own == word))
    }

    /// The text before the first place.
    pub fn beginning(&self) -> &str {
        match self.pieces.first() {
            Some(Piece::Text(text)) => text,
            _ => "",
        }
    }

    /// Whether it is one text without places.
    pub fn is_plain(&self) -> bool {
        matches!(self.pieces.as_slice(), [] | [Piece::Text(_)])
    }

    /// Filled in: what `of` answers for a piece stands there, an error of it is the whole's.
    pub fn fill<E>(&self, mut of: impl FnMut(&Piece) -> Result<String, E>) -> Result<String, E> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                other => text.push_str(&of(other)?),
            }
        }
        Ok(text)
    }
}

fn piece(name: &str, allowed: Allowed<'_>) -> Result<Piece, String> {
    if let Some(setting) = name.strip_prefix("settings.") {
        return match allowed.settings.iter().any(|known| known == setting) {
            true => Ok(Piece::Setting(setting.to_owned())),
            false if allowed.settings.is_empty() => {
                Err(format!("there is no setting `{setting}`; add a table [settings.{setting}] with a label"))
            }
            false => {
                Err(format!("there is no setting `{setting}`; {}", instead(setting, allowed.settings.iter().map(String::as_str))))
            }
        };
    }
    if let Some(path) = name.strip_prefix("record.") {
        return match allowed.record && !path.is_empty() {
            true => Ok(Piece::Record(path.to_owned())),
            false => Err(format!("`{{{name}}}` is known only where something is written")),
        };
    }
    if let Some(word) = allowed.words.iter().find(|word| **word == name) {
        return Ok(Piece::Word(word));
    }
    let mut known: Vec<&str> = allowed.words.to_vec();
    known.push("settings.NAME");
    if allowed.record {
        known.push("record.PATH");
    }
    Err(format!("`{{{name}}}` means nothing here; {}", instead(name, known.into_iter())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let settings = ["tenant".to_owned()];
        let allowed = Allowed { settings: &settings, words: &["id", "value"], record: true };
        let shown = Template::parse(text, allowed).map(|template| {
            let filled = template.fill(|piece| {
                Ok::<_, String>(match piece {
                    Piece::Setting(name) => format!("<s:{name}>"),
                    Piece::Record(path) => format!("<r:{path}>"),
                    Piece::Word(word) => format!("<{word}>"),
                    Piece::Text(text) => text.clone(),
                })
            });
            filled.unwrap_or_default()
        });
        match (shown, expected) {
            (Ok(shown), Ok(expected)) => assert_eq!(shown, expected),
            (Err(said), Err(part)) => assert!(said.contains(part), "{said}"),
            (shown, _) => panic!("{text}: {shown:?}"),
        }
    }

    #[test]
    fn templates() {
        check("/users/{id}", Ok("/users/<id>"));
        check("{settings.tenant}/{record.a.b}{value}", Ok("<s:tenant>/<r:a.b><value>"));
        check("a {{b}} c", Ok("a {b} c"));
        check("", Ok(""));
        check("/users/{ids}", Err("did you mean `id`?"));
        check("/users/{id", Err("not closed"));
        check("/users/id}", Err("not opened"));
        check("{settings.tennant}", Err("did you mean `tenant`?"));
        check("{record.}", Err("known only where"));
        check("{cursor}", Err("write one of: id, value, settings.NAME, record.PATH"));
    }
}
