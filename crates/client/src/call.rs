//! The arguments of calls, as they come from another language: JSON values that nobody has checked yet.

use std::borrow::Cow;
use std::time::Duration;

use sandbar_protocol::{
    ConnectOptions, CreateOptions, Fields, ListQuery, LogsQuery, RefreshOptions, TimeoutOptions, ValidationError,
    check_idempotency_key, check_sandbox_id, check_template_id, closest,
};
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::client::LONGEST_TIMEOUT;
use crate::ids::new_id;
use crate::options::{CLIENT_OPTION_NAMES, call_options, split};
use crate::{MetricsBatchQuery, TraceContext};

/// What a single call may say differently from its client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallOptions {
    /// How long its request may take, repeats included.
    pub request_timeout: Option<Duration>,
    /// By when the whole call must be over, whatever requests it takes. A call that takes several sets it by itself.
    pub deadline: Option<Instant>,
    /// How long to wait until the sandbox is ready.
    pub ready_timeout: Option<Duration>,
    /// How often its request may be repeated.
    pub max_retries: Option<u32>,
    /// Of create: what becomes of a sandbox that it made, and its caller does not get.
    pub on_failure: OnFailure,
    /// Of create and connect: the key of the request, up to 255 visible ASCII characters; a new UUID by default.
    pub idempotency_key: Option<String>,
}

impl CallOptions {
    /// Nothing that differs from the client's configuration.
    pub const fn new() -> Self {
        Self {
            request_timeout: None,
            deadline: None,
            ready_timeout: None,
            max_retries: None,
            on_failure: OnFailure::Delete,
            idempotency_key: None,
        }
    }

    /// The request is sent once, whatever comes of it.
    pub const fn once() -> Self {
        let mut options = Self::new();
        options.max_retries = Some(0);
        options
    }

    /// The same for a call that must be over within this time as well, from now on.
    pub(crate) fn within(&self, limit: Duration) -> Self {
        let ends = Instant::now() + limit.min(LONGEST_TIMEOUT);
        Self { deadline: Some(self.deadline.map_or(ends, |known| known.min(ends))), ..self.clone() }
    }

    /// The same for a call of several requests: a request timeout that was given to it counts for all of them.
    pub(crate) fn as_a_whole(&self) -> Self {
        self.request_timeout.map_or_else(|| self.clone(), |limit| self.within(limit))
    }

    /// How much time is left until the deadline, at most this much.
    pub(crate) fn left(&self, most: Duration) -> Duration {
        self.deadline.map_or(most, |ends| ends.saturating_duration_since(Instant::now()).min(most))
    }

    /// Of create: whether what it made is deleted when its caller gives it up. Under a key of the caller's, a repeat may have
    /// got it already, or be about to.
    pub(crate) fn owns_what_it_makes(&self) -> bool {
        self.idempotency_key.is_none() && self.on_failure == OnFailure::Delete
    }

    /// The key of its request.
    pub(crate) fn key(&self) -> Result<String, ValidationError> {
        match &self.idempotency_key {
            Some(key) => Ok(check_idempotency_key(key)?.to_owned()),
            None => Ok(new_id().to_string()),
        }
    }
}

/// What becomes of a sandbox whose create is given up, or fails after it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// It is deleted.
    #[default]
    Delete,
    /// It is left as it is.
    Keep,
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

/// The arguments of one call: `{sandboxId?, template?, options?, trace?}`.
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
        let (mut body, mut call) = self.options()?;
        if take_flag(&mut body, "create options", "keepOnFailure")? == Some(true) {
            call.on_failure = OnFailure::Keep;
        }
        call.idempotency_key = take_key(&mut body)?;
        let mut options = CreateOptions::from_json(&body)?;
        if let Some(template) = self.map.get("template") {
            if body.get("templateID").is_some() {
                let message = "the template is given twice, as the first argument and as `templateID`: give it once";
                return Err(ValidationError::new("templateID", message));
            }
            check_template_id(template)?.clone_into(&mut options.template_id);
        }
        Ok((options, call))
    }

    /// Arguments of connect.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn connect(&self) -> Result<(ConnectCall, CallOptions), ValidationError> {
        let sandbox_id = self.sandbox_id()?;
        let (mut body, mut call) = self.options()?;
        let wait = match take_flag(&mut body, "connect options", "waitReady")? {
            Some(false) => Wait::No,
            _ => Wait::UntilReady,
        };
        call.idempotency_key = take_key(&mut body)?;
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
        Fields::of("these options", &rest, &["requestTimeoutMs", "readyTimeoutMs", "maxRetries"])?;
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

    /// Where the call belongs in a trace, by the field `trace`.
    pub fn trace(&self) -> Option<TraceContext> {
        TraceContext::read(self.map.get("trace"))
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
    pub(crate) fn options(&self) -> Result<(Cow<'_, Value>, CallOptions), ValidationError> {
        let Some(options) = self.map.get("options") else {
            return Ok((Cow::Owned(Value::Object(Map::new())), CallOptions::default()));
        };
        let (own, rest) = split(options);
        refuse_misspelt(&rest)?;
        Ok((rest, own.as_ref().map(call_options).transpose()?.unwrap_or_default()))
    }
}

/// Takes a field out that is not sent, and gives it back alone.
fn take(body: &mut Cow<'_, Value>, name: &str) -> Value {
    let is_there = body.get(name).is_some();
    let value = is_there.then(|| body.to_mut().as_object_mut()?.remove(name)).flatten();
    Value::Object(value.map(|value| (name.to_owned(), value)).into_iter().collect())
}

fn take_flag(body: &mut Cow<'_, Value>, of: &'static str, name: &'static str) -> Result<Option<bool>, ValidationError> {
    Fields::of(of, &take(body, name), &[name])?.boolean(name)
}

fn take_key(body: &mut Cow<'_, Value>) -> Result<Option<String>, ValidationError> {
    let alone = take(body, "idempotencyKey");
    let fields = Fields::of("options", &alone, &["idempotencyKey"])?;
    let key = fields.text("idempotencyKey")?.map(check_idempotency_key).transpose()?;
    Ok(key.map(str::to_owned))
}

/// Options of the routes that most calls have: they are not compared with the client's each time.
const COMMON: [&str; 9] =
    ["templateID", "timeout", "waitReady", "envVars", "metadata", "autoPause", "duration", "cwd", "timeoutMs"];

/// Refuses what was surely meant as a client's option: the routes know only their own fields to hint at.
fn refuse_misspelt(rest: &Value) -> Result<(), ValidationError> {
    let Some(map) = rest.as_object() else { return Ok(()) };
    for name in map.keys().filter(|name| !COMMON.contains(&name.as_str())) {
        if let Some(meant) = closest(name, &CLIENT_OPTION_NAMES) {
            return Err(ValidationError::new(name, format!("`{name}` is not an option: did you mean `{meant}`?")));
        }
    }
    Ok(())
}
