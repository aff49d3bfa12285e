//! Values that plugins lose: each a few spellings of it as JSON, made from a seed.

use serde_json::{Number, Value as Json, json};

/// A kind of value.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Second half of the case's name.
    pub name: &'static str,
    /// Spellings of it.
    pub values: Vec<Json>,
}

/// Characters of the longest text.
pub const LONG_CHARS: usize = 100_000;
/// Texts that are drawn for each alphabet.
const DRAWN: usize = 3;

/// Numbers that follow from a seed; SplitMix64.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count.max(1) as u64).unwrap_or(0)
    }

    fn text(&mut self, alphabet: &[&str], pieces: usize) -> String {
        (0..pieces).map(|_| alphabet[self.below(alphabet.len())]).collect()
    }
}

/// Texts drawn from these pieces, after the ones that are always tried.
fn texts(draw: &mut Draw, always: &[&str], pieces: &[&str]) -> Vec<Json> {
    let mut values: Vec<Json> = always.iter().map(|text| json!(text)).collect();
    values.extend((0..DRAWN).map(|_| json!(draw.text(pieces, 12))));
    values
}

/// A number that no float holds, spelled as it is.
fn number(text: &str) -> Json {
    text.parse::<Number>().map_or(Json::Null, Json::Number)
}

/// All of them. The same seed gives the same values.
pub fn samples(seed: u64) -> Vec<Sample> {
    let mut draw = Draw(seed);
    let draw = &mut draw;
    let all = |always: &[&str]| always.iter().map(|text| json!(text)).collect::<Vec<_>>();
    let digits: String = (0..22).map(|at| char::from(b'1' + u8::try_from((draw.below(8) + at) % 9).unwrap_or(0))).collect();
    vec![
        Sample {
            name: "utf-8",
            values: texts(draw, &["Zażółć gęślą jaźń", "Ελλάδα", "北京市"], &["é", "ß", "Ж", "ñ", "日", "ø", "a", " b"]),
        },
        Sample {
            name: "emoji", values: texts(draw, &["👩‍👩‍👧‍👦 family", "🏳️‍🌈", "🇩🇪 flag"], &["😀", "🚀", "👍🏽", "a", "𝒳", " b"])
        },
        Sample {
            name: "right-to-left",
            values: texts(draw, &["שלום עולם", "مرحبا \u{200f}(1)\u{200e}"], &["א", "ب", "\u{200f}", "1", "(", "a b"]),
        },
        Sample { name: "nul", values: all(&["a\u{0}b", "ends with\u{0}"]) },
        Sample {
            name: "combining",
            values: texts(
                draw,
                &["e\u{301}te\u{301}", "A\u{30a}ngstro\u{308}m", "\u{1112}\u{1161}\u{11ab}"],
                &["a\u{300}", "o\u{308}", "n\u{303}", "x", "é"],
            ),
        },
        Sample {
            name: "control-characters",
            values: all(&["two\nlines\r\n\tand a tab", "a \"quote\" and a \\ and </script>", "\u{2028}x\u{2029}x\u{7f}x"]),
        },
        Sample {
            name: "dst-moment",
            values: all(&["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", "2026-03-29T02:30:00"]),
        },
        Sample { name: "leap-day", values: all(&["2028-02-29", "2028-02-29T23:59:59Z", "2016-12-31T23:59:60Z"]) },
        Sample {
            name: "date-without-offset",
            values: all(&["2026-11-24 02:06:37", "2026-11-24T02:06:37", "24.11.2026", "11/24/26"]),
        },
        Sample {
            name: "money-scale",
            values: vec![number("1234567.10"), number("0.30"), number("-0.005"), json!("1234567.10"), json!("12,50 €")],
        },
        Sample {
            name: "big-integer",
            values: vec![number("9007199254740993"), number("-9223372036854775807"), number(&digits), json!(digits)],
        },
        Sample { name: "long-text", values: vec![json!("long ".repeat(LONG_CHARS / 5)), json!("ü".repeat(5_000))] },
        Sample { name: "empty", values: all(&["", " "]) },
        Sample { name: "null", values: vec![Json::Null] },
    ]
}

/// Whether two values are the same word: texts by every character, numbers by what they count, however they are spelled.
pub fn same(said: &Json, handed: &Json) -> bool {
    match (said, handed) {
        (Json::Number(one), Json::Number(other)) => decimal(&one.to_string()) == decimal(&other.to_string()),
        _ => said == handed,
    }
}

/// Sign, digits without zeros around them, and where the point stands from the left.
fn decimal(text: &str) -> Option<(bool, String, i64)> {
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (digits, exponent) = match rest.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.trim_start_matches('+').parse::<i64>().ok()?),
        None => (rest, 0),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{part}");
    let leading = all.len() - all.trim_start_matches('0').len();
    let point = i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()? + exponent;
    let kept = all.trim_matches('0').to_owned();
    if kept.is_empty() { Some((false, kept, 0)) } else { Some((negative, kept, point)) }
}

/// A value in a few characters, for a report.
pub fn shown(value: &Json) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}… ({} bytes)", &text[..at], text.len()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &str, other: &str, is: bool) {
        let parsed = |text: &str| serde_json::from_str::<Json>(text).expect("JSON");
        assert_eq!(same(&parsed(one), &parsed(other)), is, "{one} {other}");
    }

    #[test]
    fn numbers_are_compared_by_what_they_count() {
        check("1.10", "1.1", true);
        check("110e-2", "1.1", true);
        check("0.0", "-0", true);
        check("9007199254740993", "9007199254740992", false);
        check("9007199254740993", "9007199254740993.0", true);
        check("1e3", "1000", true);
        check("0.1", "1", false);
        check("-5", "5", false);
        check("\"1.10\"", "\"1.1\"", false);
        check("\"e\\u0301\"", "\"\\u00e9\"", false);
        check("\"\\u0041\"", "\"A\"", true);
        check("null", "\"\"", false);
    }

    #[test]
    fn the_same_seed_gives_the_same_values() {
        let text = |seed| format!("{:?}", samples(seed));
        assert_eq!(text(7), text(7));
        assert_ne!(text(7), text(8));
        for sample in samples(7) {
            let nulls = sample.values.iter().filter(|value| value.is_null()).count();
            assert_eq!(nulls, usize::from(sample.name == "null"), "{}", sample.name);
        }
    }
}
