//! Names that `fullReview` spells twice: Sympa keeps them as bytes of UTF-8, and its SOAP library takes each byte for a character
//! and makes UTF-8 of it once more. Seen in 6.2.70; other calls do not do it.

/// The name as it is kept. What is no UTF-8 when its characters are taken for bytes was not spelled twice.
pub(crate) fn once(text: String) -> String {
    if text.is_ascii() {
        return text;
    }
    let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_spelled_once() {
        for (said, kept) in [
            ("Ada", "Ada"),
            ("Karl M\u{c3}\u{bc}ller", "Karl Müller"),
            ("\u{e8}\u{8a}\u{b1}", "花"),
            // As a Sympa would say it that does not.
            ("Karl Müller", "Karl Müller"),
            ("Zażółć", "Zażółć"),
            ("花", "花"),
        ] {
            assert_eq!(once(said.to_owned()), kept);
        }
    }
}
