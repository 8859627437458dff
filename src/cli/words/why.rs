//! Who wrote it, when, on what they had seen, and by whose leave.

use driftline::DeviceId;
use owo_colors::{OwoColorize, Stream};

use super::change::time;
use super::{count, member};
use crate::cli::report::{Author, Authors, Leave, Origin, Trace, Turn};

pub(super) fn authors(authors: &Authors) -> String {
    authors.authors.iter().map(author).collect()
}

pub(super) fn trace(trace: &Trace) -> String {
    let origin = &trace.origin;
    let what = trace.character.map_or_else(|| "what".to_owned(), |char| format!("{char:?}"));
    let how = if origin.mends { "brought back" } else { "inserted" };
    let who = format!("{}{}", device(&origin.author.to_string()), you(origin.you));
    let who = match &origin.guest {
        Some(guest) => format!("the guest “{guest}”, for whom {who} signed"),
        None => who,
    };
    let mut words = format!("{what} at {} of “{}” was {how} by {who}\n", trace.at, trace.root);
    words += &format!("  when    {}, by its author's clock\n", time(origin.time));
    words += &format!("  where   entry {} of chain {}\n", origin.entry, origin.chain);
    words += &format!("          hash {}\n", origin.hash);
    words += &format!("          {}\n", signed(origin));
    words += &format!(
        "  between {} and {}\n",
        neighbour(trace.left.as_ref()),
        neighbour(trace.right.as_ref())
    );
    words += &seen(trace);
    if let Some(leave) = &trace.leave {
        words += &format!("  leave   {}\n", turn(leave, origin.author));
    }
    words
}

fn author(author: &Author) -> String {
    let role = author.role.map_or("no member any more", |role| role.name());
    let (entries, stands) = (count(author.entries, "entry"), count(author.stands, "UTF-16 unit"));
    let mut words = format!(
        "{}  {role}{}\n  {entries}, {} to {} by its own clock; {stands} of it stand\n",
        device(&author.device.to_string()),
        you(author.you),
        time(author.first),
        time(author.last),
    );
    for turn in &author.history {
        words += &format!("  {}\n", self::turn(turn, author.device));
    }
    words
}

fn signed(origin: &Origin) -> String {
    match origin.signed_with {
        Some(entry) if entry == origin.entry => "signed by its author".to_owned(),
        Some(entry) => format!("signed by its author with entry {entry}, which names it by hash"),
        None => "vouched for by whoever cut its chain off, and by no signature".to_owned(),
    }
}

fn neighbour(origin: Option<&Origin>) -> String {
    match origin {
        Some(origin) if origin.you => format!("entry {} of this device's", origin.entry),
        Some(origin) => format!("entry {} of {}'s", origin.entry, origin.author.short()),
        None => "the edge".to_owned(),
    }
}

/// A lower bound: the log does not record what was on somebody's screen.
fn seen(trace: &Trace) -> String {
    if trace.seen.is_empty() {
        return "  seen    nothing of others that it leans on\n".to_owned();
    }
    let seen = trace.seen.iter().map(|seen| {
        let (device, chain) = (seen.device.short(), seen.chain.short());
        format!("  seen    at least up to entry {} of {device}'s chain {chain}\n", seen.entry)
    });
    seen.collect()
}

/// `let in as writer by q3xixma7 at …, with a ticket of qq2skyrm`.
fn turn(turn: &Turn, subject: DeviceId) -> String {
    let (by, at) = (turn.by.short(), time(turn.at));
    let standing = turn.role.map(|role| member::standing(role, turn.rank.as_ref()));
    let standing = standing.unwrap_or_default();
    let ticket = turn.issuer.map(|issuer| format!(", with a ticket of {}", issuer.short()));
    let what = match turn.what {
        Leave::Began => format!("began the space at {at}, as {standing}"),
        Leave::Admitted => {
            format!("let in as {standing} by {by} at {at}{}", ticket.unwrap_or_default())
        }
        Leave::Appointed => format!("made {standing} by {by} at {at}"),
        Leave::Removed if turn.by == subject => format!("left at {at}"),
        Leave::Removed => format!("removed by {by} at {at}"),
    };
    if turn.counts { what } else { format!("{what} (which does not count)") }
}

fn you(you: bool) -> &'static str {
    if you { " (this device)" } else { "" }
}

fn device(id: &str) -> String {
    id.if_supports_color(Stream::Stdout, |text| text.cyan()).to_string()
}
