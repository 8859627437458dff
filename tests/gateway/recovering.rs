//! Disks that are lost or full, while guests write.

use std::fs;

use crate::anchor::Anchor;
use crate::asking::{Guest, NOTES as PATH, typed};
use crate::browser::{Browser, Kind};
use crate::eventually;
use crate::plain::ask;
use crate::stories::{NOTES, comes, with_each_kind};

/// Servers that build a document anew, and meet a client that has it, end with everything twice.
#[test]
fn an_anchor_restored_from_an_old_backup_hears_the_rest_from_its_guests() {
    with_each_kind(|anchor, browser, kind| {
        comes(anchor, browser, kind, "Ann", "writer");
        comes(anchor, browser, kind, "Bob", "writer");
        browser.is_synced("Ann");
        browser.is_synced("Bob");
        browser.types("Ann", 0, "milk");
        browser.reads("Bob", "milk");
        let backup = anchor.is_backed_up();
        browser.types("Bob", 4, " and honey");
        browser.reads("Ann", "milk and honey");
        browser.types("Ann", 0, "oat ");
        browser.deletes("Ann", 8, 4);
        browser.reads("Bob", "oat milk honey");
        anchor.is_restored_from(&backup);
        eventually("the guests bring it", || anchor.reads(NOTES) == "oat milk honey");
        browser.types("Ann", 0, "fresh ");
        browser.reads("Bob", "fresh oat milk honey");
        comes(anchor, browser, kind, "Carol", "reader");
        browser.reads("Carol", "fresh oat milk honey");
        let member = anchor.is_joined_by("reader");
        assert_eq!(member.says(&["doc", "cat", "kitchen/notes/today"]), "fresh oat milk honey\n");
        assert_eq!(member.finds()["findings"], 0);
    });
}

#[test]
fn while_the_disk_is_full_guests_can_read_and_hear_that_nothing_is_saved() {
    let Some(mut browser) = Browser::start() else { return };
    let Some((anchor, disk)) = Anchor::opens_on_a_small_disk(96) else { return };
    let curl = Guest::of(&anchor, "Curl", "writer");
    comes(&anchor, &mut browser, Kind::Hocuspocus, "Ann", "writer");
    comes(&anchor, &mut browser, Kind::YWebsocket3, "Bob", "writer");
    browser.is_synced("Bob");
    browser.types("Ann", 0, "milk");
    browser.is_saved("Ann");
    let ready = || ask(anchor.port(), "GET", "/readyz", &[], &[]).status;
    assert_eq!(ready(), 200);
    let filler = disk.fill(8 << 20);
    eventually("the gateway notices", || ready() == 503);
    browser.types("Ann", 4, " and honey");
    browser.types("Bob", 0, "oat ");
    let posted = curl.posts(PATH, &typed(7, "salt "));
    assert_eq!((posted.status, posted.header("retry-after")), (503, "5"));
    comes(&anchor, &mut browser, Kind::YWebsocket1, "Carol", "reader");
    browser.reads("Carol", "milk");
    assert_eq!(browser.look("Ann")["unsynced"], 1, "it is not saved, and Ann is told");
    fs::remove_file(filler).unwrap();
    eventually("there is room, and they say it again", || {
        anchor.reads(NOTES) == "oat milk and honey"
    });
    browser.is_saved("Ann");
    assert_eq!(curl.posts(PATH, &typed(7, "salt ")).status, 200);
    assert!(anchor.says(&["verify"]).contains("all sound"));
}
