//! Two nurses change a dose at the same time, one up, one down. Run it with `cargo run --example medication`.
//!
//! Neither change stands: the dose is what it was before, and both hear of the other's. The next nurse, who has seen
//! both, settles it.

#[path = "support/people.rs"]
mod people;

use std::path::Path;
use std::time::Duration;

use driftline::record::RowId;
use driftline::{Command, Handler, Outcome, Record, Registry, Revision, Transaction, Verdict};
use people::{Network, Person, Result, admit, found};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

/// How much of a medicine a patient gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Record)]
#[record(collection = "doses")]
pub(crate) struct Dose {
    #[key]
    pub(crate) patient: String,
    #[policy(reject_both)]
    pub(crate) milligrams: u32,
}

/// Says how much a patient is to get.
#[derive(Debug, Serialize, Deserialize, Command)]
pub(crate) struct Prescribe {
    pub(crate) patient: String,
    pub(crate) milligrams: u32,
}

impl Handler for Prescribe {
    fn run(&self, tx: &mut Transaction<'_>) -> std::result::Result<(), ()> {
        match tx.exists::<Dose>(&*self.patient) {
            true => tx.write(&*self.patient, Dose::MILLIGRAMS, &self.milligrams),
            false => {
                tx.put(&Dose { patient: self.patient.clone(), milligrams: self.milligrams });
            }
        }
        Ok(())
    }
}

/// What the app knows, on every device and on the anchor.
pub(crate) fn registry() -> Registry {
    Registry::new().record::<Dose>().command::<Prescribe>()
}

#[tokio::main]
#[allow(dead_code, reason = "the test tells the story without it")]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    story(folder.path()).await
}

/// The story, with everybody's device in a folder of their own below this one.
pub(crate) async fn story(folder: &Path) -> Result<()> {
    let (boss, anchor) = found(folder, "ward", registry()).await?;
    boss.space.submit(prescribe(10)).await?.decided().await?;
    for name in ["ann", "ben", "carol"] {
        admit(&folder.join(name), &boss, None, registry()).await?;
    }

    // Ann and Ben are offline: one raises the dose, the other lowers it.
    for (name, milligrams) in [("ann", 12), ("ben", 8)] {
        let nurse = Person::open(&folder.join(name), Network::Offline, registry()).await?;
        nurse.space.submit(prescribe(milligrams)).await?;
        println!("{name} sees {:?}", nurse.space.view().get::<Dose>("mr-jones")?);
        nurse.close().await?;
    }

    // They come online. Ann hears that hers stands, then that it does not; Ben that neither does.
    let ann = Person::open(&folder.join("ann"), Network::Online, registry()).await?;
    hears(&ann, "ann", |outcome| matches!(outcome, Outcome::Verdict(Verdict::Accepted { .. })))
        .await?;
    let ben = Person::open(&folder.join("ben"), Network::Online, registry()).await?;
    hears(&ben, "ben", |outcome| matches!(outcome, Outcome::Verdict(Verdict::Contested { .. })))
        .await?;
    hears(&ann, "ann", |outcome| matches!(outcome, Outcome::Revision(Revision::Contested { .. })))
        .await?;

    // Carol sees both, and what stands until somebody settles it.
    let carol = Person::open(&folder.join("carol"), Network::Online, registry()).await?;
    carol.space.caught_up().await?;
    let view = carol.space.view();
    println!("carol sees {:?}, contested:", view.get::<Dose>("mr-jones")?);
    let dose = RowId::new("doses", "mr-jones").field("milligrams");
    let contested = view.preview().cell(&dose).ok_or("there is a dose")?.rivals.claims().to_vec();
    for claim in &contested {
        println!(
            "  {} mg, by {}",
            claim.value,
            claim.by.as_ref().ok_or("somebody")?.author.short()
        );
    }
    carol.space.submit(prescribe(11)).await?.decided().await?;
    hears(&ann, "ann", |outcome| matches!(outcome, Outcome::Revision(Revision::Settled { .. })))
        .await?;
    hears(&ben, "ben", |outcome| matches!(outcome, Outcome::Revision(Revision::Settled { .. })))
        .await?;
    for person in [ann, ben, carol, boss] {
        person.close().await?;
    }
    Ok(anchor.close().await?)
}

fn prescribe(milligrams: u32) -> Prescribe {
    Prescribe { patient: "mr-jones".to_owned(), milligrams }
}

/// Hears the next answer, which is what is expected.
async fn hears(
    person: &Person,
    name: &str,
    expected: impl Fn(&Outcome<Prescribe>) -> bool,
) -> Result<()> {
    let mut answers = person.space.verdicts::<Prescribe>();
    let answer = timeout(Duration::from_secs(60), answers.next()).await??;
    println!("{name} hears: {}", answer.outcome);
    if !expected(&answer.outcome) {
        return Err(format!("{name} hears something else than expected").into());
    }
    Ok(answer.ack().await?)
}
