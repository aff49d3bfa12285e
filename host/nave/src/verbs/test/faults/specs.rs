//! Every switch with its parameters, and the flows in which it is tried.

use nave_sim::System;

use super::expect::{Decide, Expect, Hears, Hits, Plot, Spec};

/// Nothing but agreement.
const AGREE: Expect = Expect {
    review: None,
    decide: &[],
    letters: false,
    respelled: None,
    automatic: None,
    stirs: false,
    removes: false,
    meanwhile: false,
    full: false,
    always: false,
    late: false,
    scan: false,
    apart: false,
    alone: false,
    crowd: 0,
    no_arrivals: false,
    stays: false,
    short: false,
    frozen: None,
    owner: None,
    plot: Plot::Days,
};

/// Agreement although the switch is never cleared.
const STAYS: Expect = Expect { stays: true, ..AGREE };

const fn spec(name: &'static str, rules: &'static [&'static str]) -> Spec {
    Spec { name, hits: Hits::All, rules, acts: &[], flows: &[], expect: AGREE }
}

/// It stays set to the end.
const fn stays(name: &'static str, rules: &'static [&'static str]) -> Spec {
    Spec { expect: STAYS, ..spec(name, rules) }
}

/// A hub that serves and is told.
const fn told(name: &'static str, freshness: &'static str, hears: Hears, rules: &'static [&'static str]) -> Spec {
    Spec { flows: &["both"], expect: Expect { plot: Plot::Told(freshness, hears), ..AGREE }, ..spec(name, rules) }
}

/// The system says no in so many words.
const fn refused(name: &'static str, rules: &'static [&'static str]) -> Spec {
    Spec { expect: Expect { letters: true, ..AGREE }, ..spec(name, rules) }
}

/// Of so many rows that what is missing is held, and nothing is thrown out.
const HELD: Expect =
    Expect { letters: true, crowd: 60, decide: &[("volume", Decide::Refuse), ("delete", Decide::Refuse)], ..AGREE };
const SCAN: Expect = Expect { scan: true, letters: true, ..AGREE };
/// A robot and the hub overwrite each other: a person is asked, and the rest goes on.
const FROZEN: Expect =
    Expect { frozen: Some("job_title"), review: Some("frozen"), decide: &[("frozen", Decide::Leave)], stirs: true, ..STAYS };
/// So often a flow is read by itself where it must be told.
const HOURS: &str = "24h";
const LATE: Expect = Expect { late: true, ..AGREE };
const CLOCK: Expect = Expect { always: true, ..STAYS };
const FILES: &[&str] = &["files"];
const PAIRS: &[&str] = &["both", "files", "out", "bare"];
const TOLD: &[&str] = &["both", "files", "bare", "three"];
const NOT_BARE: &[&str] = &["both", "files", "out", "three"];

/// Those that are tried where people refer to companies.
pub(super) const LINKED: [&str; 7] =
    ["none", "down", "lost-response", "lost-response-always", "partial-batch-cut", "error-504-committed", "companies-down"];

/// All of them.
pub(super) static SPECS: &[Spec] = &[
    spec("none", &[]),
    spec("rate-limited", &[r#"{"switch": "rate-limited", "share": 0.3}"#]),
    spec("rate-limited-seconds", &[r#"{"switch": "rate-limited", "share": 0.3, "retry_after": 7}"#]),
    spec("rate-limited-date", &[r#"{"switch": "rate-limited", "share": 0.5, "retry_after": 90, "http_date": true}"#]),
    spec("rate-limited-hour", &[r#"{"switch": "rate-limited", "retry_after": 3600, "only": "writes"}"#]),
    // As many calls as show how it is, and no more.
    Spec {
        flows: &["out"],
        hits: Hits::Only(System::Books),
        expect: Expect { plot: Plot::Many(300, 1), ..AGREE },
        ..spec("rate-limited-many", &[r#"{"switch": "rate-limited", "retry_after": 3600, "only": "writes"}"#])
    },
    Spec {
        flows: &["out"],
        hits: Hits::Only(System::Books),
        expect: Expect { plot: Plot::Many(300, 3), ..AGREE },
        ..spec("down-many", &[r#"{"switch": "down", "only": "writes"}"#])
    },
    spec("error-500", &[r#"{"switch": "error", "status": 500, "share": 0.3}"#]),
    spec("error-502-writes", &[r#"{"switch": "error", "status": 502, "only": "writes"}"#]),
    spec("error-503", &[r#"{"switch": "error", "status": 503, "share": 0.4}"#]),
    spec("error-504-committed", &[r#"{"switch": "error", "status": 504, "committed": true, "share": 0.5}"#]),
    spec("down", &[r#"{"switch": "down"}"#]),
    Spec {
        hits: Hits::Only(System::Books),
        flows: &["three"],
        expect: Expect { meanwhile: true, ..AGREE },
        ..spec("down-one", &[r#"{"switch": "down"}"#])
    },
    spec("timeout", &[r#"{"switch": "timeout", "seconds": 1, "nth": 2}"#]),
    spec("timeout-committed", &[r#"{"switch": "timeout", "seconds": 1, "committed": true, "nth": 1, "only": "writes"}"#]),
    spec("reset", &[r#"{"switch": "reset", "share": 0.5}"#]),
    stays("lost-response", &[r#"{"switch": "lost-response", "share": 0.5}"#]),
    spec("lost-response-always", &[r#"{"switch": "lost-response"}"#]),
    Spec {
        hits: Hits::Only(System::Books),
        ..spec("lost-response-no-idempotency", &[r#"{"switch": "lost-response"}"#, r#"{"switch": "no-idempotency"}"#])
    },
    Spec {
        flows: NOT_BARE,
        ..refused(
            "lost-response-no-search",
            &[r#"{"switch": "lost-response"}"#, r#"{"switch": "no-search", "field": "@marker"}"#],
        )
    },
    Spec {
        expect: Expect { apart: true, alone: true, ..AGREE },
        ..spec("lost-response-stale-index", &[r#"{"switch": "lost-response"}"#, r#"{"switch": "stale-index", "seconds": 240}"#])
    },
    refused("partial-batch", &[r#"{"switch": "partial-batch", "how": "answer"}"#]),
    spec("partial-batch-cut", &[r#"{"switch": "partial-batch", "how": "connection"}"#]),
    spec("bad-token", &[r#"{"switch": "bad-token"}"#]),
    spec("bad-token-some", &[r#"{"switch": "bad-token", "share": 0.4}"#]),
    refused("forbidden", &[r#"{"switch": "forbidden", "object": "@kind"}"#]),
    Spec {
        flows: &["linked"],
        ..spec("companies-down", &[r#"{"switch": "error", "status": 503, "object": "companies", "only": "writes"}"#])
    },
    refused("forbidden-writes", &[r#"{"switch": "forbidden", "object": "@kind", "only": "writes"}"#]),
    // Longer than a sync takes, shorter than the time between two.
    stays("expired-checkpoint", &[r#"{"switch": "expired-checkpoint", "seconds": 45}"#]),
    // What people wrote into it meanwhile is only seen when everything is read again, as the run says.
    // Where a system has no schema, a field that is missing in a few changed things is one that was cleared: only where it is
    // missing in many is it held. So not among three, where the others' answers would count as newer.
    Spec {
        hits: Hits::Only(System::Crm),
        flows: &["three"],
        expect: SCAN,
        ..spec("field-gone-schema", &[r#"{"switch": "field-gone", "field": "@first_name"}"#])
    },
    Spec { flows: PAIRS, expect: SCAN, ..spec("field-gone", &[r#"{"switch": "field-gone", "field": "@first_name"}"#]) },
    refused("field-gone-unmapped", &[r#"{"switch": "field-gone", "field": "@unmapped"}"#]),
    refused("read-only", &[r#"{"switch": "read-only", "field": "@first_name"}"#]),
    Spec { flows: NOT_BARE, ..refused("no-search", &[r#"{"switch": "no-search", "field": "@marker"}"#]) },
    Spec { hits: Hits::Only(System::Books), ..stays("no-idempotency", &[r#"{"switch": "no-idempotency"}"#]) },
    spec("no-updated-since", &[r#"{"switch": "no-updated-since"}"#]),
    Spec {
        expect: Expect { respelled: Some("first_name"), ..STAYS },
        ..spec("reformat", &[r#"{"switch": "reformat", "field": "@first_name", "how": "upper"}"#])
    },
    spec("silent-drop", &[r#"{"switch": "silent-drop", "share": 0.5}"#]),
    Spec { flows: TOLD, ..spec("silent-drop-field", &[r#"{"switch": "silent-drop", "field": "@first_name"}"#]) },
    // What is only written, and is empty in something new, may be there all the same: such fields need not come back.
    Spec {
        flows: &["out"],
        expect: Expect { no_arrivals: true, ..AGREE },
        ..spec("silent-drop-field-edits", &[r#"{"switch": "silent-drop", "field": "@first_name"}"#])
    },
    Spec {
        hits: Hits::Only(System::Crm),
        flows: &["both", "bare", "three"],
        expect: Expect { automatic: Some(("job_title", "Set by a robot")), ..STAYS },
        ..spec("rewrite", &[r#"{"switch": "rewrite", "field": "@job_title", "value": "Set by a robot"}"#])
    },
    Spec {
        hits: Hits::Only(System::Crm),
        flows: &["files"],
        expect: Expect { automatic: Some(("job_title", "Set by a robot")), ..AGREE },
        ..spec("rewrite", &[r#"{"switch": "rewrite", "field": "@job_title", "value": "Set by a robot"}"#])
    },
    Spec {
        expect: Expect { full: true, crowd: 120, stirs: true, ..AGREE },
        flows: &["both", "out", "bare"],
        ..spec("page-shift", &[r#"{"switch": "page-shift", "count": 2}"#])
    },
    // More than one page of the books, which have 500 on each.
    Spec {
        hits: Hits::Only(System::Books),
        expect: Expect { full: true, crowd: 520, stirs: true, ..AGREE },
        flows: &["both"],
        ..spec("page-shift-books", &[r#"{"switch": "page-shift", "count": 2}"#])
    },
    // The one that says something first has the later time, or the one that says it last the earlier.
    Spec {
        hits: Hits::Only(System::Books),
        expect: CLOCK,
        ..spec("clock-slow", &[r#"{"switch": "clock-offset", "offset_ms": -3600000}"#])
    },
    Spec {
        hits: Hits::Only(System::Crm),
        expect: CLOCK,
        ..spec("clock-fast", &[r#"{"switch": "clock-offset", "offset_ms": 3600000}"#])
    },
    Spec {
        expect: Expect { apart: true, alone: true, ..AGREE },
        ..spec("stale-index", &[r#"{"switch": "stale-index", "seconds": 240}"#])
    },
    // Longer than a moment, and a system's own connector does not know of it.
    Spec {
        expect: Expect { apart: true, alone: true, ..AGREE },
        ..spec("read-lag", &[r#"{"switch": "read-lag", "seconds": 4}"#])
    },
    // Within the time that the connector gives, and after a write that came late.
    Spec {
        hits: Hits::Only(System::Crm),
        flows: &["both"],
        expect: Expect { plot: Plot::Overtaken, ..STAYS },
        ..spec("stale-index-known", &[r#"{"switch": "stale-index", "seconds": 4}"#])
    },
    Spec {
        hits: Hits::Only(System::Crm),
        flows: &["both"],
        expect: Expect { plot: Plot::Quarrel(Some("Set by a robot")), owner: Some("books"), ..FROZEN },
        ..spec("changed-back", &[])
    },
    Spec { flows: &["both"], expect: Expect { plot: Plot::Quarrel(None), ..FROZEN }, ..spec("two-robots", &[]) },
    Spec {
        flows: &["both", "out"],
        expect: Expect { plot: Plot::OneBad(200), letters: true, ..AGREE },
        ..spec("read-only-one", &[r#"{"switch": "read-only", "field": "@job_title"}"#])
    },
    // Nothing is wrong yet: a person is told, and everything goes on.
    Spec {
        hits: Hits::Only(System::Crm),
        flows: &["both"],
        ..stays("sunset", &[r#"{"switch": "sunset", "value": "Wed, 11 Nov 2099 23:59:59 GMT"}"#])
    },
    told("webhook-duplicate", HOURS, Hears::Repeats, &[r#"{"switch": "webhook-duplicate"}"#]),
    told("webhook-late", HOURS, Hears::Takes, &[r#"{"switch": "webhook-late", "seconds": 2}"#]),
    told("webhook-reordered", HOURS, Hears::Takes, &[r#"{"switch": "webhook-reordered", "share": 0.5}"#]),
    told("webhook-forged", HOURS, Hears::Refuses, &[r#"{"switch": "webhook-forged"}"#]),
    told("webhook-dropped", "2s", Hears::Nothing, &[r#"{"switch": "webhook-dropped"}"#]),
    Spec {
        acts: &[r#"{"act": "mass-delete", "share": 0.7}"#],
        hits: Hits::Only(System::Crm),
        flows: &["both", "out", "bare"],
        expect: Expect {
            review: Some("volume"),
            removes: true,
            stirs: true,
            no_arrivals: true,
            crowd: 30,
            decide: &[("volume", Decide::Approve), ("delete", Decide::Approve), ("remove", Decide::Approve)],
            ..AGREE
        },
        ..spec("mass-delete", &[])
    },
    Spec {
        acts: &[r#"{"act": "schema", "change": "rename", "field": "salutation", "to": "greeting"}"#],
        hits: Hits::Only(System::Crm),
        flows: &["both", "out", "three"],
        ..spec("schema-unmapped", &[])
    },
    Spec {
        acts: &[r#"{"act": "schema", "change": "add", "field": "shoe_size", "type": "string"}"#],
        hits: Hits::Only(System::Crm),
        flows: &["both", "out", "three"],
        ..spec("schema-added", &[])
    },
    Spec {
        flows: FILES,
        hits: Hits::Only(System::Legacy),
        expect: HELD,
        ..spec("half-written", &[r#"{"switch": "half-written"}"#])
    },
    Spec { flows: FILES, hits: Hits::Only(System::Legacy), expect: HELD, ..spec("cut-off", &[r#"{"switch": "cut-off"}"#]) },
    // So few that nobody is asked, in one export.
    Spec {
        flows: FILES,
        hits: Hits::Only(System::Legacy),
        expect: Expect { crowd: 60, short: true, ..AGREE },
        ..spec("cut-off-few", &[r#"{"switch": "cut-off", "share": 0.97}"#])
    },
    Spec {
        flows: FILES,
        hits: Hits::Only(System::Legacy),
        expect: HELD,
        ..spec("cut-off-most", &[r#"{"switch": "cut-off", "share": 0.3}"#])
    },
    Spec {
        flows: FILES,
        hits: Hits::Only(System::Legacy),
        ..spec("column-gone", &[r#"{"switch": "field-gone", "field": "FirstName"}"#])
    },
    Spec {
        flows: FILES,
        hits: Hits::Only(System::Legacy),
        expect: HELD,
        ..spec("column-of-mailboxes-gone", &[r#"{"switch": "field-gone", "field": "Email"}"#])
    },
    Spec {
        flows: FILES,
        hits: Hits::Only(System::Legacy),
        expect: HELD,
        ..spec("emptied", &[r#"{"switch": "emptied", "how": "bytes"}"#])
    },
    Spec {
        flows: FILES,
        hits: Hits::Only(System::Legacy),
        expect: HELD,
        ..spec("emptied-rows", &[r#"{"switch": "emptied", "how": "rows"}"#])
    },
    Spec { flows: FILES, hits: Hits::Only(System::Legacy), ..stays("delimiter", &[r#"{"switch": "delimiter", "value": ";"}"#]) },
    Spec {
        flows: FILES,
        hits: Hits::Only(System::Legacy),
        expect: HELD,
        ..spec("encoding-1252", &[r#"{"switch": "encoding", "how": "windows-1252"}"#])
    },
    Spec {
        flows: FILES,
        hits: Hits::Only(System::Legacy),
        expect: HELD,
        ..spec("encoding-utf-16", &[r#"{"switch": "encoding", "how": "utf-16"}"#])
    },
    Spec { flows: FILES, hits: Hits::Only(System::Legacy), ..stays("twice", &[r#"{"switch": "twice"}"#]) },
    Spec {
        flows: FILES,
        hits: Hits::Only(System::Legacy),
        ..stays("older-export", &[r#"{"switch": "older-export", "how": "beside"}"#])
    },
    Spec {
        flows: FILES,
        hits: Hits::Only(System::Legacy),
        expect: LATE,
        ..spec("older-export-instead", &[r#"{"switch": "older-export", "how": "instead"}"#])
    },
    Spec { flows: FILES, hits: Hits::Only(System::Legacy), ..spec("file-forbidden", &[r#"{"switch": "forbidden"}"#]) },
    Spec {
        flows: FILES,
        acts: &[r#"{"act": "mass-delete", "share": 0.7}"#],
        hits: Hits::Only(System::Legacy),
        expect: Expect {
            review: Some("volume"),
            removes: true,
            stirs: true,
            no_arrivals: true,
            crowd: 30,
            decide: &[("volume", Decide::Approve), ("delete", Decide::Approve), ("remove", Decide::Approve)],
            ..AGREE
        },
        ..spec("mass-missing", &[])
    },
];
