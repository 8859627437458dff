//! Two devices write one text. Run it with `cargo run --example shared_text`.

use driftline::yrs::{GetString, Text};
use driftline::{Device, DeviceOptions, Document, Invitation, Level};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let alice = device(folder.path().join("alice")).await?;
    let bob = device(folder.path().join("bob")).await?;

    // Alice begins a space, and gives Bob a ticket to it.
    let hers = alice.create_space("kitchen").await?;
    let ticket = hers.invite(Invitation::default()).await?;
    let his = bob.join(&ticket).await?;

    // Both open the same document and write, at the same time.
    let hers = hers.document("notes/today").await?;
    let his = his.document("notes/today").await?;
    let milk = write(&hers, "milk ")?;
    let bread = write(&his, "bread ")?;
    milk.reached(Level::Peers(1)).await?;
    bread.reached(Level::Peers(1)).await?;

    // Both have both, in the same order.
    let text = read(&hers);
    assert_eq!(text, read(&his));
    assert!(text.contains("milk") && text.contains("bread"));
    println!("Alice and Bob both read: {text}");

    alice.close().await?;
    bob.close().await?;
    Ok(())
}

async fn device(path: std::path::PathBuf) -> Result<Device> {
    let listen = vec!["/ip4/127.0.0.1/tcp/0".parse()?];
    Ok(Device::open_with(path, DeviceOptions { listen, ..Default::default() }).await?)
}

fn write(document: &Document, words: &str) -> Result<driftline::Edit<()>> {
    let body = document.text("body");
    Ok(document.edit(|txn| body.push(txn, words))?)
}

fn read(document: &Document) -> String {
    let body = document.text("body");
    document.read(|txn| body.get_string(txn))
}
