//! Disks that are full, and disks that give back other bytes than they were given.

use std::fs;

use driftline_core::id::DocumentId;
use driftline_storage::{Batch, Engine, Folder, SledEngine};

use crate::person::{Person, alice_and_bob, eventually, kill, town};
use crate::small_disk::SmallDisk;

const LIST: &str = "kitchen/list";

#[test]
fn a_full_disk_is_said_so_keeps_what_was_saved_and_goes_on_when_there_is_room() {
    let town = town();
    let Some(disk) = SmallDisk::mount(&town, 96) else { return };
    let (mut alice, mut bob) = (Person::new(&town, "alice"), Person::new(&town, "disk/bob"));
    alice.begins("kitchen");
    alice.runs();
    bob.says(["join", &alice.invites("kitchen", "writer")]);
    bob.runs();
    bob.types(LIST, "milk");
    eventually("Alice has it", || alice.reads(LIST) == "milk");

    let filler = disk.fill(8 << 20);
    let edit = ["doc", "edit", LIST, "--insert", "0", "bread, "];
    eventually("Bob notices", || bob.says(["status"]).contains("the disk is full"));
    let refusal = bob.fails(edit).words;
    assert!(refusal.contains("the disk is full: free some of it"), "{refusal}");
    assert!(bob.fails(["submit", "kitchen", "cook", "{}"]).words.contains("the disk is full"));
    // It can still be read, and what others write stays with them.
    alice.types(LIST, "salt, ");
    assert_eq!((bob.reads(LIST).as_str(), alice.reads(LIST).as_str()), ("milk", "salt, milk"));
    assert_eq!(alice.says_json(["doc", "ls", "kitchen"])["documents"][0]["peers"], 0);

    fs::remove_file(filler).unwrap();
    eventually("there is room, and Bob catches up", || bob.reads(LIST) == "salt, milk");
    assert!(!bob.says(["status"]).contains("the disk is full"));
    bob.says(edit);
    eventually("all is well", || alice.reads(LIST) == "bread, salt, milk");
    assert!(bob.says(["verify"]).ends_with("all sound.\n"));
}

#[test]
fn a_disk_with_no_room_at_all_loses_nothing_that_was_saved() {
    let town = town();
    let Some(disk) = SmallDisk::mount(&town, 96) else { return };
    let mut bob = Person::new(&town, "disk/bob");
    bob.begins("kitchen");
    bob.runs();
    let mut saved = 0;
    let filler = disk.fill(0);
    // The filler took the reserve too, from one moment to the next.
    for _ in 0..20 {
        let typed = ["doc", "edit", LIST, "--insert", "0", "x"];
        saved += usize::from(bob.command(&typed).output().unwrap().status.success());
    }
    kill(bob.process());
    bob.was_killed();
    fs::remove_file(filler).unwrap();
    assert!(bob.reads(LIST).len() >= saved);
    bob.types(LIST, "y");
    assert!(bob.says(["verify"]).ends_with("all sound.\n"));
}

/// Changes a byte in every stored row of a kind that is about a document.
fn tamper(person: &Person, kind: u8, document: &str) {
    change(person, kind, document, |batch, key, mut value| {
        *value.last_mut().unwrap() ^= 1;
        batch.put(key, value);
    });
}

fn change(person: &Person, kind: u8, document: &str, change: fn(&mut Batch, Vec<u8>, Vec<u8>)) {
    let document: DocumentId = document.parse().unwrap();
    let folder = Folder::lock(&person.folder).unwrap();
    let engine = SledEngine::open(&folder.database()).unwrap();
    let mut batch = Batch::default();
    let start = [&[kind][..], &document.0].concat();
    for pair in engine.scan(&start..&[kind + 1]) {
        let (key, value) = pair.unwrap();
        if key.starts_with(&start) {
            change(&mut batch, key, value);
        }
    }
    assert!(!batch.is_empty(), "there is no such row");
    engine.apply(batch).unwrap();
    engine.write().unwrap();
}

const SEGMENT: u8 = 6;
const SNAPSHOT: u8 = 7;
const TEXTS: u8 = 11;

#[test]
fn a_changed_byte_is_named_and_fetched_again_from_a_member() {
    let town = town();
    let (mut alice, mut bob) = alice_and_bob(&town);
    for word in ["milk", "bread, ", "salt, ", "rice, "] {
        alice.types(LIST, word);
    }
    eventually("Bob has it", || bob.reads(LIST) == "rice, salt, bread, milk");
    bob.types(LIST, "eggs, ");
    let whole = "eggs, rice, salt, bread, milk";
    eventually("both have all", || alice.reads(LIST) == whole && bob.reads(LIST) == whole);
    let document = alice.says_json(["doc", "ls", "kitchen"])["documents"][0]["document"].clone();
    let document = document.as_str().unwrap();
    alice.leaves();
    bob.leaves();
    tamper(&alice, SEGMENT, document);
    // What was folded would hide that the log is damaged.
    for folded in [SNAPSHOT, TEXTS] {
        change(&alice, folded, document, |batch, key, _| batch.remove(key));
    }

    alice.runs();
    let refusal = alice.fails(["doc", "cat", LIST]).words;
    assert!(refusal.contains("the store is damaged at entry 1 of chain"), "{refusal}");
    let named = "what is stored is damaged from entry 1 of chain";
    eventually("it is named", || alice.says(["status"]).contains(named));
    assert!(alice.fails(["verify"]).words.contains("is not sound"));

    bob.runs_with(&["--dial", &alice.addresses[0]]);
    eventually("it is there again", || alice.reads(LIST) == whole);
    eventually("all of it", || !alice.says(["status"]).contains("damaged"));
    assert!(alice.says(["verify"]).ends_with("all sound.\n"));
    alice.types(LIST, "tea, ");
    eventually("she goes on", || bob.reads(LIST).starts_with("tea, "));
    assert!(bob.says(["verify"]).ends_with("all sound.\n"));
}

#[test]
fn a_damaged_folded_state_is_made_again() {
    let town = town();
    let alice = Person::new(&town, "alice");
    alice.begins("kitchen");
    alice.types(LIST, "milk");
    let document = alice.says_json(["doc", "ls", "kitchen"])["documents"][0]["document"].clone();
    let export = ["doc", "export", LIST, "--format", "text"];
    for folded in [SNAPSHOT, TEXTS] {
        tamper(&alice, folded, document.as_str().unwrap());
        assert!(!alice.command(&["verify"]).output().unwrap().status.success());
        assert_eq!(alice.reads(LIST), "milk");
        assert_eq!(alice.says(export), "milk");
        assert!(alice.says(["verify"]).ends_with("all sound.\n"));
    }
}
