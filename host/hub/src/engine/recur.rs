//! What was set aside while reading, and did not come again when everything was read: it was mended or removed at its
//! source, and nobody could ask for it by itself (a row without an id is known by its place, which moves).

use nave_core::model::{DeadLetter, DeadLetterSubject};

use super::pull::Reading;
use super::{Engine, EngineError};

/// Dead letters read at once.
const LETTERS_AT_ONCE: usize = 1_000;

impl Engine {
    /// Everything of a stream was read by this run: lets go of what earlier runs set aside of it. What is wrong still has
    /// been set aside again by now, under this run.
    pub(super) async fn let_go_of_mended(&self, reading: &Reading<'_>) -> Result<(), EngineError> {
        let (mut after, mut mended) = (0, Vec::new());
        loop {
            let letters = self.store.dead_letters(after, LETTERS_AT_ONCE)?;
            let Some(last) = letters.last() else { break };
            after = last.id;
            mended.extend(letters.iter().filter(|letter| did_not_recur(reading, letter)).map(|letter| letter.id));
        }
        if mended.is_empty() {
            return Ok(());
        }
        tracing::info!(flow = reading.mapping.name, letters = ?mended, "set aside before, and not seen again");
        self.write(reading.cause(), |draft| {
            draft.batch.revived.extend(&mended);
            Ok(())
        })
        .await
    }
}

/// Whether an earlier run set it aside while it read this stream for this mapping.
fn did_not_recur(reading: &Reading<'_>, letter: &DeadLetter) -> bool {
    match &letter.subject {
        DeadLetterSubject::SourceRecord { connection, stream, mapping, .. } => {
            letter.run != reading.run
                && *connection == reading.mapping.connection
                && stream == reading.stream()
                && *mapping == reading.mapping.name
        }
        DeadLetterSubject::Delivery { .. } => false,
    }
}
