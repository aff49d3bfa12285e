//! What the end-to-end tests stand on: the hub as a child process, simulated systems edited through their own interfaces, and a
//! reference model of what agreement means.
//!
//! Promises that nothing here shares code with the hub: it is driven as a user drives it. Must not know how the hub is built inside.

pub mod binary;
pub mod http;
pub mod leaks;
pub mod model;
pub mod project;
pub mod rng;
pub mod shapes;
pub mod sign_in;
pub mod systems;
pub mod world;
