//! Devices that meet over real sockets on the loopback interface.

#![allow(clippy::unwrap_used, reason = "what fails in a test fails the test")]

mod device;
mod leaving;
mod limits;
mod meeting;
mod raw_peer;
mod returning;
