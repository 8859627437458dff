//! How far what was written has got, in a line that tells the truth.

use driftline::{EditError, EngineGone, PeerState, Role, Space, SpaceStatus};

/// How the document stands.
pub(crate) struct Standing {
    words: String,
    /// Why the last stroke did nothing.
    trouble: Option<EditError>,
}

impl Standing {
    pub(crate) async fn of(space: &Space, document: &str) -> Result<Self, EngineGone> {
        let status = space.status().await?;
        Ok(Self { words: words(&status, document), trouble: None })
    }

    /// Remembers why nothing came of a stroke.
    pub(crate) fn note(&mut self, taken: Result<(), EditError>) {
        self.trouble = taken.err();
    }

    /// The line.
    pub(crate) fn line(&self) -> String {
        match &self.trouble {
            Some(trouble) => format!("{trouble} · {}", self.words),
            None => self.words.clone(),
        }
    }
}

fn words(status: &SpaceStatus, document: &str) -> String {
    match status.role {
        None => return "you were removed from the space: this is your copy".to_owned(),
        Some(Role::Reader) => return format!("you may read this · {}", company(status)),
        Some(_) => {}
    }
    let document = status.documents.iter().find(|held| held.name == document);
    let Some(document) = document else { return format!("empty · {}", company(status)) };
    let mut words = vec![if document.saved { "saved" } else { "saving" }.to_owned()];
    match document.peers {
        0 => {}
        1 => words.push("on 1 peer".to_owned()),
        peers => words.push(format!("on {peers} peers")),
    }
    if document.anchored {
        words.push("anchored".to_owned());
    }
    match document.waiting {
        0 if document.peers > 0 || status.peers.is_empty() => {}
        0 => words.push("not all of it with others".to_owned()),
        1 => words.push("1 edit waiting".to_owned()),
        edits => words.push(format!("{edits} edits waiting")),
    }
    if document.behind > 0 {
        words.push(format!("{} more to come", document.behind));
    }
    words.push(company(status));
    words.join(" · ")
}

/// Who is in reach.
fn company(status: &SpaceStatus) -> String {
    let reached = status.peers.iter().filter(|peer| peer.state != PeerState::Away).count();
    match (status.peers.len(), reached) {
        (0, _) => "nobody else is in the space".to_owned(),
        (_, 0) => "offline".to_owned(),
        (_, 1) => "1 peer in reach".to_owned(),
        (_, peers) => format!("{peers} peers in reach"),
    }
}
