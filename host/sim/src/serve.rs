//! One request, from the fault switches through the system and the state file back to the fault switches.
//!
//! Promises: a write is in the state file before it is answered; modification times grow with every write, unless the clock is wrong
//! on purpose. Must not know sockets, nor what any vendor's paths mean.

use crate::{
    auth::Auth,
    config::Clock,
    control,
    faults::{Fate, Faults, Seen, Tampered},
    journal::Journal,
    requests::{RequestEntry, RequestLog},
    simulated::{Simulated, copy},
    time,
    webhooks::Webhooks,
    wire::{Body, Call, Reply},
};
use serde_json::{Value, json};

/// A system with everything around it.
pub(crate) struct Running {
    pub(crate) system: Box<dyn Simulated>,
    pub(crate) auth: Auth,
    pub(crate) faults: Faults,
    pub(crate) requests: RequestLog,
    pub(crate) control_token: String,
    pub(crate) journal: Option<Journal>,
    /// Set when the state file could not be written: nothing is answered any more, since nothing would be remembered.
    pub(crate) broken: Option<String>,
    pub(crate) clock: Clock,
    /// What the header Date shows.
    pub(crate) date: Clock,
    pub(crate) seed: u64,
    pub(crate) webhooks: Webhooks,
    /// Acts so far.
    pub(crate) acts: u64,
    /// The last modification time given out while the clock is off.
    pub(crate) floor: i64,
}

impl Running {
    /// What becomes of a request.
    pub(crate) fn serve(&mut self, call: Call) -> Fate {
        if let Some(why) = &self.broken {
            return Fate::Answer(Reply::json(500, json!({"message": why})));
        }
        if call.segments.first().is_some_and(|first| first == "_sim") {
            return Fate::Answer(control::handle(self, &call));
        }
        let ask = self.system.ask(&call);
        let request = Seen { write: self.system.is_write(&call), what: ask.what, path: call.path.clone(), object: ask.object };
        let sent = (call.method.to_string(), call.path.clone(), call.query_text.clone(), call.body.len());
        let (fate, status, changed) = match self.faults.before(&call, &request, self.system.as_ref(), self.system_clock()) {
            Some(fate) => (fate, 0, false),
            None => self.carry_out(call, &request),
        };
        let (fate, status, answer_bytes) = match fate {
            Fate::Answer(reply) => {
                let (reply, bytes) = self.written_out(reply);
                let status = reply.status;
                (Fate::Answer(reply), status, bytes)
            }
            dropped => (dropped, status, 0),
        };
        let (method, path, query, body_bytes) = sent;
        self.requests.push(RequestEntry {
            number: 0,
            at_ms: (self.clock)(),
            method,
            path,
            query,
            status,
            body_bytes,
            answer_bytes,
            write: request.write,
            changed,
            dropped: !matches!(fate, Fate::Answer(_)),
        });
        fate
    }

    /// Has the system answer. With the fate, the status of the answer that it gave, and whether an object changed.
    fn carry_out(&mut self, mut call: Call, request: &Seen) -> (Fate, u16, bool) {
        let Tampered { failed, cut, dropped } = self.faults.tamper(&mut call, request, self.system.as_ref());
        let (now, clock) = (self.modification_time(), (self.clock)());
        let mut reply = match self.faults.lagging(request, clock) {
            Some(older) => older.handle(&mut self.auth, &call, now),
            None if dropped => {
                let reply = copy(self.system.as_ref()).handle(&mut self.auth, &call, now);
                // Its ids were given out all the same: nothing else ever has them.
                reply.entries.iter().for_each(|entry| self.system.spend(entry));
                Reply { entries: Vec::new(), changed: false, ..reply }
            }
            None => self.system.handle(&mut self.auth, &call, now),
        };
        if reply.changed {
            self.floor = now;
        }
        let later = self.modification_time();
        let automatic = self.faults.automate(&call, request, &reply, self.system.as_mut(), later);
        let mut entries = std::mem::take(&mut reply.entries);
        entries.extend(automatic);
        if let Err(no) = self.remember(entries) {
            return (Fate::Answer(no), 500, reply.changed);
        }
        if !failed.is_empty() {
            reply = Reply { changed: reply.changed, ..self.system.partial(&call, reply, &failed) };
        }
        self.faults.handed_out(&call, &reply, self.system.as_ref(), self.system_clock());
        self.faults.hide(&call, request, &mut reply, self.system.as_ref());
        let (status, changed) = (reply.status, reply.changed);
        let fate = self.faults.after(request, reply, self.system.as_ref());
        (if cut { Fate::Close } else { fate }, status, changed)
    }

    /// Makes sure that changes are remembered, in the state file and where older states are kept, and told to those who want to know.
    pub(crate) fn remember(&mut self, entries: Vec<Value>) -> Result<(), Reply> {
        if entries.is_empty() {
            return Ok(());
        }
        let now = self.system_clock();
        for event in self.system.events() {
            self.webhooks.tell(&event, self.system.as_ref(), &mut self.faults, now);
        }
        self.faults.feed(&entries, (self.clock)());
        if let Err(error) = self.export() {
            return Err(Reply::json(500, json!({"message": format!("the export could not be written: {error}")})));
        }
        let Some(journal) = &mut self.journal else { return Ok(()) };
        journal.append(entries).map_err(|error| {
            let why = format!("the state file could not be written ({error}); restart the simulator once there is room");
            tracing::error!(%error, "the state file could not be written");
            self.broken = Some(why.clone());
            Reply::json(500, json!({"message": why}))
        })
    }

    /// Has a system that drops files drop them anew.
    pub(crate) fn export(&mut self) -> std::io::Result<()> {
        let (faults, now) = (self.faults.active(), self.system_clock());
        self.system.export(&faults, now)
    }

    /// What the system's own clock shows.
    fn system_clock(&self) -> i64 {
        (self.clock)().saturating_add(self.faults.clock_offset().unwrap_or(0))
    }

    /// The time that the next change gets.
    pub(crate) fn modification_time(&self) -> i64 {
        match self.faults.clock_offset() {
            // A clock that is off may show times before those of changes that were made while it was right.
            Some(_) => self.system_clock().max(self.floor.saturating_add(1)),
            None => (self.clock)().max(self.system.last_modified() + 1),
        }
    }

    /// Writes an answer out, once, and says how many bytes it has. Every answer carries the system's time.
    fn written_out(&self, mut reply: Reply) -> (Reply, usize) {
        let off = self.faults.clock_offset().unwrap_or(0);
        reply.headers.push(("date", time::http_date((self.date)().saturating_add(off))));
        if let Body::Json(value) = &reply.body {
            reply.body = Body::Text(value.to_string());
        }
        let bytes = reply.body_text().len();
        (reply, bytes)
    }
}
