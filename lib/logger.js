"use strict";

const native = require("./native.js");

const LEVELS = ["debug", "info", "warn", "error"];

// pino, and what is made of it, takes the fields first.
const PINO = Symbol.for("pino.serializers");

/** Whether it can take events: a function, or an object with the functions of a logger. */
function isLogger(value) {
  if (typeof value === "function") return true;
  return typeof value === "object" && value !== null && LEVELS.every((level) => typeof value[level] === "function");
}

/** Brings the events of clients to one logger of the user's. */
class EventLog {
  static #known = new WeakMap();

  #write;

  constructor(logger) {
    this.#write = writerTo(logger);
    // The native side holds the function for as long as the queue lives: it must not hold the queue in turn.
    const self = new WeakRef(this);
    this.queue = new native.EventQueue(() => self.deref()?.deliver());
  }

  /** The log of a logger, which all its clients share; undefined for what is no logger. */
  static of(logger) {
    if (!isLogger(logger)) return undefined;
    const known = EventLog.#known.get(logger);
    if (known) return known;
    const log = new EventLog(logger);
    EventLog.#known.set(logger, log);
    return log;
  }

  /** Passes on what there is, in its order. */
  deliver() {
    const text = this.queue.take();
    if (text === null) return;
    for (const event of JSON.parse(text)) {
      event.time = new Date(event.time);
      attempt(this.#write, event);
    }
  }
}

function writerTo(logger) {
  if (typeof logger === "function") return logger;
  if (PINO in logger) return ({ level, message, fields }) => logger[level](fields, message);
  return ({ level, message, fields }) => logger[level](message, fields);
}

/** A logger that fails, now or later, fails no call. */
function attempt(write, event) {
  try {
    const result = write(event);
    if (typeof result?.then === "function") result.then(undefined, () => {});
  } catch {
    // There is nobody to tell.
  }
}

module.exports = { EventLog };
