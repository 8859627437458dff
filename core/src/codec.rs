//! The only place that knows bincode: how structures become bytes, and what bytes may become.
//!
//! Without a limit, nine bytes can make bincode ask for all memory there is. Every decode here is
//! limited, and refuses what is left over at the end.

use bincode::config::{Configuration, LittleEndian, Varint};
use bincode::{Decode, Encode};
use thiserror::Error;

/// The largest structure that is ever decoded, in bytes.
pub const MAX_DECODED: usize = 64 << 20;

type Limited = Configuration<LittleEndian, Varint, bincode::config::Limit<MAX_DECODED>>;

const LIMITED: Limited = bincode::config::standard().with_limit::<MAX_DECODED>();

/// Why bytes are not what they should be.
#[derive(Debug, Error)]
pub enum CodecError {
    /// The bytes do not follow the format, or claim to hold more than [`MAX_DECODED`].
    #[error("the bytes do not follow the format")]
    Malformed {
        /// What bincode found.
        #[from]
        source: bincode::error::DecodeError,
    },
    /// The structure ended before the bytes did.
    #[error("{extra} bytes are left over at the end")]
    Trailing {
        /// How many bytes came after the end.
        extra: usize,
    },
}

/// Writes a structure. The same value always gives the same bytes, so they may be hashed and signed.
pub fn encode<T: Encode>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_onto(value, &mut bytes);
    bytes
}

/// Writes a structure behind what `bytes` already holds.
pub fn encode_onto<T: Encode>(value: &T, bytes: &mut Vec<u8>) {
    // Writing to memory fails only for types that refuse to be encoded, and ours never do.
    bincode::encode_into_std_write(value, bytes, LIMITED).expect("our types always encode");
}

/// Reads a structure that is the whole of `bytes`.
pub fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, CodecError> {
    let (value, used) = bincode::decode_from_slice(bytes, LIMITED)?;
    match bytes.len() - used {
        0 => Ok(value),
        extra => Err(CodecError::Trailing { extra }),
    }
}

/// Reads a structure from the front of `bytes`, borrowing from it; says how many bytes it took.
pub fn decode_front<'a, T: bincode::BorrowDecode<'a, ()>>(
    bytes: &'a [u8],
) -> Result<(T, usize), CodecError> {
    Ok(bincode::borrow_decode_from_slice(bytes, LIMITED)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_lies_is_an_error_and_no_allocation() {
        let lie = [253, 255, 255, 255, 255, 255, 255, 255, 15];
        assert!(decode::<Vec<u8>>(&lie).is_err());
        assert!(decode::<Vec<Vec<u64>>>(&lie).is_err());
    }

    #[test]
    fn what_is_left_over_is_refused() {
        let mut bytes = encode(&7_u64);
        bytes.push(0);
        assert!(matches!(decode::<u64>(&bytes), Err(CodecError::Trailing { extra: 1 })));
    }
}
