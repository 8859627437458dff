//! A space takes or refuses whatever a member, a reader or a stranger sends. Run it with `-timeout=5`.

#![no_main]

#[allow(dead_code, reason = "another fuzzer's, of which this uses the framing of cases")]
#[path = "../src/apply.rs"]
mod apply;
#[allow(dead_code, reason = "shared with those who make cases")]
#[path = "../src/frame.rs"]
mod frame;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    frame::frame(bytes);
});
