//! The numbers and texts that everything is made of, as lib0 writes them.

use std::str;

use yrs::Any;

use super::{BadUpdate, MAX_CLIENT, MAX_CLOCK, MAX_DEPTH};

/// Bytes, read from front to back.
pub(in crate::document) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(in crate::document) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(in crate::document) fn at(&self) -> usize {
        self.at
    }

    /// What was read since byte `from`.
    pub(in crate::document) fn since(&self, from: usize) -> &'a [u8] {
        &self.bytes[from..self.at]
    }

    pub(in crate::document) fn finish(self) -> Result<(), BadUpdate> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            extra => Err(BadUpdate::Trailing { at: self.at, extra }),
        }
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, BadUpdate> {
        let byte = self.bytes.get(self.at).ok_or(BadUpdate::Ended { at: self.at })?;
        self.at += 1;
        Ok(*byte)
    }

    pub(super) fn take(&mut self, bytes: usize) -> Result<&'a [u8], BadUpdate> {
        let (at, end) = (self.at, self.at.checked_add(bytes));
        let taken = end.and_then(|end| self.bytes.get(at..end)).ok_or(BadUpdate::Ended { at })?;
        self.at += bytes;
        Ok(taken)
    }

    /// A number without a sign, seven bits a byte. yrs wraps around where one does not fit; here that is an error.
    #[inline]
    pub(super) fn number(&mut self) -> Result<u64, BadUpdate> {
        let first = self.byte()?;
        match first {
            0..=0x7f => Ok(first.into()),
            _ => self.rest_of_number(first),
        }
    }

    fn rest_of_number(&mut self, first: u8) -> Result<u64, BadUpdate> {
        let at = self.at - 1;
        let mut number = u64::from(first & 0x7f);
        // Nine bytes hold 63 bits, more than anything here counts.
        for shift in (7..63).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(BadUpdate::Number { at })
    }

    /// A signed number in a value. Where one takes more bytes than these, yrs shifts bits out of it.
    pub(super) fn signed(&mut self) -> Result<(), BadUpdate> {
        let at = self.at;
        for _ in 0..9 {
            if self.byte()? < 0x80 {
                return Ok(());
            }
        }
        Err(BadUpdate::Number { at })
    }

    /// How many items follow, each of which takes at least `least` bytes.
    #[inline]
    pub(in crate::document) fn count(&mut self, least: usize) -> Result<u32, BadUpdate> {
        let at = self.at;
        let count = self.number()?;
        let left = self.bytes.len() - self.at;
        match u32::try_from(count) {
            // The last deletions of all may take fewer bytes than `sections` asks for, but then there are none.
            Ok(fits) if count == 0 || count <= (left / least) as u64 => Ok(fits),
            _ => Err(BadUpdate::Count { at, count }),
        }
    }

    /// The same, where none at all would be senseless.
    #[inline]
    pub(super) fn full_count(&mut self, least: usize) -> Result<u32, BadUpdate> {
        let at = self.at;
        match self.count(least)? {
            0 => Err(BadUpdate::Empty { at }),
            count => Ok(count),
        }
    }

    #[inline]
    pub(super) fn client(&mut self) -> Result<u64, BadUpdate> {
        let at = self.at;
        match self.number()? {
            client if client < MAX_CLIENT => Ok(client),
            client => Err(BadUpdate::Client { at, client }),
        }
    }

    #[inline]
    pub(super) fn clock(&mut self) -> Result<u32, BadUpdate> {
        let at = self.at;
        match u32::try_from(self.number()?) {
            Ok(clock) if clock < MAX_CLOCK => Ok(clock),
            _ => Err(BadUpdate::Clock { at }),
        }
    }

    /// Reads a length that is counted from a clock, and says where it ends.
    pub(super) fn length_from(&mut self, clock: u32) -> Result<u32, BadUpdate> {
        let at = self.at;
        match self.number()? {
            0 => Err(BadUpdate::Empty { at }),
            length => match u64::from(clock).checked_add(length) {
                Some(end) if end <= u64::from(MAX_CLOCK) => Ok(end as u32),
                _ => Err(BadUpdate::Clock { at }),
            },
        }
    }

    #[inline]
    pub(super) fn buffer(&mut self) -> Result<&'a [u8], BadUpdate> {
        let length = self.count(1)?;
        self.take(length as usize)
    }

    #[inline]
    pub(super) fn text(&mut self) -> Result<&'a str, BadUpdate> {
        let at = self.at;
        str::from_utf8(self.buffer()?).map_err(|_| BadUpdate::Utf8 { at })
    }

    /// A text of JSON. yrs' own reader is asked whether it is, for that is the one which has to understand it.
    pub(super) fn json(&mut self) -> Result<(), BadUpdate> {
        let at = self.at;
        let text = self.text()?;
        if matches!(text, "null" | "true" | "false") {
            return Ok(());
        }
        if nesting(text) > MAX_DEPTH {
            return Err(BadUpdate::Deep { at });
        }
        match Any::from_json(text) {
            Ok(_) => Ok(()),
            Err(_) => Err(BadUpdate::Json { at }),
        }
    }
}

/// How deep JSON nests. Of what is no JSON it may say too much, never too little.
fn nesting(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut quoted, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}
