//! Real business systems, Tryton, BottleCRM, Request Tracker and Sympa, edited through their own interfaces, with the hub between them; a
//! real registry that plugins come from; a real OAuth 2 server that people agree at; a real vault and a cloud that secrets are kept in.
//!
//! `tests/systems/run.sh` starts them and says where they are (`NAVE_TRYTON`, `NAVE_BOTTLECRM`, `NAVE_RT`, `NAVE_REGISTRY`, `NAVE_OIDC`,
//! `NAVE_RUSTY_VAULT`, `NAVE_MOTO`, `NAVE_SYMPA`). Without them every test says
//! that it was skipped. The systems are shared: one test at a time, and each begins by emptying them.

mod agreement;
mod cloud;
mod described;
mod febrl;
mod folder;
mod hub;
mod killed;
mod letters;
mod odd;
mod parts;
mod proxy;
mod real;
mod registry;
mod sign_in;
mod thread;
mod three;
mod tickets;
mod tracker;
mod vault;
