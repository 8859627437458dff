//! A presence message that passes decodes in yrs.

#![no_main]

use driftline_core::document::check::{self, Author};
use libfuzzer_sys::fuzz_target;
use yrs::sync::AwarenessUpdate;
use yrs::updates::decoder::Decode;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(clients) = check::presence(bytes, Author::Anyone) {
        let update = AwarenessUpdate::decode_v1(bytes).expect("what passes decodes");
        assert_eq!(update.clients.len(), clients);
    }
});
