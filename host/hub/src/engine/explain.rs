//! How each flow reads and writes, chosen from what its system says that it can do, and why.

use nave_core::catalog::{Capabilities, ChangeDetection, DeleteDetection, Mapping, WriteMode};

use super::{Engine, EngineError};

/// What was chosen for one flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strategy {
    /// How it is read: `webhook, then poll`, `cursor poll`, `full scan and compare`, `files`; none where it only writes.
    pub reads: Option<&'static str>,
    /// How it is written; none where it only reads.
    pub writes: Option<&'static str>,
    /// Why, a sentence each.
    pub why: Vec<String>,
}

/// Chosen from what a stream can do.
fn choose(mapping: &Mapping, can: &Capabilities, folders: &[String], seconds: u64, listens: bool) -> Strategy {
    let (system, stream) = (&mapping.connection, &mapping.stream);
    let mut chosen = Strategy::default();
    let mut because = |sentence: String| chosen.why.push(sentence);
    if mapping.flow_in.is_some() {
        let (word, why) = match (folders.is_empty(), can.changes) {
            (false, _) => (
                "files",
                format!("`{stream}` comes as files in {}: each is read once it is there, and compared", folders.join(", ")),
            ),
            (true, ChangeDetection::Incremental) => (
                "cursor poll",
                format!("{system} tells what changed in `{stream}` since a point: only that is read, every {seconds} s"),
            ),
            (true, ChangeDetection::FullScan) => (
                "full scan and compare",
                format!(
                    "{system} cannot tell what changed in `{stream}`: everything is read every {seconds} s and compared with what was known"
                ),
            ),
        };
        chosen.reads = Some(if listens && can.webhooks { "webhook, then poll" } else { word });
        because(why);
        because(match can.deletes {
            DeleteDetection::Feed => format!("{system} tells what was deleted"),
            DeleteDetection::Get if can.changes == ChangeDetection::FullScan => {
                "what a whole scan does not show is asked for by itself, and only then taken for deleted".to_owned()
            }
            DeleteDetection::Get => {
                "what was deleted is noticed when it is asked for by itself: reconciliation does, in turn".to_owned()
            }
            DeleteDetection::FullScan => "what two whole scans in a row do not show is taken for deleted".to_owned(),
            DeleteDetection::Never => "a deletion is never noticed".to_owned(),
        });
        if can.webhooks {
            because(match listens {
                true => format!(
                    "{system} also tells at once what changed: that is read by itself, and polling finds what was not told"
                ),
                false => format!(
                    "{system} could also tell at once what changed: [webhook] with a secret in connections/{system}.toml listens to it"
                ),
            });
        }
        if can.read_lag_ms > 0 {
            because(format!(
                "its reads lag by up to {} ms: what was read within that time of a write is read again",
                can.read_lag_ms
            ));
        }
    }
    if mapping.flow_out.is_some() {
        let (word, why) = match can.conditional_write {
            true => ("conditional write", format!("{system} refuses a write to what has changed meanwhile")),
            false => {
                ("read, then write", format!("{system} has no conditional write: each thing is read right before it is written"))
            }
        };
        chosen.writes = Some(word);
        because(why);
        if can.write_mode == WriteMode::Replace {
            because("a write replaces the whole thing: what is not mapped is carried over from what was just read".to_owned());
        }
        because(match can.batch_max {
            0 | 1 => "one thing in a call".to_owned(),
            many => format!("up to {many} things in a call"),
        });
        let out = mapping.flow_out.as_ref();
        because(match (out.and_then(|out| out.marker.as_ref()), out.and_then(|out| out.natural_key.as_ref())) {
            _ if can.idempotency_key => "it knows a repeated call by its key: a lost answer is asked for again".to_owned(),
            (Some(path), _) => format!("a create whose answer was lost is found by the mark in `{path}`"),
            (None, Some(path)) => format!("a create whose answer was lost is found by its `{path}`"),
            (None, None) => {
                "a create whose answer was lost waits for a person: there is neither marker nor natural-key".to_owned()
            }
        });
    }
    chosen
}

impl Engine {
    /// How a flow reads and writes, and why. Answers by what the system says that it can do: [`Engine::forget_streams`] first has
    /// it asked anew.
    ///
    /// # Errors
    /// [`EngineError::Spoke`] where it cannot be asked, [`EngineError::Refused`] where it has no such stream.
    pub async fn explain(&self, name: &str) -> Result<Strategy, EngineError> {
        let mapping = self.mapping(name)?;
        let can = self.capabilities(&mapping).await?;
        let catalog = self.catalog();
        let folders =
            catalog.connections.get(&mapping.connection).map(|connection| connection.drop_folders()).unwrap_or_default();
        let folders: Vec<String> = folders.iter().map(ToString::to_string).collect();
        let listens = catalog.connections.get(&mapping.connection).is_some_and(|connection| connection.webhook.is_some());
        let seconds = mapping.flow_in.as_ref().map_or(0, |flow| flow.freshness_ms / 1_000);
        Ok(choose(&mapping, &can, &folders, seconds, listens))
    }
}
