//! The rows of hexadecimal are traps that yrs 0.28.1 falls into; each names what it would do.

#[allow(dead_code, reason = "the fuzzers use the rest")]
pub(in crate::document) mod honest;
mod random;

use data_encoding::HEXLOWER;

use super::*;

const ALICE: u64 = 1 << 40;

fn bytes(hex: &str) -> Vec<u8> {
    HEXLOWER.decode(hex.replace(' ', "").as_bytes()).unwrap()
}

fn refused(hex: &str) -> BadUpdate {
    update(&bytes(hex), Author::Anyone).unwrap_err()
}

fn of(client: u64, clock: u32) -> Author {
    Author::Chain { client, clock: Some(clock) }
}

#[test]
fn four_bytes_do_not_claim_half_a_gigabyte() {
    // yrs reserves room for 257,949,695 clients before it looks whether there are any.
    let greedy = bytes("ffffff7a");
    let count = BadUpdate::Count { at: 0, count: 257_949_695 };
    assert_eq!(update(&greedy, Author::Anyone), Err(count));
    assert_eq!(state_vector(&greedy), Err(count));
    assert_eq!(presence(&greedy, Author::Anyone), Err(count));
}

/// An update of client 1 that puts `values` into the array "a".
fn array_of(values: &str) -> String {
    format!("01 01 01 00 08 01 01 61 01 {values} 00")
}

#[test]
fn maps_in_maps_do_not_claim_64_megabytes_each() {
    let level = "76ffffff0f 00";
    assert!(matches!(refused(&array_of(&level.repeat(12))), BadUpdate::Count { at: 10, .. }));
}

#[test]
fn arrays_in_arrays_do_not_overflow_the_stack() {
    let nested = |depth: usize| array_of(&format!("{}7e", "7501".repeat(depth)));
    assert!(update(&bytes(&nested(MAX_DEPTH)), Author::Anyone).is_ok());
    assert!(matches!(refused(&nested(MAX_DEPTH + 1)), BadUpdate::Deep { .. }));
    assert!(matches!(refused(&nested(10_000)), BadUpdate::Deep { .. }));
}

#[test]
fn json_does_not_nest_deeper_than_other_values() {
    let embed = |json: &str| {
        let length = HEXLOWER.encode(&[json.len() as u8 | 0x80, (json.len() >> 7) as u8]);
        let json = HEXLOWER.encode(json.as_bytes());
        format!("01 01 01 00 05 01 01 61 {length} {json} 00")
    };
    let nested = |depth| embed(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    assert!(update(&bytes(&nested(MAX_DEPTH)), Author::Anyone).is_ok());
    assert!(matches!(refused(&nested(MAX_DEPTH + 1)), BadUpdate::Deep { .. }));
    let quoted = embed(&format!("\"{}\\\"{}\"", "[".repeat(60), "[".repeat(60)));
    assert!(update(&bytes(&quoted), Author::Anyone).is_ok());
    assert!(matches!(refused(&embed("{\"a\":}")), BadUpdate::Json { at: 8 }));
}

#[test]
fn client_ids_fit_into_53_bits() {
    assert!(matches!(
        refused("01 01 ffffffffffffffff00 00 04 01 01 61 01 62 00"),
        BadUpdate::Client { .. }
    ));
    // As FIELD has it: the number ends the bytes.
    assert!(update(&bytes("0101ffffffffffffffff00"), Author::Anyone).is_err());
}

#[test]
fn clocks_do_not_run_over() {
    // Deletes from the last clock on: the end of the range wraps around.
    assert!(matches!(
        refused("00020901ffffffff0f02"),
        BadUpdate::Count { .. } | BadUpdate::Clock { .. }
    ));
    assert!(matches!(refused("00 01 09 01 ffffffff0f 02"), BadUpdate::Clock { at: 4 }));
    assert!(matches!(refused("00 01 09 01 01 ffffffff07"), BadUpdate::Clock { at: 5 }));
    assert!(matches!(refused("01 01 01 ffffffff07 00 01 00"), BadUpdate::Clock { at: 3 }));
    assert!(matches!(refused("01 02 01 00 00 feffffff07 00 02 00"), BadUpdate::Clock { at: 11 }));
}

#[test]
fn a_collected_block_does_not_swallow_the_clocks_of_others() {
    // Accepted by yrs, and what client 0x7f writes later is taken for known.
    assert!(update(&bytes("01ff007ff7ffffffff07740701020079"), Author::Anyone).is_err());
    let swallowing = bytes("01 01 7f 00 00 e807 00");
    assert_eq!(update(&swallowing, of(ALICE, 0)), Err(BadUpdate::Foreign { at: 2, client: 0x7f }));
    assert!(update(&swallowing, of(0x7f, 0)).is_ok());
}

#[test]
fn nobody_writes_under_the_client_id_of_another_nor_out_of_turn() {
    let update_of_1_at_5 = bytes("01 01 01 05 84 01 04 01 62 00");
    assert_eq!(update(&update_of_1_at_5, of(2, 5)), Err(BadUpdate::Foreign { at: 2, client: 1 }));
    let gap = BadUpdate::Gap { at: 2, clock: 5, expected: 4 };
    assert_eq!(update(&update_of_1_at_5, of(1, 4)), Err(gap));
    assert!(update(&update_of_1_at_5, of(1, 6)).is_err());
    assert_eq!(update(&update_of_1_at_5, of(1, 5)).unwrap().clocks, Some(5..6));
    let any_clock = Author::Chain { client: 1, clock: None };
    assert!(update(&update_of_1_at_5, any_clock).is_ok());
    let both = bytes("02 01 02 00 00 01 01 01 00 00 01 00");
    assert!(update(&both, Author::Anyone).is_ok());
    assert_eq!(update(&both, of(2, 0)), Err(BadUpdate::Foreign { at: 7, client: 1 }));
}

#[test]
fn a_stored_gap_is_no_update() {
    assert_eq!(refused("01 01 01 00 0a 05 00"), BadUpdate::Skip { at: 4 });
    // A honest document with gaps, whose encoding by v2 panics.
    let gap = bytes("01020907c80903072d0000010105017600");
    assert!(matches!(update(&gap, of(9, 0)), Err(BadUpdate::Gap { .. } | BadUpdate::Tag { .. })));
}

#[test]
fn nothing_leans_on_what_its_author_has_yet_to_write() {
    // Its own clock, as left origin, right origin and parent: it would wait for itself for ever.
    assert_eq!(refused("01 01 01 00 84 01 00 01 62 00"), BadUpdate::Ahead { at: 5 });
    assert_eq!(refused("01 01 01 00 44 01 00 01 62 00"), BadUpdate::Ahead { at: 5 });
    assert_eq!(refused("01 01 01 03 04 00 01 04 01 62 00"), BadUpdate::Ahead { at: 6 });
    let deletes_ahead = bytes("01 01 01 05 84 01 04 01 62 01 01 01 05 02");
    assert_eq!(update(&deletes_ahead, of(1, 5)), Err(BadUpdate::Ahead { at: 12 }));
    let only_deletes = bytes("00 01 01 01 05 02");
    assert_eq!(update(&only_deletes, of(1, 6)), Err(BadUpdate::Ahead { at: 4 }));
    assert!(update(&only_deletes, of(1, 7)).is_ok());
}

#[test]
fn nothing_is_empty_doubled_or_left_over() {
    assert!(matches!(refused("01 01 01 00 04 01 01 61 00 00"), BadUpdate::Empty { at: 8 }));
    assert!(matches!(refused("01 01 01 00 01 01 01 61 00 00"), BadUpdate::Empty { .. }));
    assert!(matches!(refused("01 01 01 00 08 01 01 61 00 00"), BadUpdate::Empty { .. }));
    assert!(matches!(refused("01 01 01 00 00 00 00"), BadUpdate::Empty { .. }));
    assert!(matches!(refused("01 00 01 00 00 00 00"), BadUpdate::Empty { at: 1 }));
    assert!(matches!(refused("00 01 09 01 01 00"), BadUpdate::Empty { at: 5 }));
    assert_eq!(refused("00 00 00"), BadUpdate::Trailing { at: 2, extra: 1 });
    let twice = BadUpdate::Repeated { at: 7, client: 1 };
    assert_eq!(refused("02 01 01 00 00 01 01 01 01 00 01 00"), twice);
    assert_eq!(refused("00 01 09 02 05 02 06 01"), BadUpdate::Order { at: 6 });
    assert!(matches!(refused("01 01 01 00 04"), BadUpdate::Count { .. } | BadUpdate::Ended { .. }));
}

#[test]
fn kinds_that_yrs_reads_wrongly_are_refused() {
    // JSON, of which yrs reads one text too many; an XML hook, whose name it does not read; a weak link; a flag
    // that nobody sets.
    assert!(matches!(
        refused("01 01 01 00 02 01 01 61 01 01 31 00"),
        BadUpdate::Tag { tag: 2, .. }
    ));
    assert!(matches!(refused("01 01 01 00 07 01 01 61 05 00 00"), BadUpdate::Tag { tag: 5, .. }));
    assert!(matches!(refused("01 01 01 00 07 01 01 61 07 00 00"), BadUpdate::Tag { tag: 7, .. }));
    assert!(matches!(
        refused("01 01 01 00 14 01 01 61 01 62 00"),
        BadUpdate::Tag { tag: 0x14, .. }
    ));
    assert_eq!(refused("01 01 01 00 04 01 01 61 01 ff 00"), BadUpdate::Utf8 { at: 8 });
    assert_eq!(refused("01 01 01 00 24 01 01 61 01 6b 01 62 00"), BadUpdate::Keyed { at: 4 });
    assert_eq!(refused("01 01 01 00 28 01 01 61 01 6b 02 7e 7e 00"), BadUpdate::Keyed { at: 4 });
}

#[test]
fn state_vectors_and_presence_are_read_to_their_end() {
    assert_eq!(state_vector(&bytes("02 0109 0200")), Ok(2));
    assert_eq!(state_vector(&bytes("02 0109 0100")), Err(BadUpdate::Repeated { at: 3, client: 1 }));
    assert_eq!(state_vector(&bytes("01 0109 00")), Err(BadUpdate::Trailing { at: 3, extra: 1 }));
    assert!(state_vector(&bytes("01 01 ffffffff0f")).is_err());
    let here = bytes("01 01 03 02 7b7d");
    assert_eq!(presence(&here, of(1, 0)), Ok(1));
    assert_eq!(presence(&here, of(2, 0)), Err(BadUpdate::Foreign { at: 1, client: 1 }));
    assert_eq!(presence(&bytes("01 01 03 04 6e756c6c"), of(1, 0)), Ok(1));
    assert_eq!(presence(&bytes("01 01 03 02 7b7b"), of(1, 0)), Err(BadUpdate::Json { at: 3 }));
    assert!(presence(&bytes("01 01 03 05 7b7d"), of(1, 0)).is_err());
}

#[test]
fn messages_say_where_and_what() {
    let told = update(&bytes("01 01 7f 00 00 e807 00"), of(ALICE, 0)).unwrap_err().to_string();
    assert_eq!(told, "byte 2 writes as client 127, which is not the author's");
}
