"use strict";

const { Aborted } = require("./aborted.js");
const { given, refusal } = require("./arguments.js");
const { thrownFor } = require("./errors.js");
const { cancellable } = require("./signal.js");

/** Answers with these are made without a body. */
const WITHOUT_BODY = new Set([204, 205, 304]);

/** Sends a request to a program in a sandbox, and gives its answer as `fetch` does. */
async function fetchFrom(runtime, request, options) {
  const { port, path, method, headers, body, ...rest } = request ?? {};
  const sent = requestOf({ method, headers, body });
  const args = { port: given(port), path, method: sent.method, headers: [...sent.headers] };
  const bytes = Buffer.from(await sent.arrayBuffer());
  try {
    let opening;
    const start = (native, text) => {
      const reader = native.reader();
      opening = (place, handle) => reader.openProgram(place, native, text, bytes, handle);
      return reader;
    };
    const { native, signal } = runtime.begin(args, { ...rest, ...options }, start);
    return responseOf(JSON.parse(await cancellable(signal, opening)), native, signal);
  } catch (failure) {
    throw failure instanceof Aborted ? failure.reason : thrownFor(failure, fetchFrom);
  }
}

/** Headers and bytes as `fetch` would send them, whatever kind of body it is. */
function requestOf({ method = "GET", headers, body }) {
  try {
    return new Request("http://sandbox/", { method, headers, body, duplex: "half" });
  } catch (cause) {
    throw refusal("request", `the request can't be sent: ${cause.message}`, cause);
  }
}

function responseOf({ status, headers }, native, signal) {
  if (WITHOUT_BODY.has(status)) {
    native.stop();
    return new Response(null, { status, headers });
  }
  // Not before it is needed: Node.js takes a millisecond to load its streams.
  const { ByteStream } = require("./byte-stream.js");
  const stream = new ByteStream(native, signal);
  const body = new ReadableStream(
    {
      start(controller) {
        stream.on("data", (bytes) => {
          controller.enqueue(new Uint8Array(bytes));
          if (controller.desiredSize <= 0) stream.pause();
        });
        stream.once("end", () => controller.close());
        stream.once("error", (error) => controller.error(error));
        stream.pause();
      },
      pull: () => void stream.resume(),
      cancel: (reason) => void stream.destroy(reason),
    },
    { highWaterMark: 1 },
  );
  return new Response(body, { status, headers });
}

module.exports = { fetchFrom };
