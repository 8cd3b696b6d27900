//! Removes directory trees of any depth: with a constant stack, few descriptors, and by no path.
//!
//! `std::fs::remove_dir_all` recurses and holds a descriptor for each level: a deep tree, which anybody can make,
//! overflows the stack of its caller or exhausts its descriptors.

mod remove;

pub use remove::remove;
