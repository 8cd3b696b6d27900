"use strict";

const { Readable } = require("node:stream");
const { Aborted } = require("./aborted.js");
const { thrownFor } = require("./errors.js");
const { settled } = require("./outcomes.js");
const { cancellable } = require("./signal.js");

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

/** Opens a file, and gives it as a stream. */
async function openFile(runtime, args, options) {
  try {
    let opening;
    const start = (native, text) => {
      const reader = native.reader();
      opening = (place, handle) => reader.open(place, native, text, handle);
      return reader;
    };
    const { native, signal } = runtime.begin(args, options, start);
    await cancellable(signal, opening);
    return new ByteStream(native, signal);
  } catch (failure) {
    throw failure instanceof Aborted ? failure.reason : thrownFor(failure, openFile);
  }
}

module.exports = { ByteStream, openFile };
