//! Tests of the runtime from outside, in one binary so that wasmtime is linked once.

mod amplified;
mod caching;
mod compiling;
mod guests;
mod hostile;
mod inspecting;
mod lanes;
mod pool;
mod support;
mod wasi;
