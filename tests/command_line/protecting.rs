//! A key under a passphrase.

use crate::person::{Person, Refusal, alice_and_bob, mode, town};

/// Somebody whose key is under a passphrase.
fn protected(person: &Person) -> String {
    let file = person.file("passphrase", "correct horse\n");
    person.says(["key", "protect", "--new-passphrase-file", &file]);
    file
}

#[test]
fn a_protected_device_wants_its_passphrase_for_everything() {
    let town = town();
    let mut alice = Person::new(&town, "alice");
    alice.begins("kitchen");
    let id = alice.id();
    let file = protected(&alice);
    assert_eq!(mode(&alice.folder.join("key")), 0o600);

    for refusal in [alice.fails(["space", "ls"]), alice.fails(["run"]), alice.fails(["init"])] {
        assert_eq!(refusal.code, Some(1));
        for what in ["protected by a passphrase", "DRIFTLINE_PASSPHRASE", "--passphrase-file"] {
            assert!(refusal.words.contains(what), "{}", refusal.words);
        }
    }
    assert!(alice.says(["space", "ls", "--passphrase-file", &file]).contains("kitchen"));
    alice.runs_with(&["--passphrase-file", &file]);
    // The process that has the folder has the key: nobody is asked again.
    assert!(alice.says(["space", "ls"]).contains("kitchen"));
    assert_eq!(alice.id(), id);
}

#[test]
fn a_server_finds_the_passphrase_in_its_environment() {
    let town = town();
    let alice = Person::new(&town, "alice");
    let says = |passphrase: &str, words: &[&str]| {
        alice.command(words).env("DRIFTLINE_PASSPHRASE", passphrase).output().unwrap()
    };
    assert!(says("correct horse", &["key", "protect"]).status.success());
    assert!(says("correct horse", &["space", "ls"]).status.success());
    let wrong = says("correct house", &["space", "ls"]);
    assert_eq!(wrong.status.code(), Some(1));
    let words = String::from_utf8(wrong.stderr).unwrap();
    assert!(words.starts_with("error: wrong passphrase: it does not open"), "{words}");
    assert!(words.contains("alice/key"), "{words}");
}

#[test]
fn a_device_can_begin_with_a_protected_key() {
    let town = town();
    let nobody = Person::without_device(&town, "nobody");
    let file = nobody.file("passphrase", "correct horse");
    nobody.says(["init", "--passphrase-file", &file]);
    assert!(nobody.says(["key", "show"]).contains("under a passphrase"));
    nobody.says(["space", "new", "kitchen", "--passphrase-file", &file]);
}

#[test]
fn a_passphrase_can_be_changed_and_taken_away() {
    let town = town();
    let alice = Person::new(&town, "alice");
    let shown = alice.says_json(["key", "show"]);
    assert_eq!((&shown["protected"], &shown["device"]), (&false.into(), &alice.id().into()));
    let (old, new) = (protected(&alice), alice.file("new", "battery staple\n"));
    assert_eq!(alice.says_json(["key", "show"])["protected"], true);
    assert_eq!(alice.says_json(["key", "show"])["device"], shown["device"]);

    let change = ["key", "protect", "--passphrase-file", &old, "--new-passphrase-file", &new];
    alice.says(change);
    assert!(alice.fails(change).words.contains("wrong passphrase"));
    assert!(alice.fails(["key", "unprotect", "--passphrase-file", &old]).words.contains("wrong"));
    alice.says(["key", "unprotect", "--passphrase-file", &new]);
    assert_eq!(alice.says_json(["key", "show"]), shown);
    assert_eq!(shown["device"], alice.id());
}

#[test]
fn a_passphrase_that_is_none_is_refused() {
    let town = town();
    let alice = Person::new(&town, "alice");
    let (empty, missing) = (alice.file("empty", "\n"), "/nowhere/passphrase");
    let protect = |file: &str| alice.fails(["key", "protect", "--new-passphrase-file", file]);
    let Refusal { words, .. } = protect(&empty);
    assert!(words.contains("holds no passphrase") && words.contains("can't be empty"), "{words}");
    let Refusal { words, .. } = protect(missing);
    assert!(words.contains("can't read the passphrase from /nowhere/passphrase"), "{words}");
    let Refusal { words, .. } = alice.fails(["key", "protect"]);
    assert!(words.contains("no terminal to ask"), "{words}");
    assert!(alice.says(["key", "show"]).contains("not protected"));
}

#[test]
fn the_key_is_not_changed_under_a_device_that_runs() {
    let town = town();
    let (alice, _bob) = alice_and_bob(&town);
    let file = alice.file("passphrase", "correct horse");
    let refusal = alice.fails(["key", "protect", "--new-passphrase-file", &file]);
    assert!(refusal.words.contains("end `driftline run` first"), "{}", refusal.words);
    assert!(refusal.words.contains(&format!("process {}", alice.process())), "{}", refusal.words);
    assert!(alice.says(["key", "show"]).contains("not protected"));
}
