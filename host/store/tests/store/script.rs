//! A small language for what is done to a store and what it answers, so that tests are text.
//!
//! `commit record=1:1 change=1:a:b -> ok` commits one batch; other words ask. The first word that a query prints
//! nothing for is `-`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use nave_core::accounting::{Counts, InCounts};
use nave_core::matching::remote_hash;
use nave_core::model::{
    AuditEntry, Cause, Change, ChangeKind, Checkpoint, Contribution, ContributionId, ContributionState, DeadLetter,
    DeadLetterSubject, Decision, DecisionChoice, Dirty, Field, FieldChange, FlowState, Intent, Parked, Reasons, Record, RecordId,
    RecordState, RemoteKey, Review, ReviewId, ReviewKind, Rule, Run, RunStatus, Sequence, Time, TokenRow, WriteKind,
};
use nave_core::value::Value;
use nave_store::{Batch, CheckpointMove, CommitError, IndexEntry, IndexSpace, InputRow, KeyedRow, Store, subject_key};

pub(crate) fn record(id: u64, version: u64) -> Record {
    let field =
        Field { value: Value::text(format!("v{version}")), winner: ContributionId(id), rule: Rule::Newest, claimed_at: Time(5) };
    Record {
        id: RecordId(id),
        entity: "contact".into(),
        state: RecordState::Active,
        version,
        fields: [("email", field)].into(),
        contributions: vec![ContributionId(id)],
        next_element: 1,
    }
}

pub(crate) fn change(record: u64, before: &str, after: &str) -> Change {
    let value = |text: &str| (!text.is_empty()).then(|| Value::text(text));
    Change {
        sequence: Sequence(0),
        record: RecordId(record),
        entity: "contact".into(),
        at: Time(0),
        kind: ChangeKind::Updated,
        cause: Cause::default(),
        fields: vec![FieldChange { field: "email".into(), before: value(before), after: value(after), winner: None }],
    }
}

pub(crate) fn key(connection: &str, stream: &str, remote_id: &str) -> RemoteKey {
    RemoteKey::new(connection, stream, remote_id)
}

pub(crate) fn intent(destination: &str, record: u64, key: &str, bytes: &str) -> Intent {
    Intent {
        destination: destination.to_owned(),
        record: RecordId(record),
        contribution: None,
        kind: WriteKind::Update("r1".to_owned()),
        base: [("email".to_owned(), Value::text("old"))].into(),
        base_version: Some("7".to_owned()),
        values: [("email".to_owned(), Value::text("new"))].into(),
        elements: [("phones".to_owned(), vec![1, 2])].into(),
        changed: bytes.as_bytes().to_vec(),
        desired: bytes.as_bytes().to_vec(),
        key: key.to_owned(),
        lookup: Some(("marker".to_owned(), "m1".to_owned())),
        attempts: vec![],
        stamp: 1,
        reasons: Reasons(1),
        run: 1,
    }
}

pub(crate) fn checkpoint(connection: &str, stream: &str, from: u64, to: u64) -> CheckpointMove {
    let to = Checkpoint { bytes: vec![1], generation: to, acknowledged: false, at: Time(1) };
    CheckpointMove { connection: connection.to_owned(), stream: stream.to_owned(), from, to }
}

fn space(name: &str) -> IndexSpace {
    match name {
        "remote" => IndexSpace::Remote,
        "match" => IndexSpace::Match,
        "waiting" => IndexSpace::Waiting,
        "referrer" => IndexSpace::Referrer,
        other => panic!("no space {other}"),
    }
}

/// Puts one word into the batch.
fn put(batch: &mut Batch, word: &str) {
    let (what, rest) = word.split_once('=').unwrap_or((word, ""));
    let parts: Vec<&str> = rest.split(':').collect();
    let text = |at: usize| parts.get(at).copied().unwrap_or("").to_owned();
    let number = |at: usize| -> u64 { parts.get(at).and_then(|part| part.parse().ok()).unwrap_or(0) };
    let entry = || IndexEntry { space: space(parts[0]), hash: number(1) << 32, id: number(2) };
    match what {
        "record" => {
            let mut row = record(number(0), number(1));
            match parts.get(2) {
                Some(&"deleted") => row.state = RecordState::Deleted { at: Time(3) },
                Some(entity) => row.entity = (*entity).into(),
                None => {}
            }
            batch.records.push(row);
        }
        "expect" => batch.expected.records.push((RecordId(number(0)), number(1))),
        "vacant" => batch.expected.vacant.push((space(parts[0]), number(1) << 32)),
        "contribution" => {
            let mut row = Contribution::new(ContributionId(number(0)), key(&text(1), "s", &text(2)), Time(1));
            row.record = Some(RecordId(1)).filter(|_| text(3) != "apart");
            if text(3) == "gone" {
                row.state = ContributionState::Deleted { evidence: "get".into(), at: Time(1) };
            }
            batch.index_add.push(IndexEntry { space: IndexSpace::Remote, hash: remote_hash(&row.key), id: row.id.0 });
            batch.contributions.push(row);
        }
        "add" => batch.index_add.push(entry()),
        "remove" => batch.index_remove.push(entry()),
        "change" => batch.changes.push(change(number(0), &text(1), &text(2))),
        "seal" => batch.sealed.push(nave_store::SealedRow {
            record: RecordId(number(0)),
            space: text(1),
            key: text(2),
            value: text(3).into_bytes(),
        }),
        "erase" => batch.erased.push(RecordId(number(0))),
        "dirty" => batch.dirty.push((text(0), RecordId(number(1)), Reasons(number(2) as u8))),
        "clean" => batch.clean.push(Dirty {
            destination: text(0),
            record: RecordId(number(1)),
            reasons: Reasons::default(),
            stamp: number(2),
        }),
        "intent" => batch.intents.push(intent(&text(0), number(1), &text(2), &text(3))),
        "settle" => batch.settled.push((text(0), RecordId(number(1)))),
        "park" => batch.parked.push(Parked {
            destination: text(0),
            record: RecordId(number(1)),
            until: Time(9),
            rung: number(2) as u32,
            reason: "busy".to_owned(),
            reasons: Reasons(1),
            hindrance: None,
        }),
        "unpark" => batch.unparked.push((text(0), RecordId(number(1)))),
        "dead" => batch.dead_letters.push(DeadLetter {
            id: number(2),
            subject: DeadLetterSubject::Delivery { destination: text(0), record: RecordId(number(1)) },
            class: "rejected".to_owned(),
            field: None,
            message: "no".to_owned(),
            fix: "nave dlq retry 1".to_owned(),
            first_at: Time(number(3) as i64),
            last_at: Time(number(3) as i64),
            count: 1,
            run: 1,
        }),
        "revive" => batch.revived.push(number(0)),
        "revive-subject" => batch.revived_subjects.push(subject(&text(0), number(1))),
        "review" => batch.reviews.push(Review {
            id: ReviewId(number(0)),
            kind: ReviewKind::Delete { contribution: ContributionId(1), record: RecordId(1) },
            entity: "contact".into(),
            steward: "ops".to_owned(),
            opened_at: Time(1),
            closed_at: (text(1) == "closed").then_some(Time(2)),
            title: "?".to_owned(),
        }),
        "decide" => batch.decisions.push(Decision {
            review: ReviewId(number(0)),
            choice: DecisionChoice::Approve,
            by: text(1),
            reason: String::new(),
            at: Time(1),
        }),
        "checkpoint" => batch.checkpoint = Some(checkpoint(&text(0), &text(1), number(2), number(3))),
        "forget" => batch.forget_checkpoints.push((text(0), text(1))),
        "run" => batch.runs.push(Run {
            id: number(0),
            flow: text(1),
            direction: "in".to_owned(),
            started_at: Time(1),
            ended_at: None,
            status: RunStatus::Running,
            message: None,
            counts: Counts::In(InCounts::default()),
            catalog: String::new(),
            plugin: String::new(),
        }),
        "flow" => batch.flows.push((text(0), FlowState { paused: text(1) == "paused", ..FlowState::default() })),
        "audit" => batch.audit.push(AuditEntry {
            at: Time(1),
            actor: "hub".to_owned(),
            action: text(0),
            subject: String::new(),
            detail: String::new(),
        }),
        "input" => batch.inputs.push(InputRow { at: Time(1), kind: text(0), subject: text(1), body: text(2).into_bytes() }),
        "row" => {
            batch.rows.push(KeyedRow { space: text(0), key: text(1), value: parts.get(2).map(|value| value.as_bytes().to_vec()) })
        }
        "token" => {
            batch.tokens.push(TokenRow { name: text(0), hash: text(1), created_at: Time(1), until: None, reason: String::new() })
        }
        "revoke" => batch.revoked.push(text(0)),
        "fence" => batch.fence = Some((text(0), number(1))),
        other => panic!("no part {other}"),
    }
}

fn subject(destination: &str, record: u64) -> String {
    subject_key(&DeadLetterSubject::Delivery { destination: destination.to_owned(), record: RecordId(record) })
}

/// A batch of words.
pub(crate) fn batch(words: &str) -> Batch {
    let mut batch = Batch { at: Time(100), ..Batch::default() };
    words.split_whitespace().for_each(|word| put(&mut batch, word));
    batch
}

/// What one line answers.
pub(crate) fn answer(store: &dyn Store, line: &str) -> String {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let words: Vec<&str> = rest.split_whitespace().collect();
    let word = |at: usize| words.get(at).copied().unwrap_or("");
    let number = |at: usize| -> u64 { words.get(at).and_then(|word| word.parse().ok()).unwrap_or(0) };
    let list = |items: Vec<String>| if items.is_empty() { "-".to_owned() } else { items.join(" ") };
    let changes = |changes: Vec<Change>| {
        let text = |value: &Option<Value>| value.as_ref().map_or_else(|| "none".to_owned(), Value::display);
        let one = |c: Change| {
            format!("{}:{}:{}:{}@{}", c.sequence, c.record, text(&c.fields[0].before), text(&c.fields[0].after), c.at.0)
        };
        list(changes.into_iter().map(one).collect())
    };
    match verb {
        "commit" => {
            let batch = batch(rest);
            match catch_unwind(AssertUnwindSafe(|| store.commit(batch))) {
                Ok(Ok(_)) => "ok".to_owned(),
                Ok(Err(CommitError::Conflict(ids))) => format!("conflict {ids:?}"),
                Ok(Err(CommitError::Fenced(lease))) => format!("fenced {lease}"),
                Ok(Err(CommitError::Store(error))) => format!("store: {error}"),
                Err(panic) => {
                    let message = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                    format!("panic {}", message.split_once(':').map_or(message.as_str(), |(number, _)| number))
                }
            }
        }
        "heads" => {
            let heads = store.heads().unwrap();
            format!(
                "{} {} {} {} {} {}",
                heads.record, heads.contribution, heads.sequence, heads.review, heads.dead_letter, heads.run
            )
        }
        "record" => {
            let ids: Vec<RecordId> = words.iter().map(|id| RecordId(id.parse().unwrap())).collect();
            let one = |row: Option<Record>| row.map_or_else(|| "none".to_owned(), |row| format!("v{}", row.version));
            list(store.records(&ids).unwrap().into_iter().map(one).collect())
        }
        "records-after" => list(
            store.records_after(RecordId(number(0)), number(1) as usize).unwrap().iter().map(|row| row.id.to_string()).collect(),
        ),
        "resolve" => {
            let keys: Vec<RemoteKey> =
                words.iter().map(|word| word.split_once(':').unwrap()).map(|(c, r)| key(c, "s", r)).collect();
            let one = |id: Option<ContributionId>| id.map_or_else(|| "none".to_owned(), |id| id.to_string());
            list(store.resolve(&keys).unwrap().into_iter().map(one).collect())
        }
        "contribution" => {
            let rows = store.contributions(&[ContributionId(number(0))]).unwrap();
            rows[0].as_ref().map_or_else(|| "none".to_owned(), |row| row.key.to_string())
        }
        "contributions-after" => {
            let rows = store.contributions_after(ContributionId(number(0)), number(1) as usize).unwrap();
            list(rows.iter().map(|row| row.id.to_string()).collect())
        }
        "find" => {
            let hashes: Vec<u64> = words[1..].iter().map(|hash| hash.parse::<u64>().unwrap() << 32).collect();
            list(store.candidates(space(word(0)), &hashes).unwrap().iter().map(|ids| format!("{ids:?}")).collect())
        }
        "changes" => changes(store.changes(Sequence(number(0)), number(1) as usize).unwrap()),
        "history" => changes(store.record_changes(RecordId(number(0)), number(1) as usize).unwrap()),
        "dirty" => {
            let rows = store.dirty(word(0), RecordId(number(1)), number(2) as usize).unwrap();
            list(rows.iter().map(|row| format!("{}:{}:{}", row.record, row.reasons.0, row.stamp)).collect())
        }
        "dirty-count" => store.dirty_count(word(0)).unwrap().to_string(),
        "intent" => {
            let row = store.intent(word(0), RecordId(number(1))).unwrap();
            row.map_or_else(|| "none".to_owned(), |row| row.key)
        }
        "intents" => list(store.intents(word(0)).unwrap().iter().map(|row| format!("{}:{}", row.record, row.key)).collect()),
        "parked" => list(store.parked(word(0)).unwrap().iter().map(|row| format!("{}:{}", row.record, row.rung)).collect()),
        "dead" => {
            let rows = store.dead_letters(number(0), number(1) as usize).unwrap();
            list(
                rows.iter()
                    .map(|row| {
                        format!(
                            "{}:{}x{}@{}-{}",
                            row.id,
                            subject_key(&row.subject).replace(' ', "_"),
                            row.count,
                            row.first_at.0,
                            row.last_at.0
                        )
                    })
                    .collect(),
            )
        }
        "dead-of" => {
            let row = store.dead_letter_of(&subject(word(0), number(1))).unwrap();
            row.map_or_else(|| "none".to_owned(), |row| row.id.to_string())
        }
        "reviews" | "open-reviews" => {
            let rows = store.reviews(verb == "open-reviews", ReviewId(number(0)), number(1) as usize).unwrap();
            list(rows.iter().map(|row| row.id.to_string()).collect())
        }
        "review" => {
            store.review(ReviewId(number(0))).unwrap().map_or_else(|| "none".to_owned(), |row| format!("{:?}", row.closed_at))
        }
        "decisions" => list(store.decisions(ReviewId(number(0))).unwrap().iter().map(|row| row.by.clone()).collect()),
        "checkpoint" => {
            let row = store.checkpoint(word(0), word(1)).unwrap();
            row.map_or_else(|| "none".to_owned(), |row| row.generation.to_string())
        }
        "runs" => {
            let flow = Some(word(0)).filter(|flow| *flow != "*");
            list(store.runs(flow, number(1) as usize).unwrap().iter().map(|row| row.id.to_string()).collect())
        }
        "flow" => store.flow(word(0)).unwrap().paused.to_string(),
        "audit" => list(store.audit(number(0) as usize).unwrap().iter().map(|row| row.action.clone()).collect()),
        "audit-chain" => {
            // After a line: the others, each continuing the digest before it; and whether the last one's is the head's.
            let after = number(0);
            let before = store.audit_rows(after.saturating_sub(1), 1).unwrap().pop().filter(|row| row.number == after);
            let mut digest = before.map_or([0; 32], |row| row.digest);
            let rows = store.audit_rows(after, number(1) as usize).unwrap();
            let mut said: Vec<String> = Vec::new();
            for row in &rows {
                let action = row.entry().map(|entry| entry.action).unwrap_or_default();
                let whole = row.digest_after(&digest) == row.digest;
                said.push(format!("{}:{action}{}", row.number, if whole { "" } else { "!" }));
                digest = row.digest;
            }
            let head = store.audit_head().unwrap();
            said.push(format!("of{}", head.lines));
            said.push(if head.digest == digest { "head" } else { "more" }.to_owned());
            list(said)
        }
        "row" => {
            let row = store.row(word(0), word(1)).unwrap();
            row.map_or_else(|| "none".to_owned(), |row| String::from_utf8(row).unwrap())
        }
        "sealed" => {
            let rows = store.sealed_rows(word(0)).unwrap();
            let shown = |value: Option<Vec<u8>>| value.map_or_else(|| "–".to_owned(), |value| String::from_utf8(value).unwrap());
            list(rows.into_iter().map(|(key, value)| format!("{key}={}", shown(value))).collect())
        }
        "rows" => {
            let rows = store.rows(word(0)).unwrap();
            list(rows.into_iter().map(|(key, value)| format!("{key}={}", String::from_utf8(value).unwrap())).collect())
        }
        "tokens" => list(store.tokens().unwrap().iter().map(|row| format!("{}={}", row.name, row.hash)).collect()),
        "counts" => list(store.counts().unwrap().into_iter().map(|(name, count)| format!("{name}={count}")).collect()),
        "objects" => {
            let counts = store.objects().unwrap();
            list(counts.into_iter().map(|of| format!("{}/{}={}:{}", of.connection, of.stream, of.active, of.linked)).collect())
        }
        "tend" => {
            while store.tend().unwrap() {}
            "-".to_owned()
        }
        other => panic!("no verb {other}"),
    }
}
