use sandbar_protocol::{ErrorBody, RuntimeError};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::response::{Response, ResponseBuilder, ResponsesBuilder};
use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, OneOfBuilder, SchemaFormat};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, ContentBuilder, ObjectBuilder, Ref, RefOr, Required, Schema, Type};
use utoipa::{IntoParams, ToSchema};

use super::{ACCESS_TOKEN, ENVD};
use crate::http::sandboxes::SandboxId;

const JSON: &str = "application/json";
/// The content type of Connect's streams, whose frames have a JSON text each.
const FRAMES: &str = "application/connect+json";

/// One operation, as it comes together.
pub(super) struct Route {
    method: HttpMethod,
    path: &'static str,
    tag: &'static str,
    id: &'static str,
    summary: &'static str,
    description: Option<&'static str>,
    open: bool,
    signed: bool,
    parameters: Vec<Parameter>,
    body: Option<RequestBody>,
    answers: Vec<(u16, Response)>,
    schemas: Vec<(String, RefOr<Schema>)>,
}

impl Route {
    pub(super) fn get(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(HttpMethod::Get, path, id, summary)
    }

    pub(super) fn post(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(HttpMethod::Post, path, id, summary)
    }

    pub(super) fn new(method: HttpMethod, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        let mut schemas = Vec::new();
        add::<RuntimeError>(&mut schemas);
        add::<ErrorBody>(&mut schemas);
        Self {
            method,
            path,
            tag: "Runtime",
            id,
            summary,
            description: None,
            open: false,
            signed: false,
            parameters: SandboxId::into_params(|| None),
            body: None,
            answers: Vec::new(),
            schemas,
        }
    }

    pub(super) fn about(mut self, description: &'static str) -> Self {
        self.description = Some(description);
        self
    }

    /// It needs no token.
    pub(super) fn open(mut self) -> Self {
        self.open = true;
        self
    }

    /// A signature in the query does in place of the token.
    pub(super) fn signed(mut self) -> Self {
        self.signed = true;
        self.query("username", "The user that was signed; `root` is the only one", text().pattern(Some("^(root)?$")))
            .query("signature", "In place of the token: `v1_…`, as the engine's page has it", text())
            .query("signature_expiration", "When the signature ends, in Unix seconds", integer(0))
    }

    pub(super) fn in_path(self, name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Self {
        self.parameter(ParameterIn::Path, name, description, schema)
    }

    pub(super) fn query(self, name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Self {
        self.parameter(ParameterIn::Query, name, description, schema)
    }

    fn parameter(
        mut self,
        place: ParameterIn,
        name: &str,
        description: &str,
        schema: impl Into<RefOr<Schema>>,
    ) -> Self {
        let required = if place == ParameterIn::Path { Required::True } else { Required::False };
        let parameter = ParameterBuilder::new().name(name).parameter_in(place).required(required);
        self.parameters.push(parameter.description(Some(description)).schema(Some(schema)).build());
        self
    }

    /// The parameter `path`, without which there is nothing to do.
    pub(super) fn needs_path(mut self) -> Self {
        self = self.query("path", "A path in the sandbox, absolute or from the workspace on", path_text());
        if let Some(parameter) = self.parameters.last_mut() {
            parameter.required = Required::True;
        }
        self
    }

    /// A JSON body.
    pub(super) fn takes<T: ToSchema>(self) -> Self {
        let content = reference::<T>();
        self.schema::<T>().takes_content(JSON, content)
    }

    /// A JSON body of a call that answers with a stream, which may as well come in a frame.
    pub(super) fn takes_streaming<T: ToSchema>(self) -> Self {
        self.takes::<T>().takes_content(FRAMES, ContentBuilder::new().schema(Some(bytes())).build())
    }

    pub(super) fn takes_content(mut self, content_type: &str, content: Content) -> Self {
        let body = self.body.take().unwrap_or_default();
        let body: RequestBodyBuilder = body.into();
        self.body = Some(body.required(Some(Required::True)).content(content_type, content).build());
        self
    }

    /// An empty body means something as well.
    pub(super) fn or_nothing(mut self) -> Self {
        if let Some(body) = &mut self.body {
            body.required = Some(Required::False);
        }
        self
    }

    /// The answer with a JSON text.
    pub(super) fn answers<T: ToSchema>(self, description: &'static str) -> Self {
        let response = ResponseBuilder::new().description(description).content(JSON, reference::<T>());
        self.schema::<T>().says(200, response.build())
    }

    /// The answer with a list of these.
    pub(super) fn answers_list<T: ToSchema>(self, description: &'static str) -> Self {
        let list = ArrayBuilder::new().items(Ref::from_schema_name(T::name()));
        let content = ContentBuilder::new().schema(Some(list)).build();
        let response = ResponseBuilder::new().description(description).content(JSON, content);
        self.schema::<T>().says(200, response.build())
    }

    /// The answer that is a stream of these.
    pub(super) fn streams<T: ToSchema>(self, description: &'static str) -> Self {
        let frames = ContentBuilder::new().item_schema(Some(Ref::from_schema_name(T::name()))).build();
        let response = ResponseBuilder::new().description(description).content(FRAMES, frames);
        self.schema::<T>().says(200, response.build())
    }

    /// The answer with bytes.
    pub(super) fn answers_bytes(self, status: u16, description: &'static str) -> Self {
        let content = ContentBuilder::new().schema(Some(bytes())).build();
        let response = ResponseBuilder::new().description(description).content("application/octet-stream", content);
        self.says(status, response.build())
    }

    /// The answer with nothing in it.
    pub(super) fn answers_nothing(self, status: u16, description: &'static str) -> Self {
        self.says(status, ResponseBuilder::new().description(description).build())
    }

    /// An error.
    pub(super) fn refuses(self, status: u16, description: &'static str) -> Self {
        let response = ResponseBuilder::new().description(description).content(JSON, reference::<RuntimeError>());
        self.says(status, response.build())
    }

    /// The error of a path that is not there, or may not be used.
    pub(super) fn refuses_paths(self) -> Self {
        self.refuses(403, "`permission_denied`: it is read-only, or not the sandbox user's")
            .refuses(404, "`not_found`: there is no such path, or no such sandbox")
    }

    /// The errors of writing.
    pub(super) fn refuses_writes(self) -> Self {
        self.refuses_paths()
            .refuses(409, "`already_exists`; `failed_precondition`: the sandbox does not run")
            .refuses(507, "`resource_exhausted`: the sandbox's disk is full")
    }

    pub(super) fn says(mut self, status: u16, response: Response) -> Self {
        self.answers.push((status, response));
        self
    }

    fn schema<T: ToSchema>(mut self) -> Self {
        add::<T>(&mut self.schemas);
        self
    }

    pub(super) fn schemas(&self) -> Vec<(String, RefOr<Schema>)> {
        self.schemas.clone()
    }

    /// Its place in the document, with what holds for all of these.
    pub(super) fn into_item(mut self) -> (String, PathItem) {
        let known: Vec<u16> = self.answers.iter().map(|(status, _)| *status).collect();
        let usual = [
            (404, "`sandbox_not_found`: there is no such sandbox"),
            (409, "`failed_precondition`: the sandbox does not run"),
            (502, "`unavailable`: the agent, or the program that is asked for, does not answer"),
        ];
        for (status, description) in usual.into_iter().filter(|(status, _)| !known.contains(status)) {
            self = self.refuses(status, description);
        }
        let either = OneOfBuilder::new()
            .item(Ref::from_schema_name(RuntimeError::name()))
            .item(Ref::from_schema_name(ErrorBody::name()));
        let content = ContentBuilder::new().schema(Some(either)).build();
        let invalid =
            "`invalid_argument`: the message names the field and the way out; as `ErrorBody` if it is the sandbox's ID";
        self = self.says(400, ResponseBuilder::new().description(invalid).content(JSON, content).build());
        self = self.refuses(500, "`internal`: the system, or the engine's store, failed");
        let token = SecurityRequirement::new(ACCESS_TOKEN, [""; 0]);
        let mut security = vec![if self.open { SecurityRequirement::default() } else { token }];
        if self.signed {
            security.push(SecurityRequirement::default());
        }
        if !self.open {
            self = self.refuses(401, "`unauthenticated`: no access token, or a wrong one; a resume makes a new one");
        }
        let answers = self.answers.into_iter().map(|(status, response)| (status.to_string(), response));
        let operation = OperationBuilder::new()
            .tag(self.tag)
            .operation_id(Some(self.id))
            .summary(Some(self.summary))
            .description(self.description)
            .parameters(Some(self.parameters))
            .request_body(self.body)
            .responses(ResponsesBuilder::new().responses_from_iter(answers))
            .securities(Some(security));
        (format!("{ENVD}{}", self.path), PathItem::new(self.method, operation))
    }
}

fn add<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    T::schemas(schemas);
    schemas.push((T::name().into_owned(), T::schema()));
}

fn reference<T: ToSchema>() -> Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name(T::name()))).build()
}

pub(super) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// What can be a path.
pub(super) fn path_text() -> ObjectBuilder {
    text().min_length(Some(1)).pattern(Some(r"^[^\u0000]+$"))
}

pub(super) fn integer(minimum: i64) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(minimum as f64))
}

pub(super) fn bytes() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
}

/// An answer with a JSON text.
pub(super) fn json<T: ToSchema>(description: &str) -> Response {
    ResponseBuilder::new().description(description).content(JSON, reference::<T>()).build()
}
