"use strict";

const { encode, given } = require("./arguments.js");
const { thrownFor } = require("./errors.js");
const { startSpan } = require("./tracing.js");

/** What runs inside a sandbox: one per handle, which tells it where that is. */
class Runtime {
  #connection;
  #sandboxId;
  #native;

  constructor(connection, raw) {
    this.#connection = connection;
    this.#sandboxId = raw.sandboxID;
    this.#native = connection.runtime(placeOf(raw));
  }

  /** Where it is as far as is known: a refused token makes it look that up anew. */
  get place() {
    const text = this.#native.place();
    return text === null ? undefined : JSON.parse(text);
  }

  moveTo(raw) {
    this.#native.moveTo(JSON.stringify(placeOf(raw)));
  }

  /** One call with the user's options for it. */
  async call(method, args, options) {
    return await this.#connection.request(
      method,
      { sandboxId: this.#sandboxId, ...args, options },
      { callee: this.#native },
    );
  }

  /** One call that also takes bytes, which JSON does not hold. */
  async send(method, args, options, bytes) {
    const callee = { call: (_, place, text, handle) => this.#native[method](place, text, handle, bytes) };
    return await this.#connection.request(method, { sandboxId: this.#sandboxId, ...args, options }, { callee });
  }

  /** One call that gives back bytes, or null. */
  async fetch(method, args, options) {
    const whole = { sandboxId: this.#sandboxId, ...args, options };
    return await this.#connection.request(method, whole, { callee: this.#native, read: (bytes) => bytes });
  }

  /** What the native side begins with the native runtime and the text of the arguments, and the signal that ends it. */
  begin(args, options, start, trace) {
    const whole = { sandboxId: this.#sandboxId, ...args, options };
    const { text, signal } = this.#connection.prepare(trace === undefined ? whole : { ...whole, trace });
    return { native: start(this.#native, text), signal };
  }

  /** Where a port is reached, at once. */
  hostOf(port) {
    const { url, record } = JSON.parse(this.#native.host(encode({ port: given(port) })));
    if (record !== undefined) throw thrownFor({ record }, this.hostOf);
    return url;
  }

  /** Begins what comes piece by piece, with the user's options for it, as a part of a trace. */
  open(method, args, options, trace) {
    const whole = { sandboxId: this.#sandboxId, ...args, options };
    return this.#connection.begin(method, trace === undefined ? whole : { ...whole, trace }, this.#native);
  }

  /** Does work that is no single call, in a span of its own; the work gets the trace that its requests belong to. */
  async traced(method, work) {
    const span = startSpan(method, { sandboxId: this.#sandboxId });
    try {
      const result = await work(span?.trace);
      span?.succeed();
      return result;
    } catch (error) {
      span?.fail(error);
      throw error;
    }
  }

  /** Keeps the process alive until what was aborted is killed. */
  settle() {
    this.#connection.settle();
  }
}

function placeOf({ sandboxID, envdUrl, envdAccessToken }) {
  return { sandboxId: sandboxID, envdUrl, envdAccessToken };
}

module.exports = { Runtime };
