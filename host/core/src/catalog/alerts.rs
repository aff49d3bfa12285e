//! `[alerts]` of `nave.toml`: who is told when something is wrong, and when it becomes somebody's task.

use std::collections::BTreeMap;

use super::hub::is_host;
use super::reader::Table;
use crate::escalation::Escalation;

/// Between two messages about the same thing.
const INTERVAL_MS: u64 = 15 * 60_000;
/// Time that a person has for a decision.
const DUE_MS: u64 = 24 * 3_600_000;
/// Between two heartbeats: outside watchers usually count in minutes.
const HEARTBEAT_MS: u64 = 60_000;

/// Who is told, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alerts {
    /// At most one message per alert and sink in this time, but for the first and the last; milliseconds.
    pub interval_ms: u64,
    /// When a dead letter becomes a review.
    pub escalation: Escalation,
    /// Time that a person has for a review, milliseconds.
    pub due_ms: u64,
    /// Sinks by name.
    pub sinks: BTreeMap<String, Sink>,
    /// Called while all is well.
    pub heartbeat: Option<Heartbeat>,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            interval_ms: INTERVAL_MS,
            escalation: Escalation { tries: 3, after_ms: 24 * 3_600_000 },
            due_ms: DUE_MS,
            sinks: BTreeMap::new(),
            heartbeat: None,
        }
    }
}

/// Where the hub's own calls may go: one host, nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Private or loopback networks (CIDR) that the host may resolve to.
    pub networks: Vec<String>,
    /// Allows what is not encrypted.
    pub insecure: bool,
}

/// One place that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sink {
    /// What it is.
    pub kind: SinkKind,
    /// What may be reached for it.
    pub reach: Reach,
}

/// What a sink is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkKind {
    /// A POST with JSON.
    Webhook {
        /// Address.
        url: String,
        /// The body is `{"text": …}`, as Slack, Mattermost and others take it.
        slack: bool,
        /// Secret that is sent as a bearer token.
        bearer: Option<String>,
        /// Secret that is the end of the address: whoever knows such an address may write there.
        path_secret: Option<String>,
    },
    /// A mail.
    Mail {
        /// Mail server.
        host: String,
        /// Its port.
        port: u16,
        /// How it is encrypted.
        tls: MailTls,
        /// User, where it asks for one.
        user: Option<String>,
        /// Secret with the password.
        secret: Option<String>,
        /// Sender.
        from: String,
        /// Receivers.
        to: Vec<String>,
    },
}

/// How a mail server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// Encrypted from the first byte (port 465).
    Tls,
    /// Asked for with STARTTLS, and refused where the server does not offer it (port 587).
    StartTls,
    /// Not at all.
    None,
}

/// The heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Address, called with GET.
    pub url: String,
    /// How often, milliseconds.
    pub every_ms: u64,
    /// What may be reached for it.
    pub reach: Reach,
}

/// `[alerts]`.
pub(super) fn alerts(mut table: Table<'_>) -> Alerts {
    let default = Alerts::default();
    let heartbeat = table.table("heartbeat").and_then(|mut table| {
        let url = table.needed("url", "write url = \"https://…\"");
        let every_ms = table.duration("every").unwrap_or(HEARTBEAT_MS);
        let reach = reach(&mut table);
        let url = url.filter(|url| is_url(&table, url.span.clone(), &url.value, &reach))?.value;
        table.finish();
        Some(Heartbeat { url, every_ms, reach })
    });
    let tries = table.number("escalate-after-tries").map_or(default.escalation.tries, |number| number.value.max(1));
    let after_ms = table.duration("escalate-after").unwrap_or(default.escalation.after_ms);
    let sinks = table.table("sinks").map(|sinks| {
        let named = sinks.named_tables().into_iter();
        named.filter_map(|(name, table)| Some((name.value.to_owned(), sink(table)?))).collect()
    });
    let alerts = Alerts {
        interval_ms: table.duration("interval").unwrap_or(default.interval_ms),
        escalation: Escalation { tries, after_ms },
        due_ms: table.duration("due").unwrap_or(default.due_ms),
        sinks: sinks.unwrap_or_default(),
        heartbeat,
    };
    table.finish();
    alerts
}

#[derive(Clone, Copy)]
enum Word {
    Webhook,
    Slack,
    Mail,
}

fn sink(mut table: Table<'_>) -> Option<Sink> {
    let words = [("webhook", Word::Webhook), ("slack", Word::Slack), ("mail", Word::Mail)];
    if !table.has("kind") {
        let help = Some("write kind = \"webhook\", \"slack\" or \"mail\"".to_owned());
        table.file.error(table.span.clone(), "missing-key", "`kind` is missing", help);
    }
    let kind = table.word("kind", &words);
    let reach = reach(&mut table);
    let kind = match kind?.value {
        Word::Mail => mail(&mut table, &reach),
        word => webhook(&mut table, &reach, matches!(word, Word::Slack)),
    };
    let found = kind.map(|kind| Sink { kind, reach });
    table.finish();
    found
}

pub(super) fn reach(table: &mut Table<'_>) -> Reach {
    let networks = table.strings("networks");
    let insecure = table.flag("insecure").unwrap_or_default();
    let because = table.plain("because");
    if insecure && because.is_none() {
        let help = Some("write because = \"…\"".to_owned());
        table.file.error(table.key_span("insecure"), "missing-key", "`insecure` needs a reason", help);
    }
    Reach { networks, insecure }
}

pub(super) fn is_url(table: &Table<'_>, span: std::ops::Range<usize>, url: &str, reach: &Reach) -> bool {
    let secure = url.starts_with("https://");
    let well = (secure || url.starts_with("http://"))
        && url.split("://").nth(1).is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && !url.contains(['@', ' ', '#']);
    if !well {
        let help = Some("write \"https://host/path\"".to_owned());
        table.file.error(span, "bad-address", format!("`{url}` is no web address"), help);
        return false;
    }
    if !secure && !reach.insecure {
        let help = Some("write https://, or insecure = true and because = \"…\"".to_owned());
        table.file.error(span, "bad-address", "http:// sends everything readable", help);
        return false;
    }
    true
}

fn webhook(table: &mut Table<'_>, reach: &Reach, slack: bool) -> Option<SinkKind> {
    let url = table.needed("url", "write url = \"https://…\"");
    let (bearer, path_secret) = (table.plain("bearer"), table.plain("path-secret"));
    let url = url.filter(|url| is_url(table, url.span.clone(), &url.value, reach))?.value;
    Some(SinkKind::Webhook { url, slack, bearer, path_secret })
}

fn mail(table: &mut Table<'_>, reach: &Reach) -> Option<SinkKind> {
    let host = table.needed("host", "write host = \"smtp.example.com\"");
    let words = [("tls", MailTls::Tls), ("starttls", MailTls::StartTls), ("none", MailTls::None)];
    let tls = table.word("tls", &words).map_or(MailTls::StartTls, |word| word.value);
    let port = table.number("port").map(|port| u16::try_from(port.value).unwrap_or(0));
    let (user, secret) = (table.plain("user"), table.plain("secret"));
    let from = table.needed("from", "write from = \"nave@example.com\"");
    let to = table.texts("to");
    let mut well = true;
    let mut refuse = |span: std::ops::Range<usize>, code, message: String, help: &str| {
        table.file.error(span, code, message, Some(help.to_owned()));
        well = false;
    };
    if let Some(host) = host.as_ref().filter(|host| !is_host(&host.value)) {
        refuse(host.span.clone(), "bad-host", format!("`{}` is no name of a machine", host.value), "write the name alone");
    }
    if port == Some(0) {
        refuse(table.key_span("port"), "bad-address", "`port` is none".to_owned(), "write port = 587");
    }
    if to.is_empty() {
        refuse(table.span.clone(), "missing-key", "`to` is missing".to_owned(), "write to = [\"ops@example.com\"]");
    }
    for address in from.iter().chain(&to).filter(|address| !is_address(&address.value)) {
        refuse(
            address.span.clone(),
            "bad-address",
            format!("`{}` is no mail address", address.value),
            "write \"ops@example.com\"",
        );
    }
    if user.is_some() != secret.is_some() {
        let help = "write both: user = \"…\" and secret = \"NAME\", the password's name in the vault";
        refuse(table.span.clone(), "missing-key", "`user` and `secret` go together".to_owned(), help);
    }
    if tls == MailTls::None && !reach.insecure {
        let help = "write tls = \"starttls\", or insecure = true and because = \"…\"";
        refuse(table.key_span("tls"), "bad-word", "without TLS everything is sent readable".to_owned(), help);
    }
    if !well {
        return None;
    }
    let port = port.unwrap_or(if tls == MailTls::Tls { 465 } else { 587 });
    let to = to.into_iter().map(|to| to.value).collect();
    Some(SinkKind::Mail { host: host?.value, port, tls, user, secret, from: from?.value, to })
}

/// One address, and nothing that could become another header.
fn is_address(text: &str) -> bool {
    let plain =
        |text: &str| !text.is_empty() && !text.chars().any(|c| c.is_whitespace() || c.is_control() || "<>,;\"".contains(c));
    text.split_once('@').is_some_and(|(local, domain)| plain(local) && is_host(domain))
}

#[cfg(test)]
mod tests {
    use super::super::{SourceFile, check};
    use super::*;

    fn read(text: &str) -> Result<Alerts, String> {
        let sources = [SourceFile { path: "nave.toml".into(), text: text.into() }];
        match check(&sources, &BTreeMap::new()) {
            Ok((catalog, _)) => Ok(catalog.hub.alerts),
            Err(errors) => Err(errors.into_iter().map(|error| error.message).collect::<Vec<_>>().join("; ")),
        }
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        assert_eq!(read(""), Ok(Alerts::default()));
        let alerts = read("[alerts]\nescalate-after-tries = 5\ndue = \"2h\"").unwrap();
        assert_eq!((alerts.escalation.tries, alerts.due_ms, alerts.interval_ms), (5, 7_200_000, INTERVAL_MS));
    }

    #[test]
    fn sinks_are_read() {
        let alerts = read(
            "[alerts.sinks.ops]\nkind = \"slack\"\nurl = \"https://hooks.example.com/services/\"\npath-secret = \"slack\"\n\
             [alerts.sinks.mail]\nkind = \"mail\"\nhost = \"smtp.example.com\"\nfrom = \"nave@example.com\"\n\
             to = [\"ops@example.com\"]\nuser = \"nave\"\nsecret = \"smtp\"\n\
             [alerts.heartbeat]\nurl = \"https://beat.example.com/x\"\nevery = \"5m\"",
        )
        .unwrap();
        assert!(
            matches!(&alerts.sinks["ops"].kind, SinkKind::Webhook { slack: true, path_secret: Some(name), .. } if name == "slack")
        );
        assert!(matches!(&alerts.sinks["mail"].kind, SinkKind::Mail { port: 587, tls: MailTls::StartTls, .. }));
        assert_eq!(alerts.heartbeat.unwrap().every_ms, 300_000);
    }

    #[test]
    fn mistakes_are_said() {
        let sink = |lines: &str| format!("[alerts.sinks.x]\n{lines}");
        for (text, says) in [
            (sink("url = \"https://x\""), "`kind` is missing"),
            (sink("kind = \"pager\""), "is one of"),
            (sink("kind = \"webhook\"\nurl = \"http://x/y\""), "sends everything readable"),
            (sink("kind = \"webhook\"\nurl = \"http://x/y\"\ninsecure = true"), "needs a reason"),
            (sink("kind = \"webhook\"\nurl = \"ftp://x\""), "is no web address"),
            (sink("kind = \"webhook\"\nurl = \"https://user:word@x/\""), "is no web address"), // nave:no-secret
            (sink("kind = \"mail\"\nhost = \"m\"\nfrom = \"a@b.c\"\nto = [\"x@y.z\\r\\nBcc: e@f.g\"]"), "no mail address"),
            (sink("kind = \"mail\"\nhost = \"m\"\nfrom = \"a@b.c\"\nto = []"), "`to` is missing"),
            (sink("kind = \"mail\"\nhost = \"m\"\nfrom = \"a@b.c\"\nto = \"x@y.z\"\ntls = \"none\""), "without TLS"),
            (sink("kind = \"mail\"\nhost = \"m\"\nfrom = \"a@b.c\"\nto = \"x@y.z\"\nuser = \"u\""), "go together"),
            ("[alerts]\nintervall = \"5m\"".to_owned(), "is not a key here"),
        ] {
            let error = read(&text).expect_err(&text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
