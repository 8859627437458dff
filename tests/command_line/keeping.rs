//! What a folder keeps, and from whom.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::person::{Person, alice_and_bob, eventually, kill, last_word, mode, town};

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let town = town();
    let mut alice = Person::new(&town, "alice");
    alice.begins("kitchen");
    let mut acknowledged = 0;
    for pause in [40, 90, 170] {
        alice.runs();
        let over = AtomicBool::new(false);
        let typed = thread::scope(|scope| {
            let typist = scope.spawn(|| {
                let words = ["doc", "edit", "kitchen/list", "--insert", "0", "x"];
                let mut typed = 0;
                while !over.load(Ordering::Relaxed) {
                    // Those that the dying process did not answer don't count.
                    let said = alice.command(&words).output().unwrap();
                    typed += usize::from(said.status.success());
                }
                typed
            });
            thread::sleep(Duration::from_millis(pause));
            kill(alice.process());
            over.store(true, Ordering::Relaxed);
            typist.join().unwrap()
        });
        alice.was_killed();
        acknowledged += typed;
        // The socket that the killed process left behind is in nobody's way.
        assert!(alice.folder.join("control").exists());
        let kept = alice.reads("kitchen/list").len();
        assert!(kept >= acknowledged, "{acknowledged} were acknowledged, {kept} are here");
    }
    assert!(acknowledged > 0, "nothing was typed at all");
    alice.runs();
    assert!(alice.reads("kitchen/list").len() >= acknowledged);
}

#[test]
fn a_second_run_is_told_who_has_the_folder() {
    let town = town();
    let mut alice = Person::new(&town, "alice");
    alice.runs();
    for command in ["run", "anchor"] {
        let refusal = alice.fails([command]);
        assert_eq!(refusal.code, Some(1));
        let who = format!("in use by process {}", alice.process());
        assert!(refusal.words.contains(&who), "{}", refusal.words);
    }
}

#[test]
fn key_and_socket_are_for_their_owner_alone() {
    let town = town();
    let mut alice = Person::new(&town, "alice");
    assert_eq!(mode(&alice.folder.join("key")), 0o600);
    let socket = alice.folder.join("control");
    assert!(!socket.exists());
    alice.runs();
    assert_eq!(mode(&socket), 0o600);
    alice.leaves();
    assert!(!socket.exists());
    assert!(!alice.folder.with_extension("ready").exists());
}

#[test]
fn commands_work_the_same_with_and_without_a_run() {
    let town = town();
    let mut alice = Person::new(&town, "alice");
    let space = alice.begins("kitchen");
    alice.types("kitchen/list", "milk");
    let offline = [
        alice.says(["space", "ls"]),
        alice.says(["doc", "ls", &space[..6]]),
        alice.says(["doc", "cat", "kitchen/list"]),
        alice.says(["doc", "export", "kitchen/list", "--format", "json"]),
        alice.says(["status"]),
        alice.fails(["doc", "cat", "kitchen/nothing"]).words,
    ];
    alice.runs();
    let online = [
        alice.says(["space", "ls"]),
        alice.says(["doc", "ls", &space[..6]]),
        alice.says(["doc", "cat", "kitchen/list"]),
        alice.says(["doc", "export", "kitchen/list", "--format", "json"]),
        alice.says(["status"]),
        alice.fails(["doc", "cat", "kitchen/nothing"]).words,
    ];
    assert_eq!(online, offline);
    alice.leaves();
    eventually("the folder is free", || alice.reads("kitchen/list") == "milk");
}

#[test]
fn commands_that_come_at_once_all_see_the_whole_document() {
    let town = town();
    let mut alice = Person::new(&town, "alice");
    alice.begins("kitchen");
    let text = "milk ".repeat(10_000);
    alice.types("kitchen/list", &text);
    alice.runs();
    thread::scope(|scope| {
        let readers: Vec<_> = (0..8).map(|_| scope.spawn(|| alice.reads("kitchen/list"))).collect();
        for reader in readers {
            assert_eq!(reader.join().unwrap().len(), text.len());
        }
    });
}

#[test]
fn an_address_that_is_taken_is_named() {
    let town = town();
    let (alice, mut bob) = alice_and_bob(&town);
    bob.leaves();
    for address in &alice.addresses {
        let (address, _peer) = address.split_once("/p2p/").unwrap();
        let refusal = bob.fails(["anchor", "--listen", address]);
        let what = format!("can't listen on {address}: choose another");
        assert!(refusal.words.contains(&what), "{}", refusal.words);
        assert!(refusal.words.contains("because: Address already in use"), "{}", refusal.words);
    }
}

#[test]
fn a_folder_without_a_device_is_named() {
    let town = town();
    let mut nobody = Person::without_device(&town, "nobody");
    for refusal in [nobody.fails(["run"]), nobody.fails(["space", "ls"])] {
        assert!(refusal.words.contains("no device in"), "{}", refusal.words);
        assert!(refusal.words.contains("driftline init"), "{}", refusal.words);
    }
    assert!(!nobody.folder.exists(), "asking made a folder");
    let made = nobody.says(["init"]);
    let again = nobody.says(["init"]);
    assert!(again.contains("exists already"));
    assert_eq!(last_word(&made), last_word(&again));
    nobody.runs();
    assert_eq!(nobody.says(["init"]), again);
}
