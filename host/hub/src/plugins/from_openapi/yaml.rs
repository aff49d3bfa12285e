//! YAML as JSON values, by the parser's events: bounded, since aliases can make a small text large.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// Values of one document. The largest known documents have some hundred thousand.
const VALUES_MAX: usize = 4_000_000;
/// Nesting.
const DEPTH_MAX: usize = 200;

/// Reads one document.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut reader = Reader { anchors: std::collections::BTreeMap::new(), left: VALUES_MAX };
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| format!("it is neither JSON nor YAML: {error}"))?;
        let value = match event {
            Event::Scalar(text, style, anchor, _) => Some((scalar(&text, style), anchor)),
            Event::SequenceStart(anchor, _) => {
                open.push(Open::List(Vec::new(), anchor));
                None
            }
            Event::MappingStart(anchor, _) => {
                open.push(Open::Map(Map::new(), None, anchor));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(list, anchor)) => Some((Value::Array(list), anchor)),
                Some(Open::Map(map, _, anchor)) => Some((Value::Object(map), anchor)),
                None => None,
            },
            Event::Alias(anchor) => Some((reader.again(anchor)?, 0)),
            _ => None,
        };
        if open.len() > DEPTH_MAX {
            return Err(format!("line {}: it is nested more than {DEPTH_MAX} levels deep", span.start.line()));
        }
        let Some((value, anchor)) = value else { continue };
        reader.left = reader.left.checked_sub(1).ok_or_else(|| format!("it has more than {VALUES_MAX} values"))?;
        if anchor != 0 {
            reader.anchors.insert(anchor, value.clone());
        }
        match open.last_mut() {
            None => return Ok(value),
            Some(Open::List(list, _)) => list.push(value),
            Some(Open::Map(map, key, _)) => match key.take() {
                None => {
                    *key = Some(match value {
                        Value::String(text) => text,
                        other => other.to_string(),
                    });
                }
                Some(key) => {
                    map.insert(key, value);
                }
            },
        }
    }
    Err("it is empty".to_owned())
}

enum Open {
    List(Vec<Value>, usize),
    Map(Map<String, Value>, Option<String>, usize),
}

struct Reader {
    anchors: std::collections::BTreeMap<usize, Value>,
    left: usize,
}

impl Reader {
    /// What an alias stands for; it counts again, with all that is in it.
    fn again(&mut self, anchor: usize) -> Result<Value, String> {
        let value = self.anchors.get(&anchor).ok_or("an alias stands for nothing")?;
        self.left =
            self.left.checked_sub(size(value)).ok_or_else(|| format!("with its aliases it has more than {VALUES_MAX} values"))?;
        Ok(value.clone())
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(size).sum::<usize>(),
        Value::Object(map) => 1 + map.values().map(size).sum::<usize>(),
        _ => 1,
    }
}

/// The core schema, as far as API documents use it: null, flags, numbers; dates stay text.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => match text.parse::<i64>() {
            Ok(number) => Value::Number(number.into()),
            Err(_) => Value::String(text.to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_read() {
        let text = "a: &x\n  b: 1\n  c: [true, 'yes', 1.5, 2024-01-01]\n'200': *x\nd: |\n  two\n  lines\ne:\n";
        let inner = json!({"b": 1, "c": [true, "yes", "1.5", "2024-01-01"]});
        assert_eq!(parse(text), Ok(json!({"a": inner, "200": inner, "d": "two\nlines\n", "e": null})));
    }

    #[test]
    fn a_small_text_does_not_become_large() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let before = level - 1;
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{before}"); 10].join(", ")));
        }
        assert!(parse(&bomb).expect_err("too many").contains("more than 4000000 values"));
        assert!(parse(&"[".repeat(1000)).is_err());
        assert!(parse(": : :\n- }").is_err());
        assert!(parse("").is_err());
    }
}
