//! A space on one device: a state machine from events to effects.

mod effect;

pub use effect::{ChainRecord, Change, Position, SpaceRecord};
