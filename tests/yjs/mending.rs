//! Refused updates are taken in and undone: the refused change is gone everywhere, and honest edits stand.
//!
//! Every cell of the table is told in the same way. Somebody writes a base, somebody else what will be refused, a
//! third an honest edit; the mender mends. Then replicas take in all of it, in every order, ours and those of stock
//! Yjs, and must read the same: as if the refused update had never been. Where that can't be, the cell says what
//! is left, and why.

mod table;

use std::sync::{Arc, Mutex};

use data_encoding::BASE64;
use driftline::yrs::updates::decoder::Decode;
use driftline::yrs::updates::encoder::Encode;
use driftline::yrs::{ReadTxn, StateVector, Transact, Update};
use driftline_core::document::OpenDocument;
use driftline_core::document::mend::mend;
use serde_json::{Value, json};

use self::table::{Cell, Honest, Kind, Outcome, cells};
use crate::content::content;
use crate::edits;
use crate::peer::{Peer, apply, update};

const BASE: u64 = 1 << 40;
const REFUSED: u64 = 1 << 42;
const MENDER: u64 = 1 << 44;
/// An id as stock Yjs draws them; in one kind it is to be the higher one.
const HONEST: u64 = 1 << 31;
const HONEST_HIGHER: u64 = 1 << 43;

#[test]
fn every_cell_of_the_table_holds_in_every_order_of_arrival() {
    let failed: Vec<_> = stories().iter().filter_map(|story| story.fails().err()).collect();
    assert!(failed.is_empty(), "{} cells failed\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn stock_yjs_is_corrected_by_ordinary_sync() {
    let Some(mut peer) = Peer::start() else { return };
    let stories = stories();
    let failed: Vec<_> =
        stories.iter().filter_map(|story| story.fails_in_yjs(&mut peer).err()).collect();
    assert!(failed.is_empty(), "{} cells failed\n{}", failed.len(), failed.join("\n"));
}

/// A cell as it went.
struct Story {
    name: String,
    base: Vec<u8>,
    refused: Vec<u8>,
    honest: Vec<u8>,
    mend: Vec<u8>,
    expected: Value,
}

/// Every cell twice: the mender knew of the honest edit, or did not. Where the refused author had seen it, the mender
/// always does.
fn stories() -> Vec<Story> {
    let stories_of = |cell: Cell| {
        let known =
            [true, false].into_iter().take(if cell.honest == Honest::Before { 1 } else { 2 });
        known.map(|knowing| Story::tell(&cell, knowing)).collect::<Vec<_>>()
    };
    cells().into_iter().flat_map(stories_of).collect()
}

impl Story {
    fn tell(cell: &Cell, knowing: bool) -> Self {
        let before = cell.honest == Honest::Before;
        let honest_id = if cell.kind == Kind::ContendedMap { HONEST_HIGHER } else { HONEST };
        let base = written(BASE, &[], &cell.base);
        let (honest, refused) = if before {
            let honest = written(honest_id, &[&base], &cell.made);
            let refused = written(REFUSED, &[&base, &honest], &cell.refused);
            (honest, refused)
        } else {
            let refused = written(REFUSED, &[&base], &cell.refused);
            let seen: &[&[u8]] = if cell.seen { &[&base, &refused] } else { &[&base] };
            (written(honest_id, seen, &cell.made), refused)
        };
        let held: &[&[u8]] = if knowing { &[&honest, &base] } else { &[&base] };
        let mend = mend(MENDER, held, &[&refused]).unwrap();
        let outcome = if knowing { &cell.knowing } else { &cell.blind };
        let seen: &[&[u8]] = if before { &[&base, &honest] } else { &[&base] };
        let spoilt = content(replica(BASE, &[seen, &[&refused]].concat()).doc());
        assert_ne!(spoilt, content(replica(BASE, seen).doc()), "{cell:?} has nothing to mend");
        let (meant, limit) = match outcome {
            Outcome::Stands(meant) => (meant, ""),
            Outcome::Limit(why, meant) => (meant, *why),
        };
        let expected = [cell.base.clone(), meant.clone()].concat();
        let name = format!(
            "{:?} {:?}, honest {:?}, knowing: {knowing} {limit}",
            cell.kind, cell.action, cell.honest
        );
        let expected = content(replica(BASE, &[&written(BASE, &[], &expected)]).doc());
        Self { name, base, refused, honest, mend, expected }
    }

    fn updates(&self) -> [&[u8]; 4] {
        [&self.base, &self.refused, &self.honest, &self.mend]
    }

    /// Our replicas, one for each order.
    fn fails(&self) -> Result<(), String> {
        for order in orders() {
            let replica = replica(1 << 45, &order.map(|at| self.updates()[at]));
            self.must_read(&content(replica.doc()), &format!("in the order {order:?}"))?;
        }
        Ok(())
    }

    /// Stock replicas, one for each order; and one that shows what was refused until it syncs with one of ours.
    fn fails_in_yjs(&self, peer: &mut Peer) -> Result<(), String> {
        for order in orders() {
            let mut requests = vec![json!({ "op": "new", "doc": "d" }), read()];
            requests.extend(order.map(|at| apply(self.updates()[at])));
            requests.push(read());
            let answers = peer.ask(&requests);
            self.must_read(&answers[6]["json"], &format!("in Yjs, in the order {order:?}"))?;
        }
        let answers = peer.ask(&[
            json!({ "op": "new", "doc": "d" }),
            read(),
            apply(&self.base),
            apply(&self.honest),
            apply(&self.refused),
            json!({ "op": "vector", "doc": "d" }),
        ]);
        let ours = replica(1 << 45, &self.updates());
        let vector = BASE64.decode(answers[5]["vector"].as_str().unwrap().as_bytes()).unwrap();
        let vector = StateVector::decode_v1(&vector).unwrap();
        let lacking = ours.doc().transact().encode_diff_v1(&vector);
        let answers = peer.ask(&[
            apply(&lacking),
            read(),
            json!({ "op": "diff", "doc": "d", "since": null }),
        ]);
        self.must_read(&answers[1]["json"], "in Yjs, after it has synced")?;
        let back = replica(1 << 45, &[&update(&answers[2])]);
        self.must_read(&content(back.doc()), "loaded from the state of Yjs")
    }

    fn must_read(&self, found: &Value, when: &str) -> Result<(), String> {
        match *found == self.expected {
            true => Ok(()),
            false => Err(format!(
                "{}\n  {when}\n  found    {found}\n  expected {}\n  mend {:02x?}",
                self.name, self.expected, self.mend
            )),
        }
    }
}

fn read() -> Value {
    json!({ "op": "json", "doc": "d" })
}

/// The update of edits that a client makes who has seen some others.
fn written(client: u64, seen: &[&[u8]], edits: &[Value]) -> Vec<u8> {
    let made = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let kept = made.clone();
    let document = OpenDocument::new(client, move |update| kept.lock().unwrap().push(update));
    edits::define_roots(document.doc());
    document.apply(seen).unwrap();
    let mut txn = document.doc().transact_mut();
    edits.iter().for_each(|edit| edits::perform(&mut txn, edit));
    drop(txn);
    let made = made.lock().unwrap().pop();
    made.unwrap_or_else(|| Update::new().encode_v1())
}

/// A document that takes updates in one by one.
fn replica(client: u64, updates: &[&[u8]]) -> OpenDocument {
    let document = OpenDocument::new(client, |_| {});
    edits::define_roots(document.doc());
    updates.iter().for_each(|update| document.apply(&[update]).unwrap());
    document
}

/// All 24 orders of four things.
fn orders() -> impl Iterator<Item = [usize; 4]> {
    (0..256)
        .map(|n| [n / 64, n / 16 % 4, n / 4 % 4, n % 4])
        .filter(|order| (0..4).all(|at| order.contains(&at)))
}
