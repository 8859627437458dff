//! A ticket says the same after it was pasted, whatever it says.

use driftline_core::codec;
use driftline_core::identity::DeviceKey;
use driftline_core::roster::Ticket;

/// Reads bytes as a pasted text, and as what such a text holds. Says how often they were a ticket.
pub(crate) fn ticket(bytes: &[u8]) -> usize {
    let pasted = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<Ticket>().ok());
    let held = codec::decode::<Ticket>(bytes).ok();
    pasted.iter().chain(&held).inspect(|ticket| keeps_its_word(ticket)).count()
}

fn keeps_its_word(ticket: &Ticket) {
    let again: Ticket = format!("  {ticket}\n").parse().expect("what was printed parses");
    // The bytes hold all of it, the key too.
    assert_eq!(codec::encode(&again), codec::encode(ticket));
    let request = ticket.request(&DeviceKey::from_seed(&[9; 32]));
    let counts = request.verify().is_ok();
    assert!(!counts || ticket.certificate().verify().is_ok(), "nobody issued this");
}
