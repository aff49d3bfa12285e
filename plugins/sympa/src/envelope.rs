//! The SOAP envelope of a call: written by a writer of XML, never put together from texts.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use std::io;

use crate::api::Settings;

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const ENCODING: &str = "http://schemas.xmlsoap.org/soap/encoding/";
/// Sympa's namespace.
pub(crate) const SYMPA: &str = "urn:sympasoap";
/// The call that every other one is wrapped in.
pub(crate) const CALL: &str = "authenticateRemoteAppAndRun";

/// A call of `service` for a user. None: an argument has a character that XML has no way to say.
pub(crate) fn call(settings: &Settings, user: &str, service: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let others = [user, settings.application.as_str()];
    if !arguments.iter().chain(&others).all(|text| text.chars().all(is_character)) {
        return None;
    }
    let mut writer = Writer::new(Vec::new());
    // Memory takes whatever is written.
    write(&mut writer, settings, user, service, arguments).ok()?;
    Some(writer.into_inner())
}

/// Whether XML 1.0 can say it (production `Char`).
fn is_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn write(out: &mut Writer<Vec<u8>>, settings: &Settings, user: &str, service: &str, arguments: &[&str]) -> io::Result<()> {
    out.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let envelope = out.create_element("soap:Envelope").with_attributes([
        ("xmlns:soap", SOAP),
        ("xmlns:enc", ENCODING),
        ("xmlns:xsd", "http://www.w3.org/2001/XMLSchema"),
        ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
        ("soap:encodingStyle", ENCODING),
    ]);
    envelope.write_inner_content(|out| {
        out.create_element("soap:Body").write_inner_content(|out| {
            let name = format!("n:{CALL}");
            let call = out.create_element(name).with_attribute(("xmlns:n", SYMPA));
            call.write_inner_content(|out| {
                text(out, "appname", &settings.application)?;
                // Left empty: the host writes the password into it.
                text(out, "apppassword", "")?;
                text(out, "vars", &format!("USER_EMAIL={user}"))?;
                text(out, "service", service)?;
                let count = format!("xsd:string[{}]", arguments.len());
                let list = out
                    .create_element("parameters")
                    .with_attributes([("enc:arrayType", count.as_str()), ("xsi:type", "enc:Array")]);
                list.write_inner_content(|out| arguments.iter().try_for_each(|argument| text(out, "item", argument)))?;
                Ok(())
            })?;
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(())
}

fn text(out: &mut Writer<Vec<u8>>, name: &str, text: &str) -> io::Result<()> {
    let element = out.create_element(name).with_attribute(("xsi:type", "xsd:string"));
    // A reader makes a line feed of a carriage return that is not spelled by its number.
    element.write_inner_content(|out| {
        for (nth, part) in text.split('\r').enumerate() {
            if nth > 0 {
                out.write_event(Event::GeneralRef(quick_xml::events::BytesRef::new("#13")))?;
            }
            out.write_event(Event::Text(BytesText::new(part)))?;
        }
        Ok(())
    })?;
    Ok(())
}
