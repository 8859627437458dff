//! A text editor for the terminal, in which people on several machines write one document.
//!
//! Ann begins, and hands the ticket that is printed to Ben, whose machine can reach hers:
//!
//! ```sh
//! cargo run --example editor -- --folder ./ann --name Ann --listen /ip4/0.0.0.0/tcp/4001
//! cargo run --example editor -- --folder ./ben --name Ben --ticket driftline1…
//! ```
//!
//! Each sees the other's cursor, selection, and that they are typing. Undo undoes one's own edits and nobody else's.
//! Everything goes on without a network; the line at the bottom says how far what was written has got.

#[path = "editor/keys.rs"]
mod keys;
#[path = "editor/layout.rs"]
mod layout;
#[path = "editor/page.rs"]
mod page;
#[path = "editor/person.rs"]
mod person;
#[path = "editor/screen.rs"]
mod screen;
#[path = "editor/standing.rs"]
mod standing;

use std::io::{Write, stdin, stdout};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use driftline::{Device, DeviceOptions, Invitation, Multiaddr, Space, Ticket};
use tokio::time::{interval, timeout};

use keys::{Keys, Stroke};
use page::Page;
use person::Me;
use screen::Screen;
use standing::Standing;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// How long to look for somebody who lets one in.
const PATIENCE: Duration = Duration::from_secs(60);

/// Writes one document with others, in the terminal.
#[derive(Parser)]
struct Options {
    /// Where the device lives; made if it is not there
    #[arg(long)]
    folder: PathBuf,
    /// What others call you
    #[arg(long)]
    name: String,
    /// Joins the space that this ticket opens
    #[arg(long)]
    ticket: Option<Ticket>,
    /// Prints a ticket for somebody else first
    #[arg(long)]
    invite: bool,
    /// The document
    #[arg(long, default_value = "notes")]
    document: String,
    /// Where to be reached: /ip4/0.0.0.0/tcp/4001 lets other machines in
    #[arg(long, default_value = "/ip4/127.0.0.1/tcp/0")]
    listen: Multiaddr,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let config = DeviceOptions { listen: vec![options.listen.clone()], ..Default::default() };
    let device = Device::open_with(&options.folder, config).await?;
    let written = write(&device, &options).await;
    // Everything is saved, and the others see at once that this one has left.
    device.close().await?;
    written
}

async fn write(device: &Device, options: &Options) -> Result<()> {
    let space = space(device, options).await?;
    let document = space.document(&options.document).await?;
    let mut page = Page::open(&document);
    let mut me = Me::new(&document, &options.name, device.id());
    let (mut others, mut news) = (document.presence().watch(), space.news().await?);
    let mut standing = Standing::of(&space, &options.document).await?;
    let (mut keys, mut screen) = (Keys::listen()?, Screen::enter(&options.document)?);
    let mut company = Vec::new();
    let mut clock = interval(Duration::from_millis(500));
    loop {
        screen.draw(&page, &me, &company, &standing)?;
        tokio::select! {
            stroke = keys.next() => match stroke {
                Some(Stroke::Quit) | None => return Ok(()),
                Some(stroke) => standing.note(page.takes(stroke)),
            },
            () = page.changes() => {}
            now = others.next() => company = now?,
            changed = news.next() => {
                changed?;
                standing = Standing::of(&space, &options.document).await?;
            }
            _ = clock.tick() => {}
        }
        me.shows(&page)?;
    }
}

/// The space to write in: the one that a ticket opens, the one that the device is in already, or a new one.
async fn space(device: &Device, options: &Options) -> Result<Space> {
    if let Some(ticket) = &options.ticket {
        let space = timeout(PATIENCE, device.join(ticket)).await;
        let space = space.map_err(|_| "nobody who could let you in was reached")??;
        // What is there comes first, if somebody is there to bring it.
        _ = timeout(PATIENCE, space.caught_up()).await;
        return Ok(space);
    }
    if let Some((space, _)) = device.spaces().await?.into_iter().next() {
        if options.invite {
            show_ticket(&space).await?;
        }
        return Ok(space);
    }
    let space = device.create_space("editor").await?;
    show_ticket(&space).await?;
    Ok(space)
}

async fn show_ticket(space: &Space) -> Result<()> {
    let ticket = space.invite(Invitation::default()).await?;
    println!("Whoever has this ticket can write with you, for a week:\n\n{ticket}\n");
    print!("Press Enter to begin. ");
    stdout().flush()?;
    stdin().read_line(&mut String::new())?;
    Ok(())
}
