"use strict";

const { version } = require("../package.json");

// Undefined until it is looked for, null if the app has none.
let api;

/** OpenTelemetry's API, if the app has installed it. It does nothing until the app sets up an SDK for it. */
function openTelemetry() {
  if (api !== undefined) return api;
  try {
    // Its name stands here as text, so that bundlers see it, and in a try, so that they let it be absent.
    api = require("@opentelemetry/api");
  } catch {
    api = null;
  }
  if (typeof api?.trace?.getTracer !== "function") api = null;
  return api;
}

/** The span of one call. */
class CallSpan {
  #span;
  #errorStatus;

  /** What the requests of the call carry, by the app's propagator; undefined if that says nothing. */
  trace;

  constructor({ trace, context, propagation, SpanKind, SpanStatusCode }, method, args) {
    const parent = context.active();
    const options = { kind: SpanKind.CLIENT, attributes: attributesOf(args) };
    this.#span = trace.getTracer("sandbar", version).startSpan(`sandbar.${method}`, options, parent);
    this.#errorStatus = SpanStatusCode.ERROR;
    const carrier = {};
    propagation.inject(trace.setSpan(parent, this.#span), carrier);
    const { traceparent, tracestate } = carrier;
    if (traceparent) this.trace = { traceparent, tracestate };
  }

  succeed(answer) {
    guarded(() => {
      if (typeof answer?.sandboxID === "string") this.#span.setAttribute("sandbar.sandbox.id", answer.sandboxID);
      this.#span.end();
    });
  }

  fail(error) {
    guarded(() => {
      // The reason of an abort may be anything.
      const { name, message, statusCode, method, attempts, requestId, sandboxId } = Object(error);
      const known = {
        "error.type": name,
        "http.request.method": method,
        "http.response.status_code": statusCode,
        "http.request.resend_count": attempts > 1 ? attempts - 1 : undefined,
        "sandbar.request.id": requestId,
        "sandbar.sandbox.id": sandboxId,
      };
      for (const attribute of Object.keys(known)) {
        if (known[attribute] !== undefined) this.#span.setAttribute(attribute, known[attribute]);
      }
      this.#span.recordException(error ?? String(error));
      this.#span.setStatus({ code: this.#errorStatus, message });
    });
    guarded(() => this.#span.end());
  }
}

function attributesOf({ sandboxId, template }) {
  const attributes = {};
  if (typeof sandboxId === "string") attributes["sandbar.sandbox.id"] = sandboxId;
  if (typeof template === "string") attributes["sandbar.template.id"] = template;
  return attributes;
}

/** Begins the span of a call; undefined where nobody traces. */
function startSpan(method, args) {
  const found = openTelemetry();
  return found === null ? undefined : guarded(() => new CallSpan(found, method, args));
}

/** What the app plugged into its tracing may fail; no call fails with it. */
function guarded(step) {
  try {
    return step();
  } catch {
    return undefined;
  }
}

module.exports = { startSpan };
