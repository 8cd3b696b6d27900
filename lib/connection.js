"use strict";

const { encode, isObject, optionsOf } = require("./arguments.js");
const { errorFrom, thrownFor } = require("./errors.js");
const { headersOf, mergeHeaders } = require("./headers.js");
const { EventLog } = require("./logger.js");
const native = require("./native.js");
const { outcomes, settled } = require("./outcomes.js");
const { cancellable, PieceStream, takeSignal } = require("./signal.js");
const { startSpan } = require("./tracing.js");

const CLIENT_OPTIONS = JSON.parse(native.clientOptionNames());

// Read here: the native side doesn't see the process.env of a worker thread.
const VARIABLES = JSON.parse(native.environmentNames());

/** Where calls go: one configuration, and the native client that was opened for it. */
class Connection {
  static #standard;

  #options;
  #environment;
  #native;
  #events;

  constructor(given, environment = readEnvironment()) {
    const options = clientOptionsOf(given);
    this.#options = options;
    this.#environment = environment;
    this.#events = EventLog.of(options?.logger);
    const plain = this.#events ? withoutLogger(options) : options;
    this.#native = native.openClient(encode({ options: plain, env: environment }), outcomes, this.#events?.queue);
  }

  /** The connection of a caller that configured nothing: by the environment as it is now. */
  static standard() {
    const { env } = process;
    const last = Connection.#standard;
    // Reading a variable costs: those of the network are not compared at each call.
    if (last?.#holdsFor(env)) return last;
    Connection.#standard = new Connection();
    return Connection.#standard;
  }

  #holdsFor(env) {
    let isSet = false;
    for (const name of VARIABLES.service) {
      const value = env[name];
      if (value !== this.#environment[name]) return false;
      // An empty one counts as unset.
      isSet ||= !!value;
    }
    return isSet || VARIABLES.fallback.every((name) => env[name] === this.#environment[name]);
  }

  /** What is wrong with the configuration; undefined if nothing is. */
  get configurationError() {
    const record = this.#native.configError();
    return record === null ? undefined : errorFrom(record);
  }

  /** The connection for a call with these options: another one if they configure the client. */
  route(options) {
    if (!isObject(options) || CLIENT_OPTIONS.every((name) => options[name] === undefined)) return this;
    const own = CLIENT_OPTIONS.filter((name) => options[name] !== undefined);
    const chosen = Object.fromEntries(own.map((name) => [name, options[name]]));
    if (own.includes("headers")) chosen.headers = mergeHeaders(this.#options?.headers, chosen.headers);
    return new Connection({ ...this.#options, ...chosen }, this.#environment);
  }

  /** One call with the user's options for it. */
  call(method, args, given) {
    const options = optionsOf(given);
    return this.route(options).request(method, { ...args, options });
  }

  /** Begins what comes piece by piece, with the user's options for it. */
  open(method, args, given) {
    const options = optionsOf(given);
    return this.route(options).begin(method, { ...args, options });
  }

  /** Begins it over this very connection. */
  begin(method, args, callee = this.#native) {
    const { options, signal } = takeSignal(args.options);
    return new PieceStream(callee[method](encode(plainArgs(args, options))), signal);
  }

  /** Begins to keep a sandbox alive, which tells what happens. */
  keepAlive(args, options, tell) {
    const connection = this.route(options);
    return connection.#native.keepAlive(encode(plainArgs(args, options)), tell);
  }

  /** Keeps the process alive until what failed creates have left is deleted; at once if there is nothing. */
  settle() {
    settled((place) => this.#native.settled(place)).catch(() => {});
  }

  /** Deletes sandboxes of a create whose caller can't get them, if its options allow that. */
  discard(sandboxIds, { idempotencyKey, keepOnFailure } = {}) {
    this.#native.discard(sandboxIds, encode({ options: { idempotencyKey, keepOnFailure } }));
    this.settle();
  }

  /** The native runtime of a sandbox, whose calls go through `request`. */
  runtime(place) {
    return this.#native.runtime(encode(place));
  }

  /** The text of the arguments of what the native side begins at once, and the signal that ends it. */
  prepare(args) {
    const { options, signal } = takeSignal(args.options);
    return { text: encode(plainArgs(args, options)), signal };
  }

  /** One call over this very connection, to the service or to a sandbox's runtime. */
  async request(method, args, { callee = this.#native, read = JSON.parse } = {}) {
    const { options, signal } = takeSignal(args.options);
    const span = startSpan(method, args);
    try {
      const text = encode(plainArgs(args, options, span));
      const answer = read(await cancellable(signal, (place, handle) => callee.call(method, place, text, handle)));
      span?.succeed(answer);
      return answer;
    } catch (failure) {
      if (method === "create") this.settle();
      const error = thrownFor(failure, this.request);
      span?.fail(error);
      throw error;
    } finally {
      this.#events?.deliver();
    }
  }
}

function clientOptionsOf(given) {
  const options = optionsOf(given);
  return options?.headers === undefined ? options : { ...options, headers: headersOf(options.headers) };
}

/** A logger stays on this side: it is no data, and may well contain itself. */
function withoutLogger({ logger: _here, ...rest }) {
  return rest;
}

/** The arguments as the native side reads them, with these options; mostly they are that already. */
function plainArgs(args, options, span) {
  const plain = options?.logger === undefined ? options : withoutLogger(options);
  const trace = span?.trace;
  if (trace !== undefined) return { ...args, options: plain, trace };
  return plain === args.options ? args : { ...args, options: plain };
}

function readEnvironment() {
  const { env } = process;
  const values = {};
  for (const name of Object.values(VARIABLES).flat()) values[name] = env[name];
  return values;
}

module.exports = { Connection };
