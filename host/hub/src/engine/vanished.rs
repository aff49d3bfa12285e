//! What a completed scan did not see.

use std::collections::HashSet;

use nave_core::accounting::InCounts;
use nave_core::catalog::Mapping;
use nave_core::matching::remote_hash;
use nave_core::model::{Contribution, ContributionId, Time};
use nave_core::part;

use super::missed::Missed;
use super::pull::{GET_IDS_MAX, PageCommit, Reading};
use super::seen::Seen;
use super::take::{Incoming, IncomingKind};
use super::volume::Sorted;
use super::{Engine, EngineError};

/// Contributions held in memory at a time while looking for what has vanished.
const CONTRIBUTIONS_AT_ONCE: usize = 1_000;

/// A contribution that a page was about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Met {
    pub(super) id: ContributionId,
    /// Whether it is there, after the page.
    pub(super) active: bool,
}

/// What a scan has seen.
#[derive(Default)]
pub(super) struct Scanned {
    pub(super) things: Seen,
    /// Of these, those that are there.
    active: Seen,
    /// Hashes of children's keys: they have no number.
    pub(super) children: HashSet<u64>,
}

impl Scanned {
    pub(super) fn add(&mut self, met: Met) {
        self.things.insert(met.id);
        match met.active {
            true => self.active.insert(met.id),
            false => self.active.remove(met.id),
        }
    }
}

impl Engine {
    /// What a completed scan did not see: each is asked for by itself, and only "gone" deletes (I11). Where the system
    /// cannot be asked (`twice`), a second scan must have missed it, and nothing may say otherwise. Too many: held.
    pub(super) async fn vanished(
        &self,
        reading: &Reading<'_>,
        seen: &Scanned,
        twice: Option<Missed>,
        scan_began: Time,
        counts: &mut InCounts,
    ) -> Result<(), EngineError> {
        let Reading { mapping, .. } = *reading;
        if mapping.id.is_some() {
            return Ok(()); // the ids are ours: the system cannot be asked for them
        }
        let (missing, known) = match reading.children {
            None => self.things_missing(mapping, seen, scan_began)?,
            Some(_) => self.children_missing(reading, &seen.children, scan_began)?,
        };
        let Sorted { agreed, rest } = self.sort_vanished(reading, missing, known as u64, counts).await?;
        let by_scans = twice.is_some();
        let rest: Vec<String> = match twice {
            Some(mut missed) => self.missed_again(&mut missed, rest).await?,
            None => rest.into_iter().map(|(_, remote_id)| remote_id).collect(),
        };
        self.take_missing(reading, agreed.into_iter().map(|(_, remote_id)| remote_id).collect(), true, counts).await?;
        self.take_missing(reading, rest, by_scans, counts).await
    }

    /// Asks for each by itself. What is not answered is gone where there is other evidence for it (`silent`).
    pub(super) async fn take_missing(
        &self,
        reading: &Reading<'_>,
        missing: Vec<String>,
        silent: bool,
        counts: &mut InCounts,
    ) -> Result<(), EngineError> {
        let Reading { mapping, spoke, .. } = *reading;
        // How many may go was decided before.
        let reading = &Reading { guard: None, ..*reading };
        for chunk in missing.chunks(GET_IDS_MAX) {
            let began = self.now();
            let fetched = self.fetch(mapping, spoke, reading.stream(), chunk).await?;
            let answered = |id: &String| {
                fetched.found.iter().any(|record| record.remote_id == **id)
                    || fetched.refused.iter().any(|(refused, _)| refused == id)
            };
            let silent = chunk.iter().filter(|id| silent && !answered(id));
            let gone = |id: &String| Incoming {
                remote_id: id.as_str().into(),
                kind: IncomingKind::Delete { evidence: "two scans did not show it" },
            };
            let gone: Vec<Incoming> = silent.map(gone).collect();
            self.take_page(reading, fetched.found, began, counts, PageCommit::default()).await?;
            self.set_aside_refused(reading, fetched.refused, counts).await?;
            if !gone.is_empty() {
                self.take_decoded(reading, gone, counts, PageCommit::default()).await?;
            }
        }
        Ok(())
    }

    /// Things of a mapping's own stream that a scan did not see, and how many are known.
    fn things_missing(
        &self,
        mapping: &Mapping,
        seen: &Scanned,
        scan_began: Time,
    ) -> Result<(Vec<(u64, String)>, usize), EngineError> {
        let mut objects = self.store.objects()?.into_iter();
        let of_stream = objects.find(|of| of.connection == mapping.connection && of.stream == mapping.alias);
        let known = of_stream.map_or(0, |of| of.active) as usize;
        if seen.active.len() == known {
            return Ok((Vec::new(), known)); // all that are there were seen: whatever else the hub holds is not looked at
        }
        let ours =
            |row: &Contribution| row.is_active() && row.key.connection == mapping.connection && row.key.stream == mapping.alias;
        let mut missing = Vec::new();
        // Only what was not seen is read.
        let mut unseen =
            (1..self.store.heads()?.contribution).map(ContributionId).filter(|id| !seen.things.contains(*id)).peekable();
        while unseen.peek().is_some() {
            let ids: Vec<ContributionId> = unseen.by_ref().take(CONTRIBUTIONS_AT_ONCE).collect();
            for row in self.store.contributions(&ids)?.into_iter().flatten().filter(&ours) {
                if row.attempted_at.is_none_or(|at| at < scan_began) {
                    missing.push((row.id.0, row.key.remote_id.to_string()));
                }
            }
        }
        Ok((missing, known))
    }

    /// Children that a scan of their stream did not see, and how many are known.
    fn children_missing(
        &self,
        reading: &Reading<'_>,
        seen: &HashSet<u64>,
        scan_began: Time,
    ) -> Result<(Vec<(u64, String)>, usize), EngineError> {
        let Reading { mapping, .. } = *reading;
        let alias = reading.alias();
        let mut missing = Vec::new();
        let mut known = 0_usize;
        let mut after = ContributionId(0);
        loop {
            let rows = self.store.contributions_after(after, CONTRIBUTIONS_AT_ONCE)?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            for row in rows {
                let ours = row.key.connection == mapping.connection && row.key.stream == mapping.alias;
                if !ours || !row.is_active() {
                    continue;
                }
                let settled = row.attempted_at.is_none_or(|at| at < scan_began);
                for key in part::children(&row).filter(|key| key.stream == alias) {
                    known += 1;
                    let hash = remote_hash(&key);
                    if settled && !seen.contains(&hash) {
                        missing.push((hash, key.remote_id.to_string()));
                    }
                }
            }
        }
        Ok((missing, known))
    }
}
