//! Tickets that are opened, assigned and closed offline. Run it with `cargo run --example helpdesk`.
//!
//! Closing a closed ticket is refused by the handler's own rule. Whoever opened a ticket gets an e-mail when it is
//! closed, exactly once, though the anchor is killed between sending it and noting that. And a device that was away while
//! the app went from version 1 to 3 still gets its tickets through.
//!
//! Everybody sees what nobody has taken, and besides that their own alone: a ticket that is given to somebody else leaves
//! the device of who had it. So does what there is to do by the tables of a database that knows nothing of all this.

#[path = "support/people.rs"]
mod people;
#[path = "helpdesk/work.rs"]
pub(crate) mod work;

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::Duration;

use driftline::record::Value;
use driftline::{
    Bucket, Command, Effect, Handler, Outcome, Record, Registry, Space, SubmitError, Transaction,
    Verdict, View,
};
use people::{Network, Person, Result, admit, found};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use work::WorkItem;

/// Something that somebody needs help with: in the bucket of whoever has taken it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Record)]
#[record(collection = "tickets", bucket = Ticket::desk)]
pub(crate) struct Ticket {
    #[key]
    pub(crate) id: String,
    pub(crate) title: String,
    /// Whom to write to.
    pub(crate) email: String,
    pub(crate) assignee: Option<String>,
    pub(crate) state: State,
}

impl Ticket {
    fn desk(&self) -> Bucket {
        self.assignee.as_deref().map(Bucket::from).unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Open,
    Closed,
}

/// Opens a ticket; gives its id. Version 1 knew no e-mail, and version 2 called the title `text`.
#[derive(Debug, Serialize, Deserialize, Command)]
#[command(version = 3, output = String, upcast = opened_before)]
pub(crate) struct OpenTicket {
    pub(crate) title: String,
    pub(crate) email: String,
}

/// Gives a ticket to somebody.
#[derive(Debug, Serialize, Deserialize, Command)]
#[command(refusal = String)]
pub(crate) struct AssignTicket {
    pub(crate) id: String,
    pub(crate) to: String,
}

/// Closes a ticket. It was always the same, but no program knows the first version any more.
#[derive(Debug, Serialize, Deserialize, Command)]
#[command(version = 2, refusal = String)]
pub(crate) struct CloseTicket {
    pub(crate) id: String,
}

/// An e-mail, to be sent by the anchor.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Mail {
    to: String,
    text: String,
}

impl Effect for Mail {
    const NAME: &'static str = "mail";
}

/// Rewrites the fields of older versions, one version at a time.
fn opened_before(from: u32, fields: Value) -> Option<Value> {
    let Value::Map(mut fields) = fields else { return None };
    match from {
        1 => _ = fields.insert("email".to_owned(), "desk@example.org".into()),
        2 => {
            let title = fields.remove("text")?;
            fields.insert("title".to_owned(), title);
        }
        _ => return None,
    }
    Some(Value::Map(fields))
}

impl Handler for OpenTicket {
    fn run(&self, tx: &mut Transaction<'_>) -> std::result::Result<String, ()> {
        let (id, title, email) = (tx.new_id(), self.title.clone(), self.email.clone());
        tx.put(&Ticket { id: id.clone(), title, email, assignee: None, state: State::Open });
        Ok(id)
    }
}

impl Handler for AssignTicket {
    fn run(&self, tx: &mut Transaction<'_>) -> std::result::Result<(), String> {
        match tx.read(&*self.id, Ticket::STATE) {
            Some(State::Open) => tx.write(&*self.id, Ticket::ASSIGNEE, &Some(self.to.clone())),
            Some(State::Closed) => return Err("the ticket is closed".to_owned()),
            None => return Err("there is no such ticket".to_owned()),
        }
        Ok(())
    }
}

impl Handler for CloseTicket {
    fn run(&self, tx: &mut Transaction<'_>) -> std::result::Result<(), String> {
        let ticket = tx.get::<Ticket>(&*self.id).ok_or("there is no such ticket")?;
        if ticket.state == State::Closed {
            return Err("the ticket is already closed".to_owned());
        }
        tx.write(&*self.id, Ticket::STATE, &State::Closed);
        let text = format!("“{}” is done", ticket.title);
        tx.effect(&Mail { to: ticket.email, text });
        Ok(())
    }
}

/// What the app knows, on every device and on the anchor.
pub(crate) fn registry() -> Registry {
    let tickets = Registry::new().record::<Ticket>().record::<WorkItem>();
    tickets.command::<OpenTicket>().command::<AssignTicket>().command::<CloseTicket>()
}

#[tokio::main]
#[allow(dead_code, reason = "the test tells the story without it")]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    story(folder.path()).await
}

/// The story, with everybody's device in a folder of their own below this one, and the e-mails in `spool`.
pub(crate) async fn story(folder: &Path) -> Result<()> {
    let (boss, anchor) = found(folder, "helpdesk", registry()).await?;
    for name in ["ann", "ben"] {
        let device = admit(&folder.join(name), &boss, None, registry()).await?;
        boss.space.grant(&Bucket::from(name), device).await?;
    }

    // Ann is offline: she opens a ticket, takes it and closes it, each on top of what is not decided yet. Her device
    // also holds what an older program has queued.
    let ann = Person::open(&folder.join("ann"), Network::Offline, registry()).await?;
    let open = OpenTicket { title: "No ink".to_owned(), email: "eve@example.org".to_owned() };
    let opened = ann.space.submit(open).await?;
    let Verdict::Accepted { output: id } = opened.predicted() else { return Err("refused".into()) };
    let id = id.clone();
    ann.space.submit(AssignTicket { id: id.clone(), to: "ann".to_owned() }).await?;
    ann.space.submit(CloseTicket { id: id.clone() }).await?;
    println!("ann sees {:?}", ann.space.view().get::<Ticket>(&*id)?);
    match ann.space.submit(CloseTicket { id: id.clone() }).await {
        Err(SubmitError::Refused { refusal }) => println!("ann can't close it again: {refusal}"),
        _ => return Err("a closed ticket was closed".into()),
    }
    let old = |text: &str| Value::from_json(text.as_bytes());
    ann.space.submit_named("open_ticket", 1, old(r#"{"text": "No paper"}"#)?, None).await?;
    let closes = ann.space.submit_named("close_ticket", 1, old(r#"{"ticket": 7}"#)?, None);
    let obsolete = closes.await?.0;
    ann.close().await?;

    // She comes online. The anchor decides, and the e-mail waits to be sent.
    let ann = Person::open(&folder.join("ann"), Network::Online, registry()).await?;
    let mut answers = ann.space.all_verdicts();
    loop {
        let answer = timeout(Duration::from_secs(60), answers.next()).await??;
        println!("ann hears of {}: {}", answer.name, answer.news);
        if answer.command == obsolete {
            break;
        }
    }
    let mut closed = ann.space.verdicts::<CloseTicket>();
    let answer = timeout(Duration::from_secs(60), closed.next()).await??;
    if !matches!(answer.outcome, Outcome::Verdict(Verdict::Accepted { .. })) {
        return Err("the ticket was not closed".into());
    }
    answer.ack().await?;
    let ben = Person::open(&folder.join("ben"), Network::Online, registry()).await?;
    pass_on(&boss, &ann, &ben).await?;
    ben.close().await?;
    let office = anchor.spaces().await?.pop().ok_or("the anchor is in a space")?.0;
    bring_work(&office, &ann).await?;
    ann.close().await?;

    // The anchor's app sends it, and ends before it has noted that. It gets it again, with the same key.
    let mail = timeout(Duration::from_secs(60), office.tasks::<Mail>().next()).await??;
    println!("sent: {}", send(folder, &mail.key, &mail.effect)?);
    drop(mail);
    anchor.close().await?;
    let anchor = Person::open(&folder.join("anchor"), Network::Online, registry()).await?;
    let mail = timeout(Duration::from_secs(60), anchor.space.tasks::<Mail>().next()).await??;
    println!("sent again: {}", send(folder, &mail.key, &mail.effect)?);
    mail.done().await?;
    anchor.close().await?;
    boss.close().await
}

/// The other ticket is given to Ann, and then to Ben.
async fn pass_on(boss: &Person, ann: &Person, ben: &Person) -> Result<()> {
    let is_open = |ticket: &Ticket| ticket.state == State::Open;
    let has = |count| {
        move |view: &View| Ok(view.all::<Ticket>()?.iter().filter(|it| is_open(it)).count() == count)
    };
    let tickets = boss.space.view().all::<Ticket>()?;
    let id = &tickets.iter().find(|ticket| is_open(ticket)).ok_or("one is open")?.id;
    for to in ["ann", "ben"] {
        let assign = AssignTicket { id: id.clone(), to: to.to_owned() };
        boss.space.submit(assign).await?.decided().await?;
        let (gets, loses) = if to == "ann" { (ann, ben) } else { (ben, ann) };
        seen(&gets.space, has(1)).await?;
        seen(&loses.space, has(0)).await?;
        println!("{to} has “No paper” now, and nobody else sees it");
    }
    Ok(())
}

/// The anchor's app publishes what the database says, and again when that is something else.
async fn bring_work(office: &Space, ann: &Person) -> Result<()> {
    let database = work::database()?;
    for (count, change) in
        [(2, ""), (1, "DELETE FROM repairs"), (2, "UPDATE calls SET owner = 'ann'")]
    {
        database.execute_batch(change)?;
        office.publish(work::calls(&database)?).await?;
        office.publish(work::repairs(&database)?).await?;
        seen(&ann.space, |view| Ok(view.all::<WorkItem>()?.len() == count)).await?;
        let work = ann.space.view().all::<WorkItem>()?.into_iter().map(|item| item.what);
        println!("ann has to {}", work.collect::<Vec<_>>().join(" and "));
    }
    Ok(())
}

/// Resolves when a space shows something.
async fn seen(space: &Space, shows: impl Fn(&View) -> Result<bool>) -> Result<()> {
    let mut views = space.views();
    while !shows(&timeout(Duration::from_secs(60), views.next()).await??)? {}
    Ok(())
}

/// Puts an e-mail into the spool, under its key; says whether it was not there before.
fn send(folder: &Path, key: &str, mail: &Mail) -> Result<bool> {
    let spool = folder.join("spool");
    std::fs::create_dir_all(&spool)?;
    match OpenOptions::new().write(true).create_new(true).open(spool.join(key)) {
        Ok(mut file) => {
            write!(file, "To: {}\n\n{}\n", mail.to, mail.text)?;
            file.sync_all()?;
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.into()),
    }
}
