use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};

/// A field of an answer that may be of a shape that this version does not know.
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

/// Reads an answer's field that may be absent, null, or of a shape that this version does not know: all three are `None`.
pub(crate) fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    Ok(Field::deserialize(deserializer)?.known())
}

/// Reads a list field, leaving out the entries that can't be read.
pub(crate) fn lenient_list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let entries = Field::<Vec<Field<T>>>::deserialize(deserializer)?.known().unwrap_or_default();
    Ok(entries.into_iter().filter_map(Field::known).collect())
}
