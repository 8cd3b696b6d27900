"use strict";

const { Aborted } = require("./aborted.js");
const { ValidationError } = require("./errors.js");
const { CancelHandle } = require("./native.js");
const { settled } = require("./outcomes.js");

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

/** Runs a native call, which is given the place of its outcome, and a handle that the signal cancels. */
function cancellable(signal, run) {
  return signal === undefined ? settled(run) : cancelled(signal, run);
}

async function cancelled(signal, run) {
  if (signal.aborted) throw new Aborted(signal);
  const handle = new CancelHandle();
  const cancel = () => handle.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    return await settled((place) => run(place, handle));
  } catch (failure) {
    // Whatever came first: the caller has asked for this.
    throw signal.aborted ? new Aborted(signal) : failure;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

/** What comes piece by piece from the native side; a signal, if there is one, stops it. */
class PieceStream {
  #native;
  #signal;
  #abort = () => this.#native.stop();

  constructor(native, signal) {
    this.#native = native;
    this.#signal = signal;
    if (signal?.aborted) native.stop();
    else signal?.addEventListener("abort", this.#abort, { once: true });
  }

  async next() {
    try {
      const piece = await settled((place) => this.#native.next(place));
      if (this.#signal?.aborted) throw new Aborted(this.#signal);
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
    this.#signal?.removeEventListener("abort", this.#abort);
  }
}

module.exports = { cancellable, PieceStream, takeSignal };
