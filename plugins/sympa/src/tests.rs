//! The connector as the hub uses it, against answers as Sympa 6.2.70 gives them.

use nave_sdk::http::{Error, RawRequest, Response};
use nave_sdk::prelude::*;
use nave_sdk::serde_json::{self, Value, json};
use nave_sdk::testing::{FakeHost, ODD, reply};

use crate::Sympa;
use crate::value::{self, Element};

/// An answer around this result or fault.
fn soap(status: u16, within: &str) -> Result<Response, Error> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsi=\"i\"><soap:Body>{within}</soap:Body></soap:Envelope>"
    );
    Ok(Response {
        status,
        headers: vec![("Content-Type".to_owned(), "text/xml; charset=utf-8".to_owned())],
        body: body.into_bytes(),
    })
}

fn done(result: &str) -> Result<Response, Error> {
    soap(
        200,
        &format!("<authenticateRemoteAppAndRunResponse xmlns=\"urn:sympasoap\">{result}</authenticateRemoteAppAndRunResponse>"),
    )
}

fn yes() -> Result<Response, Error> {
    done("<result xsi:type=\"xsd:boolean\">true</result>")
}

fn fault(string: &str, detail: &str) -> Result<Response, Error> {
    soap(
        500,
        &format!(
            "<soap:Fault><faultcode>soap:Server</faultcode><faultstring>{string}</faultstring><detail>{detail}</detail></soap:Fault>"
        ),
    )
}

fn member(email: &str, name: &str, is: bool) -> String {
    format!("<item><gecos xsi:type=\"xsd:string\">{name}</gecos><isSubscriber>{is}</isSubscriber><email>{email}</email></item>")
}

/// What was asked: the user, the service and its arguments.
fn asked(request: &RawRequest) -> (String, String, Vec<String>) {
    let root = value::parse(request.body.as_deref().expect("a body")).expect("an envelope");
    let call = root.child("Body").and_then(|body| body.child("authenticateRemoteAppAndRun")).expect("the call");
    assert_eq!(call.text_of("apppassword").as_deref(), Some(""), "the host writes it");
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/sympasoap"));
    let arguments = call.child("parameters").expect("arguments").children.iter().filter_map(Element::says).collect();
    let user = call.text_of("vars").unwrap_or_default();
    let user = user.strip_prefix("USER_EMAIL=").expect("a user").to_owned();
    (user, call.text_of("service").unwrap_or_default(), arguments)
}

fn host(mut answer: impl FnMut(&str, &str, &[&str]) -> Result<Response, Error> + 'static) -> FakeHost {
    FakeHost::new().settings(json!({"application": "nave", "user": "post@x.test", "list": "news"}).to_string().as_str()).answer(
        move |_, request| {
            let (user, service, arguments) = asked(request);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            answer(&user, &service, &arguments)
        },
    )
}

fn bodies(page: &Page) -> Vec<Value> {
    page.records.iter().map(|record| serde_json::from_slice(&record.body).unwrap_or_default()).collect()
}

fn delivery(operation: WriteOperation, changed: &Value) -> Delivery {
    let bytes = changed.to_string().into_bytes();
    Delivery { id: "d".to_owned(), operation, if_version: None, changed: bytes.clone(), desired: bytes }
}

fn write(host: FakeHost, operation: WriteOperation, changed: &Value) -> Outcome {
    let one = delivery(operation, changed);
    host.run(|| Sympa::write("members", vec![one])).0.map(|mut all| all.remove(0)).expect("an outcome")
}

#[test]
fn members_are_read_in_pages_by_their_addresses() {
    let rows = [
        member("zoe@x.test", "Zo\u{c3}\u{ab} New", true),
        member("Ada@x.test", "Ada &amp; Co.", true),
        member("owner@x.test", "Post Master", false),
        member("info@x.test", "", true),
    ];
    let rows = rows.concat();
    let host = host(move |user, service, arguments| {
        assert_eq!((user, service, arguments), ("post@x.test", "fullReview", ["news"].as_slice()));
        done(&format!("<return>{rows}</return>"))
    });
    host.run(|| {
        let first = Sympa::read("members", None, 2).expect("a page");
        let ada = json!({"email": "ada@x.test", "gecos": "Ada & Co.", "first_name": "Ada &", "last_name": "Co."});
        let info = json!({"email": "info@x.test", "gecos": "", "first_name": null, "last_name": null});
        assert_eq!((bodies(&first), first.more, first.complete_scan), (vec![ada, info], true, false));
        let last = Sympa::read("members", Some(first.next), 2).expect("a page");
        assert_eq!((bodies(&last)[0]["gecos"].as_str(), last.more, last.complete_scan), (Some("Zoë New"), false, true));
        let again = Sympa::read("members", Some(last.next), 9).expect("a page");
        assert_eq!((again.records.len(), again.complete_scan), (3, true), "from the beginning, without who owns only");
    });
}

#[test]
fn a_row_without_an_address_is_handed_on_and_the_scan_is_not_whole() {
    let host = host(|_, _, _| done(&format!("<return>{}<item><gecos>x</gecos></item></return>", member("a@x.test", "A", true))));
    let page = host.run(|| Sympa::read("members", None, 9)).0.expect("a page");
    assert_eq!((page.records.len(), page.complete_scan, page.records[0].remote_id.as_str()), (2, false, ""));
}

#[test]
fn one_member_is_asked_for_as_itself() {
    let host = host(|user, service, _| match (user, service) {
        ("zoe@x.test", "getDetails") => done("<return><gecos xsi:type=\"xsd:base64Binary\">Wm/DqyBOZXc=</gecos></return>"),
        ("gone@x.test", "getDetails") => fault("Not a subscriber to this list", "Use : &amp;lt;list&amp;gt;"),
        // With a comma in it the application would name another variable.
        ("post@x.test", "fullReview") => done(&format!("<return>{}</return>", member("a,user_email=b@x.test", "A", true))),
        other => panic!("{other:?}"),
    });
    let ids = ["zoe@x.test", "gone@x.test", "a,user_email=b@x.test"].map(str::to_owned).to_vec();
    let got = host.run(|| Sympa::get("members", ids)).0.expect("records");
    assert_eq!(serde_json::from_slice::<Value>(&got[0].body).expect("a body")["gecos"], "Zoë New");
    assert_eq!((&got[1].operation, &got[2].operation), (&Operation::Delete, &Operation::Upsert));
}

#[test]
fn lists_are_read() {
    let row = "<item><listAddress>news@x.test</listAddress><subject>Letter</subject><homepage>http://x.test/i</homepage></item>";
    let host = host(move |_, service, _| {
        assert_eq!(service, "complexLists");
        done(&format!("<listInfo>{row}</listInfo>"))
    });
    let page = host.run(|| Sympa::read("lists", None, 9)).0.expect("a page");
    let expected = json!({"listAddress": "news@x.test", "name": "news", "subject": "Letter", "homepage": "http://x.test/i"});
    assert_eq!((bodies(&page), page.complete_scan), (vec![expected], true));
}

#[test]
fn a_member_is_added_under_its_name_without_a_mail_and_read_back() {
    let host = host(|user, service, arguments| match service {
        "add" => {
            assert_eq!((user, arguments), ("post@x.test", ["news", "zoe@x.test", "Zoë <N> & \"Co\"", "1"].as_slice()));
            yes()
        }
        _ => done("<return><gecos>Zoë &lt;N&gt;</gecos></return>"),
    });
    let outcome =
        write(host, WriteOperation::Create, &json!({"email": "Zoe@x.test", "first_name": "Zoë <N>", "last_name": "& \"Co\""}));
    let Outcome::Written(written) = outcome else { panic!("{outcome:?}") };
    assert_eq!(written.remote_id, "zoe@x.test");
    assert!(String::from_utf8_lossy(&written.body).contains("Zoë <N>"));
}

/// What a change comes to, by what Sympa answers to it and to a question about the member.
#[test]
fn a_write_is_what_sympa_says_of_it() {
    type Answer = fn() -> Result<Response, Error>;
    const THERE: Answer = || done("<return><gecos>Ada</gecos></return>");
    const GONE: Answer = || fault("Not a subscriber to this list", "");
    const REFUSED: Answer = || fault("Undef", "déjà abonné");
    let create = || WriteOperation::Create;
    let update = || WriteOperation::Update("a@x.test".to_owned());
    let delete = || WriteOperation::Delete("a@x.test".to_owned());
    let (new, name) = (json!({"email": "a@x.test"}), json!({"gecos": "Ada Byron"}));
    for (operation, changed, answer, member, expected) in [
        (create(), &new, REFUSED, THERE, "duplicate"),
        (create(), &new, REFUSED, GONE, "other"),
        (create(), &new, (|| fault("Unable to add user", "Invalid email address provided")) as Answer, GONE, "format"),
        (create(), &new, || fault("Not allowed.", ""), GONE, "forbidden"),
        (create(), &new, || fault("Internal error", ""), GONE, "unknown"),
        (create(), &new, || Err(Error::NoAnswer("cut".to_owned())), GONE, "unknown"),
        (create(), &new, || reply(502, "<html>"), GONE, "unknown"),
        (create(), &new, || reply(200, "<html>sign in</html>"), GONE, "unknown"),
        (create(), &new, || reply(200, ""), GONE, "unknown"),
        (create(), &new, || done("<result>false</result>"), GONE, "unknown"),
        (create(), &json!({"gecos": "x"}), || fault("Incorrect number of parameters", "Use : &lt;email&gt;"), GONE, "other"),
        (create(), &json!({"email": "a@x.test", "gecos": "a\u{0}b"}), yes, GONE, "format"),
        (update(), &name, yes, GONE, "gone"),
        // Answered with yes, and what is there is the name of before.
        (update(), &name, yes, THERE, "other"),
        (update(), &json!({"gecos": "Ada"}), || panic!("there is nothing to change"), THERE, "written"),
        (update(), &json!({"gecos": null}), || panic!("it takes none away"), THERE, "read-only"),
        (update(), &json!({"email": "b@x.test"}), || panic!("it changes none"), THERE, "read-only"),
        (delete(), &json!({}), yes, THERE, "written"),
        (delete(), &json!({}), REFUSED, GONE, "gone"),
        (delete(), &json!({}), REFUSED, THERE, "other"),
    ] {
        let shown = format!("{operation:?} {changed}");
        let host = host(move |_, service, _| if service == "getDetails" { member() } else { answer() });
        let came = match write(host, operation, changed) {
            Outcome::Written(_) => "written".to_owned(),
            Outcome::Gone => "gone".to_owned(),
            Outcome::Unknown(_) => "unknown".to_owned(),
            Outcome::Rejected(rejection) => rejection.class,
            other => format!("{other:?}"),
        };
        assert_eq!(came, expected, "{shown}");
    }
}

#[test]
fn a_name_is_changed_as_the_member_by_the_part_that_changed() {
    let mut now = "Ada Lovelace";
    let host = host(move |user, service, arguments| {
        assert_eq!(user, "ada@x.test");
        if service == "setDetails" {
            assert_eq!(arguments, ["news", "Ada Byron"]);
            now = "Ada Byron";
            return yes();
        }
        done(&format!("<return><gecos>{now}</gecos></return>"))
    });
    let outcome = write(host, WriteOperation::Update("ada@x.test".to_owned()), &json!({"last_name": "Byron"}));
    assert!(matches!(outcome, Outcome::Written(_)), "{outcome:?}");
}

#[test]
fn a_reading_call_fails_by_what_the_fault_means() {
    for (string, expected) in [
        ("Authentication failed", "Unauthorized"),
        ("User not authenticated", "Misconfigured"),
        ("Not enough privileges", "Misconfigured"),
        ("Unknown list", "Misconfigured"),
        ("Can't locate object", "Unavailable"),
    ] {
        let host = host(move |_, _, _| fault(string, "x"));
        let failure = host.run(|| Sympa::read("members", None, 9)).0.expect_err(string);
        assert!(format!("{failure:?}").starts_with(&format!("Failure::{expected}")), "{string}: {failure:?}");
    }
    for (status, expected) in [(401, "Unauthorized"), (429, "RetryAfter"), (502, "Unavailable"), (200, "Unavailable")] {
        let host = host(move |_, _, _| reply(status, "<html><body>no</body></html>"));
        let failure = host.run(|| Sympa::read("members", None, 9)).0.expect_err("no envelope");
        assert!(format!("{failure:?}").starts_with(&format!("Failure::{expected}")), "{status}: {failure:?}");
    }
}

/// A value is a value, whatever it looks like.
#[test]
fn odd_values_stay_arguments() {
    for odd in ODD
        .iter()
        .chain(&["</item><item>", "]]>", "&amp;", "<apppassword></apppassword>", "\r\n"])
        .filter(|odd| !odd.contains('\0'))
    {
        let host = host(move |_, service, arguments| match service {
            "add" => {
                assert_eq!(arguments, ["news", "a@x.test", odd, "1"]);
                yes()
            }
            _ => done("<return><gecos>x</gecos></return>"),
        });
        let outcome = write(host, WriteOperation::Create, &json!({"email": "a@x.test", "gecos": odd}));
        assert!(matches!(outcome, Outcome::Written(_)), "{odd}: {outcome:?}");
    }
}
