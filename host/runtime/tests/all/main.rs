//! Tests of the runtime from outside, in one binary so that wasmtime is linked once.

#[macro_use]
mod support;

mod amplified;
mod caching;
mod compiling;
mod frozen;
mod guests;
mod hostile;
mod inspecting;
mod lanes;
mod one_path;
mod pool;
mod wasi;
