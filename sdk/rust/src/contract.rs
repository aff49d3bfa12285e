//! The contract as traits. A function that a system has no use for has a default that says so.
//!
//! None of the traits has a `self`: a guest may be dropped between any two calls, so what must be remembered travels
//! in the checkpoint or in [`crate::host::state_set`].

use crate::bindings::transform::exports::nave::plugin::transform::{Batch, Column};
use crate::types::{CheckReport, Delivery, Event, Failure, Outcome, Page, Rejection, SourceRecord, Stream, WebhookRequest};

/// A configured use of a connector as a whole.
pub trait Connection {
    /// Does it work? Reads only.
    fn check() -> Result<CheckReport, Failure>;

    /// What is this call about? The host verified its signature before. Default: nothing that we know of.
    fn webhook(request: WebhookRequest) -> Result<Vec<Event>, Failure> {
        let _ = request;
        Ok(Vec::new())
    }
}

/// A system that records are read from.
pub trait Source {
    /// The streams, their fields and what can be done with them. Changes nothing over there.
    fn discover() -> Result<Vec<Stream>, Failure>;

    /// The page after a checkpoint; none means from the start. The same checkpoint may come again.
    /// A page holds at most `limit` records.
    fn read(stream: &str, checkpoint: Option<Vec<u8>>, limit: u32) -> Result<Page, Failure>;

    /// The records before this checkpoint are durable in the hub. Default: nothing to do.
    fn acknowledge(stream: &str, checkpoint: Vec<u8>) -> Result<(), Failure> {
        let _ = (stream, checkpoint);
        Ok(())
    }

    /// These things, now. Gone is `delete`, merged is `merged-into`, forbidden is left out.
    fn get(stream: &str, ids: Vec<String>) -> Result<Vec<SourceRecord>, Failure>;
}

/// A system that records are written to. A source that cannot be written leaves all of it out.
pub trait Destination {
    /// One outcome per delivery, in order. `Err` promises that nothing was sent.
    fn write(stream: &str, deliveries: Vec<Delivery>) -> Result<Vec<Outcome>, Failure> {
        let _ = deliveries;
        Err(Failure::Rejected(Rejection::new("read-only", format!("the stream {stream} cannot be written"))))
    }

    /// Things whose field at `path` equals one of the values. Only paths that `discover` calls searchable.
    fn find(stream: &str, path: &str, values: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        let _ = values;
        Err(Failure::Rejected(Rejection::new("other", format!("the stream {stream} cannot be searched by {path}"))))
    }
}

/// Pure functions over columns.
pub trait Transform {
    /// Applies the function of this name. `Err` means a mistake in the plugin; mistakes in data are the batch's errors.
    fn call(name: &str, inputs: Vec<Column>) -> Result<Batch, String>;
}
