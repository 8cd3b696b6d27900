"use strict";

const { encode, isObject } = require("./arguments.js");
const { errorFrom, thrownFor } = require("./errors.js");
const native = require("./native.js");
const { Aborted, cancellable, takeSignal } = require("./signal.js");

const CLIENT_OPTIONS = JSON.parse(native.clientOptionNames());

// Read here, at each call: the native side doesn't see the process.env of a worker thread.
const VARIABLES = ["SEACLOUD_BASE_URL", "SEACLOUD_API_KEY", "SEACLOUD_PROJECT_ID", "E2B_DOMAIN", "E2B_API_KEY"];

/** Where calls go: one configuration, and the native client that was opened for it. */
class Connection {
  static #standard;

  #options;
  #environment;
  #native;

  constructor(options, environment = readEnvironment()) {
    this.#options = options;
    this.#environment = environment;
    this.#native = native.openClient(encode({ options, env: environment }));
  }

  /** The connection of a caller that configured nothing: by the environment as it is now. */
  static standard() {
    const environment = readEnvironment();
    const last = Connection.#standard;
    if (last && VARIABLES.every((name) => environment[name] === last.#environment[name])) return last;
    Connection.#standard = new Connection(undefined, environment);
    return Connection.#standard;
  }

  /** What is wrong with the configuration; undefined if nothing is. */
  get configurationError() {
    const record = this.#native.configError();
    return record === null ? undefined : errorFrom(record);
  }

  /** The connection for a call with these options: another one if they configure the client. */
  route(options) {
    const own = isObject(options) ? CLIENT_OPTIONS.filter((name) => options[name] !== undefined) : [];
    if (own.length === 0) return this;
    const chosen = Object.fromEntries(own.map((name) => [name, options[name]]));
    return new Connection({ ...this.#options, ...chosen }, this.#environment);
  }

  /** One call with the user's options for it. */
  call(method, args, options) {
    return this.route(options).request(method, { ...args, options });
  }

  /** One call over this very connection. */
  async request(method, args) {
    const { options, signal } = takeSignal(args.options);
    try {
      const text = encode({ ...args, options });
      return JSON.parse(await cancellable(signal, (handle) => this.#native[method](text, handle)));
    } catch (failure) {
      // Keeps the process alive until what a failed create has left is deleted; at once if there is nothing.
      if (method === "create") this.#native.settled().catch(() => {});
      if (failure instanceof Aborted) throw failure.reason;
      throw thrownFor(failure, this.request);
    }
  }
}

function readEnvironment() {
  const { env } = process;
  const values = {};
  for (const name of VARIABLES) values[name] = env[name];
  return values;
}

module.exports = { Connection };
