//! What a field holds, and a command carries.

use std::collections::BTreeMap;
use std::fmt;

use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};
use serde::de::{DeserializeOwned, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// JSON without fractions: the same command must come to the same result on every device, and fractions do not add up
/// to the same in every order. Money is counted in cents, shares in thousandths.
///
/// It is stored and sent as its JSON text, keys in order, so that equal values have equal bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Nothing; also what a field holds that was never written.
    #[default]
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
    /// Some values in their order.
    List(Vec<Value>),
    /// Values by name.
    Map(BTreeMap<String, Value>),
}

/// A value can't be what it should be: it has a fraction, say, or lacks a field of the type.
#[derive(Debug, thiserror::Error)]
#[error("the value does not fit: {source}")]
pub struct ValueError {
    /// What serde found.
    #[from]
    source: serde_json::Error,
}

impl Value {
    /// The value of something that serde can write.
    ///
    /// # Errors
    /// If it holds fractions, whole numbers beyond 64 bits with sign, or names that are no texts.
    pub fn of<T: Serialize + ?Sized>(thing: &T) -> Result<Self, ValueError> {
        Ok(serde_json::from_slice(&serde_json::to_vec(thing)?)?)
    }

    /// Reads a value as something that serde can read.
    ///
    /// # Errors
    /// If it is not of that type.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, ValueError> {
        Ok(serde_json::from_slice(&self.to_json())?)
    }

    /// Reads JSON text.
    ///
    /// # Errors
    /// If it is none, holds fractions, or nests deeper than 127 levels.
    pub fn from_json(text: &[u8]) -> Result<Self, ValueError> {
        Ok(serde_json::from_slice(text)?)
    }

    fn to_json(&self) -> Vec<u8> {
        // Writing to memory fails only for types that refuse, and this one never does.
        serde_json::to_vec(self).expect("a value is always JSON")
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_json()))
    }
}

impl Encode for Value {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.to_json().encode(encoder)
    }
}

impl<C> Decode<C> for Value {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let text = Vec::<u8>::decode(decoder)?;
        // serde_json limits how deep it goes, which bincode would not.
        Self::from_json(&text).map_err(|error| DecodeError::OtherString(error.to_string()))
    }
}

bincode::impl_borrow_decode!(Value);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without fractions")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, yes: bool) -> Result<Value, E> {
        Ok(Value::Bool(yes))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        let fits = i64::try_from(number);
        fits.map(Value::Int).map_err(|_| E::custom(format_args!("{number} is beyond 2^63")))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((name, value)) = entries.next_entry()? {
            map.insert(name, value);
        }
        Ok(Value::Map(map))
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident),*) => {
        $(impl From<$type> for Value {
            fn from(it: $type) -> Self {
                Self::$variant(it.into())
            }
        })*
    };
}

from!(bool => Bool, i64 => Int, i32 => Int, u32 => Int, &str => Text, String => Text);

#[cfg(test)]
mod tests {
    use quickcheck::{Arbitrary, Gen, quickcheck};

    use super::*;
    use crate::codec;

    impl Arbitrary for Value {
        fn arbitrary(g: &mut Gen) -> Self {
            let mut smaller = Gen::new(g.size() / 3);
            match u8::arbitrary(g) % if g.size() > 1 { 6 } else { 4 } {
                0 => Self::Null,
                1 => Self::Bool(bool::arbitrary(g)),
                2 => Self::Int(i64::arbitrary(g)),
                3 => Self::Text(String::arbitrary(g)),
                4 => Self::List(Vec::arbitrary(&mut smaller)),
                _ => Self::Map(BTreeMap::arbitrary(&mut smaller)),
            }
        }
    }

    quickcheck! {
        fn a_value_is_read_as_it_was_written(value: Value) -> bool {
            let read: Value = codec::decode(&codec::encode(&value)).expect("it is sound");
            read == value && codec::encode(&read) == codec::encode(&value)
        }
    }

    #[test]
    fn fractions_and_depth_are_refused() {
        assert!(Value::of(&0.5).is_err());
        assert!(Value::of(&u64::MAX).is_err());
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert!(Value::from_json(deep.as_bytes()).is_err());
    }
}
