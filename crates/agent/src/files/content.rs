//! `GET /files/content`: what a model reads of a file.

use std::io::Read;
use std::path::Path;

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::source::open;
use crate::blocking::blocking;
use crate::paths::resolve;
use crate::problem::Problem;
use crate::query::Query;
use crate::server::Agent;

const DEFAULT_TOKENS: usize = 25_000;
/// More are cut to this: an answer has to fit into memory.
const MAX_TOKENS: usize = 1_000_000;
const CHARS_PER_TOKEN: usize = 4;
const MAX_CHAR_BYTES: usize = 4;
const MAX_IMAGE_BYTES: u64 = 20 * 1024 * 1024;
/// A text may have one broken character in so many.
const BROKEN_SHARE: usize = 10;

#[derive(Deserialize)]
pub(super) struct ContentQuery {
    path: Option<String>,
    max_tokens: Option<usize>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum FileContent {
    Text { content: String, truncated: bool },
    Image { mime_type: &'static str, data: String },
}

/// GET /files/content
pub(super) async fn read(
    State(agent): State<Agent>,
    Query(query): Query<ContentQuery>,
) -> Result<Json<FileContent>, Problem> {
    let path = query.path.ok_or_else(|| Problem::invalid("`path` is missing in the query: add ?path=…"))?;
    let path = resolve(&path, &agent.environment)?;
    let tokens = query.max_tokens.unwrap_or(DEFAULT_TOKENS).min(MAX_TOKENS);
    if tokens == 0 {
        return Err(Problem::invalid("`max_tokens` is 0: ask for at least 1, or leave it out"));
    }
    blocking(move || read_content(&path, tokens * CHARS_PER_TOKEN)).await.map(Json)
}

fn read_content(path: &Path, max_chars: usize) -> Result<FileContent, Problem> {
    let failed = |error| Problem::of_path(&error, "read", path);
    let (mut file, metadata) = open(path)?;
    // So many that a longer file has a character too many.
    let enough = max_chars * MAX_CHAR_BYTES + 1;
    let mut bytes = Vec::new();
    (&mut file).take(enough as u64).read_to_end(&mut bytes).map_err(failed)?;
    if let Some(mime_type) = image_type(&bytes) {
        let size = metadata.len();
        if size > MAX_IMAGE_BYTES {
            return Err(Problem::invalid(format!(
                "{} is an image of {size} bytes: {MAX_IMAGE_BYTES} are the most, download it by GET /files instead",
                path.display()
            )));
        }
        file.take(MAX_IMAGE_BYTES).read_to_end(&mut bytes).map_err(failed)?;
        return Ok(FileContent::Image { mime_type, data: BASE64_STANDARD.encode(bytes) });
    }
    text(&bytes, max_chars).ok_or_else(|| {
        Problem::invalid(format!(
            "{} is neither a text nor an image (png, jpeg, gif, webp): download it by GET /files instead",
            path.display()
        ))
    })
}

fn image_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

/// The text, unless it is none: one has no NUL, and few bytes that are not UTF-8.
fn text(bytes: &[u8], max_chars: usize) -> Option<FileContent> {
    if bytes.contains(&0) {
        return None;
    }
    let decoded = String::from_utf8_lossy(bytes);
    let broken = decoded.matches(char::REPLACEMENT_CHARACTER).count();
    if broken * BROKEN_SHARE > decoded.chars().count() {
        return None;
    }
    let end = decoded.char_indices().nth(max_chars).map(|(end, _)| end);
    let content = decoded[..end.unwrap_or(decoded.len())].to_owned();
    Some(FileContent::Text { content, truncated: end.is_some() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(bytes: &[u8], max_chars: usize) -> Option<(String, bool)> {
        match text(bytes, max_chars)? {
            FileContent::Text { content, truncated } => Some((content, truncated)),
            FileContent::Image { .. } => None,
        }
    }

    #[test]
    fn a_text_is_cut_at_a_character() {
        assert_eq!(read_text("äöü€".as_bytes(), 3), Some(("äöü".to_owned(), true)));
        assert_eq!(read_text("äöü€".as_bytes(), 4), Some(("äöü€".to_owned(), false)));
    }

    #[test]
    fn a_few_broken_bytes_are_replaced_and_many_are_no_text() {
        assert_eq!(read_text(b"0123456789012345\xff", 100), Some(("0123456789012345\u{fffd}".to_owned(), false)));
        assert_eq!(read_text(b"\xff\xfe\xfd\xfctext", 100), None);
        assert_eq!(read_text(b"text\0text", 100), None);
    }
}
