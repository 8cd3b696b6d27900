/** A sandbox as the service answers it. */
function sandboxAnswer(fields = {}) {
  return {
    sandboxID: "sb-1",
    templateID: "base",
    clientID: "node-1",
    envdAccessToken: "secret-token",
    envdUrl: "http://127.0.0.1:9/sandboxes/sb-1",
    status: "running",
    state: "running",
    startedAt: "2030-01-01T00:00:00Z",
    endAt: "2030-01-01T00:05:00Z",
    ...fields,
  };
}

/** An error as the service answers it. */
function errorAnswer(code, word, message, details) {
  return { code, message, request_id: "request-1", error: { code: word, message, details }, details };
}

/** What a start that failed leaves in a sandbox's detail. */
function failedAnswer() {
  return sandboxAnswer({
    status: "failed",
    state: "failed",
    envdUrl: null,
    envdAccessToken: null,
    timeline: [
      { phase: "created", status: "completed", timestamp: "2030-01-01T00:00:00Z" },
      { phase: "start_command", status: "failed", timestamp: "2030-01-01T00:00:01Z", message: "exit code 3" },
    ],
    diagnostic: {
      reason: "start_command_failed",
      message: "the start command exited with 3",
      recommendation: "run it by hand",
    },
  });
}

module.exports = { errorAnswer, failedAnswer, sandboxAnswer };
