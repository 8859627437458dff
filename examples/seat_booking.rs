//! Two people offline book the same seat. Run it with `cargo run --example seat_booking`.
//!
//! Both see it booked at once. When they meet the anchor, one keeps it, and the other's app offers the seat next to it.

use std::path::Path;
use std::time::Duration;

use driftline::{
    Command, Device, DeviceOptions, Field, Handler, Invitation, Outcome, Policies, Policy, Record,
    Registry, Role, Space, Transaction, Verdict,
};
use serde::{Deserialize, Serialize};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Seat {
    number: u32,
    holder: Option<String>,
}

impl Seat {
    const HOLDER: Field<Self, Option<String>> = Field::new("holder");
}

impl Record for Seat {
    const COLLECTION: &'static str = "seats";
    type Key = u32;

    fn key(&self) -> u32 {
        self.number
    }

    fn policies() -> Policies {
        Policies::all(Policy::ServerWins)
    }
}

/// Books a seat, if nobody has it.
#[derive(Debug, Serialize, Deserialize)]
struct BookSeat {
    seat: u32,
    name: String,
}

/// Somebody has it; this one is next to it and free.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct SeatTaken {
    by: String,
    nearby: Option<u32>,
}

impl Command for BookSeat {
    const NAME: &'static str = "book_seat";
    type Output = ();
    type Refusal = SeatTaken;
}

impl Handler for BookSeat {
    fn run(&self, tx: &mut Transaction<'_>) -> std::result::Result<(), SeatTaken> {
        let holder = tx.read(self.seat, Seat::HOLDER).flatten();
        if let Some(by) = holder {
            let free = |seat: &u32| tx.read(*seat, Seat::HOLDER) == Some(None);
            return Err(SeatTaken {
                by,
                nearby: [self.seat + 1, self.seat - 1].into_iter().find(free),
            });
        }
        tx.write(self.seat, Seat::HOLDER, &Some(self.name.clone()));
        Ok(())
    }
}

/// Puts up rows of seats.
#[derive(Debug, Serialize, Deserialize)]
struct OpenHall {
    seats: u32,
}

impl Command for OpenHall {
    const NAME: &'static str = "open_hall";
    type Output = ();
    type Refusal = ();
}

impl Handler for OpenHall {
    fn run(&self, tx: &mut Transaction<'_>) -> std::result::Result<(), ()> {
        (1..=self.seats).for_each(|number| tx.put(&Seat { number, holder: None }));
        Ok(())
    }
}

fn registry() -> Registry {
    Registry::new().record::<Seat>().command::<BookSeat>().command::<OpenHall>()
}

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();

    // The cinema's server is the anchor: its word is final.
    let boss = open(&folder.join("boss"), false).await?;
    let cinema = boss.create_space("cinema").await?;
    let anchor = open(&folder.join("anchor"), false).await?;
    anchor
        .join(&cinema.invite(Invitation { role: Role::Anchor, ..Default::default() }).await?)
        .await?;
    cinema.submit(OpenHall { seats: 20 }).await?.decided().await?;
    for name in ["ann", "bob"] {
        let person = open(&folder.join(name), false).await?;
        let space = person.join(&cinema.invite(Invitation::default()).await?).await?;
        space.caught_up().await?;
        person.close().await?;
    }

    // Ann and Bob are offline, and both book seat 14. Both see it booked at once.
    for name in ["ann", "bob"] {
        let person = open(&folder.join(name), true).await?;
        let space = only_space(&person).await?;
        let booking = space.submit(BookSeat { seat: 14, name: name.to_owned() }).await?;
        assert!(matches!(booking.predicted(), Verdict::Accepted { .. }));
        println!("{name} booked seat 14, offline: {:?}", space.view().get::<Seat>(14)?);
        person.close().await?;
    }

    // They meet the anchor, one after the other.
    for name in ["ann", "bob"] {
        let person = open(&folder.join(name), false).await?;
        let space = only_space(&person).await?;
        let mut answers = space.verdicts::<BookSeat>();
        let answer = tokio::time::timeout(Duration::from_secs(30), answers.next()).await??;
        if let Outcome::Verdict(Verdict::Refused { refusal }) = &answer.outcome {
            println!(
                "{name} hears that {} has it, and is offered {:?}",
                refusal.by, refusal.nearby
            );
            let seat = refusal.nearby.ok_or("the next seat is free")?;
            space.submit(BookSeat { seat, name: name.to_owned() }).await?.decided().await?;
        } else {
            println!("{name} keeps seat 14");
        }
        answer.ack().await?;
        person.close().await?;
    }

    // What is on every disk, after a restart.
    anchor.close().await?;
    boss.close().await?;
    for name in ["ann", "bob", "anchor"] {
        let device = open(&folder.join(name), true).await?;
        let view = only_space(&device).await?.view();
        println!("{name}: {:?} {:?}", view.get::<Seat>(14)?, view.get::<Seat>(15)?);
        device.close().await?;
    }
    Ok(())
}

async fn open(path: &Path, offline: bool) -> Result<Device> {
    let listen = if offline { Vec::new() } else { vec!["/ip4/127.0.0.1/tcp/0".parse()?] };
    let options = DeviceOptions { listen, offline, registry: registry(), ..Default::default() };
    Ok(Device::open_with(path, options).await?)
}

async fn only_space(device: &Device) -> Result<Space> {
    let (space, _) = device.spaces().await?.pop().ok_or("no space yet")?;
    Ok(space)
}
