//! Driftline's core and store in a world that a seed decides.
//!
//! The machine ([`driftline_core::space::Space`]) and the store ([`driftline_storage::Store`]) are the real
//! ones. Simulated are the network, the clocks, the disk under the store and the engine loop between
//! them. One [`Dice`](random::Dice) decides everything, so a seed replays exactly.

pub mod app;
pub mod checks;
pub mod clock;
pub mod content;
pub mod court;
pub mod device;
pub mod diagram;
mod diary;
pub mod disk;
pub mod driver;
pub mod faults;
pub mod forgery;
pub mod ledger;
pub mod mallory;
mod members;
pub mod network;
mod oracle;
pub mod orders;
pub mod presence;
pub mod random;
pub mod scenario;
pub mod seats;
mod secrets;
pub mod story;
pub mod trace;
pub mod villain;
pub mod world;
pub mod writer;
