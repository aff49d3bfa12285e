//! What an envelope holds: elements with their texts, without prefixes, in one small tree.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::limits::DEPTH_MAX;

/// An element.
#[derive(Debug, Default)]
pub(crate) struct Element {
    /// Name without its prefix.
    pub(crate) name: String,
    /// `xsi:type` without its prefix; Sympa says by it that a text is Base64.
    kind: String,
    /// Its text alone.
    text: String,
    /// What is within it.
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// The first child of this name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// What it says; Base64 as what it stands for. None: that is no text.
    pub(crate) fn says(&self) -> Option<String> {
        if !self.kind.eq_ignore_ascii_case("base64Binary") && !self.kind.eq_ignore_ascii_case("base64") {
            return Some(self.text.clone());
        }
        let packed: String = self.text.split_whitespace().collect();
        String::from_utf8(BASE64_STANDARD.decode(packed).ok()?).ok()
    }

    /// What a child says.
    pub(crate) fn text_of(&self, name: &str) -> Option<String> {
        self.child(name)?.says()
    }
}

/// The root of a document.
///
/// # Errors
/// Why it is none, in a few words.
pub(crate) fn parse(bytes: &[u8]) -> Result<Element, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Eof => break,
            // Entities of one's own are how small texts become large.
            Event::DocType(_) => return Err("it has a document type".to_owned()),
            Event::Start(start) if open.len() <= DEPTH_MAX => open.push(element(&start)?),
            Event::Start(_) => return Err(format!("it is more than {DEPTH_MAX} elements deep")),
            Event::Empty(start) => {
                let child = element(&start)?;
                within(&mut open)?.children.push(child);
            }
            Event::End(_) => {
                let child = open.pop().filter(|_| !open.is_empty()).ok_or("it ends before it begins")?;
                within(&mut open)?.children.push(child);
            }
            Event::Text(text) => within(&mut open)?.text.push_str(&text.xml10_content()),
            Event::CData(text) => within(&mut open)?.text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let character = match reference.resolve_char_ref().map_err(|error| error.to_string())? {
                    Some(character) => character.to_string(),
                    None => quick_xml::escape::resolve_xml_entity(&reference).ok_or("it has an entity of its own")?.to_owned(),
                };
                within(&mut open)?.text.push_str(&character);
            }
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
        }
    }
    match (open.len(), open.pop().and_then(|mut top| top.children.pop())) {
        (1, Some(root)) => Ok(root),
        _ => Err("it is not one whole document".to_owned()),
    }
}

fn within(open: &mut [Element]) -> Result<&mut Element, String> {
    open.last_mut().ok_or_else(|| "it ends before it begins".to_owned())
}

fn element(start: &BytesStart<'_>) -> Result<Element, String> {
    let mut element = Element { name: start.local_name().as_ref().to_owned(), ..Element::default() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attribute.key.local_name().as_ref() == "type" {
            let kind: &str = &attribute.value;
            element.kind = kind.rsplit(':').next().unwrap_or_default().to_owned();
        }
    }
    Ok(element)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(xml: &str, expected: Result<&str, &str>) {
        let got = parse(xml.as_bytes()).map(|root| root.text_of("b").unwrap_or_else(|| "none".to_owned()));
        match (&got, expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected, "{xml}"),
            (Err(got), Err(expected)) => assert!(got.contains(expected), "{xml}: {got}"),
            _ => panic!("{xml}: {got:?}"),
        }
    }

    #[test]
    fn texts_are_what_they_stand_for() {
        check("<a><s:b xmlns:s='x'>x &amp; &lt;y&gt; &#233;&#13;\n</s:b></a>", Ok("x & <y> é\r\n"));
        check("<a><b><![CDATA[<&>]]> </b></a>", Ok("<&> "));
        check("<a><b x:type='y:base64Binary'>Wm/D\nqyBOZXc=</b></a>", Ok("Zoë New"));
        check("<a><b x:type='y:base64Binary'>/w==</b></a>", Ok("none"));
        check("<?xml version=\"1.0\"?><a><b/></a>\n", Ok(""));
        check("<a>b</a>", Ok("none"));
    }

    #[test]
    fn what_is_no_document_is_refused() {
        check("<!DOCTYPE a [<!ENTITY b 'c'>]><a><b>&b;</b></a>", Err("document type"));
        check("<a><b>&c;</b></a>", Err("entity"));
        check("<a><b></a>", Err(""));
        check("<a>", Err("whole document"));
        check("", Err("whole document"));
        check("{}", Err("whole document"));
        check(&"<a>".repeat(100), Err("64 elements deep"));
    }
}
