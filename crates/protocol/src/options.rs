use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::fields::Fields;
use crate::{Secret, ValidationError, check_template_id};

/// The template of a create that names none.
pub const DEFAULT_TEMPLATE: &str = "base";
/// The TTL, in seconds, of a create or connect that names none.
pub const DEFAULT_TIMEOUT_SECS: u32 = 300;
/// The longest TTL, in seconds: a day.
pub const MAX_TIMEOUT_SECS: u32 = 86_400;
/// The longest single extension by refresh, in seconds.
pub const MAX_REFRESH_SECS: u32 = 3_600;

const MAX_ENV_BYTES: usize = 128 * 1024;
const MAX_METADATA_BYTES: usize = 64 * 1024;

/// Body of `POST /sandboxes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateOptions {
    /// The template: `base`, `code-interpreter`, `tpl-…`.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, pattern = "^([A-Za-z0-9][A-Za-z0-9._-]{0,127})?$", default = "base"))]
    #[serde(rename = "templateID")]
    pub template_id: String,
    /// The TTL in seconds, 1…86400, default 300.
    #[cfg_attr(feature = "openapi", schema(nullable = false, minimum = 1, maximum = 86400, default = 300))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u32>,
    /// Whether the answer waits until runtime APIs are usable.
    #[serde(skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "openapi", schema(default = false))]
    pub wait_ready: bool,
    /// Environment of everything in the sandbox, at most 128 KiB.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<crate::openapi::EnvVarName, crate::openapi::EnvVarValue>))]
    pub env_vars: BTreeMap<String, Secret>,
    /// The user's own words about it, at most 64 KiB.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Whether the end of the TTL pauses instead of deletes.
    #[serde(skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "openapi", schema(default = false))]
    pub auto_pause: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl Default for CreateOptions {
    fn default() -> Self {
        Self {
            template_id: DEFAULT_TEMPLATE.to_owned(),
            timeout: None,
            wait_ready: false,
            env_vars: BTreeMap::new(),
            metadata: BTreeMap::new(),
            auto_pause: false,
        }
    }
}

impl CreateOptions {
    /// The fields of the body.
    pub const FIELDS: [&'static str; 6] = ["templateID", "timeout", "waitReady", "envVars", "metadata", "autoPause"];

    /// Reads and checks a body. An absent template is `base`; an empty one is an error here, servers may be milder.
    pub fn from_json(value: &Value) -> Result<Self, ValidationError> {
        let fields = Fields::of("create options", value, &Self::FIELDS)?;
        let template_id = fields.get("templateID").map(check_template_id).transpose()?.unwrap_or(DEFAULT_TEMPLATE);
        Ok(Self {
            template_id: template_id.to_owned(),
            timeout: seconds(&fields, "timeout", 1, MAX_TIMEOUT_SECS)?,
            wait_ready: fields.boolean("waitReady")?.unwrap_or_default(),
            env_vars: env_vars(&fields, "envVars")?,
            metadata: metadata(&fields)?,
            auto_pause: fields.boolean("autoPause")?.unwrap_or_default(),
        })
    }
}

/// Body of `POST /sandboxes/:sandboxID/connect`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ConnectOptions {
    /// The least TTL from now on, in seconds, 0…86400; 0 leaves it alone; default 300.
    #[cfg_attr(feature = "openapi", schema(nullable = false, minimum = 0, maximum = 86400, default = 300))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u32>,
}

impl ConnectOptions {
    /// Reads and checks a body.
    pub fn from_json(value: &Value) -> Result<Self, ValidationError> {
        let fields = Fields::of("connect options", value, &["timeout"])?;
        Ok(Self { timeout: seconds(&fields, "timeout", 0, MAX_TIMEOUT_SECS)? })
    }
}

/// Body of `POST /sandboxes/:sandboxID/timeout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TimeoutOptions {
    /// The TTL from now on, in seconds, 0…86400; 0 ends it now.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 86400))]
    pub timeout: u32,
}

impl TimeoutOptions {
    /// Reads and checks a body.
    pub fn from_json(value: &Value) -> Result<Self, ValidationError> {
        let fields = Fields::of("timeout options", value, &["timeout"])?;
        let timeout = seconds(&fields, "timeout", 0, MAX_TIMEOUT_SECS)?.ok_or_else(|| {
            ValidationError::new("timeout", "`timeout` is missing: pass the TTL from now on, in seconds, 0 to 86400")
        })?;
        Ok(Self { timeout })
    }
}

/// Body of `POST /sandboxes/:sandboxID/refreshes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RefreshOptions {
    /// The least TTL from now on, in seconds, 0…3600; default the sandbox's own timeout.
    #[cfg_attr(feature = "openapi", schema(nullable = false, minimum = 0, maximum = 3600))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<u32>,
}

impl RefreshOptions {
    /// Reads and checks a body.
    pub fn from_json(value: &Value) -> Result<Self, ValidationError> {
        let fields = Fields::of("refresh options", value, &["duration"])?;
        Ok(Self { duration: seconds(&fields, "duration", 0, MAX_REFRESH_SECS)? })
    }
}

fn seconds(fields: &Fields<'_>, name: &str, min: u32, max: u32) -> Result<Option<u32>, ValidationError> {
    let number = fields.integer(name, min.into(), max.into(), "seconds")?;
    // The range fits.
    Ok(number.and_then(|number| u32::try_from(number).ok()))
}

/// Reads and checks an environment, which is the field `field` of create options, or of a template's definition.
pub fn env_vars_from_json(field: &str, value: &Value) -> Result<BTreeMap<String, Secret>, ValidationError> {
    env_vars(&Fields::of("an environment", &serde_json::json!({ field: value }), &[field])?, field)
}

fn env_vars(fields: &Fields<'_>, field: &str) -> Result<BTreeMap<String, Secret>, ValidationError> {
    let vars = fields.string_map(field)?.unwrap_or_default();
    for (name, value) in &vars {
        let of_name = format!("{field}.{name}");
        let mut chars = name.chars();
        let plain = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !plain {
            let message = format!(
                "`{field}` has the name {name:?}: a variable's name holds letters, digits and `_`, and does not start with a digit"
            );
            return Err(ValidationError::new(of_name, message));
        }
        if value.contains('\0') {
            let message =
                format!("`{of_name}` holds a NUL character, which no environment can carry: remove or encode it");
            return Err(ValidationError::new(of_name, message));
        }
    }
    check_size(field, &vars, MAX_ENV_BYTES, "put large data into a file")?;
    Ok(vars.into_iter().map(|(name, value)| (name, Secret::new(value))).collect())
}

fn metadata(fields: &Fields<'_>) -> Result<BTreeMap<String, String>, ValidationError> {
    let metadata = fields.string_map("metadata")?.unwrap_or_default();
    check_size("metadata", &metadata, MAX_METADATA_BYTES, "keep large data elsewhere and its key in here")?;
    Ok(metadata)
}

fn check_size(name: &str, map: &BTreeMap<String, String>, max: usize, way_out: &str) -> Result<(), ValidationError> {
    let size: usize = map.iter().map(|(key, value)| key.len() + value.len() + 2).sum();
    if size <= max {
        return Ok(());
    }
    let message = format!("`{name}` must have at most {max} bytes in all, got {size}: {way_out}");
    Err(ValidationError::new(name, message))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::FOREIGN_VALUE_KEY;

    fn refusal(value: Value) -> (String, String) {
        let error = CreateOptions::from_json(&value).unwrap_err();
        (error.field, error.message)
    }

    #[test]
    fn the_documented_options_are_read() {
        let options = CreateOptions::from_json(&json!({
            "templateID": "base", "timeout": 1800, "waitReady": true, "envVars": {"FOO": "bar"},
            "metadata": {"purpose": "demo"}, "autoPause": false,
        }))
        .unwrap();
        assert_eq!(options.timeout, Some(1800));
        assert_eq!(options.env_vars["FOO"].expose(), "bar");
        assert_eq!(
            serde_json::to_value(&options).unwrap(),
            json!({"templateID": "base", "timeout": 1800, "waitReady": true, "envVars": {"FOO": "bar"}, "metadata": {"purpose": "demo"}})
        );
        assert_eq!(CreateOptions::from_json(&json!({})).unwrap(), CreateOptions::default());
    }

    #[test]
    fn every_stale_field_is_refused_with_its_replacement() {
        for (field, instead) in [
            ("timeoutMs", "use `timeout`, in seconds"),
            ("autoResume", "call connect() on the paused sandbox"),
            ("secure", "every sandbox has an access token"),
            ("allow_internet_access", "the server decides"),
            ("network", "the server decides"),
            ("mcp", "as a command inside the sandbox"),
            ("volume_mounts", "a template that has the volume"),
            ("volumeMounts", "a template that has the volume"),
        ] {
            let (named, message) = refusal(json!({"templateID": "base", field: 1}));
            assert_eq!(named, field);
            assert!(message.starts_with(&format!("`{field}` is not accepted: ")), "{message}");
            assert!(message.contains(instead), "{message}");
        }
        let error = ConnectOptions::from_json(&json!({"timeoutMs": 1})).unwrap_err();
        assert_eq!(error.message, "`timeoutMs` is not accepted: use `timeout`, in seconds");
    }

    #[test]
    fn an_unknown_field_names_the_nearest_known_one() {
        for (field, hint) in [
            ("envs", "use `envVars`"),
            ("envvars", "did you mean `envVars`?"),
            ("metaData", "did you mean `metadata`?"),
            ("timeuot", "did you mean `timeout`?"),
            ("templateId", "use `templateID`"),
            ("colour", "known are templateID, timeout"),
        ] {
            let (named, message) = refusal(json!({field: 1}));
            assert_eq!(named, field);
            assert!(message.starts_with(&format!("`{field}` is not a field of create options: {hint}")), "{message}");
        }
    }

    #[test]
    fn timeouts_are_whole_seconds_in_range() {
        let message = |timeout: Value| refusal(json!({"timeout": timeout})).1;
        assert_eq!(message(json!(0)), "`timeout` must be between 1 and 86400 seconds, got 0");
        assert_eq!(message(json!(-5)), "`timeout` must be between 1 and 86400 seconds, got -5");
        assert_eq!(message(json!(86_401)), "`timeout` must be between 1 and 86400 seconds, got 86401");
        assert_eq!(message(json!(1e300)), "`timeout` must be between 1 and 86400 seconds, got 1e+300");
        assert_eq!(
            message(json!(1.5)),
            "`timeout` must be a whole number between 1 and 86400 seconds, got 1.5: round it"
        );
        assert_eq!(
            message(json!("30")),
            "`timeout` must be a whole number between 1 and 86400 seconds, got a string (\"30\")"
        );
        assert!(message(json!({FOREIGN_VALUE_KEY: "NaN"})).ends_with("got NaN"));
        assert!(message(json!(null)).ends_with("got null"));
        assert_eq!(CreateOptions::from_json(&json!({"timeout": 30.0})).unwrap().timeout, Some(30));
    }

    #[test]
    fn wrong_kinds_are_named() {
        assert_eq!(refusal(json!({"waitReady": "yes"})).1, "`waitReady` must be true or false, got a string (\"yes\")");
        assert_eq!(refusal(json!({"autoPause": 1})).1, "`autoPause` must be true or false, got a number (1)");
        assert_eq!(
            refusal(json!({"metadata": ["a"]})).1,
            "`metadata` must be an object of strings, got an array: pass {key: \"value\"}"
        );
        assert!(refusal(json!([])).1.starts_with("create options must be an object, got an array"));
        assert!(refusal(json!({FOREIGN_VALUE_KEY: "a function"})).1.contains("got a function"));
    }

    #[test]
    fn map_values_must_be_strings_and_are_not_repeated() {
        let (field, message) = refusal(json!({"envVars": {"TOKEN": 424242}}));
        assert_eq!(field, "envVars.TOKEN");
        assert_eq!(message, "`envVars.TOKEN` must be a string, got a number: convert it, as String(value)");
        let (_, message) = refusal(json!({"metadata": {"a": {FOREIGN_VALUE_KEY: "a Date"}}}));
        assert!(message.contains("got a Date"), "{message}");
        assert!(
            !format!("{:?}", CreateOptions::from_json(&json!({"envVars": {"A": "hush"}})).unwrap()).contains("hush")
        );
    }

    #[test]
    fn env_names_must_be_valid() {
        for bad in ["", "1A", "A-B", "A=B", "A B", "Ä"] {
            let (_, message) = refusal(json!({"envVars": {bad: "x"}}));
            assert!(message.starts_with(&format!("`envVars` has the name {bad:?}: ")), "{message}");
        }
        assert!(refusal(json!({"envVars": {"A": "hush\0"}})).1.starts_with("`envVars.A` holds a NUL character"));
        assert!(CreateOptions::from_json(&json!({"envVars": {"_A1": ""}})).is_ok());
    }

    #[test]
    fn maps_are_bounded() {
        assert!(
            refusal(json!({"envVars": {"A": "x".repeat(200_000)}}))
                .1
                .contains("at most 131072 bytes in all, got 200003")
        );
        assert!(refusal(json!({"metadata": {"A": "x".repeat(70_000)}})).1.contains("at most 65536 bytes in all"));
    }

    #[test]
    fn the_other_bodies_have_their_own_ranges() {
        assert_eq!(ConnectOptions::from_json(&json!({"timeout": 0})).unwrap().timeout, Some(0));
        assert_eq!(TimeoutOptions::from_json(&json!({"timeout": 0})).unwrap().timeout, 0);
        assert!(TimeoutOptions::from_json(&json!({})).unwrap_err().message.starts_with("`timeout` is missing"));
        let error = RefreshOptions::from_json(&json!({"duration": 3601})).unwrap_err();
        assert_eq!(error.message, "`duration` must be between 0 and 3600 seconds, got 3601");
    }
}
