//! Schemas of what has no type of its own: a sandbox as each route shows it, and texts with rules.

use utoipa::openapi::schema::{Object, ObjectBuilder};
use utoipa::openapi::{RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::{Envd, Sandbox, Secret};

/// What the engine says of every sandbox.
const ALWAYS: [&str; 8] = ["sandboxID", "templateID", "clientID", "status", "state", "startedAt", "endAt", "timeline"];
/// What it says more, outside of create and connect.
const MORE: [&str; 5] = ["cpuCount", "memoryMB", "diskSizeMB", "metadata", "lifecycle"];
const ENVD: [&str; 2] = ["envdAccessToken", "envdUrl"];

/// The answer of create and connect.
pub struct CreatedSandbox;

/// The answer of the detail.
pub struct SandboxDetail;

/// An entry of the list.
pub struct ListedSandbox;

/// A name in `envVars`.
pub struct EnvVarName;

/// A value in `envVars`.
pub struct EnvVarValue;

/// The name of a variable inside a sandbox, where more are taken.
pub struct VariableName;

impl PartialSchema for CreatedSandbox {
    fn schema() -> RefOr<Schema> {
        let mut sandbox = with_envd(sandbox("A sandbox, as create and connect answer."));
        sandbox.properties.retain(|name, _| !MORE.contains(&name.as_str()) && name != "limits");
        sandbox.into()
    }
}

impl ToSchema for CreatedSandbox {
    fn name() -> std::borrow::Cow<'static, str> {
        "Sandbox".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Sandbox::schemas(schemas);
        schemas.push((Secret::name().into(), Secret::schema()));
    }
}

impl PartialSchema for SandboxDetail {
    fn schema() -> RefOr<Schema> {
        with_more(with_envd(sandbox("All about a sandbox."))).into()
    }
}

impl ToSchema for SandboxDetail {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Sandbox::schemas(schemas);
        schemas.push((Secret::name().into(), Secret::schema()));
    }
}

impl PartialSchema for ListedSandbox {
    fn schema() -> RefOr<Schema> {
        let mut sandbox = with_more(sandbox("A sandbox in the list: as its detail, without token and URL."));
        sandbox.properties.retain(|name, _| name != "limits");
        sandbox.into()
    }
}

impl ToSchema for ListedSandbox {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Sandbox::schemas(schemas);
    }
}

impl PartialSchema for EnvVarName {
    fn schema() -> RefOr<Schema> {
        text("^[A-Za-z_][A-Za-z0-9_]*$")
    }
}

impl ToSchema for EnvVarName {}

impl PartialSchema for EnvVarValue {
    fn schema() -> RefOr<Schema> {
        text(r"^[^\u0000]*$")
    }
}

impl ToSchema for EnvVarValue {}

impl PartialSchema for VariableName {
    fn schema() -> RefOr<Schema> {
        text(r"^[^=\u0000]+$")
    }
}

impl ToSchema for VariableName {}

fn sandbox(description: &str) -> Object {
    let mut sandbox = object_of::<Sandbox>();
    sandbox.description = Some(description.to_owned());
    sandbox.required = ALWAYS.map(str::to_owned).into();
    sandbox
}

fn with_envd(mut sandbox: Object) -> Object {
    sandbox.properties.extend(object_of::<Envd>().properties);
    sandbox.required.extend(ENVD.map(str::to_owned));
    sandbox
}

fn with_more(mut sandbox: Object) -> Object {
    sandbox.required.extend(MORE.map(str::to_owned));
    sandbox
}

fn object_of<T: PartialSchema>() -> Object {
    match T::schema() {
        RefOr::T(Schema::Object(object)) => object,
        _ => Object::default(),
    }
}

fn text(pattern: &str) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).into()
}
