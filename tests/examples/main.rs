//! The examples, told over real sockets and disks, and what is on every device's disk afterwards.

#![allow(clippy::duplicate_mod, reason = "each example stands by itself, with what they share")]

#[path = "../../examples/checkout.rs"]
mod checkout;
#[path = "../../examples/helpdesk.rs"]
mod helpdesk;
#[path = "../../examples/medication.rs"]
mod medication;
#[path = "../../examples/seat_booking.rs"]
mod seat_booking;

use std::path::Path;

use checkout::{Item, Voucher};
use driftline::record::{Key, RowId};
use driftline::{Device, DeviceOptions, Invitation, Record, Registry, Space, Verdict};
use helpdesk::work::WorkItem;
use helpdesk::{Mail, State, Ticket};
use medication::Dose;
use seat_booking::{OpenHall, Seat};

/// Opens a device again that nobody reaches, and looks at its space.
async fn on_disk(path: &Path, registry: Registry) -> (Device, Space) {
    let options = DeviceOptions { offline: true, registry, ..Default::default() };
    let device = Device::open_with(path, options).await.expect("the folder is free");
    let (space, _) = device.spaces().await.expect("it is open").pop().expect("it is in a space");
    (device, space)
}

fn reads<R: Record>(space: &Space, key: impl Into<Key>) -> Option<R> {
    let (key, view) = (key.into(), space.view());
    let row = RowId::new(R::COLLECTION, key.clone());
    assert_eq!(view.confirmed().row(&row), view.preview().row(&row), "nothing is tentative");
    view.confirmed().get(key).expect("it is of that type")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_a_seat_takes_the_one_next_to_it() {
    let folder = tempfile::tempdir().expect("there is room");
    seat_booking::story(folder.path()).await.expect("the story ends well");
    for name in ["bob", "anchor"] {
        let (device, space) = on_disk(&folder.path().join(name), seat_booking::registry()).await;
        let holder = |seat: u32| reads::<Seat>(&space, seat).and_then(|seat| seat.holder);
        assert_eq!((holder(14).as_deref(), holder(15).as_deref()), (Some("ann"), Some("bob")));
        assert_eq!(space.outbox().await.expect("it is open"), [], "nothing waits");
        device.close().await.expect("it closes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_till_overrules_a_cart_that_makes_up_for_it() {
    let folder = tempfile::tempdir().expect("there is room");
    checkout::story(folder.path()).await.expect("the story ends well");
    for name in ["cart", "anchor"] {
        let (device, space) = on_disk(&folder.path().join(name), checkout::registry()).await;
        let owner = |item: &str| reads::<Item>(&space, item).and_then(|item| item.sold_to);
        assert_eq!(owner("lamp").as_deref(), Some("walk-in"));
        assert_eq!(owner("chair").as_deref(), Some("web-order"), "it was paid");
        let voucher = reads::<Voucher>(&space, "web-order").expect("the cart made up for it");
        assert_eq!(voucher.for_item, "lamp");
        device.close().await.expect("it closes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_doses_neither_stands_until_somebody_has_seen_both() {
    let folder = tempfile::tempdir().expect("there is room");
    medication::story(folder.path()).await.expect("the story ends well");
    for name in ["ann", "ben", "carol", "anchor"] {
        let (device, space) = on_disk(&folder.path().join(name), medication::registry()).await;
        let dose = reads::<Dose>(&space, "mr-jones").expect("there is one");
        assert_eq!(dose.milligrams, 11);
        device.close().await.expect("it closes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_closed_once_and_one_mail_leaves() {
    let folder = tempfile::tempdir().expect("there is room");
    helpdesk::story(folder.path()).await.expect("the story ends well");
    for name in ["ann", "ben", "anchor"] {
        let (device, space) = on_disk(&folder.path().join(name), helpdesk::registry()).await;
        let tickets = space.view().all::<Ticket>().expect("these are tickets");
        let [paper, ink] =
            ["No paper", "No ink"].map(|title| tickets.iter().find(|ticket| ticket.title == title));
        // Everybody has their own, and whoever decides has all.
        assert_eq!((ink.is_some(), paper.is_some()), (name != "ben", name != "ann"));
        if let Some(ink) = ink {
            assert_eq!((ink.state, ink.assignee.as_deref()), (State::Closed, Some("ann")));
        }
        if let Some(paper) = paper {
            assert_eq!((paper.state, paper.email.as_str()), (State::Open, "desk@example.org"));
        }
        let common = space.view().common();
        assert!(
            common.all::<Ticket>().expect("these are tickets").is_empty(),
            "all are somebody's"
        );
        let work = space.view().all::<WorkItem>().expect("these are things to do");
        assert_eq!(work.len(), if name == "ben" { 0 } else { 2 }, "{name} has {work:?}");
        assert_eq!(space.outbox().await.expect("it is open"), [], "nothing waits");
        let mut tasks = space.tasks::<Mail>();
        let more = tokio::time::timeout(std::time::Duration::from_millis(100), tasks.next());
        assert!(more.await.is_err(), "nothing is left to be sent");
        device.close().await.expect("it closes");
    }
    let spool = std::fs::read_dir(folder.path().join("spool")).expect("something was sent");
    let mails: Vec<_> = spool.map(|mail| std::fs::read_to_string(mail.unwrap().path())).collect();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].as_ref().unwrap().starts_with("To: eve@example.org"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_local_is_decided_at_once_and_nobody_hears_of_it() {
    let folder = tempfile::tempdir().expect("there is room");
    let path = folder.path().join("ann");
    let options = || DeviceOptions { registry: seat_booking::registry(), ..Default::default() };
    let device = Device::open_with(&path, options()).await.expect("the folder is free");
    let local = device.local().await.expect("it is open");
    let given = local.submit(OpenHall { seats: 3 }).await.expect("there is room in the hall");
    let verdict = given.decided().await.expect("it is decided here");
    assert!(matches!(verdict, Verdict::Accepted { .. }));
    device.close().await.expect("it closes");

    let device = Device::open_with(&path, options()).await.expect("the folder is free");
    assert!(device.spaces().await.expect("it is open").is_empty(), "it is no space to be shared");
    let local = device.local().await.expect("it is open");
    assert_eq!(local.view().all::<Seat>().expect("these are seats").len(), 3);
    let ticket = local.invite(Invitation::default()).await;
    assert!(ticket.is_err(), "nobody can be invited");
}
