//! What a service makes up: IDs, tokens and a request's fingerprint.

use sandbar_protocol::Secret;
use serde::Serialize;
use sha2::{Digest, Sha256};

pub(super) fn new_id() -> String {
    const CHARS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    // Lower-case letters and digits only: an ID can stand in a host name.
    let bytes = uuid::Uuid::new_v4().into_bytes();
    let more = uuid::Uuid::new_v4().into_bytes();
    let chars = bytes.iter().chain(&more).map(|byte| char::from(CHARS[usize::from(*byte) % CHARS.len()]));
    format!("sb-{}", chars.take(20).collect::<String>())
}

pub(super) fn new_token() -> Secret {
    Secret::new(format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple()))
}

pub(super) fn hash(request: &impl Serialize) -> [u8; 32] {
    // Maps are sorted: the same request has the same text.
    let text = serde_json::to_vec(request).unwrap_or_default();
    Sha256::digest(text).into()
}
