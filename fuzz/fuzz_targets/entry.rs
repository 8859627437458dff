//! Entries are read to the end or not at all, and say the same when they are written again.

#![no_main]

#[path = "../src/entry.rs"]
mod entry;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    entry::entry(bytes);
});
