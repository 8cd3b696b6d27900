//! Compressed bodies: gzip is unpacked as it comes, so that a limit of a route counts the unpacked bytes.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::decompression::RequestDecompressionLayer;

use crate::problem::Problem;

/// The layer that unpacks what is named exactly `gzip`.
pub(crate) fn gunzip() -> RequestDecompressionLayer {
    RequestDecompressionLayer::new()
}

/// A layer that names gzip so, however the client writes it (RFC 9110), and refuses any other encoding.
pub(crate) async fn only_gzip(mut request: Request, next: Next) -> Result<Response, Problem> {
    let encodings = encodings(request.headers());
    request.headers_mut().remove(header::CONTENT_ENCODING);
    match encodings.as_slice() {
        [] => {}
        [encoding] if encoding == "gzip" || encoding == "x-gzip" => {
            request.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        others => {
            let others = others.join(", ");
            let message = format!("Content-Encoding {others} is not taken: send the body in gzip, or as it is");
            return Err(Problem::unsupported(message));
        }
    }
    Ok(next.run(request).await)
}

/// All that were applied, in small letters; `identity` is none.
fn encodings(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::CONTENT_ENCODING).iter();
    let texts: Vec<String> =
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase()).collect();
    let tokens = texts.iter().flat_map(|text| text.split(',')).map(str::trim);
    tokens.filter(|token| !token.is_empty() && *token != "identity").map(str::to_owned).collect()
}
