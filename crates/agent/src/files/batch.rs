//! `POST /files/batch`: many small files at once.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::body::{parse, whole};
use super::new_file::NewFile;
use crate::blocking::blocking;
use crate::environment::Environment;
use crate::problem::Problem;
use crate::server::Agent;

#[derive(Deserialize)]
struct BatchRequest {
    files: Vec<NewFile>,
}

#[derive(Serialize)]
pub(super) struct BatchResponse {
    files: Vec<BatchWritten>,
}

#[derive(Serialize)]
struct BatchWritten {
    path: String,
    bytes_written: usize,
}

/// POST /files/batch
pub(super) async fn write(State(agent): State<Agent>, body: Body) -> Result<Json<BatchResponse>, Problem> {
    let body = whole(body).await?;
    // Reading the JSON of many files takes its time as well.
    blocking(move || write_all(&parse::<BatchRequest>(&body)?.files, &agent.environment)).await.map(Json)
}

fn write_all(files: &[NewFile], environment: &Environment) -> Result<BatchResponse, Problem> {
    let mut written = Vec::with_capacity(files.len());
    for file in files {
        let before = written.len();
        let (path, bytes_written) = file.write(environment).map_err(|problem| {
            problem.noting(&format!("file {} of {}; written before it: {before}", before + 1, files.len()))
        })?;
        written.push(BatchWritten { path: path.display().to_string(), bytes_written });
    }
    Ok(BatchResponse { files: written })
}

#[cfg(feature = "fuzz")]
pub(super) fn is_request(body: &[u8]) -> bool {
    parse::<BatchRequest>(body).is_ok()
}
