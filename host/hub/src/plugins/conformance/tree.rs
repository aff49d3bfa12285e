//! A body as a tree of JSON, in whichever form it came, so that what stands in it can be found and changed: JSON as it is, XML by
//! its elements.
//!
//! An element is an object of one key, its name as it is spelled, with a list: first its attributes, then what is within it, texts
//! as texts. A text that is null takes its element away, which is how XML says that there is nothing.

use quick_xml::events::{BytesDecl, BytesEnd, BytesRef, BytesStart, BytesText, Event};
use quick_xml::{Reader, Writer};
use serde_json::{Map, Value as Json, json};

/// Elements within each other.
const DEPTH_MAX: usize = 128;

/// How a body is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Xml,
}

/// A body as a tree; none where it is neither.
pub(super) fn parse(body: &[u8]) -> Option<(Form, Json)> {
    if let Ok(value) = serde_json::from_slice(body) {
        return Some((Form::Json, value));
    }
    xml(std::str::from_utf8(body).ok()?).map(|value| (Form::Xml, value))
}

/// A tree as a body; none where its form has no way to say it, as XML has none for most control characters.
pub(super) fn write(form: Form, tree: &Json) -> Option<String> {
    if form == Form::Json {
        return Some(tree.to_string());
    }
    let mut out = Writer::new(Vec::new());
    out.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None))).ok()?;
    node(&mut out, tree)?;
    String::from_utf8(out.into_inner()).ok()
}

fn xml(text: &str) -> Option<Json> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<(String, Vec<Json>)> = vec![(String::new(), Vec::new())];
    loop {
        match reader.read_event().ok()? {
            Event::Eof => break,
            Event::DocType(_) => return None,
            Event::Start(start) if open.len() <= DEPTH_MAX => open.push(element(&start)?),
            Event::Start(_) => return None,
            Event::Empty(start) => {
                let (name, within) = element(&start)?;
                open.last_mut()?.1.push(json!({ name: within }));
            }
            Event::End(_) => {
                let (name, within) = open.pop()?;
                open.last_mut()?.1.push(json!({ name: within }));
            }
            Event::Text(text) => add(open.last_mut()?, &text.xml10_content()),
            Event::CData(text) => add(open.last_mut()?, &text.xml10_content()),
            Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
                Some(character) => add(open.last_mut()?, character.encode_utf8(&mut [0; 4])),
                None => add(open.last_mut()?, quick_xml::escape::resolve_xml_entity(&reference)?),
            },
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
        }
    }
    let (_, top) = open.pop().filter(|_| open.is_empty())?;
    let mut roots = top.into_iter().filter(Json::is_object);
    roots.next().filter(|_| roots.next().is_none())
}

fn element(start: &BytesStart<'_>) -> Option<(String, Vec<Json>)> {
    let mut attributes = Map::new();
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).ok()?;
        attributes.insert(attribute.key.as_ref().to_owned(), json!(value));
    }
    Some((start.name().as_ref().to_owned(), vec![Json::Object(attributes)]))
}

/// Texts beside each other are one.
fn add((_, within): &mut (String, Vec<Json>), text: &str) {
    match within.last_mut() {
        Some(Json::String(before)) => before.push_str(text),
        _ => within.push(json!(text)),
    }
}

fn node(out: &mut Writer<Vec<u8>>, value: &Json) -> Option<()> {
    match value {
        Json::Null => Some(()),
        Json::Bool(_) | Json::Number(_) => plain(out, &value.to_string()),
        Json::String(text) => plain(out, text),
        Json::Array(all) => all.iter().try_for_each(|one| node(out, one)),
        Json::Object(all) => all.iter().try_for_each(|(name, within)| {
            let mut start = BytesStart::new(name.as_str());
            let within = match within.as_array().map(Vec::as_slice) {
                Some([Json::Object(attributes), within @ ..]) => {
                    for (name, value) in attributes {
                        // Within an attribute, space of any kind is a space, unless it is spelled by its number.
                        if let Some(value) = value.as_str().filter(|value| !value.contains(['\t', '\n', '\r'])) {
                            start.push_attribute((name.as_str(), value));
                        }
                    }
                    within
                }
                Some(within) => within,
                None => std::slice::from_ref(within),
            };
            if matches!(within, [Json::Null]) {
                return Some(());
            }
            let end = BytesEnd::new(name.as_str());
            out.write_event(Event::Start(start)).ok()?;
            within.iter().try_for_each(|one| node(out, one))?;
            out.write_event(Event::End(end)).ok()
        }),
    }
}

/// A text; a carriage return by its number, since a reader makes a line feed of it.
fn plain(out: &mut Writer<Vec<u8>>, text: &str) -> Option<()> {
    let sayable = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if !text.chars().all(sayable) {
        return None;
    }
    for (nth, part) in text.split('\r').enumerate() {
        if nth > 0 {
            out.write_event(Event::GeneralRef(BytesRef::new("#13"))).ok()?;
        }
        out.write_event(Event::Text(BytesText::new(part))).ok()?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nave_core::conformance::place;

    const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><s:a xmlns:s=\"x\"><list k=\"2 &amp; 3\">\
        <item><id>1</id><name>Ada &amp; <![CDATA[<Co>]]></name></item><item><id>2</id><name/></item></list></s:a>";

    /// What becomes of the body where the value that is there once is exchanged.
    #[track_caller]
    fn check(was: &Json, becomes: Json, expected: Option<&str>) {
        let (form, mut tree) = parse(XML.as_bytes()).expect("XML");
        let at = place::only(&tree, was).expect("once");
        assert!(place::put(&mut tree, &at, becomes));
        let written = write(form, &tree);
        let part = written
            .as_deref()
            .map(|text| text.split_once("<item>").and_then(|(_, rest)| rest.split_once("</item>")).expect("a row").0);
        assert_eq!(part, expected);
    }

    #[test]
    fn a_value_of_xml_is_found_and_exchanged() {
        let ada = json!("Ada & <Co>");
        check(&ada, json!("b\r\n<c> \"d\" 🚀"), Some("<id>1</id><name>b&#13;\n&lt;c&gt; &quot;d&quot; 🚀</name>"));
        check(&ada, json!(17), Some("<id>1</id><name>17</name>"));
        check(&ada, json!(null), Some("<id>1</id>"));
        check(&ada, json!("a\u{0}b"), None);
        check(&json!("1"), json!(null), Some("<name>Ada &amp; &lt;Co&gt;</name>"));
    }

    #[test]
    fn rows_of_xml_are_elements_beside_each_other() {
        let (form, mut tree) = parse(XML.as_bytes()).expect("XML");
        let at = place::only(&tree, &json!("Ada & <Co>")).expect("once");
        let (list, nth) = place::row(&tree, &at, "1").expect("a row");
        let rows = place::at_mut(&mut tree, &list).expect("the list");
        rows[nth] = json!(17);
        let written = write(form, &tree).expect("XML");
        assert!(written.ends_with("<list k=\"2 &amp; 3\">17<item><id>2</id><name></name></item></list></s:a>"), "{written}");
    }

    #[test]
    fn what_is_no_document_is_no_tree() {
        for body in ["", "plain", "<a>", "<a/><b/>", "<!DOCTYPE html><html/>", "<a>&own;</a>", "a,b\n1,2\n"] {
            assert_eq!(parse(body.as_bytes()), None, "{body}");
        }
        assert_eq!(parse(b"[1.10]").map(|(form, tree)| write(form, &tree)), Some(Some("[1.10]".to_owned())));
    }
}
