//! `nave anomalies`: writers that nobody knows, volumes that wait for a person, and what was refused and is still here.

use nave_core::model::{ReviewId, ReviewKind, Went};

use super::count;
use crate::api::{AnomaliesAnswer, AnomalyLine, Answer, ApiError};
use crate::engine::Engine;
use crate::engine::refused::Refused;

/// Reviews read from the store at once.
const CHUNK: usize = 5_000;

/// What is unusual: writers that nobody knows, and volumes that wait for a person.
pub(super) fn anomalies(engine: &Engine) -> Result<AnomaliesAnswer, ApiError> {
    let mut anomalies = Vec::new();
    for writer in engine.unknown_writers()? {
        let (since, last) = writer.times;
        anomalies.push(AnomalyLine {
            kind: "unknown-writer".to_owned(),
            subject: format!("{}.{}.{}", writer.connection, writer.entity, writer.field),
            count: writer.count as u64,
            since: since.to_string(),
            last: last.to_string(),
            what: format!(
                "`{}` in {} was changed {} times within a week right after the hub had written it: that is no person. Look for a \
                 workflow, an automation or another integration there, or let {} own the field",
                writer.path, writer.connection, writer.count, writer.connection
            ),
            command: format!("nave mapping explain {}", writer.flow),
            changed: false,
        });
    }
    let mut after = ReviewId(0);
    loop {
        let reviews = engine.store.reviews(true, after, CHUNK)?;
        let Some(last) = reviews.iter().map(|review| review.id).max() else { break };
        after = last;
        for review in reviews {
            let ReviewKind::Volume { connection, stream, things, .. } = &review.kind else { continue };
            anomalies.push(AnomalyLine {
                kind: "volume".to_owned(),
                subject: format!("{connection}/{stream}"),
                count: *things,
                since: review.opened_at.to_string(),
                last: review.opened_at.to_string(),
                what: review.title.clone(),
                command: format!("nave review show {}", review.id),
                changed: false,
            });
        }
    }
    for refused in engine.refused()? {
        let Refused { connection, stream, what, records } = refused;
        let (came, flag) = if what == Went::Changed { ("changed", " --changed") } else { ("new", "") };
        anomalies.push(AnomalyLine {
            kind: "refused".to_owned(),
            subject: format!("{connection}/{stream}"),
            count: records,
            since: String::new(),
            last: String::new(),
            what: format!("{records} {came} at once in {connection} and were refused: nothing of them is written anywhere"),
            command: format!("nave anomalies let-in {connection}/{stream}{flag} --reason TEXT"),
            changed: what == Went::Changed,
        });
    }
    Ok(AnomaliesAnswer { anomalies })
}

/// What came at once and was refused: let in after all, or detached for good.
pub(super) async fn release(
    engine: &Engine,
    (connection, stream): (&str, &str),
    (changed, detach): (bool, bool),
    by: &str,
    reason: &str,
) -> Result<Answer, ApiError> {
    let released = match (changed, detach) {
        (true, true) => {
            return Err(ApiError::usage("what only changed was here before, and is not detached").help(format!(
                "correct it in {connection}, or let it in: `nave anomalies let-in {connection}/{stream} --changed --reason TEXT`"
            )));
        }
        (_, true) => engine.detach_refused((connection, stream), by, reason).await?,
        (true, false) => engine.let_in((connection, stream), &Went::Changed, by, reason).await?,
        (false, false) => engine.let_in((connection, stream), &Went::Arrived, by, reason).await?,
    };
    let records = count(usize::try_from(released.done).unwrap_or(usize::MAX), "record", "records");
    let mut message = match detach {
        true => format!("{records} of {connection}/{stream} detached: they are in {connection}, and nowhere here any more."),
        false => format!("{records} of {connection}/{stream} let in: they go where everything goes with the next sync."),
    };
    if released.left > 0 {
        message.push_str(&format!(
            " {} left as they were, because another system knows them too: let them in, or part them first.",
            released.left
        ));
    }
    Ok(Answer::done(message, released.done))
}
