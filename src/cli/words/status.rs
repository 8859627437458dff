//! "Am I synced?", in words.

use driftline::{Damaged, DocumentStatus, Stopped};
use owo_colors::{OwoColorize, Stream, Style};

use super::change::time;
use super::count;
use crate::cli::report::{Peer, Space, State, Status, Trouble};

pub(super) fn words(status: &Status) -> String {
    let mut words = format!("device {}\n", status.device);
    let trouble = status.disk.iter().map(trouble);
    for words_of_it in trouble.chain(status.damaged.iter().map(damaged)) {
        words += &format!("{}\n", paint(&words_of_it, Style::new().red()));
    }
    if status.spaces.is_empty() {
        words += "in no space yet\n";
    }
    for space in &status.spaces {
        words += &self::space(space);
    }
    words
}

fn trouble(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Full => {
            "the disk is full: nothing more is taken in until there is room on it".to_owned()
        }
        Trouble::Failed(why) => format!("the disk failed, and nothing more is kept: {why}"),
    }
}

fn damaged(damaged: &Damaged) -> String {
    let (chain, name) = (damaged.chain.short(), &damaged.name);
    let place = format!("entry {} of chain {chain} in {name}", damaged.entry);
    format!("what is stored is damaged from {place} on: members are asked for it")
}

fn space(space: &Space) -> String {
    let role = space.role.map_or("no member any more", |role| role.name());
    let name = paint(&space.name, Style::new().bold());
    let mut words = format!("\n{name} ({role})  {}\n", space.space);
    if let Some(removal) = &space.removed {
        let (by, at) = (removal.by.short(), time(removal.at));
        let removed = format!("this device was removed by {by} at {at}");
        words += &format!("  {}\n", paint(&removed, Style::new().red()));
    }
    if let Some(stopped) = space.stopped {
        words += &format!("  {}\n", paint(self::stopped(stopped), Style::new().red()));
    }
    for peer in &space.peers {
        words += &format!("  {}\n", self::peer(peer));
    }
    let width = space.documents.iter().map(|document| document.name.chars().count()).max();
    for document in &space.documents {
        words += &format!("  {}\n", self::document(document, width.unwrap_or_default()));
    }
    words
}

fn stopped(stopped: Stopped) -> &'static str {
    match stopped {
        Stopped::Contradiction => {
            "confirmation stopped: the anchor made two decisions of one place. An admin should make it an anchor \
             again (`driftline member role`), or remove it"
        }
        Stopped::Remembering => {
            "this anchor decides nothing yet: it may have decided more than it remembers, and waits to hear of that \
             from a member. An admin can make it an anchor again"
        }
    }
}

fn peer(peer: &Peer) -> String {
    let state = match peer.state {
        State::Away => paint("away", Style::new().dimmed()),
        State::Meeting => paint("meeting", Style::new().yellow()),
        State::CatchingUp => paint("catching up", Style::new().yellow()),
        State::Live => paint("live", Style::new().green()),
    };
    let device = peer.device.short();
    let how = match (&peer.transport, &peer.address) {
        (Some(transport), Some(address)) => format!(" over {transport}, {address}"),
        _ => String::new(),
    };
    let objection = peer.objection.map(|objection| format!("it took no more: {objection}"));
    let objection = objection.map(|words| format!("\n    {}", paint(&words, Style::new().red())));
    let objection = objection.unwrap_or_default();
    format!("peer {device} ({}): {state}{how}{objection}", peer.role.name())
}

fn document(document: &DocumentStatus, width: usize) -> String {
    let here = match (document.behind, document.saved) {
        (0, true) => paint("saved", Style::new().green()),
        (0, false) => paint("saving", Style::new().yellow()),
        (behind, _) => paint(&format!("{} behind", count(behind, "entry")), Style::new().yellow()),
    };
    let peers = match document.peers {
        0 => "on no peer".to_owned(),
        peers => format!("on {}", count(peers as u64, "peer")),
    };
    let entries = count(document.entries, "entry");
    format!("{:<width$}  {here}, {peers}; {entries}", document.name)
}

fn paint(text: &str, style: Style) -> String {
    text.if_supports_color(Stream::Stdout, |text| text.style(style)).to_string()
}
