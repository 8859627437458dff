//! Honest documents pass, and whatever passes yrs can take.

use quickcheck::{Gen, QuickCheck};
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{Array, GetString, Map, ReadTxn, StateVector, Text, Transact, Update};

use super::honest::{Step, Written, empty, written};
use super::*;

/// Each person's updates pass one after the other, and the clock goes on.
fn in_turn(log: &[Written]) {
    let mut clocks = std::collections::BTreeMap::new();
    for Written { client, update } in log {
        let clock = clocks.entry(*client).or_insert(0);
        let author = Author::Chain { client: *client, clock: Some(*clock) };
        let outline =
            super::update(update, author).unwrap_or_else(|bad| panic!("{bad}: {update:x?}"));
        assert_eq!(super::update(update, Author::Anyone).as_ref(), Ok(&outline));
        if let Some(inserted) = outline.clocks {
            *clock = inserted.end;
        }
    }
}

#[test]
fn what_honest_people_write_passes() {
    fn property(steps: Vec<Step>) {
        let log = written(3, &steps);
        in_turn(&log);
        let doc = empty(1);
        for Written { update, .. } in &log {
            doc.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
        }
        let vector = doc.transact().state_vector().encode_v1();
        state_vector(&vector).unwrap();
        let state = doc.transact().encode_state_as_update_v1(&StateVector::default());
        let outline = update(&state, Author::Anyone).unwrap();
        assert!(outline.blocks >= outline.clocks.map_or(0, |_| 1));
    }
    QuickCheck::new().rng(Gen::new(80)).tests(150).quickcheck(property as fn(_));
}

/// Where, how, and with what something is spoilt.
type Spoilt = (u16, u8, u8);

/// Puts bytes in the way: replaces, drops, doubles.
fn spoil(bytes: &mut Vec<u8>, spoilt: &[Spoilt]) {
    for &(at, how, byte) in spoilt {
        if bytes.is_empty() {
            return;
        }
        let at = at as usize % bytes.len();
        match how % 4 {
            0 => bytes[at] = byte,
            1 => bytes[at] = bytes[at].wrapping_add(1),
            2 => drop(bytes.remove(at)),
            _ => bytes.insert(at, byte),
        }
    }
}

#[test]
fn what_passes_yrs_can_take() {
    fn property(steps: Vec<Step>, pick: usize, spoilt: Vec<Spoilt>) {
        let log = written(2, &steps);
        let doc = empty(1);
        let spoilt_one = pick % log.len().max(1);
        for (index, Written { update: honest, .. }) in log.iter().enumerate() {
            let mut bytes = honest.clone();
            if index == spoilt_one {
                spoil(&mut bytes, &spoilt[..spoilt.len().min(3)]);
            }
            if update(&bytes, Author::Anyone).is_ok() {
                let decoded = Update::decode_v1(&bytes).unwrap();
                // It may still refer to a parent that is none.
                let _ = doc.transact_mut().apply_update(decoded);
            }
        }
        let txn = doc.transact();
        txn.get_text("text").unwrap().get_string(&txn);
        txn.get_map("map").unwrap().len(&txn);
        txn.get_array("array").unwrap().len(&txn);
        txn.get_text("text").unwrap().len(&txn);
        txn.encode_state_as_update_v1(&StateVector::default());
    }
    QuickCheck::new()
        .rng(Gen::new(40))
        .tests(200)
        .quickcheck(property as fn(Vec<Step>, usize, Vec<Spoilt>));
}
