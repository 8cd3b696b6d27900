use std::collections::HashSet;
use std::ffi::OsStr;
use std::hash::{BuildHasher, RandomState};

/// The names in one folder. Their hashes are kept, as there may be many.
#[derive(Default)]
pub(super) struct Names {
    hasher: RandomState,
    hashes: HashSet<u64>,
}

impl Names {
    /// Whether it was not in there.
    pub(super) fn insert(&mut self, name: &OsStr) -> bool {
        self.hashes.insert(self.hasher.hash_one(name))
    }

    pub(super) fn remove(&mut self, name: &OsStr) {
        self.hashes.remove(&self.hasher.hash_one(name));
    }
}
