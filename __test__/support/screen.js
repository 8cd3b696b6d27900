const { Terminal } = require("@xterm/headless");
const { until } = require("./outcome.js");

/** What a terminal shows: its output drawn as a terminal program draws it. */
class Screen {
  #terminal;

  constructor({ cols, rows }) {
    this.#terminal = new Terminal({ cols, rows, allowProposedApi: true });
  }

  /** Draws what comes; answers what programs ask the terminal by `send`. */
  attach(send) {
    this.#terminal.onData(send);
  }

  draw(text) {
    this.#terminal.write(text);
  }

  resize({ cols, rows }) {
    this.#terminal.resize(cols, rows);
  }

  /** The lines, without the blanks at their ends. */
  lines() {
    const { active } = this.#terminal.buffer;
    const { rows } = this.#terminal;
    return Array.from({ length: rows }, (_, row) =>
      active
        .getLine(active.viewportY + row)
        .translateToString()
        .trimEnd(),
    );
  }

  async shows(isRight) {
    return await until(() => this.lines(), isRight, 10_000);
  }
}

module.exports = { Screen };
