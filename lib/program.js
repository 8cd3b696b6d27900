"use strict";

const { Aborted } = require("./aborted.js");
const { given, isObject, kindOf, optionsOf, refusal } = require("./arguments.js");
const { thrownFor } = require("./errors.js");
const { cancellable, onAbort } = require("./signal.js");

/** Answers with these are made without a body. */
const WITHOUT_BODY = new Set([204, 205, 304]);

/** Sends a request to a program in a sandbox, and gives its answer as `fetch` does. */
async function fetchFrom(runtime, request, options) {
  const { port, path, method, headers, body, ...rest } = fieldsOf(request);
  const sent = requestOf({ method, headers, body });
  const args = { port: given(port), path, method: sent.method, headers: [...sent.headers] };
  const fields = options === undefined || isObject(options) ? { ...rest, ...optionsOf(options) } : options;
  let bytes;
  let opening;
  const start = (native, text) => {
    const reader = native.reader();
    opening = (place, handle) => reader.openProgram(place, native, text, bytes, handle);
    return reader;
  };
  try {
    const { native, signal } = runtime.begin(args, fields, start);
    bytes = await bytesOf(sent.body, signal);
    const answer = JSON.parse(await cancellable(signal, opening));
    try {
      if (signal?.aborted) throw new Aborted(signal);
      return responseOf(answer, sent.method, native, signal);
    } catch (error) {
      native.stop();
      throw error;
    }
  } catch (failure) {
    throw thrownFor(failure, fetchFrom);
  }
}

function fieldsOf(request) {
  if (isObject(request)) return optionsOf(request);
  throw refusal("request", `\`request\` must be an object, got ${kindOf(request)}: pass { port, path }`);
}

/** Headers and bytes as `fetch` would send them, whatever kind of body it is. */
function requestOf({ method = "GET", headers, body }) {
  try {
    return new Request("http://sandbox/", { method, headers, body, duplex: "half" });
  } catch (cause) {
    throw refusal("request", `the request can't be sent: ${cause.message}`, cause);
  }
}

/** The bytes of a request's body; a signal ends the reading. */
async function bytesOf(body, signal) {
  if (body === null) return Buffer.alloc(0);
  const chunks = [];
  const reader = body.getReader();
  const leave = onAbort(signal, () => reader.cancel(signal.reason).catch(() => {}));
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (signal?.aborted) throw new Aborted(signal);
      if (done) return Buffer.concat(chunks);
      if (!ArrayBuffer.isView(value)) throw refusal("body", `\`body\` must give bytes, got ${kindOf(value)}`);
      chunks.push(value);
    }
  } finally {
    leave();
  }
}

function responseOf({ status, headers }, method, native, signal) {
  if (WITHOUT_BODY.has(status)) {
    native.stop();
    return new Response(null, { status, headers });
  }
  // Not before it is needed: Node.js takes a millisecond to load its streams.
  const { ByteStream } = require("./byte-stream.js");
  const { decoded, decodingError } = require("./content-coding.js");
  const source = new ByteStream(native, signal);
  const { stream, headers: own } = method === "HEAD" ? { stream: source, headers } : decoded(source, headers);
  const body = new ReadableStream(
    {
      start(controller) {
        stream.on("data", (bytes) => {
          controller.enqueue(new Uint8Array(bytes));
          if (controller.desiredSize <= 0) stream.pause();
        });
        stream.once("end", () => controller.close());
        stream.once("error", (error) => controller.error(signal?.aborted ? signal.reason : decodingError(error)));
        stream.pause();
      },
      pull: () => void stream.resume(),
      cancel: (reason) => void source.destroy(reason),
    },
    { highWaterMark: 1 },
  );
  return withStatus(status, (possible) => new Response(body, { status: possible, headers: own }));
}

/** A program may answer with any status; a `Response` is only made with those from 200 to 599. */
function withStatus(status, make) {
  if (status >= 200 && status <= 599) return make(status);
  return Object.defineProperty(make(599), "status", { value: status });
}

module.exports = { fetchFrom };
