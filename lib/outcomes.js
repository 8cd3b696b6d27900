"use strict";

// Not the global one, which fake timers of tests replace.
const { setImmediate } = require("node:timers");
const native = require("./native.js");

/** The calls in flight. What they come to is taken from the native side many at a time. */
class Calls {
  #waiting = [];
  #free = [];
  #inFlight = 0;
  #native;

  constructor() {
    // The native side holds the function for as long as outcomes may come: it must not hold the calls in turn.
    const self = new WeakRef(this);
    this.#native = new native.Outcomes(() => self.deref()?.deliver());
  }

  get native() {
    return this.#native;
  }

  /** Promises the outcome of a native call, which is to put it at the place that `begin` is given. */
  settled(begin) {
    return new Promise((resolve, reject) => {
      const place = this.#free.pop() ?? this.#waiting.length;
      begin(place);
      this.#waiting[place] = { resolve, reject };
      if (this.#inFlight++ === 0) this.#native.hold();
    });
  }

  /** Settles what there are outcomes for. */
  deliver() {
    const taken = this.#native.take();
    for (let index = 0; index < taken.length; index += 2) {
      const place = taken[index] >>> 1;
      const { resolve, reject } = this.#waiting[place];
      this.#waiting[place] = undefined;
      this.#free.push(place);
      if (taken[index] & 1) reject({ record: taken[index + 1] });
      else resolve(taken[index + 1]);
    }
    const count = taken.length / 2;
    this.#inFlight -= count;
    if (count > 0 && this.#inFlight === 0) this.#native.release();
    // The rest comes after whatever else is due.
    if (count === AT_ONCE) setImmediate(() => this.deliver());
  }
}

const calls = new Calls();
const AT_ONCE = calls.native.atOnce;

/** Promises the outcome of a native call; it rejects with `{record: "<ErrorRecord as JSON>"}`. */
function settled(begin) {
  return calls.settled(begin);
}

module.exports = { outcomes: calls.native, settled };
