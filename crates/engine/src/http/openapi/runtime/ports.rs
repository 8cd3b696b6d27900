use utoipa::openapi::ContentBuilder;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::response::ResponseBuilder;

use super::route::{Route, bytes, integer};

pub(super) fn routes() -> Vec<Route> {
    vec![
        port(HttpMethod::Get, "getFromPort", "Ask a program of the sandbox"),
        port(HttpMethod::Post, "postToPort", "Send to a program of the sandbox")
            .takes_content("application/octet-stream", ContentBuilder::new().schema(Some(bytes())).build()),
    ]
}

fn port(method: HttpMethod, id: &'static str, summary: &'static str) -> Route {
    let answer = ContentBuilder::new().schema(Some(bytes())).build();
    let answer =
        ResponseBuilder::new().description("Whatever the program says, with any status").content("*/*", answer);
    Route::new(method, "/proxy/{port}/", id, summary)
        .about(
            "Every method and every path below goes to the program that listens on the port, with WebSocket and other \
             upgrades; answers are passed on as they are. `http://{port}-{sandboxID}.localhost` is the same place, with \
             an origin of its own.",
        )
        .in_path("port", "A port of the sandbox's loopback", integer(1).maximum(Some(65535.0)))
        .says(200, answer.build())
}
