//! What is printed where: words, JSON, errors, exit codes.

use serde_json::Value;

use crate::person::{Person, alice_and_bob, eventually, last_line, last_word, town};

#[test]
fn every_answer_can_be_had_as_json() {
    let town = town();
    let mut alice = Person::without_device(&town, "alice");
    let made = alice.says_json(["init"]);
    assert_eq!(made["existed"], false);
    let begun = alice.says_json(["space", "new", "kitchen"]);
    assert_eq!(alice.says_json(["space", "ls"])["spaces"][0]["space"], begun["space"]);
    alice.runs();
    let invited = alice.says_json(["invite", "kitchen", "--role", "reader"]);
    assert_eq!(invited["role"], "reader");

    let bob = Person::new(&town, "bob");
    let joined = bob.says_json(["join", invited["ticket"].as_str().unwrap()]);
    assert_eq!((&joined["name"], &joined["already"]), (&"kitchen".into(), &false.into()));

    let edited = alice.says_json(["doc", "edit", "kitchen/list", "--insert", "0", "a 🦀"]);
    assert_eq!(edited["length"], 4);
    assert_eq!(alice.says_json(["doc", "cat", "kitchen/list"])["text"], "a 🦀");
    assert_eq!(alice.says_json(["doc", "ls", "kitchen"])["documents"][0]["name"], "list");
    let status = alice.says_json(["status"]);
    assert_eq!(status["device"], made["device"]);
    assert_eq!(status["spaces"][0]["documents"][0]["saved"], true);

    let error = alice.fails(["--json", "doc", "cat", "pantry/list"]).words;
    let error: Value = serde_json::from_str(&error).unwrap();
    assert!(error["error"].as_str().unwrap().contains("“kitchen”"));
}

#[test]
fn ids_and_tickets_stand_where_scripts_find_them() {
    let town = town();
    let alice = Person::new(&town, "alice");
    let id = last_word(&alice.says(["space", "new", "kitchen"]));
    assert_eq!(id.len(), 52);
    assert!(alice.says(["space", "ls"]).contains(&id));
    let ticket = last_line(&alice.says(["invite", &id[..4]]));
    assert!(ticket.starts_with("driftline1") && !ticket.contains(' '));
}

#[test]
fn flags_can_be_variables_of_the_environment() {
    let town = town();
    let alice = Person::new(&town, "alice");
    alice.begins("kitchen");
    alice.says(["doc", "edit", "kitchen/list", "--root", "notes", "--insert", "0", "hidden"]);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_driftline"));
    command.env("DRIFTLINE_DATA", &alice.folder).env("DRIFTLINE_JSON", "1");
    command.env("DRIFTLINE_ROOT", "notes").args(["doc", "cat", "kitchen/list"]);
    let answer: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    assert_eq!(answer["text"], "hidden");
}

#[test]
fn what_makes_no_sense_ends_with_2_and_what_fails_with_1() {
    let town = town();
    let alice = Person::new(&town, "alice");
    alice.begins("kitchen");
    for nonsense in [
        alice.fails(["dance"]),
        alice.fails(["doc", "cat", "kitchen"]),
        alice.fails(["doc", "edit", "kitchen/list", "--insert", "here", "text"]),
        alice.fails(["doc", "edit", "kitchen/list"]),
        alice.fails(["invite", "kitchen", "--role", "king"]),
        alice.fails(["invite", "kitchen", "--expires", "soon"]),
    ] {
        assert_eq!(nonsense.code, Some(2), "{}", nonsense.words);
    }
    let failure = alice.fails(["doc", "cat", "kitchen/list"]);
    assert_eq!(failure.code, Some(1));
    assert!(failure.words.starts_with("error: there is no document “list” in kitchen"));
    let failure = alice.fails(["run", "--listen", "/ip4/203.0.113.7/tcp/4001"]);
    assert_eq!(failure.code, Some(1), "this machine has no such address");
    assert!(failure.words.contains("can't listen on"), "{}", failure.words);
}

#[test]
fn names_that_mean_several_spaces_are_not_guessed() {
    let town = town();
    let alice = Person::new(&town, "alice");
    let (one, other) = (alice.begins("kitchen"), alice.begins("kitchen"));
    let refusal = alice.fails(["doc", "ls", "kitchen"]);
    assert!(refusal.words.contains(&one) && refusal.words.contains(&other));
    alice.types(&format!("{one}/list"), "milk");
    assert!(alice.says(["doc", "ls", &one]).contains("list"));
    assert!(!alice.says(["doc", "ls", &other]).contains("list"));
}

#[test]
fn status_says_who_is_there_and_how_far_it_got() {
    let town = town();
    let (alice, bob) = alice_and_bob(&town);
    alice.types("kitchen/list", "milk");
    eventually("Bob has saved it, as far as Alice knows", || {
        alice.says(["status"]).contains("saved, on 1 peer")
    });
    let status = alice.says_json(["status", "kitchen"]);
    let peer = &status["spaces"][0]["peers"][0];
    assert_eq!(peer["device"], bob.id());
    assert_eq!((&peer["state"], &peer["role"]), (&"live".into(), &"writer".into()));
    assert!(["tcp", "quic"].contains(&peer["transport"].as_str().unwrap()));
    assert!(peer["address"].as_str().unwrap().starts_with("/ip4/127.0.0.1/"));
}
