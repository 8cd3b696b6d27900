//! Reading fields of answers that may be of a shape that this version does not know.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use jiff::Timestamp;
use serde::de::value::{self, MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::{PublicState, Secret};

/// Reads a field that may be absent, null, or of another shape: all three are `None`.
pub(crate) fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Lenient,
{
    deserializer.deserialize_any(Reader(PhantomData))
}

/// Reads a list field likewise, leaving out the entries that can't be read.
pub(crate) fn lenient_list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Lenient,
{
    Ok(lenient(deserializer)?.unwrap_or_default())
}

/// What a value is read of; `None` where it is of another shape.
///
/// Text, numbers and flags are read as they come. What is read of more is kept aside first, until it is known whether it fits.
pub(crate) trait Lenient: DeserializeOwned {
    fn of_text(_text: &str) -> Option<Self> {
        None
    }

    fn of_unsigned(_number: u64) -> Option<Self> {
        None
    }

    fn of_float(_number: f64) -> Option<Self> {
        None
    }

    fn of_flag(_flag: bool) -> Option<Self> {
        None
    }

    fn of_list<'de, A: SeqAccess<'de>>(list: A) -> Result<Option<Self>, A::Error> {
        Field::deserialize(SeqAccessDeserializer::new(list)).map(Field::known)
    }

    fn of_map<'de, A: MapAccess<'de>>(map: A) -> Result<Option<Self>, A::Error> {
        Field::deserialize(MapAccessDeserializer::new(map)).map(Field::known)
    }
}

/// One of an enum's words.
pub(crate) fn word<T: DeserializeOwned>(text: &str) -> Option<T> {
    T::deserialize(StrDeserializer::<value::Error>::new(text)).ok()
}

impl Lenient for String {
    fn of_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Lenient for Secret {
    fn of_text(text: &str) -> Option<Self> {
        Some(Self::new(text))
    }
}

impl Lenient for PublicState {
    fn of_text(text: &str) -> Option<Self> {
        Some(Self::from(text))
    }
}

impl Lenient for Timestamp {
    fn of_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Lenient for u64 {
    fn of_unsigned(number: u64) -> Option<Self> {
        Some(number)
    }
}

impl Lenient for u32 {
    fn of_unsigned(number: u64) -> Option<Self> {
        number.try_into().ok()
    }
}

impl Lenient for f64 {
    fn of_unsigned(number: u64) -> Option<Self> {
        Some(number as Self)
    }

    fn of_float(number: f64) -> Option<Self> {
        Some(number)
    }
}

impl Lenient for bool {
    fn of_flag(flag: bool) -> Option<Self> {
        Some(flag)
    }
}

impl<T: Lenient> Lenient for Vec<T> {
    fn of_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        let mut entries = Self::new();
        while let Some(Leniently(entry)) = list.next_element()? {
            entries.extend(entry);
        }
        Ok(Some(entries))
    }
}

impl<T: DeserializeOwned> Lenient for BTreeMap<String, T> {}

/// A value on its own that is read leniently.
pub(crate) struct Leniently<T>(pub(crate) Option<T>);

impl<'de, T: Lenient> Deserialize<'de> for Leniently<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient(deserializer).map(Self)
    }
}

struct Reader<T>(PhantomData<T>);

impl<'de, T: Lenient> Visitor<'de> for Reader<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(T::of_text(text))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(T::of_unsigned(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(T::of_float(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(T::of_float(number))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(T::of_flag(flag))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        T::of_list(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::of_map(map)
    }
}

/// A value that may not fit.
#[derive(Deserialize)]
#[serde(untagged)]
enum Field<T> {
    Known(T),
    Other(IgnoredAny),
}

impl<T> Field<T> {
    fn known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Other(_) => None,
        }
    }
}
