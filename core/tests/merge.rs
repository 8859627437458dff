//! What people typed, merged in long stretches, is what they typed.

#[allow(dead_code, reason = "the benchmarks use the rest")]
#[path = "../benches/typing.rs"]
mod typing;

use driftline_core::document::{OpenDocument, check, merged, stretches};
use yrs::{ReadTxn, Transact};

use typing::{TRACES, apply_one_by_one, text_of, typed};

fn merged_is_one_by_one(trace: usize) {
    let (_, file) = TRACES[trace];
    let typed = typed(file);
    let updates: Vec<_> = typed.updates.iter().map(Vec::as_slice).collect();
    let document = OpenDocument::new(1, |_| {});
    document.apply(&updates).expect("yrs wrote it");
    let alone = apply_one_by_one(&typed.updates);
    assert_eq!(text_of(document.doc()), typed.text);
    assert_eq!(text_of(&alone), typed.text);
    let vector = |doc: &yrs::Doc| doc.transact().state_vector();
    assert_eq!(vector(document.doc()), vector(&alone));
    let blocks =
        |update: &[u8]| check::update(update, check::Author::Anyone).expect("sound").blocks;
    let merged = stretches(&updates).flat_map(|stretch| merged(stretch).updates);
    let joined: usize = merged.map(|update| blocks(&update)).sum();
    let apart: usize = updates.iter().map(|update| blocks(update)).sum();
    assert!(joined * 4 < apart, "{joined} blocks of {apart}");
}

#[test]
fn sveltecomponent() {
    merged_is_one_by_one(0);
}

#[test]
fn friendsforever_by_two_at_once() {
    merged_is_one_by_one(1);
}

#[test]
#[ignore = "types for a minute; `cargo bench -p driftline-core --bench merge` compares the same"]
fn automerge_paper() {
    merged_is_one_by_one(2);
}
