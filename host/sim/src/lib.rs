//! Simulated business systems: `crm` answers as HubSpot's CRM v3 API does, `books` as Xero's Accounting API, `desk` as Zendesk's
//! Support API, `mail` as Mailchimp's Marketing API, and `legacy` is an old system that can only drop a CSV file into a folder.
//!
//! Owns the systems' state, their seeded people, their fault switches and their request logs. Promises that everything follows from
//! the seed and the requests, that unknown parameters, fields and methods are refused, and that what was answered survives a killed
//! process where a state file is given. Must not know the hub or any plugin: nothing is shared with them.

mod acts;
mod answers;
mod auth;
mod books;
mod client;
mod config;
mod control;
mod crm;
mod desk;
mod faults;
mod journal;
mod legacy;
mod limits;
mod mail;
mod people;
mod requests;
mod rng;
mod serve;
mod server;
mod simulated;
mod sorted;
mod time;
mod webhooks;
mod wire;

pub use auth::Credential;
pub use client::{ControlClient, ControlError};
pub use config::{Clock, SimConfig, StartError, System, system_clock};
pub use crm::schema::{ObjectSchema, Property, PropertyType};
pub use faults::{FaultRule, Only, Switch};
pub use legacy::{csv_drop, write_csv_drop};
pub use requests::RequestEntry;
pub use server::{RunningSim, start};
