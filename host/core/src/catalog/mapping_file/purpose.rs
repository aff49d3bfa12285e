//! What a flow is for: the business process that needs it, and why. Said to people wherever a flow is explained; decides nothing.

use super::super::Purpose;
use super::super::entity::did_you_mean;
use super::super::reader::Table;
use super::Between;

impl Between<'_, '_> {
    /// `process` and `because` of `[flow.in]` or `[flow.out]`, called `flow`. What is not said is asked for.
    pub(super) fn purpose(&self, table: &mut Table<'_>, flow: &str) -> Purpose {
        let purpose = Purpose { process: self.process(table), because: table.plain("because") };
        let missing = match (&purpose.process, &purpose.because) {
            (Some(_), Some(_)) => return purpose,
            (None, Some(_)) => "which business process needs it",
            (Some(_), None) => "why",
            (None, None) => "which business process needs it, nor why",
        };
        self.file.warning(
            table.span.clone(),
            "no-purpose",
            format!("[{flow}] does not say {missing}"),
            Some("process = \"sales\", and because = \"what goes wrong in it where the two systems differ\"".to_owned()),
        );
        purpose
    }

    fn process(&self, table: &mut Table<'_>) -> Option<String> {
        let process = table.text("process")?;
        let processes = &self.known.hub.processes;
        if !processes.is_empty() && !processes.contains_key(&process.value) {
            self.file.error(
                process.span,
                "unknown-process",
                format!("nave.toml has no process `{}`", process.value),
                did_you_mean(&process.value, processes.keys()).or_else(|| {
                    Some(format!("[processes] in nave.toml names {}", processes.keys().cloned().collect::<Vec<_>>().join(", ")))
                }),
            );
        }
        Some(process.value)
    }
}
