//! Answers in words, with colour where the terminal shows it.

mod backup;
mod change;
mod command;
mod member;
mod status;
mod verify;
mod why;

use driftline::DocumentStatus;
use owo_colors::{OwoColorize, Stream};

use super::report::{NamedSpace, Online, Present, Replayed, Report};

/// An answer as a person reads it.
pub(super) fn words(report: &Report) -> String {
    match report {
        Report::Device { device, folder, existed: false } => {
            format!("made a device in {}: {device}", folder.display())
        }
        Report::Device { device, folder, existed: true } => {
            format!("the device in {} exists already: {device}", folder.display())
        }
        Report::Key { device, file, protected } => {
            let how = if *protected { "under a passphrase" } else { "not protected" };
            format!("{}, {how}: the key of {device}", file.display())
        }
        Report::Online(online) => self::online(online),
        Report::SpaceBegun { space, name } => format!("began the space “{name}”: {space}"),
        Report::Spaces { spaces } => lines(spaces.iter().map(space)),
        Report::Ticket { ticket, role, expires, .. } => member::ticket(ticket, *role, *expires),
        Report::TicketClosed { .. } => "closed: nobody more is let in with that ticket".to_owned(),
        Report::Pass { pass, guest, role, expires, .. } => {
            member::pass(pass, guest, *role, *expires)
        }
        Report::GuestLimited { guest, role, .. } => member::limited(guest, *role),
        Report::Members { members, former, .. } => member::list(members, former),
        Report::Appointed { device, role, rank, .. } => {
            format!("{} is {} now", device.short(), member::standing(*role, rank.as_ref()))
        }
        Report::Removed { device, you, .. } => member::removed(device, *you),
        Report::Buckets { buckets, .. } => lines(buckets.iter().map(member::bucket)),
        Report::Granted { bucket, device, .. } => member::granted(bucket, device),
        Report::Revoked { bucket, device, .. } => member::revoked(bucket, device),
        Report::Joined { name, space, documents, already } => {
            let (how, many) = (if *already { "was in" } else { "joined" }, *documents as u64);
            format!("{how} the space “{name}” with {}: {space}", count(many, "document"))
        }
        Report::Documents { documents, .. } => lines(documents.iter().map(document)),
        Report::Deleted { name, .. } => {
            format!("deleted for everybody: {name}; `driftline doc restore` brings it back")
        }
        Report::BackedUp { .. } | Report::Revived { .. } => backup::words(report),
        Report::Imported { name, .. } => format!("saved: {name} holds what the file does"),
        Report::Restored { name, .. } => format!("restored: {name}"),
        Report::DeletedDocument { name, by, at } => {
            format!("{name}  deleted by {} at {}", by.short(), change::time(*at))
        }
        Report::Text { text, .. } => text.clone(),
        Report::Content { content, .. } => format!("{content:#}"),
        Report::Stretch(stretch) => change::stretch(stretch),
        Report::Edited { root, length, .. } => {
            format!("saved; “{root}” has {} now", count(u64::from(*length), "UTF-16 unit"))
        }
        Report::Replayed(replayed) => self::replayed(replayed),
        Report::Change(change) => change::line(change),
        Report::Missed => "more changed than could be followed".to_owned(),
        Report::Showing { state } => format!("shown while this command runs: {state}"),
        Report::Present(present) => self::present(present),
        Report::Collections { collections, .. } => lines(collections.iter().map(|collection| {
            format!("{}  {}", collection.collection, count(collection.records as u64, "record"))
        })),
        Report::Record(record) => command::record(record),
        Report::Story(story) => command::story(story),
        Report::Submitted { command, predicted } => command::submitted(command, predicted.as_ref()),
        Report::Waiting(waiting) => command::waiting(waiting),
        Report::Answer(answer) => command::answer(answer),
        Report::Cancelled { command } => format!("taken back: {command}"),
        Report::Status(status) => status::words(status),
        Report::Authors(authors) => why::authors(authors),
        Report::Trace(trace) => why::trace(trace),
        Report::Finding(finding) => verify::finding(finding),
        Report::Verified(verified) => verify::verified(verified),
        Report::Left => "left".to_owned(),
    }
}

fn online(online: &Online) -> String {
    let mut words = format!("device {} is online as process {}\n", online.device, online.process);
    for address in &online.addresses {
        words += &format!("  {}\n", address.if_supports_color(Stream::Stdout, |text| text.cyan()));
    }
    if let Some(http) = online.http {
        let door = format!("http://{http}");
        let door = door.if_supports_color(Stream::Stdout, |text| text.cyan());
        words += &format!("  {door} for guests: `driftline token SPACE --name NAME` lets one in\n");
    }
    if online.addresses.iter().all(|address| is_loopback(address)) {
        words +=
            "no other machine can reach it: `--listen /ip4/0.0.0.0/tcp/4001` opens it to them\n";
    }
    words
}

fn is_loopback(address: &str) -> bool {
    address.starts_with("/ip4/127.") || address.starts_with("/ip6/::1/")
}

fn space(space: &NamedSpace) -> String {
    let id = space.space.if_supports_color(Stream::Stdout, |text| text.dimmed());
    format!("{id}  {}", space.name)
}

fn document(document: &DocumentStatus) -> String {
    format!("{}  {}", document.name, count(document.entries, "entry"))
}

fn present(Present { device, guest, state }: &Present) -> String {
    let guest = if *guest == 0 { String::new() } else { format!(" (guest {guest})") };
    let who = format!("{}{guest}", device.short());
    let who = who.if_supports_color(Stream::Stdout, |text| text.cyan());
    match state {
        Some(state) => format!("{who}  {state}"),
        None => format!("{who}  is gone"),
    }
}

fn replayed(replayed: &Replayed) -> String {
    let Replayed { edits, agents, seconds, edits_per_second, as_recorded, .. } = replayed;
    let text = if *as_recorded {
        "the text is the recorded one"
    } else {
        "the text differs from the recorded one"
    };
    let who = if *agents > 1 { format!(" by {agents} agents") } else { String::new() };
    format!("{edits} edits{who} in {seconds:.1} s, {edits_per_second:.0} edits/s, saved; {text}")
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| line + "\n").collect()
}

/// A number and what it counts, in English.
fn count(number: u64, what: &str) -> String {
    match (number, what.strip_suffix('y')) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        _ => format!("{number} {what}s"),
    }
}
