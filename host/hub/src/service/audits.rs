//! The audit: listed, gone through, written out.

use tokio::task::block_in_place;

use super::{audit, past};
use crate::anchor::{self, FILE_BYTES_MAX, Finding};
use crate::api::{Answer, ApiError, AuditAnswer, AuditCheckAnswer, AuditExportAnswer, AuditExportLine, AuditLine};
use crate::engine::Engine;
use crate::hub::Hub;
use crate::plugins::hex;
use nave_core::model::Access;
use nave_core::reason::is_blank;

/// Lines in one answer.
const LINES_MAX: usize = 10_000;

/// Lines, newest first.
pub(super) fn list(engine: &Engine, limit: usize, since: &str) -> Result<AuditAnswer, ApiError> {
    let since = past::since(since)?;
    let entries =
        engine.store.audit(limit.min(LINES_MAX))?.into_iter().filter(|entry| since.is_none_or(|since| entry.at >= since));
    let entries = entries.map(|entry| AuditLine {
        at: entry.at.to_string(),
        // A line about data is written for machines; people are told in words.
        detail: match entry.action.starts_with("data.").then(|| Access::of(&entry.detail)).flatten() {
            Some(access) => access.sentence(),
            None => entry.detail,
        },
        actor: entry.actor,
        action: entry.action,
        subject: entry.subject,
    });
    Ok(AuditAnswer { entries: entries.collect() })
}

/// Every line and every anchor.
pub(super) fn verify(hub: &Hub, anchors: Option<&str>) -> Result<AuditCheckAnswer, ApiError> {
    if anchors.is_some_and(|text| text.len() as u64 > FILE_BYTES_MAX) {
        return Err(ApiError::usage(format!("a file of anchors has at most {FILE_BYTES_MAX} bytes")));
    }
    let verified = match hub.anchors.verify(hub.store.as_ref(), anchors) {
        Ok(verified) => verified,
        Err(why) => {
            let damaged = matches!(hub.store.heads(), Err(nave_store::StoreError::Damaged(_)));
            let salvaged = if damaged { anchor::salvaged(&hub.dir, &why) } else { None };
            return salvaged.ok_or_else(|| ApiError::failed(why));
        }
    };
    if !verified.findings.is_empty() && anchors.is_none() {
        anchor::keep(hub.store.as_ref(), &verified.findings)?;
    }
    let row_at = |number: u64| {
        let row = hub.store.audit_rows(number.checked_sub(1)?, 1).ok()?.pop();
        row.filter(|row| row.number == number)
    };
    let finding = |one: &Finding| anchor::named(one, verified.sound, row_at);
    Ok(AuditCheckAnswer {
        sound: verified.findings.is_empty(),
        lines: verified.head.lines,
        head: hex(&verified.head.digest),
        anchors: verified.anchors as u64,
        anchored_at: verified.last.as_ref().map(|anchor| anchor.at.clone()),
        anchored_lines: verified.last.map(|anchor| anchor.lines).unwrap_or_default(),
        anchor_file: hub.anchors.path().display().to_string(),
        findings: verified.findings.iter().map(finding).collect(),
        known: verified.known.iter().map(finding).collect(),
        accepted: verified.accepted.map(|anchor| anchor.reason),
        damaged: None,
    })
}

/// A person knows what is wrong, and goes on from here.
pub(super) async fn accept(hub: &Hub, reason: &str, by: &str) -> Result<Answer, ApiError> {
    if is_blank(reason) {
        return Err(ApiError::usage("say why: it is kept in the audit and in the anchor")
            .help("`nave audit accept --reason 'snapshot of Monday after the disk broke'`"));
    }
    let before = block_in_place(|| verify(hub, None))?;
    if before.sound {
        return Err(ApiError::usage("the audit is as it was written: there is nothing to accept"));
    }
    let what: Vec<&str> = before.findings.iter().map(|one| one.text.as_str()).take(3).collect();
    audit(&hub.engine, by, "audit.accepted", "audit", &format!("{reason}: {}", what.join("; "))).await?;
    block_in_place(|| hub.anchors.accept(hub.store.as_ref(), reason)).map_err(ApiError::failed)?;
    Ok(Answer::done("Noted, signed. From here on the audit is held against this.", before.findings.len() as u64))
}

/// Lines as they lie there, ascending.
pub(super) fn export(hub: &Hub, after: u64, since: &str, limit: usize) -> Result<AuditExportAnswer, ApiError> {
    let since = past::since(since)?;
    let limit = limit.clamp(1, LINES_MAX);
    let rows = hub.store.audit_rows(after, limit)?;
    let next = if rows.len() == limit { rows.last().map(|row| row.number) } else { None };
    let late = |row: &nave_store::AuditRow| since.is_none_or(|since| row.entry().is_none_or(|entry| entry.at >= since));
    let lines = rows.iter().filter(|row| late(row)).map(|row| AuditExportLine {
        number: row.number,
        digest: hex(&row.digest),
        text: String::from_utf8_lossy(row.text.get(1..).unwrap_or_default()).into_owned(),
    });
    let anchor = match next {
        Some(_) => None,
        None => serde_json::to_value(hub.anchors.signed_head(hub.store.as_ref())?).ok(),
    };
    Ok(AuditExportAnswer { lines: lines.collect(), next, anchor })
}
