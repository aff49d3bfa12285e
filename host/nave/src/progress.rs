//! Progress bars, on a terminal only.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressStyle};
use nave_hub::api::Progress;

use crate::context::Context;
use crate::output::clean;

/// One bar per stage.
pub(crate) struct Bars {
    shown: Option<(MultiProgress, HashMap<String, ProgressBar>)>,
}

impl Bars {
    pub(crate) fn new(context: &Context) -> Self {
        let shown = (!context.json && std::io::stderr().is_terminal()).then(|| (MultiProgress::new(), HashMap::new()));
        Self { shown }
    }

    pub(crate) fn show(&mut self, progress: &Progress) {
        let Some((all, bars)) = &mut self.shown else { return };
        let bar = bars.entry(progress.stage.clone()).or_insert_with(|| {
            let bar = all.add(ProgressBar::new_spinner());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar.set_prefix(clean(&progress.stage));
            bar
        });
        let template = match progress.total {
            Some(total) => {
                bar.set_length(total);
                "{prefix:.bold} {bar:30} {msg}"
            }
            None => "{spinner} {prefix:.bold} {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_position(progress.done);
        bar.set_message(clean(&counted(progress)));
    }

    pub(crate) fn finish(self) {
        for bar in self.shown.into_iter().flat_map(|(_, bars)| bars.into_values()) {
            bar.finish_and_clear();
        }
    }
}

/// How far it is, in words: `3,000 of about 60,000`.
fn counted(progress: &Progress) -> String {
    let done = HumanCount(progress.done);
    let of = match (progress.total.map(HumanCount), progress.about) {
        (Some(total), true) => format!("{done} of about {total}"),
        (Some(total), false) => format!("{done} of {total}"),
        (None, _) => done.to_string(),
    };
    progress.note.iter().fold(of, |of, note| format!("{of} {note}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_it_is_in_words() {
        for (done, total, about, note, expected) in [
            (3_000, Some(60_000), true, None, "3,000 of about 60,000"),
            (3, Some(7), false, None, "3 of 7"),
            (1_234_567, None, false, None, "1,234,567"),
            (0, Some(0), true, Some("crm"), "0 of about 0 crm"),
        ] {
            let note = note.map(str::to_owned);
            assert_eq!(counted(&Progress { stage: "reading".to_owned(), done, total, about, note }), expected);
        }
    }
}
