//! Driftline's core: logs, documents and membership as one pure function.
//!
//! Nothing here reads a clock, draws randomness, blocks or does IO. [`space::Space`] takes events and
//! answers with effects; the engine loop performs them on a device, the simulator in a test.

pub mod audit;
pub mod clock;
pub mod codec;
pub mod command;
pub mod document;
pub mod id;
pub mod identity;
pub mod log;
pub mod presence;
pub mod record;
pub mod roster;
pub mod space;
