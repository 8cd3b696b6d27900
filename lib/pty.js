"use strict";

const { given, isObject } = require("./arguments.js");
const { takeCallback } = require("./callbacks.js");
const { inputOf, Process, ProcessHandle, ProcessInput } = require("./process.js");

/** A terminal in a sandbox. */
class PtyHandle extends ProcessHandle {
  #runtime;
  #input;

  constructor(runtime, process, callbacks) {
    super(runtime, process, callbacks);
    this.#runtime = runtime;
    this.#input = new ProcessInput(runtime, process, true);
  }

  async sendStdin(data, options) {
    await this.#input.send(data, options);
  }

  async write(data, options) {
    await this.#input.send(data, options);
  }

  async resize(size, options) {
    await this.#runtime.call("resize", { process: this.pid, size: given(size) }, options);
  }
}

class Pty {
  #runtime;

  constructor(runtime) {
    this.#runtime = runtime;
  }

  async create(command, options) {
    // create({...}): the options come first.
    if (options === undefined && isObject(command)) return await this.create(undefined, command);
    return await this.#begin("createPty", { cmd: command }, options);
  }

  async connect(process, options) {
    return await this.#begin("connectProcess", { process: given(process), pty: true }, options);
  }

  async kill(process, options) {
    return await this.#runtime.call("killProcess", { process: given(process) }, options);
  }

  async sendStdin(process, data, options) {
    await this.#runtime.send("sendInput", { process: given(process), pty: true }, options, inputOf(data));
  }

  async sendInput(process, data, options) {
    await this.sendStdin(process, data, options);
  }

  async resize(process, size, options) {
    await this.#runtime.call("resize", { process: given(process), size: given(size) }, options);
  }

  async #begin(method, args, options) {
    const [onData, fields] = takeCallback(options, "onData", "(text) => …");
    const process = await Process.begin(this.#runtime, method, args, fields);
    // Some services send what a terminal shows as if it were printed.
    return new PtyHandle(this.#runtime, process, { pty: onData, stdout: onData, stderr: onData });
  }
}

module.exports = { Pty, PtyHandle };
