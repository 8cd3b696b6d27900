"use strict";

const { given } = require("./arguments.js");
const { notify, takeCallback } = require("./callbacks.js");
const { thrownFor } = require("./errors.js");

const CALLBACKS = {
  onStdout: ["stdout", "(chunk) => …"],
  onStderr: ["stderr", "(chunk) => …"],
  onResult: ["result", "(result) => …"],
  onError: ["error", "(error) => …"],
};

/** Runs code to its end; tells the callbacks meanwhile what it prints and shows. */
async function runCode(runtime, code, options) {
  const callbacks = {};
  let rest = options;
  for (const [name, [kind, example]] of Object.entries(CALLBACKS)) {
    [callbacks[kind], rest] = takeCallback(rest, name, example);
  }
  return await runtime.traced("runCode", (trace) => run(runtime, code, rest, callbacks, trace));
}

async function run(runtime, code, options, callbacks, trace) {
  const stream = runtime.open("runCode", { code: given(code) }, options, trace);
  try {
    return await stream.result(({ told }) => {
      for (const kind of Object.keys(told)) notify(callbacks[kind], told[kind]);
    });
  } catch (failure) {
    // It may have been aborted, and is interrupted then.
    runtime.settle();
    throw thrownFor(failure, runCode);
  }
}

/** The contexts in which code keeps its variables. */
const contexts = {
  create: (runtime, options) => runtime.call("createCodeContext", {}, options),
  list: (runtime, options) => runtime.call("codeContexts", {}, options),
  restart: (runtime, context, options) => runtime.call("restartCodeContext", { context: given(context) }, options),
  remove: (runtime, context, options) => runtime.call("removeCodeContext", { context: given(context) }, options),
};

module.exports = { contexts, runCode };
