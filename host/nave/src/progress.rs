//! Progress bars, on a terminal only.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
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
                "{prefix:.bold} {bar:30} {pos}/{len} {msg}"
            }
            None => "{spinner} {prefix:.bold} {pos} {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_position(progress.done);
        bar.set_message(clean(progress.note.as_deref().unwrap_or_default()));
    }

    pub(crate) fn finish(self) {
        for bar in self.shown.into_iter().flat_map(|(_, bars)| bars.into_values()) {
            bar.finish_and_clear();
        }
    }
}
