"use strict";

/** What runs inside a sandbox: one per handle, which tells it where that is. */
class Runtime {
  #connection;
  #sandboxId;
  #native;

  constructor(connection, raw) {
    this.#connection = connection;
    this.#sandboxId = raw.sandboxID;
    this.#native = connection.runtime(placeOf(raw));
  }

  /** Where it is as far as is known: a refused token makes it look that up anew. */
  get place() {
    const text = this.#native.place();
    return text === null ? undefined : JSON.parse(text);
  }

  moveTo(raw) {
    this.#native.moveTo(JSON.stringify(placeOf(raw)));
  }

  /** One call with the user's options for it. */
  async call(method, args, options) {
    return await this.#connection.request(method, { sandboxId: this.#sandboxId, ...args, options }, this.#native);
  }

  /** Begins what comes piece by piece, with the user's options for it. */
  open(method, args, options) {
    return this.#connection.begin(method, { sandboxId: this.#sandboxId, ...args, options }, this.#native);
  }

  /** Keeps the process alive until what was aborted is killed. */
  settle() {
    this.#connection.settle();
  }
}

function placeOf({ sandboxID, envdUrl, envdAccessToken }) {
  return { sandboxId: sandboxID, envdUrl, envdAccessToken };
}

module.exports = { Runtime };
