//! `record resync`: one record put right everywhere.

use nave_hub::api::{PlannedField, RecordRef, Request, exit};

use super::Outcome;
use super::flows;
use crate::context::{Context, want};
use crate::output::{self, clean, say};

pub(crate) async fn run(record: RecordRef, plan: bool, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::RecordResync { record, plan }).await?, Resync);
    let stopped = answer.towards.iter().any(|towards| towards.stopped.is_some() && !towards.writes.is_empty());
    let code = match flows::code_of(&answer.runs) {
        exit::OK if stopped && !plan => exit::PERSON,
        code => code,
    };
    if context.json {
        output::json(&answer);
        return Ok(code);
    }
    say(format_args!("{} {}", answer.record, clean(&answer.title)));
    for looked in &answer.looked {
        say(format_args!("\n← {} {}", clean(&looked.remote), clean(&looked.state)));
        looked.fields.iter().for_each(field);
    }
    for towards in &answer.towards {
        let what = match &towards.stopped {
            Some(why) => format!("nothing is sent: {}", clean(why)),
            None if towards.writes.is_empty() => "nothing to write".to_owned(),
            None => String::new(),
        };
        say(format_args!("\n→ {} {what}", towards.flow));
        for write in &towards.writes {
            say(format_args!("  {}", write.operation));
            write.fields.iter().for_each(field);
        }
    }
    if plan {
        say(format_args!("\nNothing was taken in or written: `nave record resync {}` does it.", answer.record));
    } else if !answer.runs.is_empty() {
        say("");
        flows::runs(&answer.runs);
    }
    Ok(code)
}

/// One field: what was there or known, and what is or will be.
pub(crate) fn field(field: &PlannedField) {
    let now = field.now.as_ref().map(|now| format!("{now} → ")).unwrap_or_default();
    let note = field.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
    say(format_args!("      {}: {}", clean(&field.path), clean(&format!("{now}{}{note}", field.then))));
}
