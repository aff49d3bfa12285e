//! `[webhook]` of a connection: with it, the connection's system is listened to.

use super::Webhook;
use super::connection::secret_name;
use super::reader::Table;
use crate::manifest::Manifest;

/// As long as a person's typing and a vendor's burst of calls about one thing usually pause, and no longer than somebody
/// who waits for a ticket notices.
const FOLD_MS: u64 = 250;
/// Longer is a matter of the flow's freshness.
const FOLD_MS_MAX: u64 = 60_000;

pub(super) fn read(mut table: Table<'_>, manifest: Option<&Manifest>) -> Option<Webhook> {
    let span = table.span.clone();
    if let Some(manifest) = manifest
        && manifest.webhook.is_none()
    {
        let message =
            format!("the plugin `{}` does not say how its system signs what it tells, so nothing can be believed", manifest.name);
        table.file.error(
            span,
            "no-webhooks",
            message,
            Some("take [webhook] out; changes are found by reading as often as `freshness` asks".to_owned()),
        );
    }
    let secret = secret_name(&mut table);
    let fold_span = table.key_span("fold");
    let fold_ms = table.duration("fold").unwrap_or(FOLD_MS);
    if fold_ms > FOLD_MS_MAX {
        table.file.error(
            fold_span,
            "wrong-value",
            "`fold` is at most 1m".to_owned(),
            Some("a flow's `freshness` says how often everything is read".to_owned()),
        );
    }
    let allow_from = super::hub::networks(&mut table);
    table.finish();
    Some(Webhook { secret: secret?.value, allow_from, fold_ms })
}
