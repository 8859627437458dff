//! What passes the check decodes in yrs, and merged it still passes.

#![no_main]

use driftline_core::document::check::{self, Author};
use driftline_core::document::merged;
use libfuzzer_sys::fuzz_target;
use yrs::Update;
use yrs::updates::decoder::Decode;

fuzz_target!(|bytes: &[u8]| {
    if check::update(bytes, Author::Anyone).is_ok() {
        Update::decode_v1(bytes).expect("what passes decodes");
        for update in merged(&[bytes, bytes]).updates {
            check::update(&update, Author::Anyone).expect("what was merged passes");
        }
    }
});
