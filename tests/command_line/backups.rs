//! Backups, made while the device runs, and what comes back with them.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::person::{Person, alice_and_bob, eventually, kill, mode, town};

const LIST: &str = "kitchen/list";

/// The device, which is online, is lost; a new folder is made from the backup.
pub(crate) fn loses_all_and_restores(person: &mut Person, backup: &Path) {
    kill(person.process());
    person.was_killed();
    fs::remove_dir_all(&person.folder).unwrap();
    person.says(["restore", backup.to_str().unwrap()]);
}

#[test]
fn what_was_written_after_the_backup_comes_back_from_peers() {
    let town = town();
    let (mut alice, bob) = alice_and_bob(&town);
    let id = alice.id();
    alice.types(LIST, "milk");
    let backup = town.path().join("backup");
    let said = alice.says(["backup", backup.to_str().unwrap()]);
    assert!(said.contains("keep it like the device itself"), "{said}");
    assert_eq!(mode(&backup.join("device-key")), 0o600);
    alice.types(LIST, "bread, ");
    eventually("Bob has all", || bob.reads(LIST) == "bread, milk");

    loses_all_and_restores(&mut alice, &backup);
    assert_eq!(alice.id(), id, "it is the same device");
    assert_eq!(alice.reads(LIST), "milk", "that much was in the backup");
    // Offline, and not knowing what it wrote before, it writes on.
    alice.types(LIST, "salt, ");
    alice.runs_with(&["--dial", &bob.addresses[0]]);
    let merged =
        |text: &str| text.ends_with("milk") && text.contains("bread, ") && text.contains("salt, ");
    eventually("Alice has what she wrote before she lost it", || merged(&alice.reads(LIST)));
    eventually("Bob has what she wrote since", || merged(&bob.reads(LIST)));
    assert_eq!(alice.reads(LIST), bob.reads(LIST));
    alice.types(LIST, "rice, ");
    eventually("she goes on", || bob.reads(LIST).starts_with("rice, "));
    for person in [&alice, &bob] {
        assert!(person.says(["verify"]).ends_with("all sound.\n"));
    }
}

#[test]
fn a_backup_is_whole_or_is_none() {
    let town = town();
    let alice = Person::new(&town, "alice");
    alice.begins("kitchen");
    alice.types(LIST, "milk");
    let backup = town.path().join("backup");
    let path = backup.to_str().unwrap();
    alice.says(["backup", path]);
    assert!(alice.fails(["backup", path]).words.contains("there is something in"));
    assert!(alice.fails(["restore", path]).words.contains("there is something in"));

    let carol = Person::without_device(&town, "carol");
    let nothing = carol.fails(["restore", town.path().to_str().unwrap()]).words;
    assert!(nothing.contains("there is no backup in"), "{nothing}");
    let rows = backup.join("rows");
    let whole = fs::read(&rows).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    for (bytes, fault) in [(&whole[..whole.len() - 1], "its end is missing"), (&changed, "change")]
    {
        fs::write(&rows, bytes).unwrap();
        let refusal = carol.fails(["restore", path]).words;
        assert!(refusal.contains(fault), "{refusal}");
        assert!(!carol.folder.exists(), "nothing half-made is left");
    }
    fs::write(&rows, whole).unwrap();
    carol.says(["restore", path]);
    assert_eq!((carol.reads(LIST), carol.id()), ("milk".to_owned(), alice.id()));
    assert!(carol.says(["verify"]).ends_with("all sound.\n"));
}

#[test]
fn a_protected_key_stays_protected_in_a_backup() {
    let town = town();
    let alice = Person::without_device(&town, "alice");
    let secret = alice.file("secret", "correct horse");
    let with = ["--passphrase-file", &secret];
    alice.says(["init", with[0], with[1]]);
    let backup = town.path().join("backup");
    let path = backup.to_str().unwrap();
    alice.says(["backup", path, with[0], with[1]]);
    let again = Person::without_device(&town, "again");
    again.says(["restore", path]);
    assert!(again.fails(["status"]).words.contains("is protected by a passphrase"));
    again.says(["status", with[0], with[1]]);
}

#[test]
fn a_document_begins_with_a_file() {
    let town = town();
    let (alice, bob) = alice_and_bob(&town);
    alice.types(LIST, "milk 🦀");
    let file = town.path().join("list.yjs");
    let path = file.to_str().unwrap();
    alice.says(["doc", "export", LIST, "--format", "yjs", "--output", path]);
    assert_eq!(
        bob.says(["doc", "import", "kitchen/copy", path]),
        "saved: copy holds what the file does\n"
    );
    eventually("Alice has it", || alice.reads("kitchen/copy") == "milk 🦀");
    let documents = alice.says_json(["doc", "ls", "kitchen"]);
    assert_eq!(documents["documents"].as_array().unwrap().len(), 2);
    assert_eq!(documents["documents"][0]["chains"], json!(1), "all of it is Bob's");

    let refusal = alice.fails(["doc", "import", LIST, path]).words;
    assert!(refusal.contains("only be the base of a new one"), "{refusal}");
    let nonsense = alice.file("nonsense", "this is no Yjs document");
    let refusal = alice.fails(["doc", "import", "kitchen/new", &nonsense]).words;
    assert!(refusal.contains("no Yjs document in the v1 encoding"), "{refusal}");
    assert!(alice.says(["verify"]).ends_with("all sound.\n"));
}
