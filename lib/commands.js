"use strict";

const { given, isObject } = require("./arguments.js");
const { takeCallback } = require("./callbacks.js");
const { inputOf, Process, ProcessHandle, ProcessInput } = require("./process.js");

/** A command that runs in the background. */
class CommandHandle extends ProcessHandle {
  #input;

  constructor(runtime, process, callbacks) {
    super(runtime, process, callbacks);
    this.#input = new ProcessInput(runtime, process, false);
  }

  async sendStdin(data, options) {
    await this.#input.send(data, options);
  }

  async closeStdin(options) {
    await this.#input.close(options);
  }
}

class Commands {
  #runtime;

  constructor(runtime) {
    this.#runtime = runtime;
  }

  async run(cmd, options) {
    const [callbacks, fields] = takeOutputCallbacks(options);
    const isFollowed = Object.keys(callbacks).length > 0 || mustBeFollowed(fields);
    if (!isFollowed) return await this.#runtime.call("run", { cmd: given(cmd) }, fields);
    const process = await Process.begin(this.#runtime, "start", { cmd: given(cmd) }, fields);
    if (fields?.background) return new CommandHandle(this.#runtime, process, callbacks);
    process.tell(callbacks);
    return await process.wait();
  }

  async exec(cmd, options) {
    return await this.run(cmd, options);
  }

  async list(options) {
    const processes = await this.#runtime.call("processes", {}, options);
    return processes.map(({ config, ...process }) => ({ ...process, ...config }));
  }

  async connect(process, options) {
    const [callbacks, fields] = takeOutputCallbacks(options);
    const followed = await Process.begin(this.#runtime, "connectProcess", { process: given(process) }, fields);
    return new CommandHandle(this.#runtime, followed, callbacks);
  }

  async kill(process, options) {
    return await this.#runtime.call("killProcess", { process: given(process) }, options);
  }

  async sendSignal(process, signal, options) {
    return await this.#runtime.call("signalProcess", { process: given(process), signal: given(signal) }, options);
  }

  async sendStdin(process, data, options) {
    await this.#runtime.send("sendInput", { process: given(process) }, options, inputOf(data));
  }

  async closeStdin(process, options) {
    await this.#runtime.call("closeStdin", { process: given(process) }, options);
  }
}

/** Whether a command can't be run to its end in one request. */
function mustBeFollowed(options) {
  return isObject(options) && (!!options.background || typeof options.stdin === "boolean" || options.tag !== undefined);
}

function takeOutputCallbacks(options) {
  const [stdout, withoutStdout] = takeCallback(options, "onStdout", "(text) => …");
  const [stderr, rest] = takeCallback(withoutStdout, "onStderr", "(text) => …");
  const callbacks = {};
  if (stdout) callbacks.stdout = stdout;
  if (stderr) callbacks.stderr = stderr;
  return [callbacks, rest];
}

module.exports = { CommandHandle, Commands };
