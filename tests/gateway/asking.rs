//! What people do with plain HTTP and a pass.

use std::thread;

use driftline::yrs::updates::decoder::Decode;
use driftline::yrs::{Doc, GetString, ReadTxn, StateVector, Text, Transact, Update};
use serde_json::json;

use crate::anchor::Anchor;
use crate::description::Description;
use crate::eventually;
use crate::plain::{Answer, ask};

pub(crate) const SESSION: &str = "/v1/spaces/kitchen/session";

pub(crate) const NOTES: &str = "/v1/spaces/kitchen/documents/notes/today";

/// A guest with a pass.
pub(crate) struct Guest {
    port: u16,
    bearer: String,
}

impl Guest {
    pub(crate) fn of(anchor: &Anchor, name: &str, role: &str) -> Self {
        Self::at(anchor.port(), &anchor.pass(name, role, "1h"))
    }

    /// The same at another door.
    pub(crate) fn at(port: u16, pass: &str) -> Self {
        Self { port, bearer: format!("Authorization: Bearer {pass}") }
    }

    pub(crate) fn gets(&self, path: &str) -> Answer {
        self.gets_with(path, &[])
    }

    pub(crate) fn gets_with(&self, path: &str, headers: &[&str]) -> Answer {
        let headers: Vec<_> = headers.iter().copied().chain([self.bearer.as_str()]).collect();
        ask(self.port, "GET", path, &headers, &[])
    }

    pub(crate) fn posts(&self, path: &str, body: &[u8]) -> Answer {
        ask(self.port, "POST", path, &[&self.bearer], body)
    }
}

/// An update that types a text under a client id.
pub(crate) fn typed(client: u64, text: &str) -> Vec<u8> {
    let doc = Doc::with_client_id(client);
    let body = doc.get_or_insert_text("body");
    body.push(&mut doc.transact_mut(), text);
    doc.transact().encode_state_as_update_v1(&StateVector::default())
}

/// The body of a document that updates make.
fn read(updates: &[&[u8]]) -> String {
    let doc = Doc::new();
    for update in updates {
        doc.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
    }
    let body = doc.get_or_insert_text("body");
    body.get_string(&doc.transact())
}

#[test]
fn a_document_is_written_and_read_over_http() {
    let anchor = Anchor::opens();
    let ann = Guest::of(&anchor, "Ann", "writer");
    assert_eq!(ann.gets(NOTES).status, 404, "nobody has written");
    let posted = ann.posts(NOTES, &typed(7, "milk"));
    assert_eq!((posted.status, posted.json()), (200, json!({ "complete": true })));
    let got = ann.gets(NOTES);
    assert_eq!((got.status, read(&[&got.body]).as_str()), (200, "milk"));
    assert_eq!(got.header("etag"), posted.header("etag"));
    let got = ann.gets_with(NOTES, &["Accept: application/json"]);
    assert_eq!(got.json(), json!({ "body": "milk" }));
    assert_eq!(anchor.reads("notes/today"), "milk");
}

#[test]
fn what_is_known_is_not_sent_again() {
    let anchor = Anchor::opens();
    let ann = Guest::of(&anchor, "Ann", "writer");
    ann.posts(NOTES, &typed(7, "milk"));
    let first = ann.gets(NOTES);
    let known = format!("If-None-Match: {}", first.header("etag"));
    assert_eq!(ann.gets_with(NOTES, &[&known]).status, 304);
    ann.posts(NOTES, &typed(8, "honey "));
    assert_eq!(ann.gets_with(NOTES, &[&known]).status, 200);
    let since = format!("{NOTES}?since={}", first.header("driftline-version"));
    let difference = ann.gets(&since);
    assert!(difference.body.len() < ann.gets(NOTES).body.len());
    let both = read(&[&first.body, &difference.body]);
    assert_eq!(both, anchor.reads("notes/today"));
}

#[test]
fn whoever_waits_hears_of_a_change() {
    let anchor = Anchor::opens();
    let ann = Guest::of(&anchor, "Ann", "writer");
    ann.posts(NOTES, &typed(7, "milk"));
    let known = format!("If-None-Match: {}", ann.gets(NOTES).header("etag"));
    let waiting = Guest::of(&anchor, "Bob", "reader");
    let waits = thread::spawn(move || waiting.gets_with(&format!("{NOTES}?wait=30"), &[&known]));
    ann.posts(NOTES, &typed(8, "honey "));
    assert_eq!(waits.join().unwrap().status, 200);
}

#[test]
fn a_reader_posts_nothing_and_a_stranger_gets_nothing() {
    let anchor = Anchor::opens();
    let bob = Guest::of(&anchor, "Bob", "reader");
    assert_eq!(bob.posts(NOTES, &typed(7, "milk")).status, 403);
    let stranger = ask(anchor.port(), "GET", NOTES, &[], &[]);
    assert_eq!(stranger.status, 401);
    assert_eq!(stranger.header("www-authenticate"), "Bearer");
    let ann = Guest::of(&anchor, "Ann", "writer");
    assert_eq!(ann.gets(&NOTES.replace("kitchen", "garden")).status, 401);
    assert_eq!(ann.posts(NOTES, &[0xff, 0xff, 0xff, 0x7a]).status, 400);
    anchor.says(&["guest", "remove", "kitchen", "Ann"]);
    assert_eq!(ann.posts(NOTES, &typed(7, "milk")).status, 403);
    assert_eq!(ann.gets("/v1/spaces/kitchen/records").status, 403);
}

#[test]
fn records_are_followed_from_a_cookie_on() {
    let anchor = Anchor::opens();
    let ann = Guest::of(&anchor, "Ann", "reader");
    let all = ann.gets("/v1/spaces/kitchen/records");
    assert_eq!(all.json()["records"], json!([]));
    let next = all.json()["next"].as_str().unwrap().to_owned();
    let nothing = ann.gets(&format!("/v1/spaces/kitchen/changes?since={next}"));
    assert_eq!(nothing.status, 204);
    let gone = ann.gets("/v1/spaces/kitchen/changes?since=0.1");
    assert_eq!(gone.status, 410);
    let snapshot = gone.json()["snapshot"].as_str().unwrap().to_owned();
    assert_eq!(ann.gets(&snapshot).status, 200);
    assert_eq!(ann.gets("/v1/spaces/kitchen/changes?since=nonsense").status, 400);
    assert_eq!(ann.gets("/v1/spaces/kitchen/records/seats/14").status, 404);
}

#[test]
fn it_says_how_it_is() {
    let anchor = Anchor::opens();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(ask(anchor.port(), "GET", path, &[], &[]).status, 200, "{path}");
    }
    let ann = Guest::of(&anchor, "Ann", "writer");
    ann.posts(NOTES, &typed(7, "milk"));
    let metrics = ask(anchor.metrics(), "GET", "/metrics", &[], &[]);
    let text = String::from_utf8(metrics.body).unwrap();
    assert!(text.contains("driftline_build_info"), "{text}");
    assert!(text.contains("driftline_connections 0"), "{text}");
    assert_eq!(ask(anchor.port(), "GET", "/metrics", &[], &[]).status, 404, "not for guests");
}

#[test]
fn whoever_is_asked_to_stop_says_goodbye() {
    let mut anchor = Anchor::opens();
    let ann = Guest::of(&anchor, "Ann", "writer");
    ann.posts(NOTES, &typed(7, "milk"));
    anchor.is_asked_to_stop();
    eventually("it is all there", || anchor.reads("notes/today") == "milk");
}

#[test]
fn what_is_answered_is_what_is_described() {
    let anchor = Anchor::opens();
    let mut description = Description::of(&anchor);
    let (ann, bob) = (Guest::of(&anchor, "Ann", "writer"), Guest::of(&anchor, "Bob", "reader"));
    let stranger =
        Guest { port: anchor.port(), bearer: "Authorization: Bearer nonsense".to_owned() };
    let gone = Guest::of(&anchor, "Carol", "writer");
    anchor.says(&["guest", "remove", "kitchen", "Carol"]);
    let space = "/v1/spaces/{space}";
    let (document, records) =
        (format!("{space}/documents/{{document}}"), format!("{space}/records"));
    let (collection, record) =
        (format!("{records}/{{collection}}"), format!("{records}/{{collection}}/{{key}}"));
    let changes = format!("{space}/changes");
    let session = fits_in_sessions(&mut description, &ann);
    for path in ["/healthz", "/readyz", "/v1/openapi.json"] {
        description.fits("get", path, &ann.gets(path));
    }
    description.fits("get", &document, &ann.gets(NOTES));
    description.fits("post", &document, &ann.posts(NOTES, &typed(7, "milk")));
    let got = ann.gets(NOTES);
    description.fits("get", &document, &got);
    let known = format!("If-None-Match: {}", got.header("etag"));
    description.fits("get", &document, &ann.gets_with(NOTES, &[&known]));
    description.fits("get", &document, &ann.gets(&format!("{NOTES}?since=%20")));
    description.fits("get", &document, &ann.gets_with(NOTES, &["Accept: application/json"]));
    description.fits("post", &document, &ann.posts(NOTES, &[1]));
    description.fits("post", &document, &bob.posts(NOTES, &[0, 0]));
    description.fits("post", &document, &ann.posts(&format!("{NOTES}%00"), &[0, 0]));
    description.fits("post", &document, &ann.posts(NOTES, &vec![0; 5 << 20]));
    let records_of = "/v1/spaces/kitchen/records";
    let all = ann.gets(records_of);
    description.fits("get", &records, &all);
    description.fits("get", &collection, &ann.gets(&format!("{records_of}/seats")));
    description.fits("get", &record, &ann.gets(&format!("{records_of}/seats/14")));
    let since =
        format!("/v1/spaces/kitchen/changes?since={}", all.json()["next"].as_str().unwrap());
    description.fits("get", &changes, &ann.gets(&since));
    for since in ["0.1", "nonsense"] {
        description.fits(
            "get",
            &changes,
            &ann.gets(&format!("/v1/spaces/kitchen/changes?since={since}")),
        );
    }
    for (guest, status) in [(&stranger, 401), (&gone, 403)] {
        for (template, path) in [
            (&document, NOTES),
            (&records, records_of),
            (&collection, &format!("{records_of}/seats")),
            (&record, &format!("{records_of}/seats/14")),
            (&changes, &since),
            (&session, SESSION),
        ] {
            let answer = guest.gets(path);
            assert_eq!(answer.status, status, "{path}");
            description.fits("get", template, &answer);
        }
        description.fits("post", &document, &guest.posts(NOTES, &[0, 0]));
        description.fits("post", &session, &guest.posts(SESSION, &[]));
    }
    // What takes commands that an app knows, or a full disk, to see.
    let unseen = description.unseen();
    let rare = [" 429", " 503", " 507"];
    let seen =
        |it: &&String| !rare.iter().any(|status| it.ends_with(status)) && !it.contains("/commands");
    let unseen: Vec<_> = unseen.iter().filter(seen).collect();
    let expected = [
        "get /v1/spaces/{space}/changes 200",
        "get /v1/spaces/{space}/records/{collection}/{key} 200",
    ];
    assert_eq!(unseen, expected);
}

/// Holds what is answered about sessions against what is described; gives the path by which that is.
fn fits_in_sessions(description: &mut Description, ann: &Guest) -> String {
    let session = "/v1/spaces/{space}/session".to_owned();
    let begun = ann.posts(SESSION, &[]);
    description.fits("post", &session, &begun);
    description.fits("get", &session, &ann.gets(SESSION));
    let cookie = format!("Cookie: {}", begun.header("set-cookie").split(';').next().unwrap());
    let csrf = format!("driftline-csrf: {}", begun.json()["csrf"].as_str().unwrap());
    let again = ask(ann.port, "POST", SESSION, &[&cookie, &csrf], &[]);
    description.fits("post", &session, &again);
    session
}
