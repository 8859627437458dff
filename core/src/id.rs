//! The names of things: devices, spaces, documents, chains, and the hashes that they are made of.
//!
//! All are 32 bytes and print as 52 lower-case letters and digits (RFC 4648 base 32, no padding).

use std::fmt;
use std::str::FromStr;

use bincode::{Decode, Encode};
use data_encoding::{BASE32_NOPAD, Specification};
use thiserror::Error;

/// Why a text is not an id.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("“{text}” is not an id: expected 52 letters and digits (a–z, 2–7)")]
pub struct ParseIdError {
    /// What was read.
    pub text: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The bytes of the id.
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The first eight characters: enough for a person to tell a handful apart.
            pub fn short(&self) -> String {
                to_text(&self.0)[..8].to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&to_text(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                from_text(text)
                    .and_then(|bytes| bytes.try_into().ok())
                    .map(Self)
                    .ok_or_else(|| ParseIdError { text: text.to_owned() })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id! {
    /// One installation of an app: its Ed25519 public key, which is also its libp2p identity.
    DeviceId
}
id! {
    /// The unit of membership, of ordering and of sync: the hash of its signed genesis.
    SpaceId
}
id! {
    /// One document in a space: the hash of the space, the name and the lineage.
    DocumentId
}
id! {
    /// One device's row of entries in one document: the hash of its [`ChainHead`](crate::log::ChainHead).
    ChainId
}
id! {
    /// A BLAKE3 hash.
    Hash
}

impl Hash {
    /// Hashes the parts in their order, under a name for the purpose, so that a hash made for one
    /// can never be read as another. Parts of varying length must carry their length themselves.
    pub fn of(purpose: &'static str, parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(purpose);
        for part in parts {
            hasher.update(part);
        }
        Self(*hasher.finalize().as_bytes())
    }
}

/// Yjs client ids below this are those of stock clients, which draw 32 bits.
pub const STOCK_CLIENTS: u64 = 1 << 32;

impl ChainId {
    /// The Yjs client id under which this chain's device inserts into the document: 2^32 plus 52 bits
    /// of the hash of the chain's id. Ids below 2^32 belong to stock Yjs clients; the sum stays
    /// below 2^53, which is as far as a Yjs client id goes.
    pub fn client_id(&self) -> u64 {
        let hash = Hash::of("driftline client id 1", &[&self.0]);
        let mut low = [0; 8];
        low.copy_from_slice(&hash.0[..8]);
        STOCK_CLIENTS + (u64::from_le_bytes(low) & ((1 << 52) - 1))
    }
}

/// Bytes as lower-case base 32, the way all of Driftline's ids and tickets are written.
pub(crate) fn to_text(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

/// The reverse of [`to_text`]; upper case is taken too.
pub(crate) fn from_text(text: &str) -> Option<Vec<u8>> {
    let mut specification = Specification::new();
    specification.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    specification.translate.from.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    specification.translate.to.push_str("abcdefghijklmnopqrstuvwxyz");
    let encoding = specification.encoding().ok()?;
    encoding.decode(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_prints_and_parses() {
        let id = SpaceId(*blake3::hash(b"kitchen").as_bytes());
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        assert_eq!(id.to_string().len(), 52);
        assert!("kitchen".parse::<SpaceId>().is_err());
    }

    #[test]
    fn client_ids_stay_between_stock_clients_and_the_end_of_yjs() {
        for n in 0..1000_u32 {
            let id = ChainId(*blake3::hash(&n.to_le_bytes()).as_bytes()).client_id();
            assert!(((1 << 32)..(1 << 53)).contains(&id));
        }
    }
}
