//! What the check lets through goes to yrs, as a device does it. Run it with `-timeout=1 -malloc_limit_mb=64`.

#![no_main]

#[path = "../src/apply.rs"]
mod apply;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|case: &[u8]| {
    apply::apply(&apply::frames(case));
});
