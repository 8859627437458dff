//! How much of the machine guests may use.

use std::io::Read;
use std::net::TcpStream;
use std::thread;

use driftline::yrs::{Doc, Text, Transact};

use crate::anchor::Anchor;
use crate::asking::{Guest, NOTES, typed};
use crate::eventually;
use crate::plain::ask;
use crate::socket::{Socket, at, edit};

fn document(name: &str) -> String {
    format!("/v1/spaces/kitchen/documents/{name}")
}

#[test]
fn a_guest_has_a_few_sockets_and_others_have_theirs() {
    let anchor = Anchor::opens_with(&["--http-max-connections-per-guest", "2"]);
    let (ann, bob) = (anchor.pass("Ann", "writer", "1h"), anchor.pass("Bob", "writer", "1h"));
    let mut first = Socket::opens(anchor.port(), &at("notes", &ann));
    let mut second = Socket::opens(anchor.port(), &at("notes", &ann));
    first.is_synced();
    second.is_synced();
    let mut third = Socket::opens(anchor.port(), &at("notes", &ann));
    assert_eq!(third.is_closed(), 1013, "she may try again later");
    Socket::opens(anchor.port(), &at("notes", &bob)).is_synced();
    let request = ask(anchor.port(), "GET", NOTES, &[&format!("Authorization: Bearer {ann}")], &[]);
    assert_eq!((request.status, request.header("retry-after")), (429, "1"));
    drop(first);
    let ann = Guest::of(&anchor, "Ann", "writer");
    eventually("the first has left", || ann.gets(NOTES).status == 404);
}

#[test]
fn an_address_has_a_few_connections() {
    let anchor = Anchor::opens_with(&["--http-max-connections-per-address", "2"]);
    let comes = || TcpStream::connect(("127.0.0.1", anchor.port())).unwrap();
    let held = [comes(), comes()];
    assert_eq!(comes().read(&mut [0]).unwrap(), 0, "it is hung up on");
    drop(held);
    eventually("there is room again", || {
        let mut stream = comes();
        stream.set_nonblocking(true).unwrap();
        thread::sleep(std::time::Duration::from_millis(50));
        stream.read(&mut [0]).is_err()
    });
}

#[test]
fn whoever_comes_through_a_proxy_is_counted_by_what_it_says() {
    let flags = ["--http-max-connections-per-address", "1", "--http-proxy", "127.0.0.1"];
    let anchor = Anchor::opens_with(&flags);
    let ann = anchor.pass("Ann", "writer", "1h");
    let from = |address: &'static str| {
        Socket::tries(anchor.port(), &at("notes", &ann), &[("x-forwarded-for", address)])
    };
    let first = from("192.0.2.1");
    assert_eq!(from("10.0.0.1, 192.0.2.1").err(), Some(429), "who is before that, anybody may say");
    assert!(from("192.0.2.2").is_ok());
    drop(first);
    eventually("the first has left", || from("192.0.2.1").is_ok());
}

/// A guest could open as many names as there are, and each stayed in memory.
#[test]
fn guests_begin_as_many_documents_as_they_may() {
    let anchor = Anchor::opens_with(&["--http-max-documents", "2"]);
    let ann = Guest::of(&anchor, "Ann", "writer");
    assert_eq!(ann.gets(&document("looked/into")).status, 404);
    assert_eq!(ann.posts(&document("one"), &typed(7, "milk")).status, 200);
    assert_eq!(ann.posts(&document("two"), &typed(7, "milk")).status, 200);
    assert_eq!(ann.posts(&document("three"), &typed(7, "milk")).status, 507);
    let pass = anchor.pass("Ann", "writer", "1h");
    assert_eq!(Socket::opens(anchor.port(), &at("three", &pass)).is_closed(), 4413);
    assert_eq!(ann.posts(&document("two"), &typed(8, "honey")).status, 200);
    anchor.says(&["doc", "edit", "kitchen/three", "--insert", "0", "milk"]);
    assert_eq!(ann.posts(&document("three"), &typed(8, "honey")).status, 200);
}

#[test]
fn a_document_grows_as_large_as_it_may_and_can_still_be_read() {
    let anchor = Anchor::opens_with(&["--http-max-document", "2K"]);
    let ann = Guest::of(&anchor, "Ann", "writer");
    let text = "milk ".repeat(300);
    assert_eq!(ann.posts(NOTES, &typed(7, &text)).status, 200);
    assert_eq!(ann.posts(NOTES, &typed(8, &text)).status, 200, "it was not as large yet");
    assert_eq!(ann.posts(NOTES, &typed(9, "honey")).status, 507);
    assert_eq!(ann.gets(NOTES).status, 200);
    let pass = anchor.pass("Ann", "writer", "1h");
    let mut socket = Socket::opens(anchor.port(), &at("notes/today", &pass));
    socket.is_synced();
    socket.says(&edit(&typed(9, "honey")));
    assert_eq!(socket.is_closed(), 4413);
}

#[test]
fn a_few_wait_at_a_time() {
    let anchor = Anchor::opens_with(&["--http-max-polls", "1"]);
    let ann = Guest::of(&anchor, "Ann", "writer");
    let posted = ann.posts(NOTES, &typed(7, "milk"));
    let known = format!("If-None-Match: {}", posted.header("etag"));
    let bob = Guest::of(&anchor, "Bob", "reader");
    let (same, path) = (known.clone(), format!("{NOTES}?wait=30"));
    let waits = thread::spawn(move || {
        let mut answers = std::iter::repeat_with(|| bob.gets_with(&path, &[&same]).status);
        answers.find(|status| *status != 503)
    });
    eventually("Bob waits", || ann.gets_with(&format!("{NOTES}?wait=1"), &[&known]).status == 503);
    assert_eq!(ann.gets_with(NOTES, &[&known]).status, 304, "who does not wait is answered");
    ann.posts(NOTES, &typed(8, "honey"));
    assert_eq!(waits.join().unwrap(), Some(200));
}

#[test]
fn whoever_asks_too_much_is_told_to_ask_later() {
    let anchor = Anchor::opens_with(&["--http-max-messages", "1"]);
    let ann = Guest::of(&anchor, "Ann", "reader");
    let refused = (0..40).map(|_| ann.gets(NOTES)).find(|answer| answer.status != 404);
    let refused = refused.unwrap();
    assert_eq!((refused.status, refused.header("retry-after")), (429, "1"));
    let bob = Guest::of(&anchor, "Bob", "reader");
    assert_eq!(bob.gets(NOTES).status, 404, "others are not held up");
}

#[test]
fn whoever_says_too_much_is_heard_later_and_loses_nothing() {
    let anchor = Anchor::opens_with(&["--http-max-messages", "100"]);
    let ann = anchor.pass("Ann", "writer", "1h");
    let mut socket = Socket::opens(anchor.port(), &at("notes/today", &ann));
    let doc = Doc::with_client_id(7);
    let body = doc.get_or_insert_text("body");
    for _ in 0..2_200 {
        let mut txn = doc.transact_mut();
        body.push(&mut txn, "x");
        socket.says(&edit(&txn.encode_update_v1()));
    }
    eventually("all is there", || anchor.reads("notes/today").len() == 2_200);
    socket.is_synced();
}

/// Each Yjs client id that was ever written under is looked at whenever somebody writes: a guest who took another for each
/// letter made everybody slow.
#[test]
fn whoever_takes_a_new_client_id_for_each_letter_is_heard_much_later() {
    let anchor = Anchor::opens_with(&["--http-max-messages", "100"]);
    let ann = anchor.pass("Ann", "writer", "1h");
    let mut socket = Socket::opens(anchor.port(), &at("notes/today", &ann));
    for client in 0..150 {
        socket.says(&edit(&typed(client, "x")));
    }
    let before = anchor.reads("notes/today").len();
    assert!(before < 150, "95 such letters are what there is at once");
    eventually("all is there", || anchor.reads("notes/today").len() == 150);
    socket.is_synced();
}
