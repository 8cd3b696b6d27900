//! The runtime API, which agents serve and the engine passes on: described here, as there are no handlers for it.

#![expect(dead_code, reason = "types that are described and never made")]

mod files;
mod filesystem;
mod ports;
mod process;
mod route;
mod system;

use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};

/// The security scheme of what needs the access token.
const ACCESS_TOKEN: &str = "accessToken";

/// Where a sandbox's own API is.
pub(super) const ENVD: &str = "/envd/{sandboxID}";

/// Adds every route of the runtime API.
pub(super) fn describe(document: &mut Document) {
    let areas = [system::routes(), files::routes(), filesystem::routes(), process::routes(), ports::routes()];
    let components = document.components.get_or_insert_default();
    let token = ApiKeyValue::with_description("X-Access-Token", "envdAccessToken of the sandbox's detail");
    components.add_security_scheme(ACCESS_TOKEN, SecurityScheme::ApiKey(ApiKey::Header(token)));
    for route in areas.into_iter().flatten() {
        components.schemas.extend(route.schemas());
        let (path, item) = route.into_item();
        match document.paths.paths.get_mut(&path) {
            Some(known) => known.merge_operations(item),
            None => drop(document.paths.paths.insert(path, item)),
        }
    }
}
