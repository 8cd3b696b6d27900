"use strict";

const { Readable } = require("node:stream");
const { thrownFor } = require("./errors.js");
const { settled } = require("./outcomes.js");
const { onAbort } = require("./signal.js");

/** As much as the native side hands over at once. */
const HIGH_WATER_MARK = 256 * 1024;

/** What the native side reads, as a stream: nothing is taken from the connection unless there is room for it. */
class ByteStream extends Readable {
  #native;

  constructor(native, signal) {
    super({ highWaterMark: HIGH_WATER_MARK });
    this.#native = native;
    this.once(
      "close",
      onAbort(signal, () => this.destroy(errorOf(signal.reason))),
    );
  }

  _read() {
    settled((place) => this.#native.next(place)).then(
      (bytes) => this.push(bytes),
      (failure) => this.destroy(thrownFor(failure, this._read)),
    );
  }

  _destroy(error, done) {
    this.#native.stop();
    done(error);
  }
}

/** A reason as the error of a stream, which takes what is falsy for none. */
function errorOf(reason) {
  if (reason) return reason;
  const error = new Error("The operation was aborted", { cause: reason });
  return Object.assign(error, { name: "AbortError", code: "ABORT_ERR" });
}

module.exports = { ByteStream };
