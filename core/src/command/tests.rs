//! Commands from the first prediction to the last decision.

mod buckets;
mod ends;
mod hearing;
pub(crate) mod kit;
mod laws;
mod oracle;
