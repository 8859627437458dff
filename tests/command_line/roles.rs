//! Tickets, and what they give.

use crate::person::{Person, eventually, last_line, town};

#[test]
fn a_reader_reads_and_does_not_write() {
    let town = town();
    let mut alice = Person::new(&town, "alice");
    let mut reader = Person::new(&town, "reader");
    alice.begins("kitchen");
    alice.types("kitchen/list", "milk");
    alice.runs();
    reader.says(["join", &alice.invites("kitchen", "reader")]);
    reader.runs();
    assert_eq!(reader.reads("kitchen/list"), "milk");

    let refusal = reader.fails(["doc", "edit", "kitchen/list", "--insert", "0", "beer "]);
    assert!(refusal.words.contains("may read the space and not write"), "{}", refusal.words);
    let refusal = reader.fails(["invite", "kitchen"]);
    assert!(refusal.words.contains("only an admin"), "{}", refusal.words);

    alice.types("kitchen/list", "oat ");
    eventually("the reader hears", || reader.reads("kitchen/list") == "oat milk");
}

#[test]
fn a_ticket_that_is_over_lets_nobody_in() {
    let town = town();
    let (mut alice, late) = (Person::new(&town, "alice"), Person::new(&town, "late"));
    alice.begins("kitchen");
    alice.runs();
    let ticket = last_line(&alice.says(["invite", "kitchen", "--expires", "0s"]));
    let refusal = late.fails(["join", &ticket]);
    assert!(refusal.words.contains("expired"), "{}", refusal.words);
    assert_eq!(late.says(["space", "ls"]), "");
}

#[test]
fn what_is_no_ticket_is_told_apart_from_a_damaged_one() {
    let town = town();
    let (alice, bob) = (Person::new(&town, "alice"), Person::new(&town, "bob"));
    assert!(bob.fails(["join", "kitchen"]).words.contains("not a Driftline ticket"));
    alice.begins("kitchen");
    let mut ticket = alice.invites("kitchen", "writer");
    ticket.remove(40);
    assert!(bob.fails(["join", &ticket]).words.contains("damaged on its way"));
}

#[test]
fn a_ticket_with_nobody_behind_it_says_where_it_looked() {
    let town = town();
    let (mut alice, bob) = (Person::new(&town, "alice"), Person::new(&town, "bob"));
    alice.begins("kitchen");
    alice.runs();
    let ticket = alice.invites("kitchen", "writer");
    alice.leaves();
    let refusal = bob.fails(["join", &ticket, "--timeout", "1s"]);
    assert!(refusal.words.contains("no member let this device in"), "{}", refusal.words);
    assert!(refusal.words.contains(&alice.addresses[0]), "{}", refusal.words);
}
