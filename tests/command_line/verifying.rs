//! Whether every byte at rest is sound.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;

use driftline_storage::{Batch, Engine, Folder, SledEngine};
use serde_json::Value;

use crate::person::{Person, alice_and_bob, eventually, town};

const LIST: &str = "kitchen/list";

/// What `verify --json` finds, and the exit code.
fn findings(person: &Person) -> (Vec<Value>, Value, Option<i32>) {
    let output = person.command(&["verify", "--json"]).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summary = lines.pop().expect("there is a last line");
    assert_eq!(summary["findings"], lines.len());
    (lines, summary, output.status.code())
}

/// Changes the stored rows of a kind, as the table in the documentation of the store has them.
fn tamper(person: &Person, kind: u8, change: impl Fn(&mut Vec<u8>)) {
    let folder = Folder::lock(&person.folder).unwrap();
    let engine = SledEngine::open(&folder.database()).unwrap();
    let mut batch = Batch::default();
    for pair in engine.scan(&[kind]..&[kind + 1]) {
        let (key, mut value) = pair.unwrap();
        change(&mut value);
        batch.put(key, value);
    }
    assert!(!batch.is_empty(), "there is no row of kind {kind}");
    engine.apply(batch).unwrap();
    engine.write().unwrap();
}

#[test]
fn what_honest_devices_keep_is_sound() {
    let town = town();
    let (mut alice, mut bob) = alice_and_bob(&town);
    alice.types(LIST, "milk");
    eventually("Bob has it", || bob.reads(LIST) == "milk");
    bob.says(["doc", "edit", LIST, "--delete", "0", "1"]);
    bob.says(["doc", "edit", LIST, "--insert", "0", "🦀 s"]);
    eventually("Alice has it", || alice.reads(LIST) == "🦀 silk");
    let said = bob.says(["verify"]);
    assert!(said.starts_with("1 space, 1 document, 4 entries, "), "while it runs: {said}");
    assert!(said.ends_with("all sound.\n"), "{said}");

    // Someone is cut off, with more behind the cut than Alice has.
    bob.leaves();
    alice.says(["member", "remove", "kitchen", &bob.id()]);
    bob.types(LIST, "nobody shall read this ");
    bob.runs();
    eventually("Bob is told", || bob.says(["status"]).contains("was removed by"));
    alice.leaves();
    bob.leaves();
    for person in [&alice, &bob] {
        let (found, summary, code) = findings(person);
        assert_eq!((found.len(), code), (0, Some(0)), "{found:?}");
        assert_eq!(summary["spaces"], 1);
    }
    assert_eq!(bob.reads(LIST), "nobody shall read this 🦀 silk", "nothing was changed");
}

#[test]
fn a_changed_byte_is_named_with_its_place() {
    let town = town();
    let alice = Person::new(&town, "alice");
    let space = alice.begins("kitchen");
    alice.types(LIST, "milk");
    alice.types(LIST, "oat ");
    assert_eq!(findings(&alice).2, Some(0));

    const SEGMENT: u8 = 6;
    tamper(&alice, SEGMENT, |value| *value.last_mut().unwrap() ^= 1);
    let (found, _, code) = findings(&alice);
    assert_eq!(code, Some(1));
    let damaged: Vec<_> = found.iter().filter(|finding| finding["fault"] == "damaged").collect();
    assert_eq!(damaged.len(), 2, "{found:?}");
    let place = |name: &str| damaged[1][name].clone();
    assert_eq!((place("space"), place("space_name")), (space.into(), "kitchen".into()));
    assert_eq!((place("document_name"), place("entry")), ("list".into(), 2.into()));
    let refusal = alice.fails(["verify", "kitchen"]);
    assert_eq!(refusal.code, Some(1));
    assert!(refusal.words.contains("is not sound"), "{}", refusal.words);
}

#[test]
fn damage_that_keeps_a_device_from_opening_is_found_all_the_same() {
    let town = town();
    let alice = Person::new(&town, "alice");
    alice.begins("kitchen");
    alice.types(LIST, "milk");
    const CHAIN_END: u8 = 5;
    tamper(&alice, CHAIN_END, |value| value[20] ^= 1);
    assert!(alice.fails(["status"]).words.contains("can't be read"));
    let (found, ..) = findings(&alice);
    assert_eq!(found[0]["fault"], "damaged");
    assert!(found[0]["what"].as_str().unwrap().contains("the end of chain"), "{found:?}");
}

#[test]
fn a_key_that_others_can_read_is_a_finding() {
    let town = town();
    let mut alice = Person::new(&town, "alice");
    alice.begins("kitchen");
    alice.runs();
    set_permissions(alice.folder.join("key"), Permissions::from_mode(0o644)).unwrap();
    let is_found = |alice: &Person| {
        let (found, ..) = findings(alice);
        assert_eq!((found.len(), &found[0]["fault"]), (1, &"key".into()));
        assert!(found[0]["because"][0].as_str().unwrap().contains("run chmod 600 on it"));
    };
    is_found(&alice);
    alice.leaves();
    is_found(&alice);
}

#[test]
fn nothing_is_begun_by_looking() {
    let town = town();
    let alice = Person::without_device(&town, "alice");
    assert!(alice.fails(["verify"]).words.contains("no device in"));
    assert!(!alice.folder.exists());
    alice.says(["init"]);
    let said = alice.says(["verify"]);
    assert!(said.starts_with("0 spaces, 0 documents, 0 entries, "), "{said}");
    assert!(alice.fails(["verify", "kitchen"]).words.contains("in no space"));
}
