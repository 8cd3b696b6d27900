"use strict";

const { Readable } = require("node:stream");
const { thrownFor } = require("./errors.js");
const { settled } = require("./outcomes.js");

/** As much as the native side hands over at once. */
const HIGH_WATER_MARK = 256 * 1024;

/** What the native side reads, as a stream: nothing is taken from the connection unless there is room for it. */
class ByteStream extends Readable {
  #native;

  constructor(native, signal) {
    super({ highWaterMark: HIGH_WATER_MARK });
    this.#native = native;
    if (signal === undefined) return;
    const abort = () => this.destroy(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    this.once("close", () => signal.removeEventListener("abort", abort));
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

module.exports = { ByteStream };
