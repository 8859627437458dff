//! All who hear of the same deeds come to the same members, in whatever order they hear.

#![no_main]

#[path = "../src/roster.rs"]
mod roster;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    roster::roster(bytes);
});
