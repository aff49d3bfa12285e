//! The engine over the store in memory and systems that a test scripts: the thread, and what may interrupt it.
//!
//! Scripted systems show faults that a real one cannot be made to show at will; the same thread runs against real
//! systems in `tests/`.

mod bench;
mod carried;
mod lost;
mod missed;
mod odd;
mod parts;
mod policies;
mod renamed;
mod system;
mod thread;
