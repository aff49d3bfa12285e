//! Acts. Intake, delivery, egress, vault: everything that touches the world, in the order that `core` decides.

pub mod alerts;
pub mod anchor;
pub mod api;
pub mod audit;
pub mod bench;
mod canary;
pub mod clock;
pub mod direct;
pub mod egress;
pub mod engine;
pub mod guest;
pub mod hub;
pub mod key;
mod ledger;
pub mod metrics;
pub mod person;
pub mod plugins;
pub mod project;
mod reconcile;
mod restore;
pub mod runbooks;
pub mod scan;
mod scenarios;
mod scheduler;
pub mod secrets;
pub mod service;
mod shadow;
mod shell;
pub mod sign_in;
pub mod spoke;
pub mod vault;
pub mod webhook;
mod workers;

pub use hub::Hub;
pub use nave_runtime::compiler_process;
pub use restore::restore;
