use std::io;
use std::time::Duration;

use axum::body::Body;
use http_body_util::{BodyExt, Limited};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use sandbar_protocol::{Diagnostic, Health, HeartbeatStatus};

use super::output::printable;
use super::sockets::Sockets;

/// Whatever answers may be an imposter: nothing of it is kept beyond this.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
const MAX_MESSAGE_CHARS: usize = 500;

/// Waits until the agent says that it is healthy. The connection waits in the socket's queue until the agent accepts
/// it, and the agent answers when its start has ended: nothing is asked twice. Gives back how long the template's
/// commands took, if there are any.
pub(super) async fn wait(sockets: &Sockets, sandbox_id: &str, limit: Duration) -> Result<Option<Duration>, Diagnostic> {
    match tokio::time::timeout(limit, ask(sockets, sandbox_id, limit)).await {
        Ok(Ok(Health { status: HeartbeatStatus::Healthy, commands_ms, .. })) => {
            Ok(commands_ms.map(Duration::from_millis))
        }
        Ok(Ok(Health { status: HeartbeatStatus::Error, message, reason, .. })) => {
            let message = printable(&message.unwrap_or_default(), MAX_MESSAGE_CHARS);
            let message = if message.is_empty() { "the start command failed".to_owned() } else { message };
            if reason.as_deref() == Some("workdir_unusable") {
                return Err(Diagnostic::new("workdir_unusable", message).recommend(
                    "choose a `workdir` below /root in the template's definition, or one that its root file system has",
                ));
            }
            Err(Diagnostic::new("start_command_failed", message)
                .recommend("run the template's start command by hand in a sandbox of `base`, and read the logs"))
        }
        Ok(Ok(Health { status: HeartbeatStatus::Starting, .. })) | Err(_) => {
            Err(Diagnostic::new("readiness_timeout", format!("it was not ready after {limit:?}"))
                .recommend("check the template's start and ready commands: the logs have their output"))
        }
        Ok(Err(error)) => {
            Err(Diagnostic::new("agent_unreachable", format!("its agent did not answer as agents do: {error}"))
                .recommend("read its logs; build `sandbar` and `sandbar-agent` from the same sources, `npm run build`"))
        }
    }
}

/// Whether the agent broke the connection off, instead of saying how it is.
pub(super) fn is_broken_off(diagnostic: &Diagnostic) -> bool {
    diagnostic.reason == "agent_unreachable"
}

async fn ask(sockets: &Sockets, sandbox_id: &str, limit: Duration) -> io::Result<Health> {
    let stream = TokioIo::new(sockets.connect(sandbox_id).await?);
    let (mut sender, connection) = http1::handshake(stream).await.map_err(io::Error::other)?;
    let request = Request::get(format!("/health?wait={}", limit.as_millis())).header("host", "sandbox");
    let request = request.body(Body::empty()).map_err(io::Error::other)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await.map_err(io::Error::other)?;
        serde_json::from_slice(&body.to_bytes()).map_err(io::Error::from)
    };
    tokio::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        // The connection may end in the moment in which its answer is complete.
        _ = connection => answer.await,
    }
}
