//! What the fuzz targets reach of the inside. It is no part of the interface.

pub use crate::http::fuzz::*;
