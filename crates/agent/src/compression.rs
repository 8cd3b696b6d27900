//! Compressed bodies: gzip is unpacked as it comes, so that a limit of a route counts the unpacked bytes.

use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use tower_http::decompression::RequestDecompressionLayer;

use crate::problem::Problem;

/// The layer that unpacks.
pub(crate) fn gunzip() -> RequestDecompressionLayer {
    RequestDecompressionLayer::new()
}

/// A layer that refuses any other encoding, in words.
pub(crate) async fn only_gzip(request: Request, next: Next) -> Result<Response, Problem> {
    let encoding = request.headers().get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding != "gzip" && encoding != "identity") {
        return Err(Problem::unsupported(format!(
            "Content-Encoding {encoding:?} is not taken: send the body in gzip, or as it is",
            encoding = encoding.map(|value| String::from_utf8_lossy(value.as_bytes())).unwrap_or_default(),
        )));
    }
    Ok(next.run(request).await)
}
