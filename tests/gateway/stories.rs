//! What people do with stock editors, each with every kind of client.

use serde_json::json;

use crate::anchor::Anchor;
use crate::browser::{Browser, Kind};
use crate::eventually;

pub(crate) const NOTES: &str = "notes/today";

const KINDS: [Kind; 3] = [Kind::YWebsocket1, Kind::YWebsocket3, Kind::Hocuspocus];

/// Plays a story with an anchor and a browser of its own for each kind of client.
pub(crate) fn with_each_kind(story: impl Fn(&mut Anchor, &mut Browser, Kind)) {
    for kind in KINDS {
        let Some(mut browser) = Browser::start() else { return };
        story(&mut Anchor::opens(), &mut browser, kind);
    }
}

/// Opens a tab for a guest of that name.
pub(crate) fn comes(anchor: &Anchor, browser: &mut Browser, kind: Kind, guest: &str, role: &str) {
    let pass = anchor.pass(guest, role, "1h");
    browser.opens(guest, kind, &anchor.socket(kind), NOTES, &pass);
}

#[test]
fn two_edit_together_and_see_one_another() {
    with_each_kind(|anchor, browser, kind| {
        comes(anchor, browser, kind, "Ann", "writer");
        comes(anchor, browser, kind, "Bob", "writer");
        browser.is_synced("Ann");
        browser.is_synced("Bob");
        browser.types("Ann", 0, "milk");
        browser.reads("Bob", "milk");
        browser.types("Bob", 4, " and honey 𝄞");
        browser.deletes("Bob", 0, 4);
        browser.sets("Bob", "list", json!({ "oats": [1, 2.5, null], "done": false }));
        browser.reads("Ann", " and honey 𝄞");
        eventually("Ann sees the map", || {
            browser.look("Ann")["map"]["list"]["oats"] == json!([1, 2.5, null])
        });
        browser.shows("Ann", json!({ "user": "Ann", "at": 3 }));
        eventually("Bob sees Ann", || {
            browser.look("Bob")["presence"] == json!([{ "user": "Ann", "at": 3 }])
        });
        browser.closes("Ann");
        eventually("Ann is gone", || browser.look("Bob")["presence"] == json!([]));
        assert_eq!(anchor.reads(NOTES), " and honey 𝄞");
    });
}

#[test]
fn what_was_typed_offline_comes_along_when_they_are_back() {
    with_each_kind(|anchor, browser, kind| {
        comes(anchor, browser, kind, "Ann", "writer");
        comes(anchor, browser, kind, "Bob", "writer");
        browser.is_synced("Ann");
        browser.types("Ann", 0, "milk");
        browser.reads("Bob", "milk");
        browser.goes_away("Ann");
        browser.types("Ann", 4, " and honey");
        browser.types("Bob", 0, "oat ");
        browser.comes_back("Ann");
        browser.reads("Bob", "oat milk and honey");
        browser.reads("Ann", "oat milk and honey");
    });
}

#[test]
fn a_gateway_that_is_killed_goes_on_where_it_was() {
    with_each_kind(|anchor, browser, kind| {
        comes(anchor, browser, kind, "Ann", "writer");
        comes(anchor, browser, kind, "Bob", "writer");
        browser.is_synced("Bob");
        browser.types("Ann", 0, "milk");
        browser.reads("Bob", "milk");
        anchor.is_killed();
        browser.types("Ann", 4, " and honey");
        browser.types("Bob", 0, "oat ");
        anchor.starts();
        browser.reads("Bob", "oat milk and honey");
        browser.reads("Ann", "oat milk and honey");
        eventually("it is all there", || anchor.reads(NOTES) == "oat milk and honey");
        assert!(anchor.says(&["verify"]).contains("all sound"));
    });
}

#[test]
fn a_reader_reads_and_writes_nothing() {
    with_each_kind(|anchor, browser, kind| {
        comes(anchor, browser, kind, "Ann", "writer");
        comes(anchor, browser, kind, "Bob", "reader");
        browser.types("Ann", 0, "milk");
        browser.reads("Bob", "milk");
        browser.types("Bob", 4, " is what Bob may not write");
        browser.types("Ann", 0, "oat ");
        browser.reads("Bob", "oat milk is what Bob may not write");
        assert_eq!(anchor.reads(NOTES), "oat milk");
        assert_eq!(browser.look("Ann")["text"], "oat milk");
    });
}

#[test]
fn nobody_comes_in_without_a_pass_that_counts() {
    with_each_kind(|anchor, browser, kind| {
        let other = Anchor::opens();
        let (socket, foreign) = (anchor.socket(kind), other.pass("Ann", "writer", "1h"));
        anchor.says(&["space", "new", "garden"]);
        let (garden, own) =
            (socket.replace("kitchen", "garden"), anchor.pass("Ann", "writer", "1h"));
        for (tab, socket, pass) in [
            ("none", &socket, ""),
            ("garbage", &socket, "driftpass1abc"),
            ("of another gateway", &socket, &foreign),
            ("for another space", &garden, &own),
        ] {
            browser.opens(tab, kind, socket, NOTES, pass);
            assert_eq!(browser.is_turned_away(tab, kind), 4401, "{tab}");
        }
    });
}

#[test]
fn a_pass_ends_in_the_middle_of_a_session() {
    with_each_kind(|anchor, browser, kind| {
        let pass = anchor.pass("Ann", "writer", "3s");
        browser.opens("Ann", kind, &anchor.socket(kind), NOTES, &pass);
        browser.is_synced("Ann");
        browser.types("Ann", 0, "milk");
        assert_eq!(browser.is_closed("Ann"), 4419);
        assert_eq!(anchor.reads(NOTES), "milk");
    });
}

#[test]
fn a_pass_is_taken_back_in_the_middle_of_a_session() {
    with_each_kind(|anchor, browser, kind| {
        comes(anchor, browser, kind, "Ann", "writer");
        comes(anchor, browser, kind, "Bob", "writer");
        browser.is_synced("Ann");
        anchor.says(&["guest", "remove", "kitchen", "Ann"]);
        assert_eq!(browser.is_closed("Ann"), 4403);
        browser.types("Bob", 0, "milk");
        eventually("Bob writes on", || anchor.reads(NOTES) == "milk");
        let again = anchor.pass("Ann", "writer", "1h");
        browser.opens("Ann again", kind, &anchor.socket(kind), NOTES, &again);
        browser.reads("Ann again", "milk");
    });
}

#[test]
fn a_writer_becomes_a_reader_in_the_middle_of_a_session() {
    with_each_kind(|anchor, browser, kind| {
        comes(anchor, browser, kind, "Ann", "writer");
        comes(anchor, browser, kind, "Bob", "writer");
        browser.is_synced("Bob");
        browser.types("Ann", 0, "milk");
        browser.reads("Bob", "milk");
        anchor.says(&["guest", "role", "kitchen", "Bob", "reader"]);
        browser.types("Bob", 4, " is what Bob may not write");
        browser.types("Ann", 0, "oat ");
        browser.reads("Bob", "oat milk is what Bob may not write");
        assert_eq!(anchor.reads(NOTES), "oat milk");
    });
}

#[test]
fn a_deleted_document_is_closed_for_guests() {
    with_each_kind(|anchor, browser, kind| {
        comes(anchor, browser, kind, "Ann", "writer");
        browser.is_synced("Ann");
        browser.types("Ann", 0, "milk");
        eventually("it is there", || anchor.reads(NOTES) == "milk");
        anchor.says(&["doc", "delete", "kitchen/notes/today"]);
        assert_eq!(browser.is_closed("Ann"), 4404);
    });
}

#[test]
fn what_is_acknowledged_survives_a_crash() {
    let Some(mut browser) = Browser::start() else { return };
    let mut anchor = Anchor::opens();
    comes(&anchor, &mut browser, Kind::Hocuspocus, "Ann", "writer");
    browser.is_synced("Ann");
    let mut text = String::new();
    for round in 0..5 {
        let word = format!("{round} ");
        browser.types("Ann", u32::try_from(text.len()).unwrap(), &word);
        text += &word;
        browser.is_saved("Ann");
        anchor.is_killed();
        assert_eq!(anchor.reads(NOTES), text, "round {round}");
        anchor.starts();
        browser.is_connected("Ann");
    }
}

#[test]
fn a_reader_hears_that_an_edit_is_not_taken() {
    let Some(mut browser) = Browser::start() else { return };
    let anchor = Anchor::opens();
    comes(&anchor, &mut browser, Kind::Hocuspocus, "Ann", "reader");
    browser.is_saved("Ann");
    assert_eq!(browser.look("Ann")["scope"], "readonly");
    browser.types("Ann", 0, "milk");
    comes(&anchor, &mut browser, Kind::Hocuspocus, "Bob", "writer");
    browser.types("Bob", 0, "honey");
    browser.is_saved("Bob");
    assert_eq!(browser.look("Ann")["unsynced"], 1);
}

#[test]
fn members_take_in_what_an_anchor_signs_for_its_guests() {
    let Some(mut browser) = Browser::start() else { return };
    let anchor = Anchor::opens();
    comes(&anchor, &mut browser, Kind::YWebsocket3, "Ann", "writer");
    browser.is_synced("Ann");
    browser.types("Ann", 0, "milk");
    eventually("the anchor has it", || anchor.reads(NOTES) == "milk");
    let member = anchor.is_joined_by("writer");
    assert_eq!(member.says(&["doc", "cat", "kitchen/notes/today"]), "milk\n");
    assert_eq!(member.finds()["findings"], 0);
}

#[test]
fn guests_and_members_see_one_another() {
    let Some(mut browser) = Browser::start() else { return };
    let anchor = Anchor::opens();
    comes(&anchor, &mut browser, Kind::YWebsocket3, "Ann", "writer");
    browser.is_synced("Ann");
    browser.shows("Ann", json!({ "user": "Ann" }));
    eventually("the anchor sees Ann", || {
        anchor.says(&["presence", "ls", "kitchen/notes/today"]).contains("Ann")
    });
    let shown = r#"{"user": "the anchor"}"#;
    let mut showing = anchor.begins(&["presence", "set", "kitchen/notes/today", shown]);
    eventually("Ann sees the anchor", || {
        browser.look("Ann")["presence"] == json!([{ "user": "the anchor" }])
    });
    showing.kill().unwrap();
    showing.wait().unwrap();
    eventually("the anchor is gone", || browser.look("Ann")["presence"] == json!([]));
    browser.closes("Ann");
    eventually("Ann is gone", || {
        !anchor.says(&["presence", "ls", "kitchen/notes/today"]).contains("Ann")
    });
}

#[test]
fn what_is_no_message_ends_the_socket_and_nothing_else() {
    let Some(mut browser) = Browser::start() else { return };
    let anchor = Anchor::opens();
    let kind = Kind::YWebsocket3;
    comes(&anchor, &mut browser, kind, "Ann", "writer");
    for (tab, bytes) in [
        ("no number", &[0xff][..]),
        ("no such kind", &[77]),
        ("an update that makes yrs touch half a gigabyte", &[0, 2, 4, 0xff, 0xff, 0xff, 0x7a]),
        ("a state vector that does", &[0, 0, 4, 0xff, 0xff, 0xff, 0x7a]),
        ("presence that does", &[1, 4, 0xff, 0xff, 0xff, 0x7a]),
    ] {
        let pass = anchor.pass(tab, "writer", "1h");
        browser.opens(tab, kind, &anchor.socket(kind), NOTES, &pass);
        browser.is_synced(tab);
        browser.sends(tab, bytes);
        assert_eq!(browser.is_closed(tab), 1007, "{tab}");
    }
    browser.types("Ann", 0, "milk");
    eventually("Ann writes on", || anchor.reads(NOTES) == "milk");
}

#[test]
fn nobody_writes_under_the_client_id_of_another() {
    let Some(mut browser) = Browser::start() else { return };
    let anchor = Anchor::opens();
    comes(&anchor, &mut browser, Kind::YWebsocket3, "Ann", "writer");
    comes(&anchor, &mut browser, Kind::YWebsocket3, "Mallory", "writer");
    browser.is_synced("Ann");
    browser.is_synced("Mallory");
    browser.types("Ann", 0, "milk");
    browser.reads("Mallory", "milk");
    let ann = browser.look("Ann")["id"].as_u64().unwrap();
    browser.sends("Mallory", &typed_as(ann, 4, "mallory was here"));
    browser.types("Mallory", 4, "!");
    browser.reads("Ann", "milk!");
    browser.types("Ann", 5, "!");
    browser.reads("Mallory", "milk!!");
    assert_eq!(anchor.reads(NOTES), "milk!!");
}

/// A frame with an edit that inserts a text into the root "body" under a client id, from a clock on.
fn typed_as(client: u64, clock: u64, text: &str) -> Vec<u8> {
    let mut update = vec![1, 1];
    number(&mut update, client);
    number(&mut update, clock);
    update.extend([4, 1, 4]);
    update.extend(b"body");
    number(&mut update, text.len() as u64);
    update.extend(text.as_bytes());
    update.push(0);
    let mut frame = vec![0, 2];
    number(&mut frame, update.len() as u64);
    frame.extend(update);
    frame
}

fn number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}
