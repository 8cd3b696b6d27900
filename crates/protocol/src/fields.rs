use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::ValidationError;

/// Key of the object that stands for a JavaScript value JSON can't hold; its value is the kind, as `a function` or `NaN`.
pub const FOREIGN_VALUE_KEY: &str = "\u{0}kind";

/// Fields of older APIs and of peers, with what to use instead. They are refused, never ignored.
const STALE: [(&str, &str); 7] = [
    ("autoResume", "call connect() on the paused sandbox, which resumes it"),
    ("secure", "leave it out: every sandbox has an access token"),
    ("allow_internet_access", "leave it out: the server decides about network access, and the local engine gives none"),
    ("network", "leave it out: the server decides about network access, and the local engine gives none"),
    ("mcp", "leave it out and start the MCP server as a command inside the sandbox"),
    ("volume_mounts", "use a template that has the volume"),
    ("volumeMounts", "use a template that has the volume"),
];

/// Other names that people try, with the field that they mean.
const ALIASES: [(&str, &str); 18] = [
    ("timeoutMs", "duration"),
    ("timeout", "duration"),
    ("envs", "envVars"),
    ("env", "envVars"),
    ("environment", "envVars"),
    ("template", "templateID"),
    ("templateId", "templateID"),
    ("template_id", "templateID"),
    ("ttl", "timeout"),
    ("timeoutSeconds", "timeout"),
    ("wait", "waitReady"),
    ("wait_ready", "waitReady"),
    ("auto_pause", "autoPause"),
    ("meta", "metadata"),
    ("tags", "metadata"),
    ("labels", "metadata"),
    ("states", "state"),
    ("token", "nextToken"),
];

/// The fields of one request, read by name and kind. Whoever reads options of its own (the client) uses it as well, so
/// that all messages agree.
pub struct Fields<'a> {
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// Takes an object of `what` that may hold the `known` fields and no other.
    pub fn of(what: &str, value: &'a Value, known: &[&str]) -> Result<Self, ValidationError> {
        let Some(map) = value.as_object().filter(|map| !map.contains_key(FOREIGN_VALUE_KEY)) else {
            let message = format!("{what} must be an object, got {}: pass {{{}}}", kind_of(value), known.join(", "));
            return Err(ValidationError::new("options", message));
        };
        match map.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(unknown_field(what, name, known)),
            None => Ok(Self { map }),
        }
    }

    /// The field, unless it is absent. Null is a value: of a wrong kind for every field.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name)
    }

    /// A whole number between `min` and `max`, counted in `unit`.
    pub fn integer(&self, name: &str, min: u64, max: u64, unit: &str) -> Result<Option<u64>, ValidationError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        let Some(number) = value.as_number() else {
            let message =
                format!("`{name}` must be a whole number between {min} and {max}{unit}, got {}", kind_of(value));
            return Err(ValidationError::new(name, message));
        };
        // JavaScript writes 30.0 as 30 and 1e3 as 1000, other languages don't.
        let whole =
            number.as_u64().or_else(|| number.as_f64().filter(|n| n.fract() == 0.0 && *n >= 0.0).map(|n| n as u64));
        match whole {
            Some(whole) if (min..=max).contains(&whole) => Ok(Some(whole)),
            None if number.as_f64().is_some_and(|n| n.fract() != 0.0) => Err(ValidationError::new(
                name,
                format!("`{name}` must be a whole number between {min} and {max}{unit}, got {number}: round it"),
            )),
            _ => {
                Err(ValidationError::new(name, format!("`{name}` must be between {min} and {max}{unit}, got {number}")))
            }
        }
    }

    /// True or false.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, ValidationError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| {
            ValidationError::new(name, format!("`{name}` must be true or false, got {}", kind_of(value)))
        })
    }

    /// A string.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, ValidationError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value
            .as_str()
            .map(Some)
            .ok_or_else(|| ValidationError::new(name, format!("`{name}` must be a string, got {}", kind_of(value))))
    }

    /// One of the words.
    pub fn word(&self, name: &str, words: &[&str]) -> Result<Option<&'a str>, ValidationError> {
        self.get(name).map(|value| one_of(name, value, words)).transpose()
    }

    /// One of the words, or an array of them.
    pub(crate) fn words(&self, name: &str, words: &[&str]) -> Result<Vec<&'a str>, ValidationError> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => values.iter().map(|value| one_of(name, value, words)).collect(),
            Some(value) => Ok(vec![one_of(name, value, words)?]),
        }
    }

    /// A map from strings to strings. A wrong value is named by its key and kind, never repeated: it may be a secret.
    pub fn string_map(&self, name: &str) -> Result<Option<BTreeMap<String, String>>, ValidationError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let Some(map) = value.as_object().filter(|map| !map.contains_key(FOREIGN_VALUE_KEY)) else {
            let message =
                format!("`{name}` must be an object of strings, got {}: pass {{key: \"value\"}}", kind_of(value));
            return Err(ValidationError::new(name, message));
        };
        let pair = |(key, value): (&String, &Value)| match value.as_str() {
            Some(text) => Ok((key.clone(), text.to_owned())),
            None => {
                let message =
                    format!("`{name}.{key}` must be a string, got {}: convert it, as String(value)", bare_kind(value));
                Err(ValidationError::new(format!("{name}.{key}"), message))
            }
        };
        map.iter().map(pair).collect::<Result<_, _>>().map(Some)
    }
}

fn one_of<'a>(name: &str, value: &'a Value, words: &[&str]) -> Result<&'a str, ValidationError> {
    let list = words.join(", ");
    let Some(text) = value.as_str() else {
        return Err(ValidationError::new(name, format!("`{name}` must be one of {list}, got {}", kind_of(value))));
    };
    if words.contains(&text) {
        return Ok(text);
    }
    let hint = closest(text, words).map(|word| format!(": did you mean {word:?}?")).unwrap_or_default();
    Err(ValidationError::new(name, format!("`{name}` must be one of {list}, got {}{hint}", quoted(text))))
}

fn unknown_field(what: &str, name: &str, known: &[&str]) -> ValidationError {
    let way_out = if let Some((_, instead)) = STALE.iter().find(|(stale, _)| *stale == name) {
        return ValidationError::new(name, format!("`{name}` is not accepted: {instead}"));
    } else if name == "timeoutMs" && known.contains(&"timeout") {
        return ValidationError::new(name, "`timeoutMs` is not accepted: use `timeout`, in seconds");
    } else if let Some((_, field)) = ALIASES.iter().find(|(alias, field)| *alias == name && known.contains(field)) {
        format!("use `{field}`")
    } else if name == "timeoutMs" {
        "use `requestTimeoutMs` for the time limit of a request".to_owned()
    } else if let Some(field) = closest(name, known) {
        format!("did you mean `{field}`?")
    } else {
        format!("known are {}", known.join(", "))
    };
    ValidationError::new(name, format!("{} is not a field of {what}: {way_out}", code(name)))
}

/// The nearest of `words`, if it is near enough to be meant.
pub fn closest<'a>(name: &str, words: &[&'a str]) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let near = words.iter().map(|word| (strsim::jaro_winkler(&lower, &word.to_lowercase()), *word));
    near.filter(|(likeness, _)| *likeness >= 0.85).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, word)| word)
}

/// The kind of a value for people, with the value where that is short and harmless.
pub fn kind_of(value: &Value) -> String {
    match value {
        Value::String(text) => format!("a string ({})", quoted(text)),
        Value::Number(number) => format!("a number ({number})"),
        Value::Bool(flag) => format!("a boolean ({flag})"),
        _ => bare_kind(value).to_owned(),
    }
}

/// The kind of a value for people, without the value: it may be a secret.
pub fn bare_kind(value: &Value) -> &str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(map) => map.get(FOREIGN_VALUE_KEY).and_then(Value::as_str).unwrap_or("an object"),
    }
}

const SHOWN_CHARS: usize = 60;

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn quoted(text: &str) -> String {
    format!("{:?}", shortened(text))
}

fn code(name: &str) -> String {
    format!("`{}`", shortened(name).escape_debug())
}
