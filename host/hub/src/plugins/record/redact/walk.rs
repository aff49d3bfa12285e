//! Every value of a body, with its name: of JSON, of XML and HTML, of a form, and the cells of any other text. What is not exchanged
//! stays byte for byte, for which a parser that writes anew is no use.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value as Json;

/// Answers what becomes of a value beside a name; none where it stays.
pub(super) type Each<'e> = &'e mut dyn FnMut(&str, &str) -> Option<String>;

static ATTRIBUTE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"([A-Za-z_][\w:.-]*)\s*=\s*(?:"([^"]*)"|'([^']*)')"#).expect("a pattern"));
static FORM: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[\w.%+\[\]-]+=[^\s&=]*(?:&[\w.%+\[\]-]+=[^\s&]*)*$").expect("a pattern"));

/// A value with its name before it, as SOAP services take several in one text: `USER=ada@example.com`.
static NAMED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^([A-Za-z_]\w*)=([^=\s].*)$").expect("a pattern"));
/// Attributes by which SOAP says how a text is spelled; nothing of anybody's.
const OF_SOAP: [&str; 2] = ["encodingStyle", "arrayType"];

/// Longest spelling of a character that is decoded, bytes.
const ENTITY_BYTES_MAX: usize = 11;

/// Walks a body; `whole` says that a text is one value, whatever stands in it. Answers the body where something was exchanged.
pub(super) fn body(text: &str, whole: &dyn Fn(&str) -> bool, each: Each<'_>) -> Option<String> {
    if let Ok(mut value) = serde_json::from_str::<Json>(text) {
        return json("", &mut value, each).then(|| value.to_string());
    }
    if let Some(lines) = json_lines(text) {
        let mut any = false;
        let one = |(line, value): (&str, Option<Json>)| match value.map(|mut value| (json("", &mut value, each), value)) {
            Some((true, value)) => {
                any = true;
                line.replacen(line.trim(), &value.to_string(), 1)
            }
            _ => line.to_owned(),
        };
        let done: String = lines.into_iter().map(one).collect();
        return any.then_some(done);
    }
    let done = if text.trim_start().starts_with('<') {
        xml(text, whole, each)
    } else if FORM.is_match(text) {
        pairs(text, each)
    } else {
        cells("", text, whole, each)
    };
    (done != text).then_some(done)
}

/// Each line with what it holds, where every line is JSON or empty.
fn json_lines(text: &str) -> Option<Vec<(&str, Option<Json>)>> {
    let line = |line| match str::trim(line) {
        "" => Some((line, None)),
        one => Some((line, Some(serde_json::from_str(one).ok()?))),
    };
    text.trim_start().starts_with(['{', '[']).then(|| text.split_inclusive('\n').map(line).collect()).flatten()
}

/// Whether something was exchanged. A text that holds JSON is walked too; a list's values have its name.
pub(super) fn json(name: &str, value: &mut Json, each: Each<'_>) -> bool {
    match value {
        Json::String(text) => {
            let inner =
                Some(&text).filter(|text| text.starts_with(['{', '['])).and_then(|text| serde_json::from_str::<Json>(text).ok());
            let becomes = match inner {
                Some(mut inner) => json(name, &mut inner, each).then(|| inner.to_string()),
                None => each(name, text),
            };
            becomes.map(|becomes| *text = becomes).is_some()
        }
        Json::Number(number) => {
            let becomes =
                each(name, &number.to_string()).and_then(|becomes| serde_json::from_str::<serde_json::Number>(&becomes).ok());
            becomes.map(|becomes| *number = becomes).is_some()
        }
        Json::Array(all) => all.iter_mut().fold(false, |done, one| json(name, one, each) | done),
        Json::Object(all) => {
            let done = all.iter_mut().fold(false, |done, (name, one)| json(name, one, each) | done);
            keys(all, each) | done
        }
        Json::Bool(_) | Json::Null => false,
    }
}

/// Names of fields that are addresses of people; `Parts@odata.count` and `@type` are none.
fn keys(all: &mut serde_json::Map<String, Json>, each: Each<'_>) -> bool {
    let somebodys = |key: &str| {
        key.split_once('@').is_some_and(|(name, rest)| {
            let annotates = ["odata.", "OData.", "Microsoft."].iter().any(|start| rest.starts_with(start));
            !name.is_empty() && !rest.is_empty() && !annotates
        })
    };
    if !all.keys().any(|key| somebodys(key)) {
        return false;
    }
    let mut done = false;
    let renamed = std::mem::take(all).into_iter().map(|(key, one)| match somebodys(&key).then(|| each("", &key)).flatten() {
        Some(becomes) => {
            done = true;
            (becomes, one)
        }
        None => (key, one),
    });
    *all = renamed.collect();
    done
}

fn xml(text: &str, whole: &dyn Fn(&str) -> bool, each: Each<'_>) -> String {
    let (mut out, mut rest, mut tag) = (String::with_capacity(text.len()), text, String::new());
    while !rest.is_empty() {
        let between = rest.find('<').unwrap_or(rest.len());
        let (value, after) = rest.split_at(between);
        out += &exchanged(&tag, value, false, whole, each);
        rest = after;
        if let Some(inside) = rest.strip_prefix("<![CDATA[") {
            let end = inside.find("]]>").unwrap_or(inside.len());
            out += "<![CDATA[";
            out += &cells(&tag, &inside[..end], whole, each);
            rest = inside[end..].strip_prefix("]]>").map_or("", |rest| {
                out += "]]>";
                rest
            });
            continue;
        }
        if let Some(inside) = rest.strip_prefix("<!--") {
            // No plugin reads what somebody remarked.
            out += "<!---->";
            rest = inside.split_once("-->").map_or("", |(_, rest)| rest);
            continue;
        }
        let end = rest.find('>').map_or(rest.len(), |end| end + 1);
        let (element, after) = rest.split_at(end);
        rest = after;
        if element.is_empty() || element.starts_with("<?") || element.starts_with("<!") {
            out += element;
            continue;
        }
        let name = element.trim_start_matches(['<', '/']).split(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).next();
        // What follows an end has the name of nothing in particular.
        tag = if element.starts_with("</") { String::new() } else { local(name.unwrap_or_default()).to_owned() };
        out += &attributes(element, whole, each);
    }
    out
}

fn attributes(element: &str, whole: &dyn Fn(&str) -> bool, each: Each<'_>) -> String {
    let (mut out, mut from) = (String::new(), 0);
    for found in ATTRIBUTE.captures_iter(element) {
        let (Some(name), Some(value)) = (found.get(1), found.get(2).or_else(|| found.get(3))) else { continue };
        if name.as_str().starts_with("xmlns") || OF_SOAP.contains(&local(name.as_str())) {
            continue;
        }
        out += &element[from..value.start()];
        out += &exchanged(local(name.as_str()), value.as_str(), true, whole, each);
        from = value.end();
    }
    out + &element[from..]
}

/// A text of XML: its entities are decoded before it is looked at.
fn exchanged(name: &str, text: &str, quoted: bool, whole: &dyn Fn(&str) -> bool, each: Each<'_>) -> String {
    let plain = decoded(text);
    let done = match NAMED.captures(&plain).map(|found| found.extract::<2>().1) {
        Some([name, value]) if !whole(&plain) => format!("{name}={}", cells(name, value, whole, each)),
        _ => cells(name, &plain, whole, each),
    };
    if done == plain {
        return text.to_owned();
    }
    let done = done.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    if quoted { done.replace('"', "&quot;").replace('\'', "&#39;") } else { done }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

fn decoded(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('&') {
        out += &rest[..at];
        rest = &rest[at..];
        let end = rest.bytes().take(ENTITY_BYTES_MAX).position(|byte| byte == b';');
        let number = |code: &str| match code.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => code.parse().ok(),
        };
        let becomes = end.and_then(|end| match &rest[1..end] {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            "nbsp" => Some('\u{a0}'),
            other => other.strip_prefix('#').and_then(number).and_then(char::from_u32),
        });
        match (becomes, end) {
            (Some(becomes), Some(end)) => {
                out.push(becomes);
                rest = &rest[end + 1..];
            }
            _ => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

/// Values of a form or of a query.
pub(super) fn pairs(text: &str, each: Each<'_>) -> String {
    let pair = |pair: &str| match pair.split_once('=') {
        Some((name, value)) => match each(name, &percent_decoded(value)) {
            Some(becomes) => format!("{name}={}", encoded(value, &becomes)),
            None => pair.to_owned(),
        },
        None => pair.to_owned(),
    };
    text.split('&').map(pair).collect::<Vec<_>>().join("&")
}

pub(super) fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// A text as this one was encoded: what was spelled with a percent sign stays so, so that a plugin that spells it again meets it.
pub(super) fn encoded(like: &str, text: &str) -> String {
    let spells = |c: char| -> Option<String> {
        if c.is_ascii_alphanumeric() {
            return Some(c.to_string());
        }
        let escaped =
            percent_encoding::utf8_percent_encode(c.encode_utf8(&mut [0; 4]), percent_encoding::NON_ALPHANUMERIC).to_string();
        let spelled = [escaped.clone(), escaped.to_ascii_lowercase(), c.to_string()];
        let plus = (c == ' ' && like.contains('+')).then(|| "+".to_owned());
        plus.or_else(|| spelled.into_iter().find(|one| like.contains(one.as_str())))
    };
    let unknown = |c: char| match c {
        '.' | '-' | '_' | '~' => c.to_string(),
        _ => percent_encoding::utf8_percent_encode(c.encode_utf8(&mut [0; 4]), percent_encoding::NON_ALPHANUMERIC).to_string(),
    };
    text.chars().map(|c| spells(c).unwrap_or_else(|| unknown(c))).collect()
}

/// A text that is one value, or else the parts of it.
pub(super) fn cells(name: &str, text: &str, whole: &dyn Fn(&str) -> bool, each: Each<'_>) -> String {
    let one = text.trim();
    if one.is_empty() {
        return text.to_owned();
    }
    if whole(one) || !one.contains(['\n', '\t', ',', ';', '|']) {
        return match each(name, one) {
            Some(becomes) => text.replacen(one, &becomes, 1),
            None => text.to_owned(),
        };
    }
    let cell = |part: &str| {
        let end = part.trim_end_matches(['\n', '\r', '\t', ',', ';', '|']).len();
        let (value, separator) = part.split_at(end);
        let value = value.trim_matches(|c: char| c.is_whitespace() || c == '"');
        match Some(value).filter(|value| !value.is_empty()).and_then(|value| Some((value, each(name, value)?))) {
            Some((value, becomes)) => part[..end].replacen(value, &becomes, 1) + separator,
            None => part.to_owned(),
        }
    };
    text.split_inclusive(['\n', '\t', ',', ';', '|']).map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)], becomes: &str) {
        let mut seen = Vec::new();
        let done = body(text, &|one| one == "A, B", &mut |name, value| {
            seen.push((name.to_owned(), value.to_owned()));
            (value.len() > 1).then(|| "9<9".to_owned())
        });
        let expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(seen, expected, "{text}");
        assert_eq!(done.as_deref().unwrap_or(text), becomes, "{text}");
    }

    #[test]
    fn every_value_is_met_with_its_name() {
        check(r#"{"a":{"b":["xx","y"]},"c":true}"#, &[("b", "xx"), ("b", "y")], r#"{"a":{"b":["9<9","y"]},"c":true}"#);
        check("{\"a\":\"xx\"}\r\n\n{\"b\":[7]}\n", &[("a", "xx"), ("b", "7")], "{\"a\":\"9<9\"}\r\n\n{\"b\":[7]}\n");
        check(
            r#"{"a@b":"xx","c@odata.d":"y"}"#,
            &[("a@b", "xx"), ("c@odata.d", "y"), ("", "a@b")],
            r#"{"9<9":"9<9","c@odata.d":"y"}"#,
        );
        check(r#"{ "a" : "x" }"#, &[("a", "x")], r#"{ "a" : "x" }"#);
        check(r#"{"a":"{\"b\":\"xx\"}"}"#, &[("b", "xx")], r#"{"a":"{\"b\":\"9<9\"}"}"#);
        check(
            "<?xml version=\"1.0\"?><s:A xmlns:s=\"xx\" k='q&amp;r'>\n <s:B>x &#38; y</s:B><C><![CDATA[zz]]></C></s:A>",
            &[("k", "q&r"), ("B", "x & y"), ("C", "zz")],
            "<?xml version=\"1.0\"?><s:A xmlns:s=\"xx\" k='9&lt;9'>\n <s:B>9&lt;9</s:B><C><![CDATA[9<9]]></C></s:A>",
        );
        check(
            "<a s:encodingStyle=\"http://x/y\"><v>USER=xx</v><w>=xx</w></a>",
            &[("USER", "xx"), ("w", "=xx")],
            "<a s:encodingStyle=\"http://x/y\"><v>USER=9&lt;9</v><w>9&lt;9</w></a>",
        );
        check("<a><!-- by Ada -->x</a>", &[("a", "x")], "<a><!---->x</a>");
        check("a=xx&b=y", &[("a", "xx"), ("b", "y")], "a=9%3C9&b=y");
        check("A, B", &[("", "A, B")], "9<9");
        check("no\tone;x\n", &[("", "no"), ("", "one"), ("", "x")], "9<9\t9<9;x\n");
    }

    #[test]
    fn it_is_spelled_as_before() {
        for (like, text, expected) in [
            ("a%40b.c", "x@y.z", "x%40y.z"),
            ("a@b%2ec", "x@y.z", "x@y%2ez"),
            ("a+b", "x y", "x+y"),
            ("a%20b", "x y", "x%20y"),
            ("%C3%BC", "q", "q"),
        ] {
            assert_eq!(encoded(like, text), expected, "{like}");
        }
    }
}
