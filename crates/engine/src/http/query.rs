use std::collections::BTreeMap;

use sandbar_protocol::{Fields, ListQuery, LogsQuery, MAX_PAGE, ValidationError, check_sandbox_id};
use serde_json::{Map, Value, json};

/// Reads a query string as the JSON that the protocol checks; names outside `known` are other clients' business.
fn to_json(query: &str, known: &[&str], numbers: &[&str], lists: &[&str]) -> Map<String, Value> {
    let mut object = Map::new();
    for (name, text) in form_urlencoded::parse(query.as_bytes()) {
        let name = name.into_owned();
        if !known.contains(&name.as_str()) {
            continue;
        }
        let number = if numbers.contains(&name.as_str()) { text.parse::<serde_json::Number>().ok() } else { None };
        let value = number.map_or_else(|| json!(text), Value::Number);
        match object.get_mut(&name).and_then(Value::as_array_mut) {
            Some(list) => list.push(value),
            None if lists.contains(&name.as_str()) => drop(object.insert(name, json!([value]))),
            None => drop(object.insert(name, value)),
        }
    }
    object
}

/// Reads `metadata=app%3Dprod&state=running&state=paused&limit=10&nextToken=MQ`.
pub(super) fn list(query: &str) -> Result<ListQuery, ValidationError> {
    let mut object = to_json(query, &["metadata", "state", "limit", "nextToken"], &["limit"], &["state"]);
    read_metadata(&mut object);
    ListQuery::from_json(&Value::Object(object))
}

/// Reads `metadata=app%3Dprod&sandboxID=sb-1`.
pub(super) fn events(query: &str) -> Result<(BTreeMap<String, String>, Option<String>), ValidationError> {
    let known = ["metadata", "sandboxID"];
    let mut object = to_json(query, &known, &[], &[]);
    read_metadata(&mut object);
    let id = object.get("sandboxID").map(|id| check_sandbox_id(id).map(str::to_owned)).transpose()?;
    let object = Value::Object(object);
    let metadata = Fields::of("events options", &object, &known)?.string_map("metadata")?;
    Ok((metadata.unwrap_or_default(), id))
}

/// `metadata` is a query string in itself.
fn read_metadata(object: &mut Map<String, Value>) {
    if let Some(pairs) = object.get("metadata").and_then(Value::as_str) {
        let pairs: Map<String, Value> = form_urlencoded::parse(pairs.as_bytes())
            .map(|(key, value)| (key.into_owned(), Value::String(value.into_owned())))
            .collect();
        object.insert("metadata".to_owned(), Value::Object(pairs));
    }
}

/// Reads `cursor=0&limit=100&direction=backward&level=error&search=text`.
pub(super) fn logs(query: &str) -> Result<LogsQuery, ValidationError> {
    let known = ["cursor", "limit", "direction", "level", "search"];
    LogsQuery::from_json(&Value::Object(to_json(query, &known, &["cursor", "limit"], &[])))
}

/// Reads `sandbox_ids=a,b&limit=10`.
pub(super) fn metrics(query: &str) -> Result<(Vec<String>, Option<usize>), ValidationError> {
    let known = ["sandbox_ids", "limit"];
    let object = Value::Object(to_json(query, &known, &["limit"], &[]));
    let fields = Fields::of("metrics options", &object, &known)?;
    let ids = fields.text("sandbox_ids")?.unwrap_or_default();
    let ids: Vec<String> = ids.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect();
    let most = usize::try_from(MAX_PAGE).unwrap_or(usize::MAX);
    if ids.len() > most {
        let message = format!("`sandbox_ids` has {} IDs: ask for at most {most} at once", ids.len());
        return Err(ValidationError::new("sandbox_ids", message));
    }
    let limit = fields.integer("limit", 1, MAX_PAGE, "sandboxes")?;
    Ok((ids, limit.and_then(|limit| usize::try_from(limit).ok())))
}
