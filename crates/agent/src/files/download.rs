//! `GET /files`: a file, or a part of it, to be saved.

use std::path::Path;
use std::time::SystemTime;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use super::range::{Wanted, wanted};
use super::raw::PathQuery;
use super::source::{Source, open_source};
use crate::paths::resolve;
use crate::problem::Problem;
use crate::query::Query;
use crate::server::Agent;

/// GET /files
pub(super) async fn download(
    State(agent): State<Agent>,
    Query(query): Query<PathQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let path = resolve(query.needed()?, &agent.environment)?;
    let source = open_source(path.clone()).await?;
    let version = Version::of(&source);
    let mut response = match asked_part(&headers, &source, &version) {
        Wanted::All => ([(header::CONTENT_LENGTH, source.size().to_string())], source.into_body()).into_response(),
        Wanted::Part { start, length } => {
            let range = format!("bytes {start}-{}/{}", start + length - 1, source.size());
            let headers = [(header::CONTENT_LENGTH, length.to_string()), (header::CONTENT_RANGE, range)];
            (StatusCode::PARTIAL_CONTENT, headers, source.into_part(start, length)).into_response()
        }
        Wanted::Beyond => {
            let size = source.size();
            let problem = Problem::range(format!("{} has {size} bytes: the range begins after them", path.display()));
            return Ok(([(header::CONTENT_RANGE, format!("bytes */{size}"))], problem).into_response());
        }
    };
    let described = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, disposition(&path)),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::ETAG, version.tag),
        (header::LAST_MODIFIED, version.date),
    ];
    for (name, value) in described {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

/// The part that is asked for, unless it is one of another version of the file.
fn asked_part(headers: &HeaderMap, source: &Source, version: &Version) -> Wanted {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let fits = text(header::IF_RANGE).is_none_or(|known| known == version.tag || known == version.date);
    text(header::RANGE).filter(|_| fits).map_or(Wanted::All, |range| wanted(range, source.size()))
}

/// What tells one content of a file from another.
struct Version {
    tag: String,
    date: String,
}

impl Version {
    fn of(source: &Source) -> Self {
        let modified = source.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let modified = Timestamp::try_from(modified).unwrap_or_default();
        let tag = format!("\"{:x}-{:x}\"", modified.as_nanosecond(), source.size());
        // Years before 0 have no such date; no header is said then.
        let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&modified).unwrap_or_default();
        Self { tag, date }
    }
}

/// Tells to save the file under its name: RFC 5987, and for old clients in ASCII.
fn disposition(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let plain: String =
        name.chars().map(|c| if matches!(c, ' '..='~') && c != '"' && c != '\\' { c } else { '_' }).collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_in_ascii_and_as_it_is() {
        assert_eq!(
            disposition(Path::new("/a/ü \"x\".txt")),
            "attachment; filename=\"_ _x_.txt\"; filename*=UTF-8''%C3%BC%20%22x%22.txt"
        );
    }
}
