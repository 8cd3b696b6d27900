"use strict";

const { given } = require("./arguments.js");

class Commands {
  #runtime;

  constructor(runtime) {
    this.#runtime = runtime;
  }

  async run(cmd, options) {
    return await this.#runtime.call("run", { cmd: given(cmd) }, options);
  }
}

module.exports = { Commands };
