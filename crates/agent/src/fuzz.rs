//! What the fuzz targets reach of the inside. It is no part of the interface.

use std::collections::BTreeMap;

use sandbar_protocol::RunRequest;

use crate::connect::{Decoder, Frame};
use crate::environment::Environment;
use crate::{files, paths, process};

/// The frames in these bytes, with whether each is the last one, and whether what follows can't be read.
pub fn frames(parts: &[&[u8]]) -> (Vec<(bool, Vec<u8>)>, bool) {
    let mut decoder = Decoder::default();
    let mut frames = Vec::new();
    for part in parts {
        decoder.push(part);
        loop {
            match decoder.next() {
                Ok(Some(frame)) => frames.push((frame.is_end, frame.payload)),
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
    }
    (frames, false)
}

/// The bytes of a message.
pub fn message(payload: &[u8]) -> Vec<u8> {
    Frame::message(payload)
}

/// What a path in a request stands for.
pub fn resolve(path: &str) -> Option<String> {
    let environment = Environment::new(&BTreeMap::new(), None);
    paths::resolve(path, &environment).ok()?.to_str().map(str::to_owned)
}

/// Start and length of the part of a file that a `Range` header asks for.
pub fn range(header: &str, size: u64) -> Option<(u64, u64)> {
    files::part_of(header, size)
}

/// Whether this is the JSON of a `Start`.
pub fn start_request(body: &[u8]) -> bool {
    process::is_start_request(body)
}

/// Whether this is the JSON of a `POST /run`.
pub fn run_request(body: &[u8]) -> bool {
    serde_json::from_slice::<RunRequest>(body).is_ok()
}

/// Whether this is the JSON of a `POST /files/batch`.
pub fn batch_request(body: &[u8]) -> bool {
    files::is_batch_request(body)
}
