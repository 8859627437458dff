//! What devices say to one another about a space.
//!
//! A frame is a 16-byte tag and a message. The tag names the space to those who know it and tells nothing to
//! others. It depends on the sender alone, so that one encoded frame serves every receiver.

use bincode::{Decode, Encode};
use bytes::Bytes;

use super::effect::{PeerFault, Position};
use super::limits::Objection;
use crate::codec;
use crate::document::Label;
use crate::id::{ChainId, DeviceId, DocumentId, Hash, SpaceId};
use crate::log::{Frontier, Segment};
use crate::presence::Statement;
use crate::roster::{Genesis, JoinRequest};

/// The protocol version that this code speaks.
pub const VERSION: u16 = 1;

/// The number of [`Message::Open`]. It comes first in a message, and then the versions: that is so in every version.
const OPEN: u32 = 0;

/// How many bytes of a frame are its tag.
pub const TAG_BYTES: usize = 16;

/// Names a space on the wire, for one sender.
pub type Tag = [u8; TAG_BYTES];

/// The tag that `sender` puts on frames for `space`.
pub fn tag(space: &SpaceId, sender: &DeviceId) -> Tag {
    let hash = Hash::of("driftline tag 1", &[&space.0, &sender.0]);
    let mut tag = [0; TAG_BYTES];
    tag.copy_from_slice(&hash.0[..TAG_BYTES]);
    tag
}

/// The tag of a frame, if it is long enough to have one.
pub fn tag_of(frame: &[u8]) -> Option<Tag> {
    frame.first_chunk().copied()
}

/// A message as it is sent.
#[derive(Debug, Encode, Decode)]
pub(super) enum Message {
    /// "This is where my feed is, and how far I have followed yours."
    Open(Open),
    /// "These documents changed since you last looked; this is how far I have them."
    Changed(Changed),
    /// "Of these documents I hold this much: send me the rest."
    Want(Vec<(DocumentId, Frontier)>),
    /// Entries.
    Segments(Segments),
    /// "You have been sent all of my feed between these places."
    Position(Stretch),
    /// "I have saved all of your feed up to here."
    Saved(u64),
    /// "I don't know you as a member."
    Stranger,
    /// "This is the roster's log, which lets me in."
    Introduce(Vec<Segment>),
    /// "Let me in."
    Join(Box<JoinRequest>),
    /// "You are in. This is how the space began, and the roster's log."
    Welcome { genesis: Box<Genesis>, roster: Vec<Segment> },
    /// "You can't come in."
    Refused(Refusal),
    /// "I take no more of this chain", or, where none is named, "I hang up"; and why.
    Objects(Option<(DocumentId, ChainId)>, Objection),
    /// What is shown by members who are here, or were a moment ago.
    Presence(Vec<Told>),
}

#[derive(Clone, Copy, Debug, Encode, Decode)]
pub(super) struct Open {
    /// The versions of the protocol that the sender speaks.
    pub(super) oldest: u16,
    pub(super) newest: u16,
    /// The end of what the sender has saved.
    pub(super) head: Position,
    /// How far the sender has saved the receiver's feed.
    pub(super) seen: Option<Position>,
    /// Whether the sender has the receiver's `Open`. If not, it wants an answer.
    pub(super) heard: bool,
}

#[derive(Debug, Encode, Decode)]
pub(super) struct Changed {
    pub(super) stretch: Stretch,
    pub(super) documents: Vec<(Label, Frontier)>,
}

#[derive(Debug, Encode, Decode)]
pub(super) struct Segments {
    pub(super) document: DocumentId,
    /// The document's name, where a chain begins.
    pub(super) label: Option<Label>,
    pub(super) segments: Vec<Segment>,
    /// What of the sender's feed this frame holds all of.
    pub(super) stretch: Option<Stretch>,
}

/// A statement as it is passed on.
#[derive(Debug, Encode, Decode)]
pub(super) struct Told {
    pub(super) statement: Statement,
    /// How long ago it was said, in milliseconds, as far as the sender knows: nobody's clock is believed.
    pub(super) age: u32,
}

/// A stretch of a feed: behind `from`, up to and with `upto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Stretch {
    pub(super) from: u64,
    pub(super) upto: u64,
}

/// Why somebody with a ticket is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, thiserror::Error)]
pub enum Refusal {
    /// The ticket's time is over, by the clock of the member who was asked.
    #[error("the ticket has expired: ask for a new one")]
    Expired,
    /// It was not issued by somebody whom the member knows as an admin, was closed, or is forged.
    #[error(
        "the ticket does not count, as far as the member who was asked knows: it was closed, or not issued by an admin"
    )]
    NotValid,
}

impl Message {
    pub(super) fn frame(&self, tag: Tag) -> Bytes {
        let mut frame = tag.to_vec();
        codec::encode_onto(self, &mut frame);
        frame.into()
    }

    pub(super) fn read(frame: &[u8]) -> Result<Self, PeerFault> {
        let message = frame.get(TAG_BYTES..).unwrap_or_default();
        if let Ok(((OPEN, oldest, newest), _)) = codec::decode_front::<(u32, u16, u16)>(message)
            && !(oldest..=newest).contains(&VERSION)
        {
            // What else a version of which nothing is known says is not for guessing.
            return Err(PeerFault::Version { oldest, newest });
        }
        codec::decode(message).map_err(|source| PeerFault::Malformed { source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(oldest: u16, newest: u16) -> Vec<u8> {
        let head = Position { incarnation: [1; 16], number: 7 };
        let open = Open { oldest, newest, head, seen: None, heard: false };
        Message::Open(open).frame([0; TAG_BYTES]).to_vec()
    }

    #[test]
    fn a_peer_that_speaks_this_version_among_others_is_understood() {
        for (oldest, newest) in [(VERSION, VERSION), (0, VERSION), (VERSION, u16::MAX)] {
            assert!(matches!(Message::read(&open(oldest, newest)), Ok(Message::Open(_))));
        }
    }

    /// A later version may say more in its greeting, or say it otherwise. It was taken for nonsense then, when only its
    /// version was another.
    #[test]
    fn a_peer_that_speaks_other_versions_is_told_apart_from_one_that_talks_nonsense() {
        let (oldest, newest) = (VERSION + 1, VERSION + 3);
        let mut longer = open(oldest, newest);
        longer.extend(b"and more");
        let shorter = &open(oldest, newest)[..TAG_BYTES + 3];
        for frame in [&open(oldest, newest)[..], &longer, shorter] {
            let fault = Message::read(frame).unwrap_err();
            let stated = PeerFault::Version { oldest, newest };
            assert_eq!(fault.to_string(), stated.to_string());
        }
        let mut nonsense = open(VERSION, VERSION);
        nonsense.extend(b"and more");
        assert!(matches!(Message::read(&nonsense), Err(PeerFault::Malformed { .. })));
    }
}
