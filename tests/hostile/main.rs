//! Mallory, a real libp2p node that keeps to no rule, against two devices and an anchor that edit one document.
//!
//! Whatever she does, they go on and agree, nothing of hers is stored or shown, and she is told why or cut off.

#![allow(clippy::unwrap_used, reason = "what fails in a test fails the test")]

mod bytes;
mod crowds;
mod entries;
mod kitchen;
mod limits;
mod mallory;
mod members;
mod presence;
mod wire;
