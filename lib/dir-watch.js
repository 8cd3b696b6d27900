"use strict";

const { ASYNC_DISPOSE } = require("./disposal.js");
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
  return new DirWatchHandle(watch, onEvent, onExit);
}

/** A watch that calls back, until it is stopped. */
class DirWatchHandle {
  #watch;
  #stopped = false;

  constructor(watch, onEvent, onExit) {
    this.#watch = watch;
    this.#follow(onEvent, onExit);
  }

  async #follow(onEvent, onExit) {
    let error;
    try {
      for await (const event of this.#watch) {
        if (this.#stopped) return;
        notify(onEvent, event);
      }
    } catch (failure) {
      error = failure;
    }
    if (!this.#stopped) notify(onExit, error);
  }

  async stop() {
    this.#stopped = true;
    await this.#watch.stop();
  }

  async [ASYNC_DISPOSE]() {
    await this.stop();
  }
}

module.exports = { DirWatch, DirWatchHandle, watchDir };
