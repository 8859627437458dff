//! A segment that can be walked can be cut anywhere and joined again.

#![no_main]

#[path = "../src/segment.rs"]
mod segment;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    segment::segment(bytes);
});
