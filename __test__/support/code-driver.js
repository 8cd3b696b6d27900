const { spawn } = require("node:child_process");
const { readFileSync } = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");

const FOLDER = path.resolve(__dirname, "../../crates/client/src/runtime/code/driver");
const SOURCE = ["results.py", "worker.py", "supervisor.py"].map((name) =>
  readFileSync(path.join(FOLDER, name), "utf8"),
);

/** The driver of code contexts, without a sandbox around it. */
class CodeDriver {
  #child;
  #answers = [];
  #news = () => {};
  #count = 0;
  isOver = false;

  constructor(args = [], options = {}) {
    const stdio = ["pipe", "pipe", "inherit"];
    // In a process group of its own, as the agent starts it.
    this.#child = spawn("python3", ["-u", "-c", SOURCE.join(""), ...args], { stdio, detached: true, ...options });
    this.#child.on("error", () => this.#end());
    readline.createInterface(this.#child.stdout).on("line", (line) => {
      this.#answers.push(JSON.parse(line));
      this.#news();
    });
    this.#child.stdout.on("close", () => this.#end());
    this.#child.stdin.on("error", () => {});
  }

  #end() {
    this.isOver = true;
    this.#news();
  }

  get pid() {
    return this.#child.pid;
  }

  write(text) {
    this.#child.stdin.write(text);
  }

  send(message) {
    this.write(`\n${JSON.stringify(message)}\n`);
  }

  /** Sends code, and gives back the ID of the request. */
  begin(code, options) {
    this.#count += 1;
    const id = `request-${this.#count}`;
    this.send({ id, code, ...options });
    return id;
  }

  cancel(id) {
    this.send({ cancel: id });
  }

  /** The first answer for which `isIt` is true. */
  async answer(isIt) {
    for (;;) {
      const found = this.#answers.find(isIt);
      if (found) return found;
      if (this.isOver) throw new Error("the driver has ended");
      await new Promise((resolve) => {
        this.#news = resolve;
      });
    }
  }

  /** All answers to a request, in one object. */
  async outcome(id) {
    await this.answer((answer) => answer.id === id && answer.done !== undefined);
    const answers = this.#answers.filter((answer) => answer.id === id);
    const results = answers.flatMap(({ result }) => (result ? [result] : []));
    const text = (name) => answers.map((answer) => answer[name] ?? "").join("");
    return { ...Object.assign({}, ...answers), results, stdout: text("stdout"), stderr: text("stderr"), answers };
  }

  run(code, options) {
    return this.outcome(this.begin(code, options));
  }

  stop() {
    if (this.isOver) return;
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }
}

module.exports = { CodeDriver };
