"use strict";

const { given, isObject } = require("./arguments.js");

class Git {
  #runtime;

  constructor(runtime) {
    this.#runtime = runtime;
  }

  async clone(url, path, options) {
    return await this.#call("gitClone", { url: given(url) }, path, options);
  }

  async pull(path, options) {
    return await this.#call("gitPull", {}, path, options);
  }

  async checkout(ref, path, options) {
    return await this.#call("gitCheckout", { ref: given(ref) }, path, options);
  }

  async status(path, options) {
    return await this.#call("gitStatus", {}, path, options);
  }

  /** The path may be left out before the options. */
  #call(method, args, path, options) {
    if (options === undefined && isObject(path)) return this.#runtime.call(method, args, path);
    return this.#runtime.call(method, { ...args, path }, options);
  }
}

module.exports = { Git };
