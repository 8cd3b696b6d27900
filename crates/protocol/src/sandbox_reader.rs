//! Reading a sandbox. By hand, as each call does it: serde's `flatten` would keep every answer aside first.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::lenient::{Lenient, Leniently};
use crate::validation::is_sandbox_id;
use crate::{Envd, Sandbox};

impl<'de> Deserialize<'de> for Sandbox {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SandboxReader)
    }
}

struct SandboxReader;

impl<'de> Visitor<'de> for SandboxReader {
    type Value = Sandbox;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sandbox")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Sandbox, A::Error> {
        let mut sandbox_id: Option<String> = None;
        let mut sandbox = Sandbox::with_id("");
        while let Some(Name(name)) = map.next_key()? {
            match &*name {
                "sandboxID" => sandbox_id = Some(id(&mut map)?),
                "templateID" => sandbox.template_id = field(&mut map)?,
                "alias" => sandbox.alias = field(&mut map)?,
                "clientID" => sandbox.client_id = field(&mut map)?,
                "envdAccessToken" => envd(&mut sandbox).envd_access_token = field(&mut map)?,
                "envdUrl" => envd(&mut sandbox).envd_url = field(&mut map)?,
                "status" => sandbox.status = field(&mut map)?,
                "state" => sandbox.state = field(&mut map)?,
                "startedAt" => sandbox.started_at = field(&mut map)?,
                "activatedAt" => sandbox.activated_at = field(&mut map)?,
                "endAt" => sandbox.end_at = field(&mut map)?,
                "cpuCount" => sandbox.cpu_count = field(&mut map)?,
                "memoryMB" => sandbox.memory_mb = field(&mut map)?,
                "diskSizeMB" => sandbox.disk_size_mb = field(&mut map)?,
                "limits" => sandbox.limits = field(&mut map)?,
                "metadata" => sandbox.metadata = field(&mut map)?,
                "lifecycle" => sandbox.lifecycle = field(&mut map)?,
                "timeline" => sandbox.timeline = field(&mut map)?.unwrap_or_default(),
                "diagnostic" => sandbox.diagnostic = field(&mut map)?,
                _ => {
                    let name = name.into_owned();
                    sandbox.extra.insert(name, map.next_value()?);
                }
            }
        }
        sandbox.sandbox_id = sandbox_id.ok_or_else(|| A::Error::missing_field("sandboxID"))?;
        Ok(sandbox)
    }
}

fn field<'de, A: MapAccess<'de>, T: Lenient>(map: &mut A) -> Result<Option<T>, A::Error> {
    Ok(map.next_value::<Leniently<T>>()?.0)
}

/// The ID, which becomes a part of paths.
fn id<'de, A: MapAccess<'de>>(map: &mut A) -> Result<String, A::Error> {
    let id: String = map.next_value()?;
    if is_sandbox_id(&id) { Ok(id) } else { Err(A::Error::custom("`sandboxID` can't be a sandbox's ID")) }
}

fn envd(sandbox: &mut Sandbox) -> &mut Envd {
    sandbox.envd.get_or_insert_default()
}

/// A field's name, borrowed where that goes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_of_a_wrong_shape_leaves_the_others_alone() {
        let whole = json!({
            "sandboxID": "sb-1", "templateID": "base", "alias": "a", "clientID": "local", "envdAccessToken": "hush",
            "envdUrl": "http://a", "status": "running", "state": "running", "startedAt": "2026-01-01T00:00:00Z",
            "activatedAt": "2026-01-01T00:00:00Z", "endAt": "2026-01-01T00:00:00Z", "cpuCount": 1, "memoryMB": 2,
            "diskSizeMB": 3, "limits": {"level": "rlimits"}, "metadata": {"a": "b"}, "lifecycle": {"onTimeout": "kill"},
            "timeline": [{"phase": "ready", "status": "completed"}], "diagnostic": {"reason": "r", "message": "m"},
        });
        let read: Sandbox = serde_json::from_value(whole.clone()).unwrap();
        assert!(read.extra.is_empty());
        for (name, _) in whole.as_object().unwrap().iter().filter(|(name, _)| *name != "sandboxID") {
            let mut without = whole.clone();
            without.as_object_mut().unwrap().remove(name);
            let without: Sandbox = serde_json::from_value(without).unwrap();
            // Of these two, nothing is certain: some of it fits any object or list.
            let is_vague = matches!(name.as_str(), "limits" | "diagnostic");
            let structured = [json!(["a", {"b": 1}]), json!({"c": [1]})];
            let wrong =
                [json!(null), json!(true), json!(-1.5)].into_iter().chain(structured.into_iter().filter(|_| !is_vague));
            for wrong in wrong {
                let mut with_wrong = whole.clone();
                with_wrong[name] = wrong.clone();
                let sandbox: Sandbox = serde_json::from_str(&with_wrong.to_string()).unwrap();
                assert_eq!(sandbox, without, "{name} as {wrong}");
            }
        }
    }

    #[test]
    fn a_name_may_be_escaped_and_an_unknown_field_is_kept() {
        let text = r#"{"\u0073andboxID":"sb-1","re\u0067ion":{"a":[1]}}"#;
        let sandbox: Sandbox = serde_json::from_str(text).unwrap();
        assert_eq!(sandbox.sandbox_id, "sb-1");
        assert_eq!(sandbox.extra["region"], json!({"a": [1]}));
        assert_eq!(sandbox.envd, None);
    }

    #[test]
    fn reading_fails_when_the_id_would_be_another_path() {
        for id in ["../../x", "", "a/b", "a.b", "sb-1\n", "a%2fb", "ü", &"a".repeat(129)] {
            let error = serde_json::from_value::<Sandbox>(json!({ "sandboxID": id })).unwrap_err();
            assert!(error.to_string().contains("can't be a sandbox's ID"), "{id}: {error}");
        }
    }
}
