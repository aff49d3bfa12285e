//! Values that plugins lose, put into recorded answers and into deliveries: what the system said is what is handed over.

use nave_core::conformance::kinds::Kind;
use nave_core::conformance::place;
use nave_core::conformance::report::{Case, Plan};
use nave_core::conformance::values::{Sample, same, samples, shown};
use serde_json::Value as Json;

use super::bench::{Bench, delivered};
use super::sample::{Place, Subject, attempt, carries, with};
use super::stage::Script;

const CHANGE: &str = "hand over the system's own bytes instead of decoding and spelling them again (in Rust `slice::record`); what cannot be read is a record of its own whose body begins with `! ` and the reason";

const EXPECTED: &str = "the record holds what the system said and the request what the hub said, or that record alone is refused";

static PLANS: [Plan; 14] = value_plans(EXPECTED, CHANGE);

/// The cases of odd values, one for each of [`samples`], in these words.
pub(super) const fn value_plans(expected: &'static str, change: &'static str) -> [Plan; 14] {
    let names = [
        "values/utf-8",
        "values/emoji",
        "values/right-to-left",
        "values/nul",
        "values/combining",
        "values/control-characters",
        "values/dst-moment",
        "values/leap-day",
        "values/date-without-offset",
        "values/money-scale",
        "values/big-integer",
        "values/long-text",
        "values/empty",
        "values/null",
    ];
    let mut plans = [Plan { name: "", expected, change }; 14];
    let mut at = 0;
    while at < names.len() {
        plans[at].name = names[at];
        at += 1;
    }
    plans
}

/// All cases of this group.
pub(super) async fn run(bench: &Bench, no_sample: (&str, &str)) -> Vec<Case> {
    let mut cases = Vec::new();
    for (plan, sample) in PLANS.iter().zip(samples(bench.seed)) {
        let (mut wrong, mut tried) = (Vec::new(), 0_usize);
        for subject in &bench.subjects {
            tried += read(bench, subject, &sample, &mut wrong).await;
            tried += written(bench, subject, &sample, &mut wrong).await;
        }
        cases.push(match tried {
            0 => plan.skipped(no_sample.0, no_sample.1),
            _ => plan.judged(&wrong, format!("kept, in {tried} calls")),
        });
    }
    cases
}

async fn read(bench: &Bench, subject: &Subject, sample: &Sample, wrong: &mut Vec<String>) -> usize {
    let (Some(recording), Some(page)) = (&subject.recording, &subject.page) else { return 0 };
    let mut tried = 0;
    for value in &sample.values {
        let place = if value.is_number() { subject.number.as_ref().or(subject.text.as_ref()) } else { subject.text.as_ref() };
        let Some(place) = place else { continue };
        let value = &place.said(value);
        let Some(changed) = with(recording, place, value) else { continue };
        tried += 1;
        let stage = bench.stage(Some(&changed), Script::Recorded);
        let found = bench.read(&stage, subject.name(), None, subject.limit).await;
        let of = format!("read {}: {} for {}", subject.name(), shown(value), place.in_body.join("."));
        match found {
            Err(error) => wrong.push(format!("{of} stops the whole page: {error}")),
            Ok(read) if read.records.len() < page.records.len() => {
                wrong.push(format!("{of}: {} of {} records came", read.records.len(), page.records.len()));
            }
            Ok(read) => wrong.extend(handed(&read, place, value).err().map(|why| format!("{of} {why}"))),
        }
    }
    tried
}

/// Whether the record has the value, or is refused by itself.
fn handed(page: &nave_runtime::contract::Page, place: &Place, value: &Json) -> Result<(), String> {
    let refused = |body: &[u8]| body.starts_with(b"! ");
    let Some(record) = page.records.iter().find(|record| record.remote_id == place.remote_id) else {
        // Set aside under no name, with what it was.
        let aside = page.records.iter().any(|record| record.remote_id.is_empty());
        return if aside { Ok(()) } else { Err("came out under another id".to_owned()) };
    };
    if refused(&record.body) {
        return Ok(());
    }
    let body: Json =
        serde_json::from_slice(&record.body).map_err(|error| format!("came out as a body that is no JSON: {error}"))?;
    match place::at(&body, &place.in_body) {
        Some(there) if same(value, there) => Ok(()),
        None if value.is_null() => Ok(()),
        Some(there) => Err(format!("came out as {}", shown(there))),
        None => Err("did not come out".to_owned()),
    }
}

async fn written(bench: &Bench, subject: &Subject, sample: &Sample, wrong: &mut Vec<String>) -> usize {
    let mut tried = 0;
    for value in &sample.values {
        let field = if value.is_number() { subject.number_field.as_ref() } else { subject.text_field.as_ref() };
        let Some(field) = field else { continue };
        tried += 1;
        let (result, asked) = attempt(bench, subject, field, value).await;
        let came = delivered(&result);
        let of = format!("write {}: {} for {field}", subject.name(), shown(value));
        let empty = value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty());
        let kept = asked.iter().any(|asked| carries(asked, value));
        match came.kind {
            Kind::Broken => wrong.push(format!("{of}: {}", came.words)),
            Kind::Rejected => {}
            _ if kept || empty => {}
            _ if asked.is_empty() => wrong.push(format!("{of}: nothing was sent ({}: {})", came.kind.word(), came.words)),
            _ => wrong.push(format!("{of}: what was sent does not hold it")),
        }
    }
    tried
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_has_a_case() {
        let names: Vec<String> = samples(7).iter().map(|sample| format!("values/{}", sample.name)).collect();
        assert_eq!(names, PLANS.iter().map(|plan| plan.name).collect::<Vec<_>>());
    }
}
