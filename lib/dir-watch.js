"use strict";

const { notify, takeCallback } = require("./callbacks.js");
const { thrownFor } = require("./errors.js");
const { ItemStream } = require("./streams.js");

/** What happens in a directory, one event after the other. */
class DirWatch extends ItemStream {
  constructor(native) {
    super(native, (event) => [event]);
  }

  async stop() {
    await this.return();
  }
}

/** Watches a directory: `watchDir(path, options)` gives the events, `watchDir(path, onEvent, options)` calls for each. */
async function watchDir(runtime, args, ...rest) {
  const [onEvent, options] = typeof rest[0] === "function" ? rest : [undefined, rest[0]];
  const [onExit, fields] = onEvent ? takeCallback(options, "onExit", "(error) => …") : [undefined, options];
  const native = runtime.open("watchDir", args, fields);
  try {
    // The first piece says that the watch stands.
    await native.next();
  } catch (failure) {
    throw thrownFor(failure, watchDir);
  }
  const watch = new DirWatch(native);
  if (onEvent === undefined) return watch;
  const handle = new WatchHandle(watch);
  handle.follow(onEvent, onExit);
  return handle;
}

/** A watch that calls back, until it is stopped. */
class WatchHandle {
  #watch;
  #stopped = false;

  constructor(watch) {
    this.#watch = watch;
  }

  async follow(onEvent, onExit) {
    let error;
    try {
      for await (const event of this.#watch) notify(onEvent, event);
    } catch (failure) {
      error = failure;
    }
    if (!this.#stopped) notify(onExit, error);
  }

  async stop() {
    this.#stopped = true;
    await this.#watch.stop();
  }
}

module.exports = { DirWatch, watchDir };
