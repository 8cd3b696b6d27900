use std::path::{Path, PathBuf};

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};

use super::replacement::Replacement;
use crate::environment::Environment;
use crate::paths::resolve;
use crate::problem::Problem;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A file in JSON.
#[derive(Deserialize)]
pub(super) struct NewFile {
    path: String,
    /// Its text; without it and `data` the file is empty.
    content: Option<String>,
    /// Its bytes, in base64.
    data: Option<String>,
    mode: Option<u32>,
}

impl NewFile {
    /// Writes it; where it is then, and its size.
    pub(super) fn write(&self, environment: &Environment) -> Result<(PathBuf, usize), Problem> {
        let path = resolve(&self.path, environment)?;
        let decoded;
        let bytes = match (&self.content, &self.data) {
            (Some(_), Some(_)) => {
                let path = path.display();
                return Err(Problem::invalid(format!("{path} has `content` and `data`: send one of them")));
            }
            (content, None) => content.as_deref().unwrap_or_default().as_bytes(),
            (None, Some(data)) => {
                decoded = decode(data, &path)?;
                &decoded
            }
        };
        let mut replacement = Replacement::begin(&path, self.mode)?;
        replacement.write(bytes)?;
        replacement.commit()?;
        Ok((path, bytes.len()))
    }
}

fn decode(data: &str, path: &Path) -> Result<Vec<u8>, Problem> {
    let decoded = BASE64.decode(data);
    decoded.map_err(|error| Problem::invalid(format!("`data` of {} is not base64: {error}", path.display())))
}

/// What a route says of a file that it wrote.
#[derive(Serialize)]
pub(super) struct Written {
    path: String,
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl Written {
    pub(super) fn at(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default();
        Self { path: path.display().to_string(), name: name.to_string_lossy().into_owned(), kind: "file" }
    }
}
