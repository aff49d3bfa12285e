//! Attacks on the egress, the only way out (I10): lines 61 to 82 of the attack list, over real sockets on loopback.
//!
//! Names are resolved by the test, so that they can lie. Assertions are on codes and on what was on the wire.

mod bound;
mod cookie;
mod credentials;
mod envelope;
mod guard;
mod hostile;
mod oauth;
mod reuse;
mod rotation;
mod server;
mod setup;
mod signed;
mod smtp;
mod stapled;
mod tls;
mod told;
