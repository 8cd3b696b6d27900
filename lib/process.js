"use strict";

const { Aborted } = require("./aborted.js");
const { kindOf, refusal } = require("./arguments.js");
const { notify } = require("./callbacks.js");
const { ASYNC_DISPOSE } = require("./disposal.js");
const { thrownFor } = require("./errors.js");
const { bytesOf } = require("./file-data.js");
const { settled } = require("./outcomes.js");
const { cancellable, onAbort, takeSignal, untilAborted } = require("./signal.js");

// The first byte of each piece says where it was printed to.
const STREAMS = [undefined, "stdout", "stderr", "pty"];

/** What a process printed in one go: no character is cut in two. */
class OutputChunk {
  #text;

  constructor(piece) {
    this.stream = STREAMS[piece[0]];
    this.bytes = piece.subarray(1);
  }

  get text() {
    this.#text ??= this.bytes.toString();
    return this.#text;
  }
}

/** An async iterator over what a process prints. */
class OutputStream {
  #native;

  constructor(native) {
    this.#native = native;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  async next() {
    const piece = await settled((place) => this.#native.next(place));
    return piece === null ? { value: undefined, done: true } : { value: new OutputChunk(piece), done: false };
  }

  async return(value) {
    this.#native.stop();
    return { value, done: true };
  }

  async [ASYNC_DISPOSE]() {
    await this.return();
  }
}

/** A process that is followed; `method` of the runtime begins it. */
class Process {
  #runtime;
  #native;
  #signal;
  #started;
  #told;
  #leave;

  /** Begins it, and waits until it has started. */
  static async begin(runtime, method, args, given) {
    const { options, signal } = takeSignal(given);
    return await runtime.traced(method, (trace) => Process.#begin(runtime, method, args, options, signal, trace));
  }

  static async #begin(runtime, method, args, options, signal, trace) {
    const process = new Process();
    if (signal?.aborted) throw signal.reason;
    process.#runtime = runtime;
    process.#signal = signal;
    process.#native = runtime.begin(args, options, (native, text) => native[method](text), trace).native;
    process.#leave = onAbort(signal, () => process.#abort());
    try {
      process.#started = JSON.parse(await settled((place) => process.#native.started(place)));
      if (signal?.aborted) throw new Aborted(signal);
      return process;
    } catch (failure) {
      process.#leave();
      throw process.#thrown(failure, Process.begin);
    }
  }

  get pid() {
    return this.#started.pid;
  }

  get cmdId() {
    return this.#started.cmdId;
  }

  /** Calls the callbacks, by the stream that each is for, with what comes until the signal aborts. */
  tell(callbacks) {
    if (Object.values(callbacks).every((callback) => callback === undefined)) return;
    this.#told = this.#tell(callbacks);
    // Whoever waits for the process gets it.
    this.#told.catch(() => {});
  }

  async #tell(callbacks) {
    const output = this.read();
    const leave = onAbort(this.#signal, () => void output.return());
    for await (const chunk of output) {
      if (this.#signal?.aborted) break;
      notify(callbacks[chunk.stream], chunk.text);
    }
    leave();
    if (this.#signal?.aborted) throw new Aborted(this.#signal);
  }

  read() {
    return new OutputStream(this.#native.reader());
  }

  /** Waits for its end, and until the callbacks have had all that it printed. */
  async wait(signal) {
    try {
      const text = await cancellable(signal, (place, handle) => this.#native.wait(place, handle));
      await this.#told;
      this.#leave();
      return JSON.parse(text);
    } catch (failure) {
      // Where only the wait is over, it is still followed.
      if (!signal?.aborted) {
        await this.#told?.catch(() => {});
        this.#leave();
      }
      throw this.#thrown(failure, this.wait);
    }
  }

  disconnect() {
    this.#leave();
    this.#native.disconnect();
  }

  #abort() {
    this.#native.doom();
    this.#runtime.settle();
  }

  #thrown(failure, method) {
    return thrownFor(this.#signal?.aborted ? new Aborted(this.#signal) : failure, method);
  }
}

/** What a user holds of a process that runs in the background. */
class ProcessHandle {
  #runtime;
  #process;

  constructor(runtime, process, callbacks) {
    this.#runtime = runtime;
    this.#process = process;
    process.tell(callbacks);
  }

  get pid() {
    return this.#process.pid;
  }

  get cmdId() {
    return this.#process.cmdId;
  }

  async wait(options) {
    const { signal } = takeSignal(options);
    return await this.#process.wait(signal);
  }

  async kill(options) {
    return await this.#call("killProcess", {}, options);
  }

  async sendSignal(signal, options) {
    return await this.#call("signalProcess", { signal }, options);
  }

  disconnect() {
    this.#process.disconnect();
  }

  [Symbol.asyncIterator]() {
    return this.#process.read();
  }

  async [ASYNC_DISPOSE]() {
    await this.kill();
  }

  #call(method, args, options) {
    return this.#runtime.call(method, { process: this.pid, ...args }, options);
  }
}

/** What a process is sent, one after the other. */
class ProcessInput {
  #runtime;
  #pid;
  #isTerminal;
  #last = Promise.resolve();

  constructor(runtime, { pid }, isTerminal) {
    this.#runtime = runtime;
    this.#pid = pid;
    this.#isTerminal = isTerminal;
  }

  send(data, options) {
    const bytes = inputOf(data);
    const args = { process: this.#pid, pty: this.#isTerminal };
    return this.#next(options, () => this.#runtime.send("sendInput", args, options, bytes));
  }

  close(options) {
    return this.#next(options, () => this.#runtime.call("closeStdin", { process: this.#pid }, options));
  }

  async #next(options, call) {
    const { signal } = takeSignal(options);
    const sent = this.#last.then(call);
    // The caller gets its failure; what comes after is sent all the same.
    this.#last = sent.catch(() => {});
    try {
      return await untilAborted(signal, sent);
    } catch (failure) {
      throw thrownFor(failure, this.send);
    }
  }
}

/** The bytes of input. */
function inputOf(data) {
  if (typeof data === "string" || ArrayBuffer.isView(data)) return bytesOf(data);
  throw refusal("data", `\`data\` must be a string or a Uint8Array, got ${kindOf(data)}`);
}

module.exports = { inputOf, Process, ProcessHandle, ProcessInput };
