//! The native addon.
