//! The arguments of calls, as they come from another language: JSON values that nobody has checked yet.

use std::time::Duration;

use sandbar_protocol::{
    ConnectOptions, CreateOptions, Fields, ListQuery, LogsQuery, RefreshOptions, TimeoutOptions, ValidationError,
    check_sandbox_id, closest,
};
use serde_json::{Map, Value};

use crate::MetricsBatchQuery;
use crate::options::{CLIENT_OPTION_NAMES, split, time_limits};

/// What a single call may say differently from its client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallOptions {
    /// How long one request may take.
    pub request_timeout: Option<Duration>,
    /// How long to wait until the sandbox is ready.
    pub ready_timeout: Option<Duration>,
}

/// Whether a call returns only once its sandbox is usable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// It waits.
    #[default]
    UntilReady,
    /// It returns at once.
    No,
}

/// The arguments of connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectCall {
    /// The sandbox.
    pub sandbox_id: String,
    /// The body.
    pub options: ConnectOptions,
    /// Whether to wait; `waitReady: false` turns it off. It is not sent.
    pub wait: Wait,
}

/// The arguments of one call: `{sandboxId?, template?, options?}`.
///
/// Each method reads them as one route wants them, beside the time limits of the call. The options of a client
/// (`baseUrl` and so on) may stand among them and are passed over; any other unknown field is refused.
#[derive(Clone, Debug)]
pub struct Args {
    map: Map<String, Value>,
}

impl Args {
    /// Reads the arguments' JSON text.
    ///
    /// # Errors
    /// [`ValidationError`] if it is no JSON object: a defect of the caller.
    pub fn parse(text: &str) -> Result<Self, ValidationError> {
        match serde_json::from_str(text) {
            Ok(Value::Object(map)) => Ok(Self { map }),
            Ok(_) => Err(ValidationError::new("args", "the arguments must be a JSON object")),
            Err(error) => Err(ValidationError::new("args", format!("the arguments are not JSON: {error}"))),
        }
    }

    /// Arguments of create: the template stands alone or among the options, not in both places.
    ///
    /// # Errors
    /// [`ValidationError`], as every method in here.
    pub fn create(&self) -> Result<(CreateOptions, CallOptions), ValidationError> {
        let (mut body, call) = self.options()?;
        if let (Some(template), Some(map)) = (self.map.get("template"), body.as_object_mut()) {
            if map.contains_key("templateID") {
                let message = "the template is given twice, as the first argument and as `templateID`: give it once";
                return Err(ValidationError::new("templateID", message));
            }
            map.insert("templateID".to_owned(), template.clone());
        }
        Ok((CreateOptions::from_json(&body)?, call))
    }

    /// Arguments of connect.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn connect(&self) -> Result<(ConnectCall, CallOptions), ValidationError> {
        let sandbox_id = self.sandbox_id()?;
        let (mut body, call) = self.options()?;
        let wait_ready = body.as_object_mut().and_then(|map| map.remove("waitReady"));
        let alone = Value::Object(wait_ready.map(|value| ("waitReady".to_owned(), value)).into_iter().collect());
        let wait = match Fields::of("connect options", &alone, &["waitReady"])?.boolean("waitReady")? {
            Some(false) => Wait::No,
            _ => Wait::UntilReady,
        };
        Ok((ConnectCall { sandbox_id, options: ConnectOptions::from_json(&body)?, wait }, call))
    }

    /// Arguments of a call on one sandbox that has no options of its own.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn sandbox(&self) -> Result<(String, CallOptions), ValidationError> {
        Ok((self.sandbox_id()?, self.account()?))
    }

    /// Arguments of a call on no sandbox and with no options of its own.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn account(&self) -> Result<CallOptions, ValidationError> {
        let (rest, call) = self.options()?;
        // Nothing is known but the time limits, which are taken out already: named for the message.
        Fields::of("these options", &rest, &["requestTimeoutMs", "readyTimeoutMs"])?;
        Ok(call)
    }

    /// Arguments of list.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn list(&self) -> Result<(ListQuery, CallOptions), ValidationError> {
        let (query, call) = self.options()?;
        Ok((ListQuery::from_json(&query)?, call))
    }

    /// Arguments of set_timeout.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn timeout(&self) -> Result<(String, TimeoutOptions, CallOptions), ValidationError> {
        let sandbox_id = self.sandbox_id()?;
        let (body, call) = self.options()?;
        Ok((sandbox_id, TimeoutOptions::from_json(&body)?, call))
    }

    /// Arguments of refresh.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn refresh(&self) -> Result<(String, RefreshOptions, CallOptions), ValidationError> {
        let sandbox_id = self.sandbox_id()?;
        let (body, call) = self.options()?;
        Ok((sandbox_id, RefreshOptions::from_json(&body)?, call))
    }

    /// Arguments of logs, which here are not followed: `follow` may only be false.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn logs(&self) -> Result<(String, LogsQuery, CallOptions), ValidationError> {
        let (rest, own) = self.without_options(&["follow"]);
        Fields::of("logs options", &own, &["follow"])?.boolean("follow")?;
        let sandbox_id = rest.sandbox_id()?;
        let (query, call) = rest.options()?;
        Ok((sandbox_id, LogsQuery::from_json(&query)?, call))
    }

    /// Arguments of metrics_batch.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn metrics_batch(&self) -> Result<(MetricsBatchQuery, CallOptions), ValidationError> {
        let (query, call) = self.options()?;
        Ok((MetricsBatchQuery::from_json(&query)?, call))
    }

    /// An argument as it came.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.map.get(name)
    }

    /// The arguments without these options, and these options alone.
    pub(crate) fn without_options(&self, names: &[&str]) -> (Self, Value) {
        let mut rest = self.clone();
        let mut own = Map::new();
        if let Some(Value::Object(options)) = rest.map.get_mut("options") {
            own.extend(names.iter().filter_map(|name| options.remove_entry(*name)));
        }
        (rest, Value::Object(own))
    }

    pub(crate) fn sandbox_id(&self) -> Result<String, ValidationError> {
        match self.map.get("sandboxId") {
            Some(id) => check_sandbox_id(id).map(str::to_owned),
            None => {
                let message = "`sandboxID` is missing: pass the `sandboxId` of a created or listed sandbox";
                Err(ValidationError::new("sandboxID", message))
            }
        }
    }

    /// The options of the route itself, and the call's time limits.
    pub(crate) fn options(&self) -> Result<(Value, CallOptions), ValidationError> {
        let Some(options) = self.map.get("options") else {
            return Ok((Value::Object(Map::new()), CallOptions::default()));
        };
        let (own, rest) = split(options);
        refuse_misspelt(&rest)?;
        Ok((rest, time_limits(&own)?))
    }
}

/// Refuses what was surely meant as a client's option: the routes know only their own fields to hint at.
fn refuse_misspelt(rest: &Value) -> Result<(), ValidationError> {
    let Some(map) = rest.as_object() else { return Ok(()) };
    for name in map.keys() {
        if let Some(meant) = closest(name, &CLIENT_OPTION_NAMES) {
            return Err(ValidationError::new(name, format!("`{name}` is not an option: did you mean `{meant}`?")));
        }
    }
    Ok(())
}
