"use strict";

const { optionsOf } = require("./arguments.js");

/** A sandbox as the service answered it. Most handles are only called: the text is read when more than the ID is needed. */
class SandboxAnswer {
  #text;
  #raw;
  #metadata;

  constructor(sandboxID, text, raw, replayed) {
    this.sandboxID = sandboxID;
    this.#text = text;
    this.#raw = raw;
    /** Whether an earlier create made the sandbox. */
    this.replayed = replayed;
  }

  /** By the native side's text: the ID, a tab if an earlier create made it, a line feed, and the answer. */
  static read(text) {
    const end = text.indexOf("\n");
    const answer = text.slice(end + 1);
    const replayed = text[end - 1] === "\t";
    return new SandboxAnswer(text.slice(0, replayed ? end - 1 : end), answer, undefined, replayed);
  }

  /** One that was read already. */
  static of(raw, replayed = false) {
    return new SandboxAnswer(raw.sandboxID, undefined, raw, replayed);
  }

  get raw() {
    this.#raw ??= JSON.parse(this.#text);
    if (this.#metadata) this.#raw.metadata ??= this.#metadata;
    return this.#raw;
  }

  /** The same, with the metadata that was sent, which the answer leaves out. */
  sent(metadata) {
    if (metadata) this.#metadata = optionsOf(metadata);
    return this;
  }
}

module.exports = { SandboxAnswer };
