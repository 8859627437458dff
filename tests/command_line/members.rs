//! Who is let in, who may do what, and who is out.

use crate::person::{Person, alice_and_bob, eventually, last_line, last_word, town};

const LIST: &str = "kitchen/list";

#[test]
fn a_removed_member_is_told_by_whom_and_when_and_gets_nothing_more() {
    let town = town();
    let (alice, bob) = alice_and_bob(&town);
    bob.types(LIST, "milk");
    eventually("Alice has saved it", || has_saved(&alice));

    alice.says(["member", "remove", "kitchen", &bob.id()[..10]]);
    eventually("Bob is told", || {
        let status = bob.says_json(["status"]);
        status["spaces"][0]["removed"]["by"] == alice.id().as_str()
    });
    let refusal = bob.fails(["doc", "edit", LIST, "--insert", "0", "eggs "]);
    assert!(refusal.words.contains("was removed from the space"), "{}", refusal.words);
    assert!(bob.says(["status"]).contains("this device was removed by"));

    alice.types(LIST, "bread ");
    // Whatever else is on its way between the two gets there.
    alice.says(["member", "ls", "kitchen"]);
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(bob.reads(LIST), "milk");
    let members = alice.says_json(["member", "ls", "kitchen"]);
    assert_eq!(members["former"][0]["device"], bob.id().as_str());
}

#[test]
fn who_was_removed_while_away_is_told_when_they_come_back() {
    let town = town();
    let (alice, mut bob) = alice_and_bob(&town);
    bob.leaves();
    alice.says(["member", "remove", "kitchen", &bob.id()]);
    alice.types(LIST, "secret");
    bob.runs();
    eventually("Bob is told", || bob.says(["status"]).contains("was removed by"));
    assert_eq!(bob.reads(LIST), "");

    // A ticket that he had before opens nothing, and a new one lets him in again, with all there is.
    let ticket = alice.invites("kitchen", "writer");
    bob.says(["join", &ticket]);
    eventually("Bob has it", || bob.reads(LIST) == "secret");
    bob.types(LIST, "no more ");
    eventually("Alice has it", || alice.reads(LIST) == "no more secret");
}

#[test]
fn a_bucket_is_granted_listed_and_taken_back() {
    let town = town();
    let (alice, bob) = alice_and_bob(&town);
    let id = bob.id();
    let granted = alice.says(["bucket", "grant", "kitchen", "desk", &id[..8]]);
    assert!(granted.contains("may read “desk” now"), "{granted}");
    let listed = alice.says_json(["bucket", "ls", "kitchen"]);
    assert_eq!(listed["buckets"][0]["bucket"], "desk");
    assert_eq!(listed["buckets"][0]["readers"][0], id.as_str());
    eventually("Bob hears what it is called", || {
        bob.says(["bucket", "ls", "kitchen"]).starts_with("desk  granted to")
    });
    let refusal = bob.fails(["bucket", "grant", "kitchen", "till", &id]);
    assert!(refusal.words.contains("only an admin may"), "{}", refusal.words);
    let refusal = alice.fails(["bucket", "grant", "kitchen", "@me", &id]);
    assert!(refusal.words.contains("can't be a bucket"), "{}", refusal.words);

    alice.says(["bucket", "revoke", "kitchen", "desk", &id]);
    eventually("Bob hears of it", || bob.says(["bucket", "ls", "kitchen"]).trim().is_empty());
    let refusal = alice.fails(["bucket", "revoke", "kitchen", "desk", &id]);
    assert!(refusal.words.contains("was not granted"), "{}", refusal.words);
    let refusal = bob.fails(["submit", "kitchen", "anything", "{}", "--bucket", "desk"]);
    assert!(refusal.words.contains("which this device may not read"), "{}", refusal.words);
}

#[test]
fn somebody_joins_while_no_admin_is_online() {
    let town = town();
    let (mut alice, bob) = alice_and_bob(&town);
    bob.types(LIST, "milk");
    eventually("Alice has it", || alice.reads(LIST) == "milk");
    let ticket = alice.invites("kitchen", "reader");
    alice.leaves();
    let carol = Person::new(&town, "carol");
    carol.says(["join", &ticket]);
    assert_eq!(carol.reads(LIST), "milk");
    assert!(carol.fails(["doc", "edit", LIST, "--insert", "0", "x"]).words.contains("may read"));
}

#[test]
fn a_closed_ticket_opens_nothing() {
    let town = town();
    let (alice, _bob) = alice_and_bob(&town);
    let ticket = last_line(&alice.says(["invite", "kitchen"]));
    alice.says(["invite", "kitchen", "--close", &ticket]);
    let carol = Person::new(&town, "carol");
    let refusal = carol.fails(["join", &ticket, "--timeout", "10s"]);
    assert!(refusal.words.contains("it was closed"), "{}", refusal.words);
}

#[test]
fn a_role_is_changed_and_changed_back() {
    let town = town();
    let (alice, bob) = alice_and_bob(&town);
    bob.types(LIST, "milk");
    eventually("Alice has saved it", || has_saved(&alice));
    alice.says(["member", "role", "kitchen", &bob.id(), "reader", "--rank", "cart"]);
    eventually("Bob may only read", || bob.says_json(["status"])["spaces"][0]["role"] == "reader");
    let refusal = bob.fails(["doc", "edit", LIST, "--insert", "0", "x"]);
    assert!(refusal.words.contains("may read the space and not write"), "{}", refusal.words);
    assert!(bob.says(["member", "ls", "kitchen"]).contains("reader of rank cart"));
    assert!(
        bob.fails(["member", "remove", "kitchen", &alice.id()]).words.contains("only an admin")
    );

    // A ticket that he holds raises nobody whom an admin has given another role.
    alice.says(["member", "role", "kitchen", &bob.id(), "writer"]);
    eventually("Bob writes", || {
        bob.command(&["doc", "edit", LIST, "--insert", "0", "no "])
            .output()
            .unwrap()
            .status
            .success()
    });
    eventually("Alice has it", || alice.reads(LIST) == "no milk");
}

#[test]
fn a_ticket_of_a_higher_role_raises_who_is_in_already() {
    let town = town();
    let (alice, bob) = alice_and_bob(&town);
    let ticket = alice.invites("kitchen", "admin");
    bob.says(["join", &ticket]);
    assert_eq!(bob.says_json(["status"])["spaces"][0]["role"], "admin");
    let carol = Person::new(&town, "carol");
    assert!(!last_word(&carol.says(["join", &bob.invites("kitchen", "reader")])).is_empty());
}

#[test]
fn who_leaves_is_out_and_nobody_else() {
    let town = town();
    let (alice, bob) = alice_and_bob(&town);
    bob.says(["member", "remove", "kitchen", &bob.id()]);
    eventually("Alice sees it", || alice.says(["member", "ls", "kitchen"]).contains("left at"));
    assert!(bob.fails(["doc", "edit", LIST, "--insert", "0", "x"]).words.contains("was removed"));
}

/// What is not saved yet when its author is cut off does not count.
fn has_saved(person: &Person) -> bool {
    let documents = &person.says_json(["status"])["spaces"][0]["documents"];
    documents[0]["entries"] == 1 && documents[0]["saved"] == true
}
