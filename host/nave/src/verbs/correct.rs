//! `record correct`: where an old value of a field still stands, and those places put right.

use nave_hub::api::{CopyLine, CorrectionAnswer, Request, exit};

use super::Outcome;
use super::flows;
use crate::context::{Context, want};
use crate::output::{self, Rows, clean, say};

pub(crate) async fn run(request: Request, context: &Context) -> Outcome {
    let answer = want!(context.call(request).await?, Correction);
    let still = answer.copies.iter().any(|copy| copy.can == "still");
    let code = match flows::code_of(&answer.runs) {
        exit::OK if still => exit::FAILED,
        code => code,
    };
    if context.json {
        output::json(&answer);
        return Ok(code);
    }
    let now = if answer.now.is_empty() { "nothing".to_owned() } else { clean(&answer.now) };
    let old: Vec<String> = answer.old.iter().map(|old| clean(old)).collect();
    say(format_args!("{} {}: `{}` is {now}, and was {}\n", answer.record, clean(&answer.title), answer.field, old.join(", ")));
    let mut rows = Rows::new(&["", "record", "system", "its id", "field there", "holds", "can"]);
    for copy in &answer.copies {
        let stream = if copy.stream.is_empty() { String::new() } else { format!("/{}", copy.stream) };
        rows.row([
            copy.number.to_string(),
            copy.record.clone(),
            format!("{}{stream}", copy.system),
            copy.remote_id.clone(),
            copy.path.clone(),
            copy.display.clone(),
            can(copy),
        ]);
    }
    rows.print("Nothing shows what it was.");
    say(format_args!("\nLooked through: its own things, and {} that refer to it.", count(answer.documents)));
    if answer.left_out > 0 {
        say(format_args!("{} more refer to it and were not looked through.", count(answer.left_out)));
    }
    outside(&answer);
    if !answer.listed {
        if !answer.runs.is_empty() {
            say("");
            flows::runs(&answer.runs);
        }
        return Ok(code);
    }
    if let Some(first) = answer.copies.iter().find(|copy| copy.can == "write") {
        say(format_args!(
            "Nothing was written: `nave record correct {} {} --apply {} --because TEXT` does it, `--apply all` all that can be.",
            answer.record, answer.field, first.number
        ));
    }
    Ok(code)
}

/// What stands in fields that no mapping reads, where that was asked for.
fn outside(answer: &CorrectionAnswer) {
    let Some(unmapped) = &answer.unmapped else {
        say("Fields that no mapping reads were not looked at: --unmapped asks the systems for them.");
        return;
    };
    say("\nAlso there, in fields that no mapping reads; correct them in their systems, or map the fields:");
    let mut rows = Rows::new(&["record", "system", "its id", "field there", "holds"]);
    for copy in unmapped {
        let system = format!("{}/{}", copy.system, copy.stream);
        rows.row([copy.record.clone(), system, copy.remote_id.clone(), copy.path.clone(), copy.display.clone()]);
    }
    rows.print("Nothing.");
    answer.unasked.iter().for_each(|what| say(format_args!("Not looked at: {}", clean(what))));
}

fn count(records: usize) -> String {
    if records == 1 { "1 record".to_owned() } else { format!("{records} records") }
}

fn can(copy: &CopyLine) -> String {
    let why = copy.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let with: Vec<String> = copy.with.iter().map(ToString::to_string).collect();
    let with = if with.is_empty() { String::new() } else { format!(" (with {})", with.join(", ")) };
    format!("{}{with}{why}", copy.can)
}
