//! What a place in a text may hold. Alone in a parameter or a body's text a value is a value, whatever it looks like; beside other
//! text it stands in a language that only the system knows (a filter, a search), where it must not end and become more.

use nave_rest::template::{Piece, Template};

/// Where a place stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Around {
    /// There is nothing else.
    Nothing,
    /// Between two of these quotes.
    Quotes(char),
    /// In the open.
    Text,
}

/// Which kind of text it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    /// A parameter of the address: where it has more than a value, a filter or a search.
    Parameter,
    /// A header, or a text of a body: perhaps a sentence.
    Other,
}

/// What stands around each piece of a template.
pub(crate) fn around(template: &Template) -> Vec<Around> {
    let mut open = None;
    let mut all = Vec::new();
    for piece in &template.pieces {
        all.push(match open {
            _ if template.pieces.len() == 1 => Around::Nothing,
            Some(quote) => Around::Quotes(quote),
            None => Around::Text,
        });
        if let Piece::Text(text) = piece {
            open = after(text, open);
        }
    }
    all
}

/// The quote that is open after a text.
fn after(text: &str, mut open: Option<char>) -> Option<char> {
    let mut before = ' ';
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, open) {
            ('\\', _) => drop(characters.next()),
            (quote, Some(begun)) if quote == begun => open = None,
            // Within a word it is an apostrophe.
            ('\'', None) if before.is_alphanumeric() => {}
            ('"' | '\'' | '`', None) => open = Some(character),
            _ => {}
        }
        before = character;
    }
    open
}

/// Whether a value stays a value there.
pub(crate) fn holds(around: Around, text: Text, value: &str) -> bool {
    match (around, text) {
        (Around::Nothing, _) | (Around::Text, Text::Other) => true,
        (Around::Quotes(quote), _) => !value.chars().any(|c| c == quote || c == '\\' || c.is_control()),
        (Around::Text, Text::Parameter) => value.chars().all(|c| c.is_alphanumeric() || "@._-+~".contains(c)),
    }
}
