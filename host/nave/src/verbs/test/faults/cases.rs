//! Every switch, in every kind of flow that it can reach, and what must come of it.

use nave_core::model::DecisionChoice;
use nave_sim::{Switch, System};

use super::flows::{self, Flow};

/// Which systems of a flow are spoilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hits {
    /// All that know the switch.
    All,
    /// Those of this kind.
    Only(System),
}

/// What must come of it beside agreement.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Expect {
    /// A review of this kind is opened.
    pub(super) review: Option<&'static str>,
    /// Reviews that may be opened, with what is decided.
    pub(super) decide: &'static [(&'static str, Decide)],
    /// Something may be set aside meanwhile: the system said no in so many words. Where it only was not well, nothing is.
    pub(super) letters: bool,
    /// The system spells this field otherwise; the same but for upper and lower case is the same.
    pub(super) respelled: Option<&'static str>,
    /// The system says this of a field by itself; where it did, that is what counts.
    pub(super) automatic: Option<(&'static str, &'static str)>,
    /// The system changes things by itself that nobody has said anything of.
    pub(super) stirs: bool,
    /// The system throws people out by itself: they go everywhere.
    pub(super) removes: bool,
    /// The systems that are well agree among themselves meanwhile.
    pub(super) meanwhile: bool,
    /// Everything is read again meanwhile.
    pub(super) full: bool,
    /// The switch is set from the very start.
    pub(super) always: bool,
    /// The switch is set after the first day's edits.
    pub(super) late: bool,
    /// Only reading everything again shows what was missed: `nave sync --full`, as the hub's own scans do.
    pub(super) scan: bool,
    /// The clock is wrong, or reads are old: nobody edits the same field in two systems.
    pub(super) apart: bool,
    /// A system shows things late, and its connector does not know: nobody edits the same person in two systems. See
    /// tests/faults/README.md for what is lost otherwise.
    pub(super) alone: bool,
    /// This many more people than usual.
    pub(super) crowd: usize,
    /// While the switch is set, nobody makes anybody new.
    pub(super) no_arrivals: bool,
}

/// What a person decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decide {
    Approve,
    Refuse,
    /// What they see over there.
    Look,
}

impl Decide {
    pub(super) fn choice(self) -> DecisionChoice {
        if self == Self::Approve { DecisionChoice::Approve } else { DecisionChoice::Refuse }
    }
}

impl Expect {
    /// Whether a text that was found is what should be.
    pub(super) fn fits(&self, field: &str, wanted: &str, found: &str) -> bool {
        wanted == found || (self.respelled == Some(field) && wanted.to_lowercase() == found.to_lowercase())
    }
}

/// A switch with its parameters, as it is tried in every kind of flow.
pub(super) struct Spec {
    pub(super) name: &'static str,
    pub(super) hits: Hits,
    /// Set together. `@name` is the system's own name of a canonical field.
    pub(super) rules: &'static [&'static str],
    /// What happens once while they are set.
    pub(super) acts: &'static [&'static str],
    /// Only in these flows; all without.
    pub(super) flows: &'static [&'static str],
    pub(super) expect: Expect,
}

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
};

const fn spec(name: &'static str, rules: &'static [&'static str]) -> Spec {
    Spec { name, hits: Hits::All, rules, acts: &[], flows: &[], expect: AGREE }
}

/// The system says no in so many words.
const fn refused(name: &'static str, rules: &'static [&'static str]) -> Spec {
    Spec { expect: Expect { letters: true, ..AGREE }, ..spec(name, rules) }
}

/// Of so many rows that what is missing is held, and nothing is thrown out.
const HELD: Expect =
    Expect { letters: true, crowd: 60, decide: &[("volume", Decide::Refuse), ("delete", Decide::Refuse)], ..AGREE };
const SCAN: Expect = Expect { scan: true, letters: true, ..AGREE };
const LATE: Expect = Expect { late: true, ..AGREE };
const CLOCK: Expect = Expect { apart: true, always: true, ..AGREE };
const FILES: &[&str] = &["files"];
const PAIRS: &[&str] = &["both", "files", "out", "bare"];
const TOLD: &[&str] = &["both", "files", "bare", "three"];
const NOT_BARE: &[&str] = &["both", "files", "out", "three"];

/// All of them.
pub(super) static SPECS: &[Spec] = &[
    spec("none", &[]),
    spec("rate-limited", &[r#"{"switch": "rate-limited", "share": 0.3}"#]),
    spec("rate-limited-seconds", &[r#"{"switch": "rate-limited", "share": 0.3, "retry_after": 7}"#]),
    spec("rate-limited-date", &[r#"{"switch": "rate-limited", "share": 0.5, "retry_after": 90, "http_date": true}"#]),
    spec("rate-limited-hour", &[r#"{"switch": "rate-limited", "retry_after": 3600, "only": "writes"}"#]),
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
    spec("lost-response", &[r#"{"switch": "lost-response", "share": 0.5}"#]),
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
    refused("forbidden-writes", &[r#"{"switch": "forbidden", "object": "@kind", "only": "writes"}"#]),
    spec("expired-checkpoint", &[r#"{"switch": "expired-checkpoint", "seconds": 1}"#]),
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
    spec("no-updated-since", &[r#"{"switch": "no-updated-since"}"#]),
    Spec { hits: Hits::Only(System::Books), ..spec("no-idempotency", &[r#"{"switch": "no-idempotency"}"#]) },
    Spec {
        expect: Expect { respelled: Some("first_name"), ..AGREE },
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
        flows: &["both", "bare", "files", "three"],
        expect: Expect { automatic: Some(("job_title", "Set by a robot")), ..AGREE },
        ..spec("rewrite", &[r#"{"switch": "rewrite", "field": "@job_title", "value": "Set by a robot"}"#])
    },
    Spec {
        expect: Expect { full: true, crowd: 120, stirs: true, ..AGREE },
        flows: &["both", "out", "bare"],
        ..spec("page-shift", &[r#"{"switch": "page-shift", "count": 2}"#])
    },
    Spec { expect: CLOCK, ..spec("clock-slow", &[r#"{"switch": "clock-offset", "offset_ms": -3600000}"#]) },
    Spec { expect: CLOCK, ..spec("clock-fast", &[r#"{"switch": "clock-offset", "offset_ms": 3600000}"#]) },
    Spec {
        expect: Expect { apart: true, alone: true, ..AGREE },
        ..spec("stale-index", &[r#"{"switch": "stale-index", "seconds": 240}"#])
    },
    // Longer than a moment, and a system's own connector does not know of it.
    Spec {
        expect: Expect { apart: true, alone: true, ..AGREE },
        ..spec("read-lag", &[r#"{"switch": "read-lag", "seconds": 4}"#])
    },
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
    Spec { flows: FILES, hits: Hits::Only(System::Legacy), ..spec("delimiter", &[r#"{"switch": "delimiter", "value": ";"}"#]) },
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
    Spec { flows: FILES, hits: Hits::Only(System::Legacy), ..spec("twice", &[r#"{"switch": "twice"}"#]) },
    Spec {
        flows: FILES,
        hits: Hits::Only(System::Legacy),
        ..spec("older-export", &[r#"{"switch": "older-export", "how": "beside"}"#])
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

/// One case: a switch in a kind of flow.
#[derive(Clone, Copy)]
pub(super) struct Case {
    pub(super) flow: &'static Flow,
    pub(super) spec: &'static Spec,
}

impl Case {
    /// `both/rate-limited`.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.flow.name, self.spec.name)
    }

    /// Whether a system of the flow is spoilt.
    pub(super) fn hits(&self, sim: System) -> bool {
        match self.spec.hits {
            Hits::All => true,
            Hits::Only(only) => only == sim,
        }
    }

    /// What is decided of a question of this kind; nothing where nobody should have to ask it.
    pub(super) fn decides(&self, kind: &str) -> Option<Decide> {
        let listed = self.spec.expect.decide.iter().find(|(known, _)| *known == kind).map(|(_, decide)| *decide);
        // Without a marker and a key nothing but a pair of eyes tells what became of a create without an answer.
        let bare = self.flow.parts.iter().any(|part| !part.marked);
        listed.or_else(|| (bare && kind == "unknown-outcome").then_some(Decide::Look))
    }

    /// Seen in a list: what is set.
    pub(super) fn about(&self) -> String {
        let all: Vec<&str> = self.spec.rules.iter().chain(self.spec.acts).copied().collect();
        if all.is_empty() { "nothing goes wrong".to_owned() } else { all.join(" + ") }
    }
}

/// All cases, in the order of flows.
pub(super) fn all() -> Vec<Case> {
    let specs = |flow: &'static Flow| {
        let fits = move |spec: &&'static Spec| {
            let named = spec.flows.is_empty() || spec.flows.contains(&flow.name);
            let case = Case { flow, spec };
            named && flow.parts.iter().any(|part| case.hits(part.sim))
        };
        SPECS.iter().filter(fits).map(move |spec| Case { flow, spec })
    };
    flows::ALL.iter().flat_map(specs).collect()
}

/// Switches that no case has, and why.
pub(super) const WITHOUT: [(Switch, &str); 5] = [
    (Switch::WebhookDuplicate, HEARS_NONE),
    (Switch::WebhookLate, HEARS_NONE),
    (Switch::WebhookReordered, HEARS_NONE),
    (Switch::WebhookForged, HEARS_NONE),
    (Switch::WebhookDropped, HEARS_NONE),
];

const HEARS_NONE: &str = "they come through a hub that serves, and the matrix asks one that does not";

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_switch_has_a_case_or_a_reason() {
        let without: BTreeSet<&str> = WITHOUT.iter().map(|(switch, _)| switch.name()).collect();
        for switch in Switch::ALL {
            let quoted = format!("\"switch\": \"{}\"", switch.name());
            let tried = all().iter().any(|case| case.spec.rules.iter().any(|rule| rule.contains(&quoted)));
            assert!(tried != without.contains(switch.name()), "{}: tried {tried}", switch.name());
        }
    }

    #[test]
    fn names_are_unique_and_rules_are_objects() {
        let names: BTreeSet<String> = all().iter().map(Case::name).collect();
        assert_eq!(names.len(), all().len());
        for spec in SPECS {
            for text in spec.rules.iter().chain(spec.acts) {
                assert!(serde_json::from_str::<serde_json::Value>(text).is_ok_and(|value| value.is_object()), "{text}");
            }
            assert!(spec.flows.iter().all(|name| flows::ALL.iter().any(|flow| flow.name == *name)), "{}", spec.name);
        }
    }
}
