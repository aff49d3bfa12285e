//! Recordings played with no network, and looked through for secrets.

use nave_core::conformance::report::{Case, Plan};
use nave_core::leak;
use serde_json::Value as Json;

use super::super::call::call_instance;
use super::bench::Bench;
use super::stage::Script;

const REPLAY: Plan = Plan {
    name: "offline/replay",
    expected: "every recorded call is answered, and nothing is asked that was not recorded",
    change: "if the plugin asks otherwise than it did when this was recorded, record it again: `nave plugin record CONNECTION`",
};
const SECRETS: Plan = Plan {
    name: "offline/secrets",
    expected: "no recording holds anything that looks like a secret",
    change: "delete the recording, revoke the secret, and record again: credentials are put in after the place where it is recorded, so one that is found was answered by the system or typed into a setting",
};

/// All cases of this group. `texts`: file name and text of each recording.
pub(super) async fn run(bench: &Bench, texts: &[(String, String)], no_sample: (&str, &str)) -> Vec<Case> {
    if bench.recordings.is_empty() {
        return vec![REPLAY.skipped(no_sample.0, no_sample.1), SECRETS.skipped(no_sample.0, no_sample.1)];
    }
    vec![replay(bench).await, secrets(texts)]
}

async fn replay(bench: &Bench) -> Case {
    let (mut wrong, mut calls) = (Vec::new(), 0_usize);
    for recording in &bench.recordings {
        let stage = bench.stage(Some(recording), Script::Recorded);
        let mut next = Json::Null;
        for call in &recording.calls {
            calls += 1;
            let of = format!("{} {}", recording.connection, call.function);
            let mut arguments = call.arguments.clone();
            // It goes on from what it answered just now: in the recording values within a checkpoint are masked.
            if let ("read", Some(from)) = (call.function.as_str(), arguments.get_mut(1))
                && !from.is_null()
            {
                *from = next.take();
            }
            match bench.start(&stage).await {
                Err(error) => wrong.push(format!("{of}: {error}")),
                Ok(mut instance) => match call_instance(&mut instance, &call.function, &arguments).await {
                    Ok(answer) if call.function == "read" => next = answer["next"].clone(),
                    Ok(_) => {}
                    // A stream that could not be read when it was recorded cannot be read now.
                    Err(error) if matches!(call.function.as_str(), "check" | "discover") => wrong.push(format!("{of}: {error}")),
                    Err(_) => {}
                },
            }
        }
        wrong.extend(stage.unrecorded().into_iter().map(|line| format!("{}: {line} was not recorded", recording.connection)));
    }
    REPLAY.judged(&wrong, format!("{calls} calls of {} recordings", bench.recordings.len()))
}

fn secrets(texts: &[(String, String)]) -> Case {
    let mut wrong = Vec::new();
    for (file, text) in texts {
        wrong.extend(leak::find(text).into_iter().map(|leak| format!("{file}:{}:{}: {}", leak.line, leak.column, leak.what)));
    }
    SECRETS.judged(&wrong, format!("none in {} files", texts.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nave_core::conformance::report::Verdict;

    #[test]
    fn a_secret_in_a_recording_is_named_by_its_place_and_not_shown() {
        let key = format!("ghp_{}", "a1B2c3D4".repeat(5));
        let case = secrets(&[("crm.json".to_owned(), format!("{{\n\"x\": \"{key}\"}}"))]);
        assert_eq!(case.verdict, Verdict::Failed);
        assert!(case.happened.starts_with("crm.json:2:") && !case.happened.contains(&key), "{}", case.happened);
        assert_eq!(secrets(&[("crm.json".to_owned(), "{}".to_owned())]).verdict, Verdict::Passed);
    }
}
