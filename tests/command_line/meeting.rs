//! Devices that find one another, and end with the same text.

use crate::person::{Person, alice_and_bob, eventually, town};

#[test]
fn two_people_write_one_text() {
    let town = town();
    let (alice, bob) = alice_and_bob(&town);
    alice.types("kitchen/list", "milk ");
    bob.types("kitchen/list", "bread ");
    eventually("both have both", || {
        let text = alice.reads("kitchen/list");
        text == bob.reads("kitchen/list") && text.contains("milk") && text.contains("bread")
    });
}

#[test]
fn a_device_that_comes_back_elsewhere_is_found_again() {
    let town = town();
    let (mut alice, mut bob) = alice_and_bob(&town);
    eventually("they meet", || is_live(&alice, &bob) && is_live(&bob, &alice));

    // Bob comes back on other ports, and tells Alice, whom he finds where she was.
    let before = bob.addresses.clone();
    bob.leaves();
    bob.runs();
    assert_ne!(bob.addresses, before);
    bob.types("kitchen/list", "from elsewhere");
    eventually("Alice hears", || alice.reads("kitchen/list") == "from elsewhere");

    // Now Alice moves. Bob does not know where to: she finds him, where he told her that he is.
    alice.leaves();
    alice.runs();
    alice.types("kitchen/list", "me too: ");
    eventually("Bob hears", || bob.reads("kitchen/list") == "me too: from elsewhere");
}

#[test]
fn three_in_a_line_agree_though_the_ends_never_meet() {
    let town = town();
    let (mut alice, bob) = alice_and_bob(&town);
    let mut carol = Person::new(&town, "carol");
    eventually("they meet", || is_live(&alice, &bob));
    alice.types("kitchen/list", "Alice. ");
    eventually("Bob hears", || bob.reads("kitchen/list") == "Alice. ");

    // Alice is gone before Carol comes, so that it is Bob who lets her in.
    let ticket = alice.invites("kitchen", "writer");
    alice.leaves();
    carol.says(["join", &ticket]);
    carol.runs();
    assert_eq!(carol.reads("kitchen/list"), "Alice. ");
    carol.types("kitchen/list", "Carol. ");
    eventually("Bob hears", || bob.reads("kitchen/list") == "Carol. Alice. ");

    // And Carol is gone before Alice is back.
    carol.leaves();
    alice.runs();
    eventually("Alice hears", || alice.reads("kitchen/list") == "Carol. Alice. ");
    assert!(!is_live(&alice, &carol));
}

#[test]
fn somebody_joins_while_others_type() {
    let town = town();
    let (alice, bob) = alice_and_bob(&town);
    let mut carol = Person::new(&town, "carol");
    let patches: Vec<_> = (0..600).map(|at| format!(r#"{{"patches":[[{at},0,"x"]]}}"#)).collect();
    let end = "x".repeat(600);
    let trace = format!(r#"{{"endContent":"{end}","txns":[{}]}}"#, patches.join(","));
    let trace = alice.file("trace.json", &trace);
    let replay = |person: &Person, document| {
        person.starts(["doc", "replay", document, "--trace", &trace, "--rate", "200"])
    };
    let (one, other) = (replay(&alice, "kitchen/hers"), replay(&bob, "kitchen/his"));
    eventually("Alice has begun", || !alice.reads("kitchen/hers").is_empty());

    carol.says(["join", &alice.invites("kitchen", "writer")]);
    carol.runs();
    one.ends();
    other.ends();
    for person in [&alice, &bob, &carol] {
        eventually("everybody has both texts, whole", || {
            ["kitchen/hers", "kitchen/his"].iter().all(|document| person.reads(document) == end)
        });
    }
}

/// Whether one sees the other as up to date and listening.
fn is_live(one: &Person, other: &Person) -> bool {
    let (status, id) = (one.says_json(["status", "kitchen"]), other.id());
    let peers = status["spaces"][0]["peers"].as_array().unwrap().iter();
    peers.clone().any(|peer| peer["device"] == id.as_str() && peer["state"] == "live")
}
