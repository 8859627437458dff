//! Who wrote it, when, on what they had seen, and by whose leave.

use crate::person::{Person, alice_and_bob, eventually, town};

const LIST: &str = "kitchen/list";

/// Alice typed "milk" and Bob, who had it, ", salt" behind it.
fn a_list_by_two(alice: &Person, bob: &Person) {
    alice.types(LIST, "milk");
    eventually("Bob has it", || bob.reads(LIST) == "milk");
    bob.says(["doc", "edit", LIST, "--insert", "4", ", salt"]);
    eventually("Alice has it", || alice.reads(LIST) == "milk, salt");
}

#[test]
fn a_document_says_who_wrote_it_and_by_whose_leave() {
    let town = town();
    let (alice, bob) = alice_and_bob(&town);
    a_list_by_two(&alice, &bob);
    let told = bob.says_json(["why", LIST]);
    let authors = told["authors"].as_array().unwrap();
    let of = |id: &str| authors.iter().find(|author| author["device"] == id).unwrap();
    let (hers, his) = (of(&alice.id()), of(&bob.id()));
    assert_eq!((&hers["entries"], &hers["stands"]), (&1.into(), &4.into()));
    assert_eq!((&his["entries"], &his["stands"]), (&1.into(), &6.into()));
    assert_eq!((&hers["role"], &his["role"]), (&"admin".into(), &"writer".into()));
    assert_eq!((&hers["you"], &his["you"]), (&false.into(), &true.into()));
    assert!(hers["first"].as_u64().unwrap() <= his["first"].as_u64().unwrap());
    assert_eq!(hers["history"][0]["what"], "began");
    let admission = &his["history"][0];
    assert_eq!((&admission["what"], &admission["role"]), (&"admitted".into(), &"writer".into()));
    assert_eq!((&admission["by"], &admission["issuer"]), (&hers["device"], &hers["device"]));

    let words = alice.says(["why", LIST]);
    assert!(words.contains("admin (this device)"), "{words}");
    assert!(words.contains("by its own clock; 6 UTF-16 units of it stand"), "{words}");
    assert!(words.contains(&format!("let in as writer by {} at ", &alice.id()[..8])), "{words}");

    alice.says(["member", "remove", "kitchen", &bob.id()]);
    let words = alice.says(["why", LIST]);
    assert!(words.contains("no member any more"), "{words}");
    assert!(words.contains(&format!("removed by {} at ", &alice.id()[..8])), "{words}");
}

#[test]
fn a_place_says_which_entry_it_comes_from_and_what_its_author_had_seen() {
    let town = town();
    let (alice, bob) = alice_and_bob(&town);
    a_list_by_two(&alice, &bob);
    let told = alice.says_json(["why", LIST, "--at", "6"]);
    assert_eq!(told["character"], "s");
    let origin = &told["origin"];
    assert_eq!((&origin["author"], &origin["entry"]), (&bob.id().into(), &1.into()));
    assert_eq!(origin["signed_with"], 1);
    assert_eq!(told["left"]["author"], bob.id(), "the blank before it");
    assert_eq!(told["seen"][0]["device"], alice.id());
    assert_eq!(told["seen"][0]["entry"], 1);
    assert_eq!(
        (&told["leave"]["what"], &told["leave"]["by"]),
        (&"admitted".into(), &alice.id().into())
    );

    // Of what stood there when Bob began, his first character leans on Alice's last.
    let first = alice.says_json(["why", LIST, "--at", "4"]);
    assert_eq!((&first["left"]["author"], &first["right"]), (&alice.id().into(), &().into()));
    let hers = alice.says_json(["why", LIST, "--at", "3"]);
    assert_eq!((&hers["character"], &hers["origin"]["you"]), (&"k".into(), &true.into()));
    assert_eq!(hers["seen"].as_array().unwrap().len(), 0);

    let words = alice.says(["why", LIST, "--at", "6"]);
    assert!(
        words.starts_with(&format!("'s' at 6 of “body” was inserted by {}", bob.id())),
        "{words}"
    );
    assert!(
        words.contains("by its author's clock") && words.contains("seen    at least up to entry 1")
    );
    assert!(words.contains("leave   let in as writer by"), "{words}");
}

#[test]
fn what_was_deleted_in_front_does_not_shift_who_wrote_the_rest() {
    let town = town();
    let (alice, bob) = alice_and_bob(&town);
    a_list_by_two(&alice, &bob);
    alice.says(["doc", "edit", LIST, "--delete", "0", "6"]);
    assert_eq!(alice.reads(LIST), "salt");
    let told = alice.says_json(["why", LIST, "--at", "0"]);
    assert_eq!((&told["character"], &told["origin"]["author"]), (&"s".into(), &bob.id().into()));
    let gone = alice.fails(["why", LIST, "--at", "4"]);
    assert!(
        gone.words.contains("nothing stands at 4: the text has 4 UTF-16 units"),
        "{}",
        gone.words
    );
}

#[test]
fn other_roots_are_named_and_only_texts_have_places() {
    let town = town();
    let alice = Person::new(&town, "alice");
    alice.begins("kitchen");
    alice.says(["doc", "edit", LIST, "--root", "notes", "--insert", "0", "🦀 hidden"]);
    let told = alice.says_json(["why", LIST, "--root", "notes", "--at", "1"]);
    assert_eq!(told["character"], "🦀", "also by its second unit");
    let refusal = alice.fails(["why", LIST, "--at", "0"]);
    assert!(refusal.words.contains("no root “body”"), "{}", refusal.words);
    let refusal = alice.fails(["why", "kitchen/nothing"]);
    assert!(refusal.words.contains("no document “nothing”"), "{}", refusal.words);
    assert_eq!(alice.fails(["why", LIST, "--at", "first"]).code, Some(2));
}
