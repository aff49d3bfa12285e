//! `reconcile LEFT RIGHT` and its history: what two systems hold, and what to do about it.

use nave_core::schedule::span;
use nave_hub::api::{
    CompareAnswer, CompareFinding, CompareHistoryAnswer, CompareKept, CompareOtherwise, CompareOutcome, Request, exit,
};

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, Rows, clean, say};

pub(super) async fn compare(request: Request, context: &Context) -> Outcome {
    let answer = want!(context.call(request).await?, Compare);
    if context.json {
        output::json(&answer);
    } else {
        show(&answer);
    }
    Ok(exit::OK)
}

fn show(answer: &CompareAnswer) {
    let CompareAnswer { left, right, entity, things, same, counts, .. } = answer;
    for at in [0, 1] {
        let name = [left, right][at];
        let age = answer.oldest_age_s[at].map(|seconds| span(u64::try_from(seconds.max(1)).unwrap_or(1) * 1_000));
        let read = match age {
            _ if answer.read && age.is_some() => "read just now".to_owned(),
            Some(age) => format!("each read within the last {age}"),
            None => "nothing was read yet".to_owned(),
        };
        say(format_args!("{}: {} ({}), {read}", clean(name), things[at], clean(entity)));
    }
    say(format_args!(
        "\n{same} agree, {} missing in {right}, {} extra there, {} differing, {} unmatched, {} more than once",
        counts.missing, counts.extra, counts.differing, counts.unmatched, counts.twice
    ));
    if answer.meant > 0 {
        say(format_args!("{} more are in one of them only, and are meant to be: filters and policies say so", answer.meant));
    }
    for finding in &answer.findings {
        show_finding(answer, finding);
    }
    let left_out = usize::try_from(counts.all()).unwrap_or(usize::MAX).saturating_sub(answer.findings.len());
    if left_out > 0 {
        say(format_args!("\n… and {left_out} more (`--limit`)"));
    }
    answer.otherwise.iter().for_each(show_otherwise);
    if let Some(kept) = &answer.kept {
        say(format_args!("\nKept: {} new, {} gone, {} still, against the time before.", kept.new, kept.gone, kept.still));
    } else if !answer.read && counts.all() > 0 {
        say("\nWhat was read last was compared; `--read` reads both anew.");
    }
}

fn show_otherwise(otherwise: &CompareOtherwise) {
    let CompareOtherwise { connection, field, count, first, .. } = otherwise;
    let (connection, field) = (clean(connection), clean(field));
    let records = if *count == 1 { "1 record" } else { &format!("{count} records") };
    say(format_args!(
        "
{connection} keeps `{field}` of {records} otherwise than the hub wrote it: something there sets it, or that is how it spells it"
    ));
    for one in first {
        let CompareKept { record, title, written, kept, action, command } = one;
        say(format_args!("  {record} {}: written {:?}, kept {:?}", clean(title), clean(written), clean(kept)));
        say(format_args!("    {}: `{}`", clean(action), clean(command)));
    }
}

fn show_finding(answer: &CompareAnswer, finding: &CompareFinding) {
    let at = |at: usize| finding.remote_ids[at].as_ref().map(|id| format!("{}:{id}", [&answer.left, &answer.right][at]));
    let things: Vec<String> = [at(0), at(1)].into_iter().flatten().collect();
    let record = finding.record.clone().unwrap_or_default();
    say(format_args!("\n{} {record} {} ({})", finding.kind, clean(&finding.title), clean(&things.join(", "))));
    if finding.fields.is_empty() {
        say(format_args!("  {}: `{}`", clean(&finding.action), clean(&finding.command)));
    }
    for field in &finding.fields {
        say(format_args!(
            "  {}: {} holds {:?}, {} holds {:?}, the record says {:?}",
            clean(&field.field),
            answer.left,
            clean(&field.left),
            answer.right,
            clean(&field.right),
            clean(&field.canonical)
        ));
        say(format_args!("    {}: `{}`", clean(&field.action), clean(&field.command)));
    }
}

pub(super) async fn history(left: Option<String>, right: Option<String>, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::CompareHistory { left, right }).await?, CompareHistory);
    if context.json {
        output::json(&answer);
    } else {
        trend(&answer);
    }
    Ok(exit::OK)
}

fn trend(answer: &CompareHistoryAnswer) {
    for pair in &answer.pairs {
        let next = pair.due.as_ref().map_or("when `nave serve` first meets it".to_owned(), Clone::clone);
        say(format_args!("{} and {}, {}: next {next}", clean(&pair.left), clean(&pair.right), clean(&pair.entity)));
        let mut rows = Rows::new(&[
            "when",
            "agree",
            "missing",
            "extra",
            "differing",
            "unmatched",
            "twice",
            "in all",
            "new",
            "gone",
            "still",
        ]);
        for one in &pair.outcomes {
            let CompareOutcome { at, same, counts, apart, new, gone, still, .. } = one;
            let numbers = [
                *same,
                counts.missing,
                counts.extra,
                counts.differing,
                counts.unmatched,
                counts.twice,
                *apart,
                *new,
                *gone,
                *still,
            ];
            rows.row(std::iter::once(at.clone()).chain(numbers.iter().map(ToString::to_string)));
        }
        rows.print("  not compared yet");
    }
    if answer.pairs.is_empty() {
        say("No two systems hold the same things yet.");
    }
}
