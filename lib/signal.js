"use strict";

const { Aborted } = require("./aborted.js");
const { ValidationError } = require("./errors.js");
const { CancelHandle } = require("./native.js");

/** Takes the AbortSignal out of a call's options, as it can't be written as JSON. */
function takeSignal(options) {
  if (typeof options !== "object" || options === null || !("signal" in options)) return { options };
  const { signal, ...rest } = options;
  if (signal === undefined || signal === null) return { options: rest };
  // By its shape: a signal of another realm, as under Jest, is no instance of this one's class.
  if (typeof signal?.aborted !== "boolean" || typeof signal.addEventListener !== "function") {
    const message = "`signal` must be an AbortSignal: pass `controller.signal`, or `AbortSignal.timeout(ms)`";
    throw new ValidationError(message, { kind: "validation", field: "signal", retryable: false });
  }
  return { options: rest, signal };
}

/** Runs a native call, which is given a handle that the signal cancels. */
async function cancellable(signal, run) {
  if (signal === undefined) return await run();
  if (signal.aborted) throw new Aborted(signal);
  const handle = new CancelHandle();
  const cancel = () => handle.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    return await run(handle);
  } catch (failure) {
    // Whatever came first: the caller has asked for this.
    throw signal.aborted ? new Aborted(signal) : failure;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

/** A native stream that a signal stops. */
class CancellableStream {
  #native;
  #signal;
  #abort = () => this.#native.stop();

  constructor(native, signal) {
    this.#native = native;
    this.#signal = signal;
    if (signal.aborted) native.stop();
    else signal.addEventListener("abort", this.#abort, { once: true });
  }

  async next() {
    try {
      const piece = await this.#native.next();
      if (this.#signal.aborted) throw new Aborted(this.#signal);
      if (piece === "null") this.#leave();
      return piece;
    } catch (failure) {
      this.#leave();
      throw failure;
    }
  }

  stop() {
    this.#leave();
    this.#native.stop();
  }

  #leave() {
    this.#signal.removeEventListener("abort", this.#abort);
  }
}

module.exports = { CancellableStream, cancellable, takeSignal };
