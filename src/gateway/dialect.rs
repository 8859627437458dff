//! What clients speak. Hocuspocus is y-websocket with the document's name in front of each message, so that one socket
//! carries many; and it asks for a pass in its first message, and wants to hear when an edit is safe.

use bytes::Bytes;
use prometheus_client::encoding::EncodeLabelValue;

use super::wire::{self, BadFrame, Message, Reader, write_bytes, write_number};
use crate::Role;

const AUTH: u64 = 2;
const STATELESS: u64 = 5;
const CLOSE: u64 = 7;
const SYNC_STATUS: u64 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

const TOKEN: u64 = 0;
const DENIED: u64 = 1;
const AUTHENTICATED: u64 = 2;

/// The longest name that a client may give to a document on its socket, in bytes.
const MAX_KEY_BYTES: usize = 1024;

/// Which protocol a socket speaks.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelValue)]
pub(super) enum Dialect {
    YWebsocket,
    Hocuspocus,
}

/// What a client says about a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said<'a> {
    Message(Message<'a>),
    /// "Here is my pass."
    Pass(&'a str),
    /// It closes the document, and not the socket.
    Leaves,
    /// Nothing that matters here.
    Nothing,
}

impl Dialect {
    /// Reads a frame: what is said, and what the client calls the document on its socket.
    pub(super) fn read(self, frame: &[u8]) -> Result<(&str, Said<'_>), BadFrame> {
        match self {
            Self::YWebsocket => Ok(("", Said::Message(Message::read(frame)?))),
            Self::Hocuspocus if frame == [PONG] => Ok(("", Said::Nothing)),
            Self::Hocuspocus => {
                let mut reader = Reader(frame);
                let key = reader.text()?;
                if key.len() > MAX_KEY_BYTES {
                    return Err(BadFrame);
                }
                Ok((key, Said::read(reader.0)?))
            }
        }
    }

    /// A message about a document.
    pub(super) fn frame(self, key: &str, message: Bytes) -> Bytes {
        match self {
            Self::YWebsocket => message,
            Self::Hocuspocus => {
                let mut frame = Vec::with_capacity(key.len() + message.len() + 4);
                write_bytes(&mut frame, key.as_bytes());
                frame.extend_from_slice(&message);
                frame.into()
            }
        }
    }

    /// Something to be said when there is nothing to say: both hang up on whoever is silent.
    pub(super) fn beat(self) -> Bytes {
        match self {
            Self::YWebsocket => wire::presence(&[0]),
            Self::Hocuspocus => Bytes::from_static(&[PING]),
        }
    }

    /// "Come in", and what the guest may do.
    pub(super) fn welcome(self, role: Role) -> Option<Bytes> {
        let scope = if role.writes() { "read-write" } else { "readonly" };
        self.speaks(&[AUTH, AUTHENTICATED], Some(scope))
    }

    /// "You may not."
    pub(super) fn denied(self, reason: &str) -> Option<Bytes> {
        match self {
            Self::YWebsocket => Some(wire::denied(reason)),
            Self::Hocuspocus => self.speaks(&[AUTH, DENIED], Some(reason)),
        }
    }

    /// "This document is closed, and the socket is not."
    pub(super) fn closed(self, reason: &str) -> Option<Bytes> {
        self.speaks(&[CLOSE], Some(reason))
    }

    /// Whether an edit would survive a power cut now, or was not taken.
    pub(super) fn status(self, saved: bool) -> Option<Bytes> {
        self.speaks(&[SYNC_STATUS, saved.into()], None)
    }

    /// Whether clients hear of each edit whether it is safe.
    pub(super) fn acknowledges(self) -> bool {
        self == Self::Hocuspocus
    }

    /// What only Hocuspocus has words for.
    fn speaks(self, numbers: &[u64], text: Option<&str>) -> Option<Bytes> {
        let mut message = Vec::new();
        numbers.iter().for_each(|number| write_number(&mut message, *number));
        text.into_iter().for_each(|text| write_bytes(&mut message, text.as_bytes()));
        (self == Self::Hocuspocus).then(|| message.into())
    }
}

impl<'a> Said<'a> {
    /// What it is, in a word.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Message(Message::Step1(_)) => "step_1",
            Self::Message(Message::Step2(_)) => "step_2",
            Self::Message(Message::Update(_)) => "update",
            Self::Message(Message::Presence(_)) => "presence",
            Self::Message(Message::AskPresence) => "ask_presence",
            Self::Pass(_) => "pass",
            Self::Leaves => "leave",
            Self::Message(Message::Other) | Self::Nothing => "other",
        }
    }

    /// Reads what stands behind a document's name.
    fn read(message: &'a [u8]) -> Result<Self, BadFrame> {
        let mut reader = Reader(message);
        match reader.number()? {
            // Newer versions say behind it which they are.
            AUTH if reader.number()? == TOKEN => Ok(Self::Pass(reader.text()?)),
            AUTH => Err(BadFrame),
            CLOSE => Ok(Self::Leaves),
            STATELESS => Ok(Self::Nothing),
            _ => Ok(Self::Message(Message::read(message)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hocuspocus_names_the_document_in_front_of_each_message() {
        let dialect = Dialect::Hocuspocus;
        let frame = dialect.frame("notes\0tab", wire::update(b"u"));
        let said = Said::Message(Message::Update(b"u"));
        assert_eq!(dialect.read(&frame), Ok(("notes\0tab", said)));
        let pass = dialect.frame("notes", Bytes::from_static(b"\x02\x00\x04pass\x054.8.0"));
        assert_eq!(dialect.read(&pass), Ok(("notes", Said::Pass("pass"))));
    }

    #[test]
    fn what_no_client_may_say_is_refused() {
        let broadcast = Dialect::Hocuspocus.frame("notes", Bytes::from_static(b"\x06\x02hi"));
        assert_eq!(Dialect::Hocuspocus.read(&broadcast), Err(BadFrame));
        let long = Dialect::Hocuspocus.frame(&"n".repeat(2_000), wire::update(b"u"));
        assert_eq!(Dialect::Hocuspocus.read(&long), Err(BadFrame));
    }
}
