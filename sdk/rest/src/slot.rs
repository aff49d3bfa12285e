//! The place for a description among the data of `rest.wasm`: a mark, a length, and as many blanks as a description may have bytes.
//!
//! Data of a component's module stands in its file as it is, so a description is put in by writing over the blanks: no section moves,
//! nothing is encoded anew, and the file's digest covers it.

use crate::limits::DESCRIPTION_BYTES_MAX;

/// Stands before the place. It is nowhere else in the connector: only who puts a description in looks for it.
const MARK: [u8; 32] = *b"nave:rest: a description is here";
/// Digits of the length, in front of the text.
const DIGITS: usize = 8;
/// Bytes of the place.
pub const SLOT_BYTES: usize = MARK.len() + DIGITS + DESCRIPTION_BYTES_MAX;

/// The empty place.
pub const fn empty() -> [u8; SLOT_BYTES] {
    let mut slot = [b' '; SLOT_BYTES];
    let mut at = 0;
    while at < MARK.len() {
        slot[at] = MARK[at];
        at += 1;
    }
    while at < MARK.len() + DIGITS {
        slot[at] = b'0';
        at += 1;
    }
    slot
}

/// What stands in a place; none where nothing was put in.
pub fn read(slot: &[u8]) -> Option<&str> {
    let digits = std::str::from_utf8(slot.get(MARK.len()..MARK.len() + DIGITS)?).ok()?;
    let length: usize = digits.parse().ok()?;
    let from = MARK.len() + DIGITS;
    std::str::from_utf8(slot.get(from..from.checked_add(length)?)?).ok().filter(|text| !text.is_empty())
}

/// The component with this description in its place, instead of what was there.
///
/// # Errors
/// In words: the file has no such place, or several, or the text is too long.
pub fn put(component: &[u8], text: &str) -> Result<Vec<u8>, String> {
    if text.len() > DESCRIPTION_BYTES_MAX {
        return Err(format!("{} bytes; a description has at most {DESCRIPTION_BYTES_MAX}", text.len()));
    }
    let at = place(component)?;
    let mut made = component.to_vec();
    let slot = &mut made[at + MARK.len()..at + SLOT_BYTES];
    slot.fill(b' ');
    slot[..DIGITS].copy_from_slice(format!("{:0DIGITS$}", text.len()).as_bytes());
    slot[DIGITS..DIGITS + text.len()].copy_from_slice(text.as_bytes());
    Ok(made)
}

/// The description that a component was given.
///
/// # Errors
/// In words: the file has no such place, or several.
pub fn take(component: &[u8]) -> Result<Option<&str>, String> {
    let at = place(component)?;
    Ok(read(&component[at..at + SLOT_BYTES]))
}

fn place(component: &[u8]) -> Result<usize, String> {
    let mut found = component.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK).map(|(at, _)| at);
    match (found.next(), found.next()) {
        (Some(at), None) if component.len() - at >= SLOT_BYTES => Ok(at),
        (None, _) => Err("it has no place for a description; take rest.wasm of this release".to_owned()),
        _ => Err("it has no whole place for a description, or more than one; take rest.wasm of this release".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_put_in_and_read() {
        let mut component = b"\0asm before".to_vec();
        component.extend_from_slice(&empty());
        component.extend_from_slice(b"after");
        assert_eq!(take(&component), Ok(None));
        let long = put(&component, &"x".repeat(DESCRIPTION_BYTES_MAX)).expect("it fits");
        let made = put(&long, "name = \"ä\"").expect("it fits");
        assert_eq!(take(&made), Ok(Some("name = \"ä\"")));
        assert_eq!((made.len(), &made[..11], &made[made.len() - 5..]), (component.len(), &component[..11], b"after".as_slice()));
        // Nothing of the one before is left.
        assert_eq!(put(&component, "name = \"ä\""), Ok(made));
        for (bytes, says) in [
            (b"nothing".to_vec(), "no place"),
            ([&empty()[..], &empty()[..]].concat(), "more than one"),
            (empty()[..99].to_vec(), "whole"),
        ] {
            let no = put(&bytes, "a").expect_err(says);
            assert!(no.contains(says), "{no}");
        }
        assert!(put(&component, &"x".repeat(DESCRIPTION_BYTES_MAX + 1)).is_err());
    }
}
