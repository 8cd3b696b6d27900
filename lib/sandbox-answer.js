"use strict";

/** A sandbox as the service answered it. Most handles are only called: the text is read when more than the ID is needed. */
class SandboxAnswer {
  #text;
  #raw;
  #metadata;

  constructor([sandboxID, text]) {
    this.sandboxID = sandboxID;
    this.#text = text;
  }

  /** One that was read already. */
  static of(raw) {
    const answer = new SandboxAnswer([raw.sandboxID]);
    answer.#raw = raw;
    return answer;
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

const readAnswer = (pair) => new SandboxAnswer(pair);

module.exports = { readAnswer, SandboxAnswer };
