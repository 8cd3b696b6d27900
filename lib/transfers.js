"use strict";

const { notify, takeCallback } = require("./callbacks.js");
const { thrownFor } = require("./errors.js");

/** Files and directories to or from a sandbox: `upload` or `download`, which tells the user's `onProgress` how far it is. */
async function transfer(runtime, method, args, options) {
  const [onProgress, fields] = takeCallback(options, "onProgress", "({ bytes, totalBytes }) => …");
  return await runtime.traced(method, (trace) => run(runtime, method, args, fields, onProgress, trace));
}

async function run(runtime, method, args, options, onProgress, trace) {
  const stream = runtime.open(method, args, options, trace);
  try {
    return await stream.result((progress) => notify(onProgress, progress));
  } catch (failure) {
    throw thrownFor(failure, transfer);
  }
}

module.exports = { transfer };
