//! The `nave` binary.
fn main() {}
