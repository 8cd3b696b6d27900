//! The answers, made at the start: of each only the sandbox's ID is filled in.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use hyper::header::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use sandbar_protocol::{
    Envd, Lifecycle, OnTimeout, PhaseStatus, PublicState, Sandbox, SandboxLimits, Secret, TimelineEvent,
};
use serde_json::{Value, json};

const MARK: &str = "<id>";
const TTL: SignedDuration = SignedDuration::from_hours(24);

/// All answers with a body.
pub(crate) struct Answers {
    count: AtomicU64,
    end_at: HeaderValue,
    created: Template,
    detail: Template,
    e2b: Peer,
    daytona: Peer,
}

impl Answers {
    /// Answers whose URLs begin with this origin.
    pub(crate) fn new(origin: &str) -> Self {
        let now = Timestamp::now();
        let running = running(origin, now);
        Self {
            count: AtomicU64::new(0),
            // Made of digits and punctuation, it is always a header's value.
            end_at: HeaderValue::from_str(&(now + TTL).to_string()).unwrap_or(HeaderValue::from_static("")),
            created: Template::new(&json!(running)),
            detail: Template::new(&json!(detailed(running))),
            e2b: e2b(now),
            daytona: daytona(now),
        }
    }

    /// A new sandbox.
    pub(crate) fn created(&self) -> Bytes {
        self.created.fill(&self.new_id())
    }

    /// A sandbox.
    pub(crate) fn detail(&self, id: &str) -> Bytes {
        self.detail.fill(id)
    }

    /// The service of another package, if the path is below its name.
    pub(crate) fn peer(&self, path: &str) -> Option<&Peer> {
        match path.split('/').nth(1) {
            Some("e2b") => Some(&self.e2b),
            Some("daytona") => Some(&self.daytona),
            _ => None,
        }
    }

    /// The deadline of every sandbox, as text.
    pub(crate) fn end_at(&self) -> HeaderValue {
        self.end_at.clone()
    }

    pub(crate) fn new_id(&self) -> String {
        format!("sb-{:024x}", self.count.fetch_add(1, Ordering::Relaxed))
    }
}

/// A text with marks where the ID belongs.
struct Template(Vec<String>);

impl Template {
    fn new(value: &Value) -> Self {
        Self(value.to_string().split(MARK).map(str::to_owned).collect())
    }

    fn fill(&self, id: &str) -> Bytes {
        self.0.join(id).into()
    }
}

/// What another service answers.
pub(crate) struct Peer {
    created: Template,
    detail: Template,
    /// Whether changes are answered with the sandbox, or with nothing.
    says_what_it_did: bool,
}

impl Peer {
    pub(crate) fn created(&self, id: &str) -> Bytes {
        self.created.fill(id)
    }

    pub(crate) fn detail(&self, id: &str) -> Bytes {
        self.detail.fill(id)
    }

    pub(crate) fn says_what_it_did(&self) -> bool {
        self.says_what_it_did
    }
}

/// What the engine says of a create that waited.
fn running(origin: &str, now: Timestamp) -> Sandbox {
    let event = |phase: &str, millis, duration_ms, message: Option<&str>| TimelineEvent {
        phase: phase.to_owned(),
        status: Some(PhaseStatus::Completed),
        timestamp: Some(now + SignedDuration::from_millis(millis)),
        message: message.map(str::to_owned),
        duration_ms,
    };
    Sandbox {
        template_id: Some("base".to_owned()),
        client_id: Some("fixed-answers".to_owned()),
        envd: Some(Envd {
            envd_access_token: Some(Secret::new("e".repeat(64))),
            envd_url: Some(format!("{origin}/envd/{MARK}")),
        }),
        status: Some(PublicState::Running),
        state: Some(PublicState::Running),
        started_at: Some(now),
        activated_at: Some(now + SignedDuration::from_millis(21)),
        end_at: Some(now + TTL),
        timeline: vec![
            event("accepted", 0, None, Some("the sandbox was accepted")),
            event("starting", 1, Some(20.25), Some("claimed a warm runtime")),
            event("runtime_ready", 19, Some(1.5), Some("the runtime answered its first health check")),
            event("ready", 21, None, None),
        ],
        ..Sandbox::with_id(MARK)
    }
}

fn detailed(sandbox: Sandbox) -> Sandbox {
    Sandbox {
        cpu_count: Some(2),
        memory_mb: Some(512),
        disk_size_mb: Some(1_024),
        limits: Some(SandboxLimits { level: Some("cgroup v2".to_owned()), ..SandboxLimits::default() }),
        metadata: Some([("purpose".to_owned(), "bench".to_owned())].into()),
        lifecycle: Some(Lifecycle { on_timeout: OnTimeout::Kill }),
        ..sandbox
    }
}

/// For the package `e2b`.
fn e2b(now: Timestamp) -> Peer {
    let created = json!({
        "sandboxID": MARK,
        "templateID": "base",
        "alias": "base",
        "clientID": "fixed-answers",
        "envdVersion": "0.2.10",
        "envdAccessToken": "e".repeat(64),
        "trafficAccessToken": null,
        "domain": null,
    });
    let detail = json!({
        "sandboxID": MARK,
        "templateID": "base",
        "alias": "base",
        "clientID": "fixed-answers",
        "startedAt": now.to_string(),
        "endAt": (now + TTL).to_string(),
        "envdVersion": "0.2.10",
        "envdAccessToken": "e".repeat(64),
        "cpuCount": 2,
        "memoryMB": 512,
        "diskSizeMB": 1_024,
        "metadata": { "purpose": "bench" },
        "state": "running",
        "domain": null,
    });
    Peer { created: Template::new(&created), detail: Template::new(&detail), says_what_it_did: false }
}

/// For the package `@daytonaio/sdk`.
fn daytona(now: Timestamp) -> Peer {
    let sandbox = json!({
        "id": MARK,
        "organizationId": "bench",
        "name": MARK,
        "target": "us",
        "snapshot": "base",
        "user": "daytona",
        "env": { "NODE_ENV": "production", "REGION": "eu-central-1" },
        "cpu": 2,
        "gpu": 0,
        "memory": 1,
        "disk": 3,
        "public": false,
        "networkBlockAll": false,
        "labels": { "purpose": "bench", "run": "42", "code-toolbox-language": "python" },
        "state": "started",
        "desiredState": "started",
        "autoStopInterval": 5,
        "toolboxProxyUrl": "http://127.0.0.1:1/toolbox",
        "createdAt": now.to_string(),
        "updatedAt": now.to_string(),
    });
    Peer { created: Template::new(&sandbox), detail: Template::new(&sandbox), says_what_it_did: true }
}
