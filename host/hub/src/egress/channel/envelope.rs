//! A secret as the text of an element of an XML body, where SOAP services want it.
//!
//! The plugin leaves the element empty; there is no word that stands for the secret, so no value of a record can call for it.
//! What a server could read otherwise than it is read here is refused: another encoding, a document type, an element that
//! another may refer to, an element that is there twice.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesStart, BytesText, Event};
use quick_xml::{Reader, Writer};

use super::super::body::Source;
use super::super::credential::{self, Applied};
use super::super::error::EgressError;
use super::Prepared;
use crate::secrets::SecretBytes;

/// Attributes, by local name and in lower case, that elements on the way to the secret may have: none by which it can be
/// referred to.
const ON_THE_WAY: [&str; 5] = ["type", "encodingstyle", "mustunderstand", "actor", "role"];

/// The request's body with the secret in its element.
pub(super) fn filled(
    prepared: &Prepared<'_>,
    body: &Source,
    element: &str,
    secret: &SecretBytes,
    name: &str,
) -> Result<Applied, EgressError> {
    let denied = |why: String| {
        let why = format!("the secret goes into the element {element} of an XML body, and {why}; nothing was sent");
        EgressError::denied("net.credential-place", why)
    };
    let Source::Bytes(body) = body else { return Err(denied("this body is a held one".into())) };
    if prepared.headers.contains_key(CONTENT_ENCODING) {
        return Err(denied("this body has a Content-Encoding".into()));
    }
    let kind = prepared.headers.get(CONTENT_TYPE).map(|kind| kind.as_bytes().to_ascii_lowercase()).unwrap_or_default();
    if !is_utf8_xml(&String::from_utf8_lossy(&kind)) {
        return Err(denied("this body's Content-Type is not XML in UTF-8".into()));
    }
    let secret = std::str::from_utf8(secret.expose()).ok().filter(|text| !text.contains(|c: char| c.is_control()));
    let Some(secret) = secret else { return Err(credential::unusable(name, "it is not text without control characters")) };
    let body = std::str::from_utf8(body).map_err(|_| denied("this body is not UTF-8".into()))?;
    write(body, element, secret).map(Applied::Body).map_err(denied)
}

fn is_utf8_xml(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let xml = kind == "text/xml" || kind.starts_with("application/") && (kind.ends_with("/xml") || kind.ends_with("+xml"));
    xml && parts.all(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        name.trim() != "charset" || matches!(value.trim().trim_matches('"'), "utf-8" | "us-ascii")
    })
}

/// The body with the secret as the text of the element, which must be there once, empty.
fn write(body: &str, element: &str, secret: &str) -> Result<Bytes, String> {
    let wanted: Vec<&str> = element.trim_start_matches('/').split('/').collect();
    let (mut at, mut found, mut roots) = (Vec::<String>::new(), 0_usize, 0_usize);
    // The element has begun and must end at once.
    let mut open = false;
    let mut reader = Reader::from_str(body);
    reader.config_mut().check_comments = true;
    let mut out = Writer::new(Vec::with_capacity(body.len() + secret.len() + 64));
    loop {
        let event = reader.read_event().map_err(|error| format!("this body is no XML: {error}"))?;
        if open && !matches!(event, Event::End(_)) {
            return Err("the plugin has written something into it".into());
        }
        let is_empty = matches!(event, Event::Empty(_));
        match &event {
            Event::Eof => break,
            Event::Decl(decl) => {
                let encoding = decl.encoding().transpose().map_err(|error| format!("this body is no XML: {error}"))?;
                if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("utf-8")) {
                    return Err("this body says that it is not UTF-8".into());
                }
            }
            Event::DocType(_) => return Err("this body has a document type".into()),
            Event::PI(_) => return Err("this body has a processing instruction".into()),
            Event::Start(start) | Event::Empty(start) => {
                roots += usize::from(at.is_empty());
                at.push(start.local_name().as_ref().to_owned());
                let on_the_way = at.len() <= wanted.len() && at.iter().zip(&wanted).all(|(one, other)| one == other);
                let is_place = on_the_way && at.len() == wanted.len();
                attributes(start, on_the_way)?;
                found += usize::from(is_place);
                open = is_place && !is_empty;
                if is_empty {
                    at.pop();
                }
                if is_place && is_empty {
                    put(&mut out, Event::Start(start.borrow()))?;
                    put(&mut out, Event::Text(BytesText::new(secret)))?;
                    put(&mut out, Event::End(start.to_end()))?;
                    continue;
                }
            }
            Event::End(_) => {
                if std::mem::take(&mut open) {
                    put(&mut out, Event::Text(BytesText::new(secret)))?;
                }
                at.pop();
            }
            Event::Text(_) | Event::CData(_) | Event::Comment(_) | Event::GeneralRef(_) => {}
        }
        put(&mut out, event)?;
    }
    match (found, at.is_empty() && roots == 1) {
        (1, true) => Ok(Bytes::from(out.into_inner())),
        (_, false) => Err("this body is not one whole document".into()),
        (0, true) => Err("it is not in this body".into()),
        (more, true) => Err(format!("this body has it {more} times")),
    }
}

fn put(out: &mut Writer<Vec<u8>>, event: Event<'_>) -> Result<(), String> {
    out.write_event(event).map_err(|error| format!("it cannot be written: {error}"))
}

/// They are well-formed, and on the way to the secret there is nothing that another element could refer to.
fn attributes(start: &BytesStart<'_>, on_the_way: bool) -> Result<(), String> {
    for attribute in start.attributes() {
        let Attribute { key, .. } = attribute.map_err(|error| format!("this body is no XML: {error}"))?;
        let local = key.local_name().as_ref().to_ascii_lowercase();
        if on_the_way && key.as_namespace_binding().is_none() && !ON_THE_WAY.contains(&local.as_str()) {
            return Err(format!("an element on the way to it has the attribute {local:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: &str = "/Envelope/Body/run/password";
    const GOOD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<s:Envelope xmlns:s=\"urn:s\"><s:Body><run><name a='1'>x &amp; y</name><password t:type=\"x\"></password><other/></run></s:Body></s:Envelope>";

    #[track_caller]
    fn refused(from: &str, to: &str, says: &str) {
        assert!(GOOD.contains(from), "{from} is not in the good body");
        let error = write(&GOOD.replacen(from, to, 1), PLACE, "secret").expect_err(to);
        assert!(error.contains(says), "{to}: {error}");
    }

    #[test]
    fn the_secret_is_written_into_its_element_and_nothing_else_changes() {
        let expected = GOOD.replacen("\"x\"></", "\"x\">a&lt;b&amp;&quot;c</", 1);
        assert_eq!(write(GOOD, PLACE, "a<b&\"c").as_deref(), Ok(expected.as_bytes()));
        let short = GOOD.replacen("\"x\"></password>", "\"x\"/>", 1);
        assert_eq!(write(&short, PLACE, "a<b&\"c").as_deref(), Ok(expected.as_bytes()));
    }

    #[test]
    fn what_a_server_could_read_otherwise_is_refused() {
        refused("<password t:type=\"x\"></password>", "", "not in this body");
        refused("<other/>", "<password/>", "2 times");
        refused("</s:Body>", "</s:Body><s:Body><run><password/></run></s:Body>", "2 times");
        refused("\"x\"></", "\"x\">mine</", "written something");
        refused("\"x\"></", "\"x\"><!-- --></", "written something");
        refused("\"x\"></", "\"x\"><a/></", "written something");
        // By its id another element could ask for the same text, and be stored.
        refused("t:type=\"x\"", "id=\"p\"", "attribute \"id\"");
        refused("<run>", "<run wsu:Id=\"p\">", "attribute \"id\"");
        refused("<s:Body>", "<s:Body xml:id=\"p\">", "attribute \"id\"");
        refused("t:type=\"x\"", "href=\"#p\"", "attribute \"href\"");
        refused("<s:Envelope", "<!DOCTYPE a [<!ENTITY b \"c\">]><s:Envelope", "document type");
        refused("<run>", "<run><?php x?>", "processing instruction");
        refused("encoding=\"UTF-8\"", "encoding=\"UTF-7\"", "not UTF-8");
        refused("</s:Envelope>", "", "not one whole document");
        refused("</s:Envelope>", "</s:Envelope><s:Envelope/>", "not one whole document");
        refused("</run>", "</other>", "no XML");
        refused("<name a", "<name b=2 a", "no XML");
        refused("<name a", "<name a='0' a", "no XML");
        refused("x &amp; y", "x & y", "no XML");
    }

    #[test]
    fn a_body_is_xml_in_utf_8() {
        for good in
            ["text/xml", "text/xml; charset=utf-8", "application/soap+xml;charset=\"utf-8\";action=\"x\"", "application/xml"]
        {
            assert!(is_utf8_xml(good), "{good}");
        }
        for bad in ["", "application/json", "text/xml; charset=utf-7", "text/xml;charset=iso-8859-1", "multipart/related"] {
            assert!(!is_utf8_xml(bad), "{bad}");
        }
    }
}
