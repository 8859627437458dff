//! Commands from the first prediction to the last decision.

pub(crate) mod kit;
mod laws;
mod oracle;
