"use strict";

const { logs, timelineOf } = require("./answers.js");
const { ASYNC_DISPOSE } = require("./disposal.js");
const { thrownFor } = require("./errors.js");

/** An async iterator over what comes in pieces from the native side; nothing goes on unless the next item is asked for. */
class ItemStream {
  #native;
  #itemsOf;
  #begin;
  #items = [];
  #ended = false;
  #last = Promise.resolve();

  /** `itemsOf` also gets what `begin` gave when the piece was asked for. */
  constructor(native, itemsOf, begin = () => {}) {
    this.#native = native;
    this.#itemsOf = itemsOf;
    this.#begin = begin;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  next() {
    // Those who ask at once get one item each, in their order.
    const item = this.#last.then(() => this.#take());
    this.#last = item.catch(() => {});
    return item;
  }

  async #take() {
    while (this.#items.length === 0 && !this.#ended) {
      const begun = this.#begin();
      const piece = await this.#piece();
      // It may have been stopped meanwhile.
      if (this.#ended) break;
      if (piece === null) this.#ended = true;
      else this.#items.push(...this.#itemsOf(piece, begun));
    }
    if (this.#items.length === 0) return { value: undefined, done: true };
    return { value: this.#items.shift(), done: false };
  }

  async return(value) {
    this.#ended = true;
    this.#items = [];
    this.#native.stop();
    return { value, done: true };
  }

  async [ASYNC_DISPOSE]() {
    await this.return();
  }

  async #piece() {
    try {
      return JSON.parse(await this.#native.next());
    } catch (failure) {
      this.#ended = true;
      throw thrownFor(failure, this.next);
    }
  }
}

/** A sandbox's log lines, as they come. */
function followLogs(connection, sandboxId, options) {
  return new ItemStream(connection.open("followLogs", { sandboxId }, options), (raw) => logs(raw).logs);
}

/** The entries of a sandbox's timeline, as they come; `onSandbox` gets each answer with new ones, and when it was begun. */
function watchTimeline(connection, sandboxId, options, begin, onSandbox) {
  const itemsOf = ({ sandbox, events }, begun) => {
    onSandbox(sandbox, begun);
    return timelineOf(events);
  };
  return new ItemStream(connection.open("watch", { sandboxId }, options), itemsOf, begin);
}

module.exports = { ItemStream, followLogs, watchTimeline };
