//! The top of a description: names, address, credentials, what every request carries, where refusals say what they are.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::document::{Document, METHODS};
use super::stream::List;
use super::text::{folded, key, plain, quoted, slug, todo};

/// Operations that are looked at for what refusals hold.
const ASKED_MAX: usize = 20;

/// From the name to `[request]`.
pub(super) fn top(name: &str, document: &Document, lists: &[&List<'_>]) -> String {
    let root = document.root();
    let title = root["info"]["title"].as_str().map(plain).filter(|title| !title.is_empty()).unwrap_or_else(|| name.to_owned());
    let names: Vec<&str> = lists.iter().take(4).map(|list| list.name.as_str()).collect();
    let about = format!("Reads and writes {}{}.", names.join(", "), if lists.len() > 4 { " and more" } else { "" });
    let mut text = format!(
        "# Made of the OpenAPI document of {}. Look through it: what the document does not say is marked TODO.\n\
         # Every key: plugins/rest/README.md. Next: `nave plugin build .`\n\
         name = {}\nversion = \"0.1.0\"\nserial = 1\ntitle = {}\ndescription = {}\n",
        plain(&title),
        quoted(name),
        quoted(&title),
        quoted(&about)
    );
    let mut settings: BTreeSet<String> = lists.iter().flat_map(|list| list.settings(document)).collect();
    let headers = headers(document, lists);
    settings.extend(headers.iter().map(|name| slug(name)));
    text.push_str(&address(root, &mut settings));
    for setting in settings.iter().filter(|setting| *setting != "url") {
        let _ = write!(text, "\n[settings.{setting}]\nlabel = {}\nrequired = true\n", quoted(setting));
    }
    let signing = signing(document);
    let _ = write!(
        text,
        "\n[endpoints.api]\nbase = \"{{settings.url}}\"\n{}reason = \"to read and write {}\"\n",
        if signing.kinds.is_empty() { "" } else { "credential = \"key\"\n" },
        names.join(", ")
    );
    text.push_str(&signing.endpoints);
    match signing.kinds.as_slice() {
        [] => text.push_str(&todo("How does one sign in? The document does not say. Write [credentials.key] with kinds and reason, and credential = \"key\" above.", &[])),
        kinds => {
            let _ = write!(text, "\n[credentials.key]\n");
            if kinds.len() > 1 {
                text.push_str("# TODO Which of these ways is yours? The first is the default.\n");
            }
            let _ = write!(text, "kinds = [\n{}]\nreason = {}\n", kinds.iter().map(|kind| format!("  {kind},\n")).collect::<String>(), quoted(&format!("{title} asks for a credential")));
        }
    }
    text.push_str(&signing.open);
    let _ = write!(text, "\n[request]\nendpoint = \"api\"\n");
    if !headers.is_empty() {
        let all: Vec<String> = headers.iter().map(|name| format!("{} = \"{{settings.{}}}\"", key(name), slug(name))).collect();
        let _ = writeln!(text, "headers = {{ {} }}", all.join(", "));
    }
    text
}

/// The setting `url`, with the document's first address as its default.
fn address(root: &Value, settings: &mut BTreeSet<String>) -> String {
    let servers: Vec<&str> =
        root["servers"].as_array().into_iter().flatten().filter_map(|server| server["url"].as_str()).collect();
    let mut text = "\n[settings.url]\nlabel = \"Address\"\ntype = \"url\"\n".to_owned();
    let first = servers.first().map(|url| url.trim_end_matches('/')).unwrap_or_default();
    let whole = (first.starts_with("https://") || first.starts_with("http://")) && !first.contains('{');
    match whole {
        true => drop(writeln!(text, "default = {}", quoted(first))),
        false => {
            let _ = writeln!(
                text,
                "help = {}",
                quoted(&format!("Address of the API: {}", if first.is_empty() { "https://api.example.com" } else { first }))
            );
            text.push_str("required = true\n");
        }
    }
    if servers.len() > 1 {
        let others: Vec<String> = servers.iter().map(|url| (*url).to_owned()).collect();
        text.push_str(&todo("Which address is yours?", &others));
    }
    settings.remove("url");
    text
}

/// Headers that requests must carry, besides what signs them.
fn headers(document: &Document, lists: &[&List<'_>]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for list in lists {
        let paths = [Some(list.path.as_str()), list.one.as_ref().map(|(one, _)| one.as_str())];
        for path in paths.into_iter().flatten() {
            for operation in METHODS.iter().filter_map(|method| document.operation(path, method)) {
                let all = document.parameters(path, operation);
                let fits = |name: &str| {
                    !matches!(folded(name).as_str(), "authorization" | "accept" | "contenttype" | "cookie" | "host" | "ifmatch")
                        && !folded(name).contains("idempotency")
                };
                names.extend(all.iter().filter(|p| p.required && p.place == "header" && fits(p.name)).map(|p| p.name.to_owned()));
            }
        }
    }
    names
}

/// Ways to sign in.
#[derive(Default)]
struct Signing {
    kinds: Vec<String>,
    endpoints: String,
    open: String,
}

fn signing(document: &Document) -> Signing {
    let mut signing = Signing::default();
    let schemes = document.root()["components"]["securitySchemes"].as_object().into_iter().flatten();
    for (name, scheme) in schemes.map(|(name, scheme)| (name, document.deref(scheme))) {
        let text = |key: &str| scheme[key].as_str().unwrap_or_default();
        match (text("type"), text("scheme").to_lowercase().as_str(), text("in")) {
            ("http", "bearer", _) => signing.kinds.push("{ kind = \"bearer\" }".to_owned()),
            ("http", "basic", _) => signing.kinds.push("{ kind = \"basic\" }".to_owned()),
            ("apiKey", _, "header") if folded(text("name")) == "authorization" => {
                signing.open.push_str(&todo(
                    "Which word stands before the token in Authorization? Written { kind = \"bearer\", scheme = \"…\" }",
                    &[],
                ));
                signing.kinds.push("{ kind = \"bearer\" }".to_owned());
            }
            ("apiKey", _, "header") => signing.kinds.push(format!("{{ kind = \"header\", name = {} }}", quoted(text("name")))),
            ("apiKey", _, "query") => signing.kinds.push(format!("{{ kind = \"query\", name = {} }}", quoted(text("name")))),
            ("oauth2", ..) => oauth(scheme, &mut signing),
            (kind, ..) => signing
                .open
                .push_str(&todo(&format!("The document signs in by {} ({kind}), which is not carried over.", plain(name)), &[])),
        }
    }
    signing.kinds.dedup();
    signing
}

fn oauth(scheme: &Value, signing: &mut Signing) {
    let flow = |name: &str| Some(&scheme["flows"][name]).filter(|flow| flow.is_object());
    let split = |url: &str| -> Option<(String, String)> {
        let url = url::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "https" | "http") && url.host().is_some())?;
        Some((url.origin().ascii_serialization(), url.path().to_owned()))
    };
    let endpoint = |name: &str, base: &str, reason: &str, into: &mut String| {
        if !into.contains(&format!("[endpoints.{name}]")) {
            let _ = write!(into, "\n[endpoints.{name}]\nbase = {}\nreason = {}\n", quoted(base), quoted(reason));
        }
    };
    let token = |flow: &Value| split(flow["tokenUrl"].as_str().unwrap_or_default());
    if let Some(code) = flow("authorizationCode")
        && let (Some((from, path)), Some((to, token_path))) =
            (split(code["authorizationUrl"].as_str().unwrap_or_default()), token(code))
    {
        endpoint("sign-in", &from, "to ask a person to agree", &mut signing.endpoints);
        endpoint("token", &to, "to get and renew access tokens", &mut signing.endpoints);
        signing.kinds.push(format!(
            "{{ kind = \"oauth2\", authorization = {{ endpoint = \"sign-in\", path = {} }}, token = {{ endpoint = \"token\", path = {} }} }}",
            quoted(&path),
            quoted(&token_path)
        ));
        let scopes: Vec<String> = code["scopes"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
        signing.open.push_str(&todo(
            "Which scopes are needed? Write under [credentials.key]: scopes = [{ name = \"…\", reason = \"…\" }]",
            &scopes,
        ));
    } else if let Some(client) = flow("clientCredentials")
        && let Some((to, path)) = token(client)
    {
        endpoint("token", &to, "to get access tokens", &mut signing.endpoints);
        signing.kinds.push(format!("{{ kind = \"oauth-client-credentials\", endpoint = \"token\", path = {} }}", quoted(&path)));
    } else {
        signing.open.push_str(&todo(
            "The document signs in by OAuth 2 in a way that is not carried over; a token of your own goes as bearer.",
            &[],
        ));
        signing.kinds.push("{ kind = \"bearer\" }".to_owned());
    }
}

/// `[errors]`: where refusals hold code, words and field.
pub(super) fn errors(document: &Document) -> String {
    let (mut code, mut message, mut field) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut asked = 0;
    for (_, item) in document.paths() {
        for operation in METHODS.iter().filter_map(|method| item.get(*method)) {
            let responses = operation["responses"].as_object().into_iter().flatten();
            let refusals = responses.filter(|(status, _)| status.starts_with('4') || *status == "default");
            for schema in refusals.filter_map(|(_, response)| document.content(response)) {
                asked += 1;
                look(document, schema, "", 0, &mut code, &mut message, &mut field);
            }
        }
        if asked > ASKED_MAX {
            break;
        }
    }
    let line = |key: &str, all: &BTreeSet<String>| {
        // What lies deeper says more.
        let mut all: Vec<&String> = all.iter().collect();
        all.sort_by_key(|pointer| std::cmp::Reverse(pointer.matches('/').count()));
        let all: Vec<String> = all.into_iter().take(4).map(|pointer| quoted(pointer)).collect();
        if all.is_empty() { String::new() } else { format!("{key} = [{}]\n", all.join(", ")) }
    };
    let lines = [line("code", &code), line("message", &message), line("field", &field)].concat();
    let ask = todo("What do the system's codes mean? One rule each: [[errors.rules]] with code and means.", &[]);
    format!("\n[errors]\n{lines}{ask}")
}

fn look(
    document: &Document,
    schema: &Value,
    front: &str,
    depth: usize,
    code: &mut BTreeSet<String>,
    message: &mut BTreeSet<String>,
    field: &mut BTreeSet<String>,
) {
    for property in document.properties(schema) {
        let pointer = format!("{front}/{}", super::text::step(property.name));
        let name = folded(property.name);
        if let Some(element) = document.elements(property.schema).filter(|_| depth < 2) {
            look(document, element, &format!("{pointer}/0"), depth + 1, code, message, field);
        } else if depth < 2
            && document.is_object(property.schema)
            && matches!(name.as_str(), "error" | "errors" | "fault" | "details")
        {
            look(document, property.schema, &pointer, depth + 1, code, message, field);
        } else {
            let into = match name.as_str() {
                "code" | "errorcode" | "category" | "errornumber" | "error" => &mut *code,
                "message" | "detail" | "description" | "errordescription" | "title" | "errormessage" => &mut *message,
                "field" | "param" | "property" | "parameter" => &mut *field,
                _ => continue,
            };
            into.insert(pointer);
        }
    }
}
