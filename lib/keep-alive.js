"use strict";

const { notify, takeCallback } = require("./callbacks.js");
const { ASYNC_DISPOSE, DISPOSE } = require("./disposal.js");
const { errorFrom, thrownFor } = require("./errors.js");
const { settled } = require("./outcomes.js");
const { onAbort, takeSignal } = require("./signal.js");

/** What keeps a sandbox alive until it is stopped. */
class KeepAlive {
  #native;
  #active = true;
  #onEnd;

  constructor(open, onError, onRefresh, onEnd) {
    this.#onEnd = onEnd;
    this.#native = open((text) => {
      // Told before it was stopped, and only read now.
      if (!this.#active) return;
      const { endAt = null, ended, record } = JSON.parse(text);
      if (!ended) return onRefresh({ endAt });
      this.#end();
      if (record) notify(onError, errorFrom(record));
    });
  }

  get active() {
    return this.#active;
  }

  async stop() {
    if (this.#active) this.#end();
    await settled((place) => this.#native.stop(place));
  }

  [DISPOSE]() {
    // It ends at once; only its last moments are not waited for.
    void this.stop();
  }

  async [ASYNC_DISPOSE]() {
    await this.stop();
  }

  #end() {
    this.#active = false;
    this.#onEnd();
  }
}

/** All that keep one sandbox alive. */
class KeepAlives {
  #held = new Set();

  /** Begins to keep the sandbox alive; `onRefresh` gets `{endAt}` after each refresh. */
  start(connection, sandboxId, options, onRefresh) {
    const [onError, rest] = takeCallback(options, "onError", "(error) => …");
    const { options: fields, signal } = takeSignal(rest);
    if (signal?.aborted) throw signal.reason;
    const open = (tell) => {
      const opened = connection.keepAlive({ sandboxId }, fields, tell);
      const record = opened.error();
      if (record !== null) throw thrownFor({ record }, this.start);
      return opened;
    };
    const keepAlive = new KeepAlive(open, onError, onRefresh, () => {
      this.#held.delete(keepAlive);
      leave();
    });
    const leave = onAbort(signal, () => void keepAlive.stop());
    this.#held.add(keepAlive);
    return keepAlive;
  }

  /** Stops all of them; nothing is in flight afterwards. */
  async stop() {
    await Promise.all(Array.from(this.#held, (keepAlive) => keepAlive.stop()));
  }
}

module.exports = { KeepAlives };
