//! The bytes of the y-websocket protocol: [lib0](https://github.com/dmonad/lib0) numbers, and what they frame.

use bytes::Bytes;
use thiserror::Error;

const SYNC: u64 = 0;
const PRESENCE: u64 = 1;
const AUTH: u64 = 2;
const ASK_PRESENCE: u64 = 3;

const STEP_1: u64 = 0;
const STEP_2: u64 = 1;
const UPDATE: u64 = 2;

/// What a client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message<'a> {
    /// "This is what I have", a state vector: it wants the rest.
    Step1(&'a [u8]),
    /// What the other side lacks, as it said in its step 1.
    Step2(&'a [u8]),
    /// An edit.
    Update(&'a [u8]),
    /// Where it is, and what it says of others.
    Presence(&'a [u8]),
    /// "Where is everybody?"
    AskPresence,
    /// Something that only servers say.
    Other,
}

/// The bytes are no message.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the frame is no y-websocket message")]
pub(super) struct BadFrame;

impl<'a> Message<'a> {
    pub(super) fn read(frame: &'a [u8]) -> Result<Self, BadFrame> {
        let mut reader = Reader(frame);
        let message = match reader.number()? {
            SYNC => match reader.number()? {
                STEP_1 => Self::Step1(reader.bytes()?),
                STEP_2 => Self::Step2(reader.bytes()?),
                UPDATE => Self::Update(reader.bytes()?),
                _ => return Err(BadFrame),
            },
            PRESENCE => Self::Presence(reader.bytes()?),
            ASK_PRESENCE => Self::AskPresence,
            AUTH => return Ok(Self::Other),
            _ => return Err(BadFrame),
        };
        if reader.0.is_empty() { Ok(message) } else { Err(BadFrame) }
    }
}

/// "This is what I have."
pub(super) fn step_1(version: &[u8]) -> Bytes {
    frame(&[SYNC, STEP_1], version)
}

/// The answer to a step 1.
pub(super) fn step_2(update: &[u8]) -> Bytes {
    frame(&[SYNC, STEP_2], update)
}

/// An edit.
pub(super) fn update(update: &[u8]) -> Bytes {
    frame(&[SYNC, UPDATE], update)
}

/// Where people are.
pub(super) fn presence(states: &[u8]) -> Bytes {
    frame(&[PRESENCE], states)
}

/// "You may not."
pub(super) fn denied(reason: &str) -> Bytes {
    frame(&[AUTH, 0], reason.as_bytes())
}

fn frame(kind: &[u64], body: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(body.len() + 12);
    kind.iter().for_each(|number| write_number(&mut frame, *number));
    write_bytes(&mut frame, body);
    frame.into()
}

/// Writes a number seven bits a byte.
pub(super) fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Writes bytes behind their length.
pub(super) fn write_bytes(bytes: &mut Vec<u8>, body: &[u8]) {
    write_number(bytes, body.len() as u64);
    bytes.extend_from_slice(body);
}

/// Reads from the front of bytes, and copies nothing.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn number(&mut self) -> Result<u64, BadFrame> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(BadFrame)?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                return Ok(number);
            }
        }
        Err(BadFrame)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], BadFrame> {
        let length = usize::try_from(self.number()?).map_err(|_| BadFrame)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(BadFrame)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, BadFrame> {
        std::str::from_utf8(self.bytes()?).map_err(|_| BadFrame)
    }
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;

    use super::*;

    #[test]
    fn messages_are_read_as_they_were_written() {
        assert_eq!(Message::read(&step_1(b"v")), Ok(Message::Step1(b"v")));
        assert_eq!(Message::read(&step_2(b"u")), Ok(Message::Step2(b"u")));
        assert_eq!(Message::read(&update(b"u")), Ok(Message::Update(b"u")));
        assert_eq!(Message::read(&presence(b"p")), Ok(Message::Presence(b"p")));
        assert_eq!(Message::read(&[3]), Ok(Message::AskPresence));
    }

    #[test]
    fn what_ends_early_or_goes_on_is_no_message() {
        let whole = update(&[7; 200]);
        for end in 0..whole.len() {
            assert_eq!(Message::read(&whole[..end]), Err(BadFrame));
        }
        let more = [&whole[..], &[0]].concat();
        assert_eq!(Message::read(&more), Err(BadFrame));
    }

    quickcheck! {
        fn numbers_are_read_as_they_were_written(number: u64) -> bool {
            let number = number >> 1;
            let mut bytes = Vec::new();
            write_number(&mut bytes, number);
            let mut reader = Reader(&bytes);
            reader.number() == Ok(number) && reader.0.is_empty()
        }

        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) -> bool {
            _ = Message::read(&bytes);
            true
        }
    }
}
