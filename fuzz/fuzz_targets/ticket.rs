//! A ticket says the same after it was pasted, whatever it says.

#![no_main]

#[path = "../src/ticket.rs"]
mod ticket;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    ticket::ticket(bytes);
});
