"use strict";

const { Aborted } = require("./aborted.js");
const { optionsOf, refusal } = require("./arguments.js");
const { CancelHandle } = require("./native.js");
const { settled } = require("./outcomes.js");

const IGNORE = () => {};

/** Those who wait for one signal. Together they are one listener: Node.js warns of more than ten. */
class Listeners {
  static #known = new WeakMap();

  #signal;
  #waiting = new Set();
  #run = () => {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    this.#end();
    for (const { abort } of waiting) abort();
  };

  static of(signal) {
    return Listeners.#known.get(signal) ?? new Listeners(signal);
  }

  constructor(signal) {
    this.#signal = signal;
    Listeners.#known.set(signal, this);
    signal.addEventListener("abort", this.#run, { once: true });
  }

  add(abort) {
    const entry = { abort };
    this.#waiting.add(entry);
    return () => {
      if (this.#waiting.delete(entry) && this.#waiting.size === 0) this.#end();
    };
  }

  #end() {
    Listeners.#known.delete(this.#signal);
    this.#signal.removeEventListener("abort", this.#run);
  }
}

/** Calls `abort` when the signal aborts: at once if it has aborted already. What comes back ends that, and is to be called. */
function onAbort(signal, abort) {
  if (signal === undefined) return IGNORE;
  if (!signal.aborted) return Listeners.of(signal).add(abort);
  abort();
  return IGNORE;
}

/** Takes the AbortSignal out of a call's options, as it can't be written as JSON. */
function takeSignal(given) {
  const options = optionsOf(given);
  if (typeof options !== "object" || options === null || !("signal" in options)) return { options };
  const { signal, ...rest } = options;
  if (signal === undefined || signal === null) return { options: rest };
  // By its shape: a signal of another realm, as under Jest, is no instance of this one's class.
  const isSignal = typeof signal.aborted === "boolean" && typeof signal.addEventListener === "function";
  if (isSignal) return { options: rest, signal };
  throw refusal("signal", "`signal` must be an AbortSignal: pass `controller.signal`, or `AbortSignal.timeout(ms)`");
}

/** Runs a native call, which is given the place of its outcome, and a handle that the signal cancels. */
function cancellable(signal, run) {
  return signal === undefined ? settled(run) : cancelled(signal, run);
}

async function cancelled(signal, run) {
  if (signal.aborted) throw new Aborted(signal);
  const handle = new CancelHandle();
  const leave = onAbort(signal, () => handle.cancel());
  try {
    return await settled((place) => run(place, handle));
  } catch (failure) {
    // Whatever came first: the caller has asked for this.
    throw signal.aborted ? new Aborted(signal) : failure;
  } finally {
    leave();
  }
}

/** What a promise gives, unless the signal aborts first. */
async function untilAborted(signal, promise) {
  let leave = IGNORE;
  const aborted = new Promise((_, reject) => {
    leave = onAbort(signal, () => reject(new Aborted(signal)));
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    leave();
  }
}

/** What comes piece by piece from the native side; a signal, if there is one, stops it. */
class PieceStream {
  #native;
  #signal;
  #leave;

  constructor(native, signal) {
    this.#native = native;
    this.#signal = signal;
    this.#leave = onAbort(signal, () => native.stop());
  }

  async next() {
    try {
      const piece = await settled((place) => this.#native.next(place));
      // What came before the abort is given: it may be what a create has made.
      if (piece !== "null") return piece;
      this.#leave();
      if (this.#signal?.aborted) throw new Aborted(this.#signal);
      return piece;
    } catch (failure) {
      this.#leave();
      throw failure;
    }
  }

  /** Reads a call that reports on its way: gives each report to `tell`, and the last piece's `result` back. */
  async result(tell) {
    try {
      for (;;) {
        const { result, ...report } = JSON.parse(await this.next());
        if (result !== undefined) return result;
        tell(report);
      }
    } finally {
      this.#leave();
    }
  }

  stop() {
    this.#leave();
    this.#native.stop();
  }
}

module.exports = { cancellable, onAbort, PieceStream, takeSignal, untilAborted };
