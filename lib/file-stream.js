"use strict";

const { Aborted } = require("./aborted.js");
const { thrownFor } = require("./errors.js");
const { cancellable } = require("./signal.js");

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
    if (signal?.aborted) {
      native.stop();
      throw new Aborted(signal);
    }
    // Not before it is needed: Node.js takes a millisecond to load its streams.
    const { ByteStream } = require("./byte-stream.js");
    return new ByteStream(native, signal);
  } catch (failure) {
    throw thrownFor(failure, openFile);
  }
}

module.exports = { openFile };
