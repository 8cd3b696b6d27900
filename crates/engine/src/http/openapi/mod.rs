//! `GET /openapi.json`: the routes as they describe themselves, and what holds for many of them at once.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use sandbar_protocol::ErrorBody;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr, Required, Schema};
use utoipa::{OpenApi, PartialSchema, ToSchema};

mod runtime;

use super::App;
use super::sandboxes::SANDBOX_ID;

const DESCRIPTION: &str = "\
Starts, pauses, resumes and deletes isolated sandboxes on one machine. Times are RFC 3339 in UTC, lifecycle durations are \
whole seconds, sizes have their unit in their name. Unknown fields of a body are refused; unknown parameters of a query are \
not looked at. Errors are `ErrorBody`, whatever the route; a route that exists answers another method with 405 and `Allow`.\n\n\
What runs in a sandbox is reached at its `envdUrl`, `/envd/{sandboxID}`, with its access token: the engine passes these \
requests on to the sandbox's agent. Errors there are `RuntimeError`.\n\n\
The same routes are served without `/api/v1`, and under `/api/v1/sandbox` and `/api/sandbox/v1`, for clients that expect \
them there.";

/// Where all fields are optional, so is the body.
const BODY_IS_OPTIONAL: [&str; 3] = ["createSandbox", "connectSandbox", "refreshSandbox"];

#[derive(OpenApi)]
#[openapi(
    info(title = "Sandbar engine", description = DESCRIPTION),
    components(schemas(ErrorBody)),
    security(("apiKey" = []), ("bearer" = [])),
    tags(
        (name = "Sandboxes", description = "The lifecycle of sandboxes"),
        (name = "Templates", description = "What sandboxes are made from"),
        (name = "Observability", description = "How sandboxes and the engine do"),
        (name = "Runtime", description = "What runs in a sandbox: files, processes, ports"),
        (name = "Engine", description = "The engine itself"),
    )
)]
struct Frame;

/// GET /openapi.json
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "Engine",
    operation_id = "getOpenapi",
    summary = "Read this document",
    security(()),
    responses((status = 200, description = "This document", body = serde_json::Value))
)]
pub(super) async fn openapi(State(app): State<App>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], app.document)
}

/// The document of the routes outside of the API and, under its prefix, of the API.
pub(super) fn document(engine: Document, prefix: &str, api: Document) -> Bytes {
    let mut document = Frame::openapi().merge_from(engine).nest(prefix, api);
    if let Some(components) = &mut document.components {
        let key = ApiKeyValue::with_description("X-API-Key", "The key that the engine was started with or printed");
        components.add_security_scheme("apiKey", SecurityScheme::ApiKey(ApiKey::Header(key)));
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("The same key"));
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
    }
    for schema in document.components.iter_mut().flat_map(|components| components.schemas.values_mut()) {
        forget_defaults(schema);
    }
    for item in document.paths.paths.values_mut() {
        operations(item).for_each(complete);
    }
    runtime::describe(&mut document);
    document.to_pretty_json().unwrap_or_default().into()
}

/// What a client takes an absent field of an answer for says nothing about the engine, which sends it.
fn forget_defaults(schema: &mut RefOr<Schema>) {
    let RefOr::T(Schema::Object(object)) = schema else { return };
    if object.additional_properties.is_some() {
        return;
    }
    for property in object.properties.values_mut() {
        match property {
            RefOr::T(Schema::Object(object)) => object.default = None,
            RefOr::T(Schema::Array(array)) => array.default = None,
            RefOr::T(Schema::OneOf(one_of)) => one_of.default = None,
            _ => {}
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.delete].into_iter().flatten()
}

/// Adds what follows from the kind of an operation.
fn complete(operation: &mut Operation) {
    let optional_body = operation.operation_id.as_deref().is_some_and(|id| BODY_IS_OPTIONAL.contains(&id));
    let open = operation.security.is_some();
    let parameters = operation.parameters.get_or_insert_default();
    // A query that names one selects: what does not exist is not selected.
    let in_path = |it: &Parameter| it.name == SANDBOX_ID && it.parameter_in == ParameterIn::Path;
    let names_sandbox = parameters.iter().any(|parameter| matches!(parameter, RefOr::T(it) if in_path(it)));
    let checked = !parameters.is_empty() || operation.request_body.is_some();
    parameters.push(header_parameter("X-Request-ID", "A name for the request; a new one is made unless it is given"));
    if !open {
        parameters.push(header_parameter(
            "X-Project-ID",
            "A create belongs to it, and lists have only what belongs to it; without, they have all",
        ));
        refusal(operation, 401, "`unauthorized`: no API key, or a wrong one");
        refusal(operation, 500, "`store_failed`, `record_unreadable`, `runtime_error`: the engine's own failure");
        refusal(
            operation,
            503,
            "`shutting_down`: the engine shuts down; `logs_unavailable`: a log cannot be read at the moment",
        );
    }
    if checked {
        refusal(operation, 400, "`invalid_request`: the message names the field and the way out");
    }
    if names_sandbox {
        refusal(operation, 404, "`sandbox_not_found`: it is not known, or deleted");
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        body.required = Some(if optional_body { Required::False } else { Required::True });
        refusal(operation, 413, "`body_too_large`: more than 1 MiB");
    }
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            let id = HeaderBuilder::new().schema(Some(String::schema())).description(Some("The request's name"));
            response.headers.insert("X-Request-ID".to_owned(), id.build().into());
        }
    }
}

fn header_parameter(name: &str, description: &str) -> RefOr<Parameter> {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(String::schema()))
        .build()
        .into()
}

/// Adds an error, unless the route describes it by itself.
fn refusal(operation: &mut Operation, status: u16, description: &str) {
    let response = || {
        let body = ContentBuilder::new().schema(Some(Ref::from_schema_name(ErrorBody::name()))).build();
        ResponseBuilder::new().description(description).content("application/json", body).build()
    };
    operation.responses.responses.entry(status.to_string()).or_insert_with(|| RefOr::<Response>::T(response()));
}
