//! Decimal numbers as text: one canonical spelling, and their order. Never a float.

use std::cmp::Ordering;

use smol_str::SmolStrBuilder;

use crate::Text;

/// Digits of a number, written out. Money needs 20; more than this is a mistake or an attack (`1e999999`).
const DIGITS_MAX: usize = 100;

/// The canonical spelling: no leading or trailing zeros, no exponent, no `+`, no `-0`. `None`: not a number, or too long.
pub(super) fn canonical(text: &str) -> Option<Text> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], exponent(&rest[at + 1..])?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    if mantissa.ends_with('.') || whole.len() + fraction.len() > 2 * DIGITS_MAX {
        return None;
    }
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    let first = digits.iter().position(|digit| *digit != b'0');
    let Some(first) = first else {
        return Some("0".into());
    };
    let last = digits.iter().rposition(|digit| *digit != b'0').unwrap_or(first);
    // The point stands before digit number `point`.
    let point = whole.len() as i64 + exponent;
    let (first, last) = (first as i64, last as i64);
    if point.max(last + 1) - point.min(first) > DIGITS_MAX as i64 {
        return None;
    }
    let digit = |at: i64| usize::try_from(at).ok().and_then(|at| digits.get(at)).map_or('0', |digit| char::from(*digit));
    let mut out = SmolStrBuilder::new();
    if negative {
        out.push('-');
    }
    if point <= first {
        out.push('0');
    } else {
        (first..point).for_each(|at| out.push(digit(at)));
    }
    if last >= point {
        out.push('.');
        (point..=last).for_each(|at| out.push(digit(at)));
    }
    Some(out.finish())
}

fn exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Order of two canonical spellings.
pub(super) fn compare(left: &str, right: &str) -> Ordering {
    match (left.strip_prefix('-'), right.strip_prefix('-')) {
        (Some(left), Some(right)) => magnitude(right, left),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => magnitude(left, right),
    }
}

fn magnitude(left: &str, right: &str) -> Ordering {
    let parts = |text: &str| text.split_once('.').map_or((text.to_owned(), String::new()), |(a, b)| (a.to_owned(), b.to_owned()));
    let ((left_whole, left_rest), (right_whole, right_rest)) = (parts(left), parts(right));
    left_whole.len().cmp(&right_whole.len()).then_with(|| left_whole.cmp(&right_whole)).then_with(|| left_rest.cmp(&right_rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(canonical(text).as_deref(), expected, "{text}");
    }

    #[test]
    fn spellings() {
        check("1", Some("1"));
        check("-0.00", Some("0"));
        check("+007.50", Some("7.5"));
        check("1.20e3", Some("1200"));
        check("12e-3", Some("0.012"));
        check("1200e-1", Some("120"));
        check("0.1e1", Some("1"));
        check(".5", Some("0.5"));
        check("19.9900", Some("19.99"));
        check("100", Some("100"));
        check("-12345678901234567890.1", Some("-12345678901234567890.1"));
        for bad in ["", "-", ".", "1.", "1e", "e5", "1e999", "1e99999999999", "NaN", "inf", "0x1", "1,5", "1 000", "--1", "١"] {
            check(bad, None);
        }
        check(&"9".repeat(101), None);
    }

    #[test]
    fn order() {
        for (left, right, expected) in [
            ("2", "10", Ordering::Less),
            ("-2", "-10", Ordering::Greater),
            ("-1", "0", Ordering::Less),
            ("1.5", "1.25", Ordering::Greater),
            ("1", "1.25", Ordering::Less),
            ("3", "3", Ordering::Equal),
        ] {
            assert_eq!(compare(left, right), expected, "{left} {right}");
        }
    }
}
