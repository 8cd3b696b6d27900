"use strict";

/** A sandbox as the service answered it. Most handles are only called: the text is read when more than the ID is needed. */
class SandboxAnswer {
  #text;
  #raw;
  #metadata;

  constructor(sandboxID, text, raw) {
    this.sandboxID = sandboxID;
    this.#text = text;
    this.#raw = raw;
  }

  /** By the native side's text: the ID, a line feed, and the answer. */
  static read(text) {
    const end = text.indexOf("\n");
    const answer = text.slice(end + 1);
    // One that can't stand on a line is left out.
    return end > 0 ? new SandboxAnswer(text.slice(0, end), answer) : SandboxAnswer.of(JSON.parse(answer));
  }

  /** One that was read already. */
  static of(raw) {
    return new SandboxAnswer(raw.sandboxID, undefined, raw);
  }

  get raw() {
    this.#raw ??= JSON.parse(this.#text);
    if (this.#metadata) this.#raw.metadata ??= this.#metadata;
    return this.#raw;
  }

  /** The same, with the metadata that was sent, which the answer leaves out. */
  sent(metadata) {
    if (metadata) this.#metadata = { ...metadata };
    return this;
  }
}

module.exports = { SandboxAnswer };
