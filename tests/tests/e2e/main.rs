//! The whole hub from outside: its binary as a child process, simulated systems that are edited through their own interfaces, plugins
//! as `.wasm`. One binary, linked once.

mod agreement;
mod alerts;
mod assess;
mod audited;
mod author;
mod backfill;
mod budget;
mod canary;
mod census;
mod clocks;
mod consented;
mod contacts;
mod control;
mod corrected;
mod denied;
mod drops;
mod faults;
mod full;
mod generated;
mod held;
mod kill;
mod misfit;
mod missing;
mod numbers;
mod reconcile;
mod renamed;
mod sample;
mod socket;
mod steward;
mod strategy;
mod support;
mod told;
mod told_desk;
mod unmerge;
mod update;
