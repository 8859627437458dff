//! Two people book the same seat while they are offline. Run it with `cargo run --example seat_booking`.
//!
//! Both see it booked at once. When they meet the anchor, one keeps it, and the other's app takes the seat next to it.

#[path = "support/people.rs"]
mod people;

use std::path::Path;
use std::time::Duration;

use driftline::{Command, Handler, Outcome, Record, Registry, Transaction, Verdict};
use people::{Network, Person, Result, admit, found};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

/// A seat, and who has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Record)]
#[record(collection = "seats")]
pub(crate) struct Seat {
    #[key]
    pub(crate) number: u32,
    pub(crate) holder: Option<String>,
}

/// Books a seat that nobody has.
#[derive(Debug, Serialize, Deserialize, Command)]
#[command(refusal = SeatTaken)]
pub(crate) struct BookSeat {
    pub(crate) seat: u32,
    pub(crate) name: String,
}

/// Somebody has the seat; perhaps one next to it is free.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SeatTaken {
    pub(crate) by: String,
    pub(crate) nearby: Option<u32>,
}

impl Handler for BookSeat {
    fn run(&self, tx: &mut Transaction<'_>) -> std::result::Result<(), SeatTaken> {
        let mut holder = |seat: u32| tx.read(seat, Seat::HOLDER);
        if let Some(by) = holder(self.seat).flatten() {
            let beside = [self.seat + 1, self.seat.saturating_sub(1)];
            let nearby = beside.into_iter().find(|seat| holder(*seat) == Some(None));
            return Err(SeatTaken { by, nearby });
        }
        tx.write(self.seat, Seat::HOLDER, &Some(self.name.clone()));
        Ok(())
    }
}

/// Puts up the seats of a hall.
#[derive(Debug, Serialize, Deserialize, Command)]
pub(crate) struct OpenHall {
    pub(crate) seats: u32,
}

impl Handler for OpenHall {
    fn run(&self, tx: &mut Transaction<'_>) -> std::result::Result<(), ()> {
        (1..=self.seats).for_each(|number| tx.put(&Seat { number, holder: None }));
        Ok(())
    }
}

/// What the app knows, on every device and on the anchor.
pub(crate) fn registry() -> Registry {
    Registry::new().record::<Seat>().command::<BookSeat>().command::<OpenHall>()
}

#[tokio::main]
#[allow(dead_code, reason = "the test tells the story without it")]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    story(folder.path()).await
}

/// The story, with everybody's device in a folder of their own below this one.
pub(crate) async fn story(folder: &Path) -> Result<()> {
    let (boss, anchor) = found(folder, "cinema", registry()).await?;
    boss.space.submit(OpenHall { seats: 20 }).await?.decided().await?;
    for name in ["ann", "bob"] {
        admit(&folder.join(name), &boss, None, registry()).await?;
    }

    // Both are offline, and book seat 14. Both see it booked at once.
    for name in ["ann", "bob"] {
        let person = Person::open(&folder.join(name), Network::Offline, registry()).await?;
        let book = BookSeat { seat: 14, name: name.to_owned() };
        let booking = person.space.submit(book).await?;
        println!("{name} books seat 14 offline: {}", booking.predicted());
        println!("{name} sees {:?}", person.space.view().get::<Seat>(14)?);
        person.close().await?;
    }

    // They meet the anchor, one after the other.
    for name in ["ann", "bob"] {
        let person = Person::open(&folder.join(name), Network::Online, registry()).await?;
        let mut answers = person.space.verdicts::<BookSeat>();
        let answer = timeout(Duration::from_secs(60), answers.next()).await??;
        match &answer.outcome {
            Outcome::Verdict(Verdict::Refused {
                refusal: SeatTaken { by, nearby: Some(seat) },
            }) => {
                println!("{name} hears that {by} has it, and takes seat {seat}");
                let book = BookSeat { seat: *seat, name: name.to_owned() };
                person.space.submit(book).await?.decided().await?;
            }
            outcome => println!("{name} hears: {outcome}"),
        }
        answer.ack().await?;
        person.close().await?;
    }
    anchor.close().await?;
    boss.close().await
}
