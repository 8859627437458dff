//! A state vector that passes decodes in yrs.

#![no_main]

use driftline_core::document::check;
use libfuzzer_sys::fuzz_target;
use yrs::StateVector;
use yrs::updates::decoder::Decode;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(clients) = check::state_vector(bytes) {
        let vector = StateVector::decode_v1(bytes).expect("what passes decodes");
        assert_eq!(vector.len(), clients);
    }
});
