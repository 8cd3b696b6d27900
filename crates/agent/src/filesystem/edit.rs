use std::io::Read;
use std::path::Path;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::blocking::blocking;
use crate::connect::Unary;
use crate::files::{Replacement, open};
use crate::paths::resolve;
use crate::problem::Problem;
use crate::server::{Agent, MAX_BODY_BYTES};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EditRequest {
    path: String,
    old_text: String,
    new_text: Option<String>,
}

#[derive(Serialize)]
pub(super) struct EditResponse {
    message: String,
}

/// POST /filesystem.Filesystem/Edit
pub(super) async fn edit(
    State(agent): State<Agent>,
    Unary(request): Unary<EditRequest>,
) -> Result<Json<EditResponse>, Problem> {
    let path = resolve(&request.path, &agent.environment)?;
    if request.old_text.is_empty() {
        return Err(Problem::invalid("`oldText` is empty: pass the text that is to be replaced"));
    }
    let new_text = request.new_text.unwrap_or_default();
    blocking(move || replace_text(&path, &request.old_text, &new_text)).await.map(Json)
}

fn replace_text(path: &Path, old: &str, new: &str) -> Result<EditResponse, Problem> {
    let text = read_text(path)?;
    let shown = path.display();
    let Some(place) = text.find(old) else {
        return Err(Problem::not_found(format!("`oldText` is not in {shown}: read the file for its exact text")));
    };
    let count = occurrences(&text, old);
    if count > 1 {
        return Err(Problem::invalid(format!(
            "`oldText` is in {shown} {count} times: pass more of the text around it, so that it is there once"
        )));
    }
    let (before, after) = (&text[..place], &text[place + old.len()..]);
    let mut replacement = Replacement::begin(path, None)?;
    for part in [before, new, after] {
        replacement.write(part.as_bytes())?;
    }
    replacement.commit()?;
    Ok(EditResponse { message: format!("replaced 1 occurrence in {shown}") })
}

fn read_text(path: &Path) -> Result<String, Problem> {
    let (file, _) = open(path)?;
    let mut bytes = Vec::new();
    let read = file.take(MAX_BODY_BYTES as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| Problem::of_path(&error, "read", path))?;
    let path = path.display();
    if bytes.len() > MAX_BODY_BYTES {
        return Err(Problem::invalid(format!("{path} has more than {MAX_BODY_BYTES} bytes: edit it by a command")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        Problem::invalid(format!("{path} is no text in UTF-8, at byte {place}: write it as a whole instead"))
    })
}

/// How often it is there; places that overlap count as well, as any of them could be meant.
fn occurrences(text: &str, wanted: &str) -> usize {
    let step = wanted.chars().next().map_or(1, char::len_utf8);
    let mut count = 0;
    let mut rest = text;
    while let Some(place) = rest.find(wanted) {
        count += 1;
        rest = &rest[place + step..];
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_overlap_count_as_well() {
        assert_eq!(occurrences("aaa", "aa"), 2);
        assert_eq!(occurrences("äöäöä", "äöä"), 2);
        assert_eq!(occurrences("abc", "b"), 1);
        assert_eq!(occurrences("abc", "x"), 0);
    }
}
