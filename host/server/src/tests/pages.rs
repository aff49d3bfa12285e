//! The pages: what they escape, whose forms decide, and what is shown before something happens.

use super::*;

#[tokio::test]
async fn pages_escape_everything() {
    let server = Server::new();
    let (cookie, _) = server.sign_in().await;
    let (status, _, page) = server.ask("GET /", &[HOST, &cookie], "").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("crm-contacts"), "{page}");
    assert!(!page.contains("<script>alert"), "{page}");
    let (_, _, page) = server.ask("GET /reviews/3", &[HOST, &cookie], "").await;
    assert!(!page.contains("<img src=x>"), "{page}");
    let (status, _, page) = server.ask("GET /connections/crm", &[HOST, &cookie], "").await;
    assert_eq!(status, StatusCode::OK);
    for part in ["90.67 s", "5000 ms", "[settings]\nlag-seconds = 100", "Not as claimed", "Earlier"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("<script>alert") && !page.contains("<b>late"), "{page}");
}

/// Lines 91 and 92: a browser without a session is sent to the system with a mark, and is believed with that mark alone; what a
/// system says is text, and nothing of it is an address to go to.
#[tokio::test]
async fn a_browser_that_comes_back_from_a_system_shows_its_mark() {
    let server = Server::new();
    let (status, headers, _) = server.ask("GET /oauth/start/good", &[HOST], "").await;
    assert_eq!(status.as_u16(), 303);
    assert!(headers.contains("https://login.example/authorize?a=b"), "{headers}");
    for part in ["nave_sign_in=m4rk", "HttpOnly", "SameSite=Lax", "Path=/oauth", "Max-Age=600"] {
        assert!(headers.contains(part), "{part}: {headers}");
    }
    let (status, headers, text) = server.ask("GET /oauth/start/used", &[HOST], "").await;
    assert!(status.as_u16() == 400 && !headers.contains("nave_sign_in"), "{headers}");
    assert!(!text.contains("<b>already"), "{text}");
    let good = "GET /oauth/callback?state=st4te&code=c0de&iss=https%3A%2F%2Flogin.example&redirect=https%3A%2F%2Fevil.example";
    let script = "GET /oauth/callback?state=st4te&error=%3Cscript%3Ealert(1)%3C/script%3E&error_description=%22%3E%3Cscript%3E";
    for (target, headers, expected) in [
        (good, &[HOST, "cookie: nave_session=x; nave_sign_in=m4rk"][..], 200),
        (good, &[HOST], 400),
        (good, &[HOST, "cookie: nave_sign_in=other"], 400),
        (script, &[HOST, "cookie: nave_sign_in=m4rk"], 400),
        ("GET /oauth/callback", &[HOST, "cookie: nave_sign_in=m4rk"], 400),
        ("GET /oauth/callback?state=a&state=b", &[HOST], 400),
        ("GET /oauth/callback?state=%FF", &[HOST], 400),
    ] {
        let (status, answer, text) = server.ask(target, headers, "").await;
        assert_eq!(status.as_u16(), expected, "{target} {headers:?}: {text}");
        for tag in ["<script>", "<i>crm", "<u>read"] {
            assert!(!text.contains(tag), "{target}: {text}");
        }
        assert!(!format!("{answer}{text}").contains("evil.example") && !answer.contains("location"), "{target}: {answer}");
    }
    // The connection's page begins one; a form of another session does not.
    let (cookie, form_token) = server.sign_in().await;
    let ours = "origin: http://localhost:6283";
    let (status, _, text) = server.ask("GET /connections/crm", &[HOST, &cookie], "").await;
    assert!(status.is_success() && text.contains("Agree at the system") && text.contains("/connections/crm/authorize"), "{text}");
    assert!(!text.contains("<script>alert(4)") && !text.contains("<b>admin"), "{text}");
    for (way, shown) in [("browser", "/oauth/start/t1cket"), ("device", "script&#62;AB")] {
        let body = format!("form_token={form_token}&slot=token&way={way}");
        let (status, _, text) = server.ask("POST /connections/crm/authorize", &[HOST, &cookie, FORM, ours], &body).await;
        assert!(status.is_success() && text.contains(shown) && !text.contains("<script>AB"), "{text}");
        let forged = format!("form_token=guessed&slot=token&way={way}");
        let (status, ..) = server.ask("POST /connections/crm/authorize", &[HOST, &cookie, FORM, ours], &forged).await;
        assert_eq!(status.as_u16(), 403);
    }
    for method in ["POST", "PUT"] {
        let (status, ..) = server.ask(&format!("{method} /oauth/callback?state=st4te&code=c0de"), &[HOST], "").await;
        assert_eq!(status.as_u16(), 405);
    }
}

#[tokio::test]
async fn only_our_own_form_decides() {
    let server = Server::new();
    let (cookie, form_token) = server.sign_in().await;
    let body = format!("form_token={form_token}&choice=contact/12&reason=asked+her");
    let forged = "form_token=guessed&choice=new";
    let ours = "origin: http://localhost:6283";
    let cases: &[(&[&str], &str, u16)] = &[
        (&[HOST, &cookie, FORM], &body, 403),
        (&[HOST, &cookie, FORM, "origin: http://evil.example.com"], &body, 403),
        (&[HOST, &cookie, FORM, "origin: null"], &body, 403),
        (&[HOST, &cookie, FORM, ours, "sec-fetch-site: cross-site"], &body, 403),
        (&[HOST, &cookie, FORM, ours, "sec-fetch-site: same-site"], &body, 403),
        (&[HOST, &cookie, FORM, ours], forged, 403),
        (&[HOST, FORM, ours], &body, 303),
        (&[HOST, &cookie, FORM, ours, "sec-fetch-site: same-origin"], &body, 303),
    ];
    for (headers, body, expected) in cases {
        let (status, answer, text) = server.ask("POST /reviews/3", headers, body).await;
        assert_eq!(status.as_u16(), *expected, "{headers:?} {body}: {text}");
        let signed_in = headers.contains(&cookie.as_str());
        assert_eq!(answer.contains("\"/login\""), *expected == 303 && !signed_in, "{headers:?}: {answer}");
    }
    let asked = server.last();
    let choice = DecisionChoice::Existing(RecordId(12));
    let request = Request::ReviewDecide { id: 3, choice, other: false, reason: "asked her".into() };
    assert_eq!(asked, Asked::by("ada", request));
    let decided =
        server.fake.asked.lock().unwrap().iter().filter(|asked| matches!(asked.request, Request::ReviewDecide { .. })).count();
    assert_eq!(decided, 1);
}

/// What came at once and was refused is let in, or detached, from the review's page; what only changed is never detached.
#[tokio::test]
async fn what_was_refused_is_released_from_its_review() {
    let server = Server::new();
    let (cookie, form_token) = server.sign_in().await;
    let (_, _, page) = server.ask("GET /reviews/7", &[HOST, &cookie], "").await;
    let count = |part: &str| page.matches(part).count();
    assert_eq!((count("action=\"/reviews/release\""), count("value=\"let-in\""), count("value=\"detach\"")), (2, 2, 1), "{page}");
    let reason = r#"name="reason" maxlength="500" required pattern=".*\S.*""#;
    assert_eq!((count("name=\"changed\" value=\"true\""), count(reason)), (1, 2), "no release without a reason: {page}");
    assert!(!page.contains("crm/deals") && !page.contains("<script>alert"), "{page}");
    let headers = [HOST, &cookie, FORM, "origin: http://localhost:6283"];
    for body in [
        "form_token=guessed&subject=crm/contacts&what=detach&reason=x".to_owned(),
        format!("form_token={form_token}&subject=crm/contacts&what=else&reason=x"),
        format!("form_token={form_token}&subject=crm&what=detach&reason=x"),
    ] {
        let (status, _, text) = server.ask("POST /reviews/release", &headers, &body).await;
        assert!(status.is_client_error(), "{body}: {status} {text}");
    }
    let is_release = |asked: &Asked| matches!(asked.request, Request::SurgeRelease { .. });
    assert!(!server.fake.asked.lock().unwrap().iter().any(is_release), "nothing was asked of the hub");
    for (more, changed, detach) in [("&what=let-in&changed=true", true, false), ("&what=detach", false, true)] {
        let body = format!("form_token={form_token}&subject=crm%2Fcontacts&reason=a+robot{more}");
        let (status, answer, _) = server.ask("POST /reviews/release", &headers, &body).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{answer}");
        let (connection, stream) = ("crm".to_owned(), "contacts".to_owned());
        let request = Request::SurgeRelease { connection, stream, changed, detach, reason: "a robot".into() };
        assert_eq!(server.last(), Asked::by("ada", request));
    }
}

#[tokio::test]
async fn a_merge_is_shown_before_it_is_started() {
    let server = Server::new();
    let (cookie, form_token) = server.sign_in().await;
    let headers = [HOST, &cookie, FORM, "origin: http://localhost:6283"];
    let merge = |one: &str, other: &str, into: Option<&str>, plan: bool, reason: &str| {
        let record = |text: &str| text.parse().unwrap();
        let (one, other, into) = (record(one), record(other), into.map(record));
        Asked::by("ada", Request::MergeRecords { one, other, into, plan, reason: reason.to_owned() })
    };
    let (status, _, page) =
        server.ask("POST /merges", &headers, "form_token=guessed&one=contact/12&other=contact/15&what=do&reason=x").await; // nave:no-secret
    assert_eq!(status, StatusCode::FORBIDDEN, "{page}");
    let wrong = format!("form_token={form_token}&one=contact/12&other=+&what=plan");
    let (_, _, page) = server.ask("POST /merges", &headers, &wrong).await;
    assert!(page.contains("names no record") && page.contains("contact/12, or crm:5432"), "{page}");
    let asked = |asked: &Asked| matches!(asked.request, Request::MergeRecords { .. });
    assert!(!server.fake.asked.lock().unwrap().iter().any(asked), "nothing was asked of the hub");

    let body = format!("form_token={form_token}&one=contact%2F12&other=crm%3A5432&what=plan");
    let (status, _, page) = server.ask("POST /merges", &headers, &body).await;
    assert_eq!((status, server.last()), (StatusCode::OK, merge("contact/12", "crm:5432", None, true, "")), "{page}");
    for part in ["Nothing has been done yet", "ada@x.test", "name=\"reason\" required", "value=\"contact/15\""] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("<script>alert"), "{page}");

    let body = format!("form_token={form_token}&one=contact/12&other=contact/15&into=contact/12&what=do&reason=one+person");
    let (status, answer, _) = server.ask("POST /merges", &headers, &body).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(answer.contains("\"/merges/4\""), "{answer}");
    assert_eq!(server.last(), merge("contact/12", "contact/15", Some("contact/12"), false, "one person"));
}

/// S9.6: what fails, by system and class, with its runbook and what to type; the numbers are those of the status.
#[tokio::test]
async fn the_health_page_says_what_fails_and_what_a_flow_is_for() {
    let server = Server::new();
    let (cookie, _) = server.sign_in().await;
    let (status, _, page) = server.ask("GET /", &[HOST, &cookie], "").await;
    assert_eq!(status, StatusCode::OK);
    let section = page.split("id=\"failing\"").nth(1).and_then(|rest| rest.split("</table>").next()).expect("the section");
    let cells = |row: &str| -> Vec<String> {
        let cell = |cell: &str| cell.split_once('>').map(|(_, text)| plain(text)).filter(|text| !text.is_empty());
        row.split("<t").skip(1).filter(|part| part.starts_with('d') || part.starts_with('h')).filter_map(cell).collect()
    };
    let rows: Vec<Vec<String>> = section.split("<tr").skip(2).map(cells).collect();
    assert_eq!(
        rows,
        [
            vec!["books", "41", "all", "9", "5"],
            vec!["length", "7", "5", "nave dlq list --flow books-contacts --class length"],
            vec!["unavailable", "2", "0", "nave runbook breaker-open"],
        ]
    );
    for link in ["href=\"/runbooks/length\"", "href=\"/runbooks/breaker-open\""] {
        assert!(section.contains(link), "{link}: {section}");
    }
    assert!(page.contains("invoicing: an invoice to an old address is &#60;not&#62; paid"), "{page}");
}

/// Text without tags and ends.
fn plain(html: &str) -> String {
    let mut text = String::new();
    let mut tag = false;
    for c in html.chars() {
        match c {
            '<' => tag = true,
            '>' => tag = false,
            c if !tag => text.push(c),
            _ => {}
        }
    }
    text.trim().to_owned()
}
