//! Seeing one another.

use std::io::{BufRead, BufReader};

use serde_json::Value;

use crate::person::{Person, alice_and_bob, eventually, town};

/// The lines that a command prints, as they come.
fn lines(errand: &mut crate::person::Errand) -> impl FnMut() -> Value {
    let mut lines = BufReader::new(errand.stdout()).lines();
    move || serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap()
}

#[test]
fn whoever_shows_something_is_seen_until_they_stop() {
    let town = town();
    let (alice, bob) = alice_and_bob(&town);
    let mut watch = bob.starts(["presence", "watch", "kitchen/list", "--json"]);
    let mut sees = lines(&mut watch);

    let shown = alice.starts(["presence", "set", "kitchen/list", r#"{"at": 4}"#]);
    let news = sees();
    assert_eq!(news["kind"], "present");
    assert_eq!((&news["device"], &news["guest"]), (&alice.id().into(), &0.into()));
    assert_eq!(news["state"]["at"], 4);
    let listed = bob.says(["presence", "ls", "kitchen/list"]);
    assert!(listed.starts_with(&alice.id()[..8]) && listed.contains(r#"{"at":4}"#), "{listed}");
    assert!(alice.says(["presence", "ls", "kitchen/list"]).is_empty(), "nobody else is here");
    assert!(bob.says(["presence", "ls", "kitchen/plan"]).is_empty(), "nor anywhere else");

    shown.gets_interrupted();
    assert_eq!(sees()["state"], Value::Null);
    assert!(bob.says(["presence", "ls", "kitchen/list"]).is_empty());

    let shown = alice.says(["presence", "set", "kitchen/list", "7", "--for", "1s"]);
    assert!(shown.contains('7'));
    assert_eq!(sees()["state"], 7);
    assert_eq!(sees()["state"], Value::Null, "its time is over");
}

#[test]
fn whoever_goes_offline_in_good_order_is_gone_at_once() {
    let town = town();
    let (mut alice, bob) = alice_and_bob(&town);
    let _shown = alice.starts(["presence", "set", "kitchen/list", "1"]);
    let sees = || !bob.says(["presence", "ls", "kitchen/list"]).is_empty();
    eventually("Bob sees Alice", sees);
    let mut watch = bob.starts(["presence", "watch", "kitchen/list", "--json"]);
    let mut sees = lines(&mut watch);
    assert_eq!(sees()["state"], 1);
    alice.leaves();
    assert_eq!(sees()["state"], Value::Null);
}

#[test]
fn a_device_that_is_not_online_comes_online_for_it() {
    let town = town();
    let (alice, mut bob) = alice_and_bob(&town);
    bob.leaves();
    let _shown = alice.starts(["presence", "set", "kitchen/list", "1"]);
    eventually("Bob sees Alice", || !bob.says(["presence", "ls", "kitchen/list"]).is_empty());
}

#[test]
fn what_can_not_be_shown_is_refused() {
    let town = town();
    let alice = Person::new(&town, "alice");
    alice.begins("kitchen");
    let large = format!("\"{}\"", "x".repeat(5_000));
    let refusal = alice.fails(["presence", "set", "kitchen/list", &large]);
    assert!(refusal.words.contains("over the limit of 4096"), "{}", refusal.words);
    assert_eq!(alice.fails(["presence", "set", "kitchen/list", "no JSON"]).code, Some(2));
    assert_eq!(alice.fails(["presence", "ls", "pantry/list"]).code, Some(1));
}
