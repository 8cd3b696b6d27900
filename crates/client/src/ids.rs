//! Random IDs.

use std::sync::{Mutex, PoisonError};

use uuid::{Builder, Bytes, Uuid};

/// How many are drawn from the system at once: each time costs as much as making a request does.
const DRAWN: usize = 32;

static LEFT: Mutex<Vec<Bytes>> = Mutex::new(Vec::new());

/// A new random UUID.
pub(crate) fn new_id() -> Uuid {
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    if left.is_empty() {
        let mut bytes = [Bytes::default(); DRAWN];
        if getrandom::fill(bytes.as_flattened_mut()).is_err() {
            // It says what is wrong.
            return Uuid::new_v4();
        }
        left.extend(bytes);
    }
    left.pop().map_or_else(Uuid::new_v4, |bytes| Builder::from_random_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_random_and_differ() {
        let ids: HashSet<_> = (0..1_000).map(|_| new_id()).collect();
        assert_eq!(ids.len(), 1_000);
        assert!(ids.iter().all(|id| id.get_version_num() == 4));
    }
}
