use axum::body::Body;
use axum::http::{Request, header};
use serde_json::json;

use crate::sandbox::Sandbox;

#[tokio::test]
async fn root_and_nobody_in_particular_are_the_one_user() {
    let sandbox = Sandbox::new();
    sandbox.put("a", "x");
    for query in ["", "&username=root", "&username="] {
        assert_eq!(sandbox.get(&format!("/file?path=a{query}")).await.status, 200, "{query}");
    }
    for name in ["Basic cm9vdDo=", "Basic Og==", "Bearer x"] {
        let request = Request::get("/file?path=a").header(header::AUTHORIZATION, name);
        assert_eq!(sandbox.send(request.body(Body::empty()).expect("a request")).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn another_user_is_refused_on_every_route_of_files() {
    let sandbox = Sandbox::new();
    for uri in ["/file?path=a", "/files?path=a", "/files/content?path=a"] {
        sandbox.get(&format!("{uri}&username=bob")).await.refused(400, "invalid_argument", "no user \"bob\"");
    }
    for uri in ["/files/batch", "/files/compose", "/filesystem.Filesystem/Stat", "/filesystem.Filesystem/ListDir"] {
        let request = Request::post(uri).header(header::AUTHORIZATION, "Basic Ym9iOg==");
        let request = request.body(Body::from(json!({ "path": "." }).to_string())).expect("a request");
        sandbox.send(request).await.refused(400, "invalid_argument", "no user \"bob\"");
    }
}
