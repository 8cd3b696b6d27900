//! The dashboard: a page that holds no data, so that it needs no key, and that may do little.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sandbar_dashboard::File;

use super::App;
use super::problem::Problem;

/// What holds for the page, whatever gets into it: scripts, styles and data of this origin alone, in no one's frame.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];
const NOT_BUILT: &str =
    "This build of Sandbar has no dashboard: `npm run build` in its repository builds one, and the engine with it.\n";

/// Nothing but the page's files, each at its own path.
pub(super) fn routes() -> Router<App> {
    Router::new().route("/", get(index)).route("/favicon.svg", get(file)).route("/assets/{*file}", get(file))
}

async fn index(headers: HeaderMap) -> Response {
    let index = sandbar_dashboard::find("/index.html");
    index.map_or_else(|| (StatusCode::NOT_FOUND, NOT_BUILT).into_response(), |index| answer(index, &headers))
}

async fn file(request: Request) -> Response {
    let file = sandbar_dashboard::find(request.uri().path());
    file.map_or_else(|| Problem::no_route().into_response(), |file| answer(file, request.headers()))
}

fn answer(file: &'static File, asked: &HeaderMap) -> Response {
    let mut response = if has(asked, file.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let (encoding, bytes) = form(file, asked);
        let encoding = encoding.map(|encoding| [(header::CONTENT_ENCODING, encoding)]);
        ([(header::CONTENT_TYPE, file.content_type)], encoding, bytes).into_response()
    };
    let caching = if file.is_hashed() { "public, max-age=31536000, immutable" } else { "no-cache" };
    let more = [(header::ETAG, file.etag), (header::CACHE_CONTROL, caching), (header::VARY, "accept-encoding")];
    let headers = more.into_iter().chain(HEADERS);
    response.headers_mut().extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

/// Whether the client has this one already.
fn has(asked: &HeaderMap, etag: &str) -> bool {
    words(asked, header::IF_NONE_MATCH).any(|known| known == "*" || known == etag)
}

/// The smallest form that the client takes, and how it is encoded.
fn form(file: &File, asked: &HeaderMap) -> (Option<&'static str>, &'static [u8]) {
    let takes = |encoding: &str| words(asked, header::ACCEPT_ENCODING).any(|offer| is_offer_of(encoding, offer));
    match file {
        File { brotli: Some(bytes), .. } if takes("br") => (Some("br"), bytes),
        File { gzip: Some(bytes), .. } if takes("gzip") => (Some("gzip"), bytes),
        _ => (None, file.plain),
    }
}

/// Whether `offer`, as `gzip;q=0.8`, has this encoding and does not forbid it.
fn is_offer_of(encoding: &str, offer: &str) -> bool {
    let (name, parameters) = offer.split_once(';').unwrap_or((offer, ""));
    let parameters = parameters.trim().to_ascii_lowercase();
    let quality = parameters.strip_prefix("q=").and_then(|quality| quality.trim().parse::<f32>().ok());
    name.trim().eq_ignore_ascii_case(encoding) && quality.is_none_or(|quality| quality > 0.0)
}

fn words(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    const SCRIPT: File = File {
        path: "/assets/index-1a2b.js",
        content_type: "text/javascript; charset=utf-8",
        etag: "W/\"1a2b\"",
        plain: b"plain",
        gzip: Some(b"gz"),
        brotli: Some(b"br"),
    };
    const INDEX: File = File { path: "/index.html", gzip: None, brotli: None, ..SCRIPT };

    fn asked(file: &'static File, name: HeaderName, value: &'static str) -> Response {
        answer(file, &HeaderMap::from_iter([(name, HeaderValue::from_static(value))]))
    }

    async fn body(response: Response) -> Vec<u8> {
        response.into_body().collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default()
    }

    #[tokio::test]
    async fn the_smallest_form_that_the_client_takes_is_sent() {
        for (accepted, encoding, bytes) in [
            ("gzip, deflate, br, zstd", Some("br"), "br"),
            ("gzip;q=1.0, br;q=0", Some("gzip"), "gz"),
            ("GZIP ; q=0.5", Some("gzip"), "gz"),
            ("brotli, identity", None, "plain"),
            ("", None, "plain"),
        ] {
            let response = asked(&SCRIPT, header::ACCEPT_ENCODING, accepted);
            let sent = response.headers().get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok());
            assert_eq!((sent, &response.headers()[header::VARY]), (encoding, &"accept-encoding".parse().unwrap()));
            assert_eq!(body(response).await, bytes.as_bytes(), "{accepted}");
        }
        let response = asked(&INDEX, header::ACCEPT_ENCODING, "br, gzip");
        assert!(response.headers().get(header::CONTENT_ENCODING).is_none(), "it has no such form");
    }

    #[tokio::test]
    async fn what_the_client_has_already_is_not_sent_again() {
        for (known, status) in [("W/\"x\", W/\"1a2b\"", 304), ("*", 304), ("W/\"x\"", 200), ("1a2b", 200)] {
            let response = asked(&SCRIPT, header::IF_NONE_MATCH, known);
            assert_eq!(
                (response.status().as_u16(), &response.headers()[header::ETAG]),
                (status, &"W/\"1a2b\"".parse().unwrap())
            );
            assert_eq!(body(response).await.is_empty(), status == 304, "{known}");
        }
    }

    #[test]
    fn hashed_files_are_kept_for_good_and_the_page_is_asked_for_anew() {
        let caching = |file| asked(file, header::ACCEPT, "*/*").headers()[header::CACHE_CONTROL].clone();
        assert_eq!(caching(&SCRIPT), "public, max-age=31536000, immutable");
        assert_eq!(caching(&INDEX), "no-cache");
    }

    #[test]
    fn every_answer_says_how_little_the_page_may_do() {
        for (name, value) in [(header::ACCEPT, "*/*"), (header::IF_NONE_MATCH, "*")] {
            let response = asked(&INDEX, name, value);
            for (name, value) in HEADERS {
                assert_eq!(response.headers()[name], value);
            }
        }
        let (_, policy) = HEADERS[0].clone();
        assert!(!policy.contains("unsafe") && !policy.contains("http:") && !policy.contains('*'), "{policy}");
    }
}
