//! Reading and writing documents.

use std::io::{BufRead, BufReader};

use serde_json::{Value, json};

use crate::person::{Person, alice_and_bob, eventually, town};

fn alice_in_a_kitchen(town: &tempfile::TempDir) -> Person {
    let alice = Person::new(town, "alice");
    alice.begins("kitchen");
    alice
}

#[test]
fn a_trace_of_one_is_typed_to_its_end() {
    let town = town();
    let alice = alice_in_a_kitchen(&town);
    let trace = json!({
        "startContent": "Dear 🦀",
        "endContent": "Dear crab",
        "txns": [
            { "patches": [[6, 0, "!"]] },
            { "patches": [[5, 2, "crab"]] },
        ],
    });
    let trace = alice.file("trace.json", &trace.to_string());
    let told = alice.says(["doc", "replay", "kitchen/letter", "--trace", &trace]);
    assert!(
        told.starts_with("2 edits in ") && told.contains("saved; the text is the recorded one")
    );
    assert_eq!(alice.reads("kitchen/letter"), "Dear crab");
    let again = alice.fails(["doc", "replay", "kitchen/letter", "--trace", &trace]);
    assert!(again.words.contains("typed into an empty one"), "{}", again.words);
}

#[test]
fn each_agent_of_a_concurrent_trace_has_a_chain_of_its_own() {
    let town = town();
    let mut alice = alice_in_a_kitchen(&town);
    alice.runs();
    let trace = json!({
        "kind": "concurrent",
        "endContent": "> hello world, again!",
        "numAgents": 2,
        "txns": [
            { "parents": [], "agent": 0, "patches": [[0, 0, "hello"]] },
            { "parents": [0], "agent": 0, "patches": [[5, 0, " world"]] },
            { "parents": [0], "agent": 1, "patches": [[0, 0, "> "]] },
            { "parents": [1], "agent": 0, "patches": [[11, 0, ", again"]] },
            { "parents": [2, 3], "agent": 1, "patches": [[20, 0, "!"]] },
        ],
    });
    let trace = alice.file("trace.json", &trace.to_string());
    let told = alice.says_json(["doc", "replay", "kitchen/letter", "--trace", &trace]);
    assert_eq!((&told["agents"], &told["as_recorded"]), (&2.into(), &true.into()));
    assert_eq!(alice.reads("kitchen/letter"), "> hello world, again!");
    let documents = alice.says_json(["doc", "ls", "kitchen"]);
    assert_eq!(documents["documents"][0]["chains"], 2);
}

#[test]
fn a_trace_that_does_not_fit_stops_where_it_does_not() {
    let town = town();
    let alice = alice_in_a_kitchen(&town);
    let trace = r#"{"endContent":"","txns":[{"patches":[[0,0,"ab"]]},{"patches":[[1,2,""]]}]}"#;
    let trace = alice.file("trace.json", trace);
    let refusal = alice.fails(["doc", "replay", "kitchen/letter", "--trace", &trace]);
    assert!(refusal.words.contains("transaction 1 of the trace does not fit"), "{}", refusal.words);
    assert_eq!(alice.reads("kitchen/letter"), "ab");
}

#[test]
fn an_edit_past_the_end_changes_nothing() {
    let town = town();
    let alice = alice_in_a_kitchen(&town);
    alice.types("kitchen/list", "a 🦀");
    for (edit, why) in [
        (["--insert", "5", "x"], "5 is past the end of the text, which has 4"),
        (["--insert", "3", "x"], "in the middle of a character"),
        (["--delete", "2", "3"], "5 is past the end"),
        (["--delete", "0", "4294967295"], "is past the end"),
        (["--delete", "2", "1"], "in the middle of a character"),
    ] {
        let [flag, position, rest] = edit;
        let refusal = alice.fails(["doc", "edit", "kitchen/list", flag, position, rest]);
        assert!(refusal.words.contains(why), "{edit:?}: {}", refusal.words);
    }
    alice.says(["doc", "edit", "kitchen/list", "--delete", "1", "3"]);
    alice.says(["doc", "edit", "kitchen/list", "--insert", "1", "--dash"]);
    assert_eq!(alice.reads("kitchen/list"), "a--dash");
}

#[test]
fn a_document_leaves_in_three_formats() {
    let town = town();
    let alice = alice_in_a_kitchen(&town);
    alice.types("kitchen/list", "milk");
    alice.says(["doc", "edit", "kitchen/list", "--root", "title", "--insert", "0", "List"]);
    assert_eq!(alice.says(["doc", "export", "kitchen/list", "--format", "text"]), "milk");
    let json = alice.says(["doc", "export", "kitchen/list", "--format", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json, json!({ "body": "milk", "title": "List" }));

    let file = alice.folder.with_extension("yjs");
    let path = file.to_str().unwrap();
    alice.says(["doc", "export", "kitchen/list", "--format", "yjs", "--output", path]);
    assert_eq!(text_of(&std::fs::read(&file).unwrap()), "milk");
}

#[test]
fn a_watch_says_who_changes_what() {
    let town = town();
    let (alice, bob) = alice_and_bob(&town);
    alice.types("kitchen/list", "milk");
    eventually("Bob has it", || bob.reads("kitchen/list") == "milk");

    let mut watch = bob.starts(["doc", "watch", "kitchen/list", "--json"]);
    let mut lines = BufReader::new(watch.stdout()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    // What comes before the watch has begun can't be seen, so somebody knocks until it has.
    let knocking = std::sync::atomic::AtomicBool::new(true);
    let first = std::thread::scope(|scope| {
        scope.spawn(|| {
            while knocking.load(std::sync::atomic::Ordering::Relaxed) {
                alice.says(["doc", "edit", "kitchen/list", "--root", "door", "--insert", "0", "!"]);
            }
        });
        let first = next();
        knocking.store(false, std::sync::atomic::Ordering::Relaxed);
        first
    });
    assert_eq!((&first["author"], &first["you"]), (&alice.id().into(), &false.into()));
    assert_eq!(first["what"], json!([{ "root": "door" }]));

    alice.says(["doc", "edit", "kitchen/list", "--insert", "4", ", bread"]);
    bob.says(["doc", "edit", "kitchen/list", "--delete", "0", "1"]);
    let mut of_body = || loop {
        let change = next();
        if change["what"] != json!([{ "root": "door" }]) {
            return change;
        }
    };
    let mut seen = [of_body(), of_body()];
    seen.sort_by_key(|change| change["you"].as_bool());
    assert_eq!(seen[1]["what"], json!([{ "deleted": { "at": 0, "length": 1 } }]));
    let inserted = &seen[0]["what"][0]["inserted"];
    assert_eq!(inserted["text"], ", bread");
    drop(lines);
    watch.gets_interrupted();
}

/// The body of a document that was exported for Yjs.
fn text_of(state: &[u8]) -> String {
    use driftline::yrs::updates::decoder::Decode;
    use driftline::yrs::{Doc, GetString, Transact, Update};
    let doc = Doc::new();
    doc.transact_mut().apply_update(Update::decode_v1(state).unwrap()).unwrap();
    doc.get_or_insert_text("body").get_string(&doc.transact())
}

#[test]
fn a_document_is_deleted_for_everybody_begun_anew_and_brought_back() {
    let town = town();
    let (alice, bob) = alice_and_bob(&town);
    bob.types("kitchen/list", "milk");
    eventually("Alice has it", || alice.reads("kitchen/list") == "milk");
    let refusal = bob.fails(["doc", "delete", "kitchen/list"]);
    assert!(refusal.words.contains("only an admin"), "{}", refusal.words);

    alice.says(["doc", "delete", "kitchen/list"]);
    eventually("Bob's is gone", || bob.reads("kitchen/list").is_empty());
    assert!(bob.says(["doc", "deleted", "kitchen"]).contains(&alice.id()[..8]));

    // One of its name is another document, and does not bring the old one's text back.
    bob.types("kitchen/list", "bread");
    eventually("Alice has it", || alice.reads("kitchen/list") == "bread");
    let refusal = alice.fails(["doc", "restore", "kitchen/list"]);
    assert!(refusal.words.contains("was begun meanwhile"), "{}", refusal.words);

    alice.says(["doc", "delete", "kitchen/list"]);
    alice.says(["doc", "restore", "kitchen/list"]);
    eventually("Bob has it again", || bob.reads("kitchen/list") == "bread");
    let refusal = alice.fails(["doc", "delete", "kitchen/nothing"]);
    assert!(refusal.words.contains("no document"), "{}", refusal.words);
}

#[test]
fn what_was_written_before_its_author_heard_of_the_deletion_comes_back_with_the_document() {
    let town = town();
    let (alice, mut bob) = alice_and_bob(&town);
    bob.types("kitchen/list", "milk");
    eventually("Alice has it", || alice.reads("kitchen/list") == "milk");
    bob.leaves();
    bob.types("kitchen/list", "honey and ");
    alice.says(["doc", "delete", "kitchen/list"]);
    bob.runs();
    eventually("Bob's is gone", || bob.reads("kitchen/list").is_empty());
    alice.says(["doc", "restore", "kitchen/list"]);
    for person in [&alice, &bob] {
        eventually("it is back", || person.reads("kitchen/list") == "honey and milk");
    }
}

#[test]
fn a_deleted_document_leaves_the_disk_and_comes_back_from_who_still_has_it() {
    let town = town();
    let (mut alice, bob) = alice_and_bob(&town);
    alice.types("kitchen/list", "milk");
    eventually("Bob has it", || bob.reads("kitchen/list") == "milk");
    bob.types("kitchen/list", "honey and ");
    eventually("Alice has it", || alice.reads("kitchen/list") == "honey and milk");
    let documents = |person: &Person| person.says(["verify"]);
    assert!(documents(&alice).contains("1 document, "), "{}", documents(&alice));
    alice.leaves();
    alice.runs_with(&["--keep-deleted", "1s", "--dial", &bob.addresses[0]]);
    alice.says(["doc", "delete", "kitchen/list"]);
    eventually("it leaves Alice's disk", || documents(&alice).contains("0 documents, "));
    assert!(documents(&alice).ends_with("all sound.\n"));
    eventually("Bob's is gone", || bob.reads("kitchen/list").is_empty());
    assert!(documents(&bob).contains("1 document, "), "on his disk it stays for longer");

    alice.says(["doc", "restore", "kitchen/list"]);
    for person in [&alice, &bob] {
        eventually("it is back", || person.reads("kitchen/list") == "honey and milk");
    }
    alice.types("kitchen/list", "bread, ");
    eventually("she goes on", || bob.reads("kitchen/list") == "bread, honey and milk");
    for person in [&alice, &bob] {
        assert!(documents(person).ends_with("all sound.\n"));
    }
}
