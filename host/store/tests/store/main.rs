//! The store's promises, attacked: one binary, linked once.

mod conformance;
mod faults;
mod files;
mod flipped;
mod rekeyed;
mod script;
