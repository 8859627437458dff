//! A shopping cart and a till sell the last lamp. Run it with `cargo run --example checkout`.
//!
//! The cart was first and heard that it has it. The till ranks higher: when it comes back online, the lamp is its
//! customer's, and the cart's app hears so and makes up for it. A sale that is paid is not overruled any more.

#[path = "support/people.rs"]
mod people;

use std::path::Path;
use std::time::Duration;

use driftline::{Command, Handler, Outcome, Record, Registry, Revision, Transaction};
use people::{Network, Person, Result, admit, found};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

/// A thing of which there is one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Record)]
#[record(collection = "items")]
pub(crate) struct Item {
    #[key]
    pub(crate) name: String,
    #[policy(rank("till" > "cart"))]
    pub(crate) sold_to: Option<String>,
}

/// What somebody gets who was promised a thing that another has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Record)]
#[record(collection = "vouchers")]
pub(crate) struct Voucher {
    #[key]
    pub(crate) customer: String,
    pub(crate) for_item: String,
}

/// Takes things into the shop.
#[derive(Debug, Serialize, Deserialize, Command)]
#[command(refusal = String)]
struct Stock {
    items: Vec<String>,
}

/// Sells a thing. It does not look who has it: on a conflict, the ranks say.
#[derive(Debug, Serialize, Deserialize, Command)]
#[command(refusal = String)]
pub(crate) struct Sell {
    pub(crate) item: String,
    pub(crate) to: String,
}

/// Takes the money for a thing, which is its owner's from then on.
#[derive(Debug, Serialize, Deserialize, Command)]
#[command(refusal = String)]
struct Pay {
    item: String,
    from: String,
}

/// Gives somebody a voucher.
#[derive(Debug, Serialize, Deserialize, Command)]
#[command(refusal = String)]
struct MakeUp {
    customer: String,
    item: String,
}

impl Handler for Stock {
    fn run(&self, tx: &mut Transaction<'_>) -> std::result::Result<(), String> {
        self.items.iter().for_each(|name| tx.put(&Item { name: name.clone(), sold_to: None }));
        Ok(())
    }
}

impl Handler for Sell {
    fn run(&self, tx: &mut Transaction<'_>) -> std::result::Result<(), String> {
        if !tx.exists::<Item>(&*self.item) {
            return Err(format!("there is no {}", self.item));
        }
        tx.write(&*self.item, Item::SOLD_TO, &Some(self.to.clone()));
        Ok(())
    }
}

impl Handler for Pay {
    fn run(&self, tx: &mut Transaction<'_>) -> std::result::Result<(), String> {
        if tx.read(&*self.item, Item::SOLD_TO).flatten().as_ref() != Some(&self.from) {
            return Err(format!("{} is not sold to {}", self.item, self.from));
        }
        tx.seal(&*self.item, Item::SOLD_TO);
        Ok(())
    }
}

impl Handler for MakeUp {
    fn run(&self, tx: &mut Transaction<'_>) -> std::result::Result<(), String> {
        tx.put(&Voucher { customer: self.customer.clone(), for_item: self.item.clone() });
        Ok(())
    }
}

/// What the app knows, on every device and on the anchor.
pub(crate) fn registry() -> Registry {
    let records = Registry::new().record::<Item>().record::<Voucher>();
    records.command::<Stock>().command::<Sell>().command::<Pay>().command::<MakeUp>()
}

#[tokio::main]
#[allow(dead_code, reason = "the test tells the story without it")]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    story(folder.path()).await
}

/// The story, with everybody's device in a folder of their own below this one.
pub(crate) async fn story(folder: &Path) -> Result<()> {
    let (boss, anchor) = found(folder, "shop", registry()).await?;
    let items = ["lamp", "chair"].map(str::to_owned).to_vec();
    boss.space.submit(Stock { items }).await?.decided().await?;
    for name in ["cart", "till"] {
        admit(&folder.join(name), &boss, Some(name), registry()).await?;
    }

    // The till is offline, and sells both the lamp and the chair over the counter.
    let till = Person::open(&folder.join("till"), Network::Offline, registry()).await?;
    for item in ["lamp", "chair"] {
        let sold = till.space.submit(sell(item, "walk-in")).await?;
        println!("the till sells the {item}, offline: {}", sold.predicted());
    }
    till.close().await?;

    // Meanwhile the cart sells them too, hears that it may, and takes the money for the chair.
    let cart = Person::open(&folder.join("cart"), Network::Online, registry()).await?;
    for item in ["lamp", "chair"] {
        let sold = cart.space.submit(sell(item, "web-order")).await?.decided().await?;
        println!("the cart sells the {item}: {sold}");
    }
    let pay = Pay { item: "chair".to_owned(), from: "web-order".to_owned() };
    cart.space.submit(pay).await?.decided().await?;
    acknowledge(&cart, "the cart", 2).await?;
    cart.close().await?;

    // The till comes online: the lamp is its customer's, the chair is paid.
    let till = Person::open(&folder.join("till"), Network::Online, registry()).await?;
    acknowledge(&till, "the till", 2).await?;
    till.close().await?;

    // The cart's app opens, hears of it, and makes up for it.
    let cart = Person::open(&folder.join("cart"), Network::Online, registry()).await?;
    let mut answers = cart.space.verdicts::<Sell>();
    let answer = timeout(Duration::from_secs(60), answers.next()).await??;
    if let Outcome::Revision(Revision::Overruled { place, by }) = &answer.outcome {
        println!("the cart hears that the {} went to {}", place.row.key, by.value);
        let (customer, item) = ("web-order".to_owned(), place.row.key.to_string());
        cart.space.submit(MakeUp { customer, item }).await?.decided().await?;
    }
    answer.ack().await?;
    cart.close().await?;
    anchor.close().await?;
    boss.close().await
}

fn sell(item: &str, to: &str) -> Sell {
    Sell { item: item.to_owned(), to: to.to_owned() }
}

/// Hears so many answers to sales.
async fn acknowledge(person: &Person, name: &str, count: usize) -> Result<()> {
    let mut answers = person.space.verdicts::<Sell>();
    for _ in 0..count {
        let answer = timeout(Duration::from_secs(60), answers.next()).await??;
        println!("{name} hears: {}", answer.outcome);
        answer.ack().await?;
    }
    Ok(())
}
