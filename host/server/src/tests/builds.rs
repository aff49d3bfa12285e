//! Another build of a plugin waits: it is looked at, then put in force or declined, and never another than was looked at.

use nave_hub::api::{BuildLine, GrantsAnswer, PluginLine, PowersView, UpgradeAnswer, UpgradeHow};

use super::*;

pub(super) fn plugin() -> PluginLine {
    PluginLine {
        name: "hubspot".into(),
        version: "1.0.0".into(),
        held: Some("1.1.0".into()),
        connections: vec!["crm".into()],
        present: true,
        ..PluginLine::default()
    }
}

pub(super) fn grants() -> GrantsAnswer {
    let view = |name: &str, power: &str, not_granted: &[&str]| PowersView {
        name: name.into(),
        powers: vec![power.into()],
        not_granted: not_granted.iter().map(|line| (*line).to_owned()).collect(),
        ..PowersView::default()
    };
    GrantsAnswer {
        plugins: vec![view("hubspot", "reads contacts", &[]), view("xero", "reads invoices", &[])],
        connections: vec![view("crm", "GET https://api.hubapi.test", &["POST /batch"]), view("books", "elsewhere", &[])],
    }
}

pub(super) fn upgrade(how: UpgradeHow) -> UpgradeAnswer {
    UpgradeAnswer {
        plugin: "hubspot".into(),
        from: BuildLine { version: "1.0.0".into(), ..BuildLine::default() },
        to: BuildLine { version: "1.1.0".into(), serial: 11, digest: "beef".into() },
        powers_added: vec!["may POST to `/exports`".into()],
        writes: vec!["sends `vip = true`".into()],
        state: if how == UpgradeHow::Check { "checked" } else { "in-force" }.into(),
        ..UpgradeAnswer::default()
    }
}

#[tokio::test]
async fn a_build_that_waits_is_looked_at_before_it_is_put_in_force() {
    let server = Server::new();
    let (cookie, form_token) = server.sign_in().await;
    let (_, _, page) = server.ask("GET /reviews", &[HOST, &cookie], "").await;
    assert!(page.contains("href=\"/plugins/hubspot\"") && page.contains("1.1.0"), "it waits with all else: {page}");
    let (_, _, page) = server.ask("GET /plugins/hubspot", &[HOST, &cookie], "").await;
    for part in [
        "may POST to",
        "/exports",
        "vip = true",
        "reads contacts",
        "GET https://api.hubapi.test",
        "POST /batch",
        "value=\"beef\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("reads invoices") && !page.contains("elsewhere"), "of this plugin alone: {page}");
    let (status, ..) = server.ask("GET /plugins/nothing", &[HOST, &cookie], "").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let headers = [HOST, &cookie, FORM, "origin: http://localhost:6283"];
    for (body, expected) in [
        ("form_token=guessed&digest=beef&what=approve".to_owned(), 403),
        (format!("form_token={form_token}&digest=beef&what=else"), 400),
        (format!("form_token={form_token}&digest=cafe&what=approve"), 400),
    ] {
        let (status, _, text) = server.ask("POST /plugins/hubspot/upgrade", &headers, &body).await;
        assert_eq!(status.as_u16(), expected, "{body}: {text}");
    }
    let decides = |asked: &Asked| matches!(asked.request, Request::PluginUpgrade { how, .. } if how != UpgradeHow::Check);
    assert!(!server.fake.asked.lock().unwrap().iter().any(decides), "nothing was put in force");
    for (what, how) in [("approve", UpgradeHow::Approve), ("decline", UpgradeHow::Decline)] {
        let body = format!("form_token={form_token}&digest=beef&what={what}");
        let (status, answer, _) = server.ask("POST /plugins/hubspot/upgrade", &headers, &body).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{answer}");
        let (rollback, other_source) = (false, false);
        let target = "hubspot".to_owned();
        let request = Request::PluginUpgrade { target, how, rollback, other_source, reach: Default::default() };
        assert_eq!(server.last(), Asked::by("ada", request));
    }
}

/// A grant is taken away by our own form alone, and not before the question.
#[tokio::test]
async fn a_grant_goes_after_a_question() {
    let server = Server::new();
    let (cookie, form_token) = server.sign_in().await;
    let headers = [HOST, &cookie, FORM, "origin: http://localhost:6283"];
    let asked_for = |server: &Server| {
        let asked = server.fake.asked.lock().unwrap();
        asked.iter().filter(|asked| matches!(asked.request, Request::AccessRevoke { .. })).cloned().collect::<Vec<_>>()
    };
    let what = "what=endpoint+api&reason=unused";
    let (status, ..) = server.ask("POST /connections/crm/revoke", &headers, &format!("form_token=guessed&sure=yes&{what}")).await;
    assert_eq!((status, asked_for(&server)), (StatusCode::FORBIDDEN, vec![]));
    server.ask("POST /connections/crm/revoke", &headers, &format!("form_token={form_token}&{what}")).await;
    assert_eq!(asked_for(&server), vec![], "it is asked first");
    server.ask("POST /connections/crm/revoke", &headers, &format!("form_token={form_token}&sure=yes&{what}")).await;
    let (what, name, reason) = ("grant".to_owned(), "crm/endpoint api".to_owned(), "unused".to_owned());
    assert_eq!(asked_for(&server), vec![Asked::by("ada", Request::AccessRevoke { what, name, reason })]);
}
