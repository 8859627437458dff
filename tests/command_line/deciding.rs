//! Commands and records, for somebody who has no app: an app's anchor decides, and its other device is a shell.

#[path = "../../examples/seat_booking.rs"]
#[allow(dead_code, reason = "here the story is told in a shell")]
mod seat_booking;

use std::time::Duration;

use driftline::{Device, DeviceOptions, Invitation, Role, Space, Verdict};
use seat_booking::{BookSeat, OpenHall, Seat, registry};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::backups::loses_all_and_restores;
use crate::person::{Person, eventually, last_word, town};

const BOOK: &str = r#"{"seat": 14, "name": "bob"}"#;

/// The app's own devices: whoever begins the space, and the anchor.
struct Cinema {
    runtime: Runtime,
    space: Space,
    _anchor: Device,
}

impl Cinema {
    fn opens(town: &TempDir) -> Self {
        let runtime = Runtime::new().unwrap();
        let (space, anchor) = runtime.block_on(async {
            let boss = device(town, "boss").await;
            let space = boss.create_space("cinema").await.unwrap();
            let role = Role::Anchor;
            let ticket = space.invite(Invitation { role, ..Default::default() }).await.unwrap();
            let anchor = device(town, "anchor").await;
            anchor.join(&ticket).await.unwrap();
            space.submit(OpenHall { seats: 20 }).await.unwrap().decided().await.unwrap();
            (space, anchor)
        });
        Self { runtime, space, _anchor: anchor }
    }

    fn invites(&self) -> String {
        self.runtime.block_on(self.space.invite(Invitation::default())).unwrap().to_string()
    }
}

async fn device(town: &TempDir, name: &str) -> Device {
    let listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    let options = DeviceOptions { listen, registry: registry(), ..Default::default() };
    Device::open_with(town.path().join(name), options).await.unwrap()
}

#[test]
fn a_command_waits_is_decided_and_its_story_is_told() {
    let town = town();
    let cinema = Cinema::opens(&town);
    let mut bob = Person::new(&town, "bob");
    bob.says(["join", &cinema.invites()]);

    // Offline, the command waits, and it can be seen why.
    let command = last_word(&bob.says(["submit", "cinema", "book_seat", BOOK]));
    let waiting = bob.says_json(["outbox", "cinema"]);
    assert_eq!((&waiting["command"], &waiting["why"]), (&command.clone().into(), &"away".into()));
    assert_eq!(waiting["fields"]["seat"], 14);
    assert!(bob.says(["outbox", "cinema"]).contains("no anchor is connected"));

    bob.runs();
    eventually("it is decided", || bob.says(["verdicts", "cinema"]).contains("accepted"));
    assert_eq!(bob.says(["outbox", "cinema"]), "");
    let answer = bob.says_json(["verdicts", "cinema"]);
    assert_eq!(answer["command"], command.as_str());
    assert_eq!(answer["outcome"]["verdict"], "accepted");
    let seat = bob.says_json(["record", "get", "cinema", "seats", "14"]);
    assert_eq!(seat["fields"]["holder"], "bob");
    assert_eq!(seat["tentative"], false);
    assert_eq!(bob.says(["record", "ls", "cinema", "seats"]).lines().count(), 20);
    assert_eq!(bob.says(["record", "ls", "cinema"]), "seats  20 records\n");

    let story = bob.says(["why", "cinema/seats/14.holder"]);
    assert!(story.contains("\"bob\" instead of nothing"), "{story}");
    let told = bob.says_json(["why", "cinema/seats/14.holder"]);
    assert_eq!(told["chapters"][1]["author"], bob.id().as_str());
    assert_eq!(
        (&told["chapters"][1]["name"], &told["chapters"][1]["seen"]),
        (&"book_seat".into(), &1.into())
    );

    // The seat is taken now, by the app's own rule.
    let words = bob.says(["submit", "cinema", "book_seat", BOOK, "--wait", "40s"]);
    assert!(words.contains("refused") && words.contains("\"nearby\":15"), "{words}");
}

/// Whoever has seen on their screen that the seat is bob's hears whether it is.
#[test]
fn whoever_has_shown_a_booking_hears_what_becomes_of_it() {
    let town = town();
    let Cinema { runtime, space, _anchor: anchor } = Cinema::opens(&town);
    let mut bob = Person::new(&town, "bob");
    let ticket = runtime.block_on(space.invite(Invitation::default())).unwrap();
    bob.says(["join", &ticket.to_string()]);
    runtime.block_on(anchor.close()).unwrap();
    let mut foreseen = runtime.block_on(space.foreseen::<BookSeat>()).unwrap();
    bob.runs();
    let command = last_word(&bob.says(["submit", "cinema", "book_seat", BOOK]));
    eventually("the booking is shown", || {
        let seat = space.view().get::<Seat>(14).unwrap();
        seat.is_some_and(|seat| seat.holder.as_deref() == Some("bob"))
    });
    let _anchor = runtime.block_on(device(&town, "anchor"));
    let heard = async { tokio::time::timeout(Duration::from_secs(40), foreseen.next()).await };
    let heard = runtime.block_on(heard).expect("it is decided").unwrap();
    assert_eq!((heard.command.to_string(), heard.author.to_string()), (command, bob.id()));
    assert!(matches!(heard.predicted, Verdict::Accepted { .. }));
    assert!(matches!(heard.verdict, Verdict::Accepted { .. }));
}

#[test]
fn a_command_that_is_not_decided_is_taken_back() {
    let town = town();
    let cinema = Cinema::opens(&town);
    let mut bob = Person::new(&town, "bob");
    bob.says(["join", &cinema.invites()]);
    let command = last_word(&bob.says(["submit", "cinema", "book_seat", BOOK]));
    bob.says(["cancel", &command]);
    assert_eq!(bob.says(["outbox", "cinema"]), "");
    let refusal = bob.fails(["cancel", &command]);
    assert!(refusal.words.contains("is not waiting here"), "{}", refusal.words);

    bob.runs();
    eventually("the anchor has heard", || bob.says(["verdicts", "cinema"]).contains("cancelled"));
    let seat = bob.says_json(["record", "get", "cinema", "seats", "14"]);
    assert_eq!(seat["fields"]["holder"], serde_json::Value::Null);
}

#[test]
fn a_restored_device_hears_what_became_of_its_commands_and_asks_for_nothing_twice() {
    let town = town();
    let cinema = Cinema::opens(&town);
    let mut bob = Person::new(&town, "bob");
    bob.says(["join", &cinema.invites()]);
    let backup = town.path().join("backup");
    let waiting = |bob: &Person| bob.says(["outbox", "cinema"]).lines().count();

    // Two commands wait when the backup is made. Afterwards one is taken back, and the other decided.
    let other = BOOK.replace("14", "3");
    let taken_back = last_word(&bob.says(["submit", "cinema", "book_seat", &other]));
    bob.says(["submit", "cinema", "book_seat", BOOK]);
    bob.says(["backup", backup.to_str().unwrap()]);
    bob.says(["cancel", &taken_back]);
    bob.runs();
    eventually("both are answered", || waiting(&bob) == 0);
    eventually("he hears so", || bob.says(["verdicts", "cinema"]).lines().count() == 2);
    let answers = bob.says(["verdicts", "cinema"]);
    assert!(answers.contains("accepted") && answers.contains("cancelled"), "{answers}");

    loses_all_and_restores(&mut bob, &backup);
    assert_eq!(waiting(&bob), 2, "as it was when the backup was made");
    bob.runs();
    eventually("Bob hears what became of both", || waiting(&bob) == 0);
    assert_eq!(bob.says(["verdicts", "cinema"]), answers, "once, and the same");
    let seat =
        |number| bob.says_json(["record", "get", "cinema", "seats", number])["fields"].clone();
    assert_eq!((&seat("14")["holder"], &seat("3")["holder"]), (&"bob".into(), &Value::Null));
    let story = bob.says(["why", "cinema/seats/14.holder"]);
    assert_eq!(story.matches("\"bob\" instead of nothing").count(), 1, "{story}");

    // What he asks for now is a command of its own.
    let third = BOOK.replace("14", "9");
    bob.says(["submit", "cinema", "book_seat", &third, "--wait", "40s"]);
    assert_eq!(seat("9")["holder"], "bob");
}

#[test]
fn what_makes_no_sense_is_said_so() {
    let town = town();
    let bob = Person::new(&town, "bob");
    bob.begins("kitchen");
    let fails = |words: [&str; 4]| bob.fails(words).words;
    assert!(fails(["record", "ls", "kitchen", "seats"]).contains("there are no records"));
    assert!(fails(["submit", "kitchen", "book_seat", "{"]).contains("EOF"));
    assert!(fails(["submit", "kitchen", "pay", r#"{"sum": 0.5}"#]).contains("can't be kept"));
    bob.says(["submit", "kitchen", "book_seat", BOOK]);
    assert!(bob.says(["outbox", "kitchen"]).contains("has no anchor"));
}
