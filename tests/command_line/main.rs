//! The command line as a user drives it: real processes, folders and sockets.

#![allow(clippy::unwrap_used, reason = "what fails in a test fails the test")]

mod backups;
mod canary;
mod deciding;
mod disks;
mod documents;
mod keeping;
mod killing;
mod meeting;
mod members;
mod person;
mod presence;
mod protecting;
mod roles;
#[path = "../support/small_disk.rs"]
mod small_disk;
mod speaking;
mod verifying;
mod why;
