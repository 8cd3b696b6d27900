"use strict";

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

/** Runs a native call, which is given a handle that the signal cancels. Rejects with the signal's reason. */
async function cancellable(signal, run) {
  if (signal === undefined) return await run();
  if (signal.aborted) throw new Aborted(signal.reason);
  const handle = new CancelHandle();
  const cancel = () => handle.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    return await run(handle);
  } catch (failure) {
    // Whatever came first: the caller has asked for this.
    throw signal.aborted ? new Aborted(signal.reason) : failure;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

/** Carries a signal's reason, which may be anything. */
class Aborted {
  constructor(reason) {
    this.reason = reason;
  }
}

module.exports = { Aborted, cancellable, takeSignal };
