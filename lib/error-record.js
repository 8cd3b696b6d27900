"use strict";

const errors = require("./errors.js");
const { timelineOf } = require("./info.js");

/** An error of the right class from the record that the native side rejects with. */
function errorFrom(json) {
  const { name, message, causes = [], ...details } = JSON.parse(json);
  const type = errors[name] ?? errors.SandboxError;
  const timeline = details.timeline && timelineOf(details.timeline);
  return new type(message, { ...details, timeline, cause: chain(causes) });
}

/** What is to be thrown for a failed native call: `method` and what is below it stay out of the stack. */
function thrownFor(failure, method) {
  if (typeof failure?.record !== "string") return failure;
  const error = errorFrom(failure.record);
  // Taken after the await, V8 adds the frames of the user's async functions.
  Error.captureStackTrace(error, method);
  return error;
}

function chain(causes) {
  return causes.reduceRight((cause, message) => {
    const error = new Error(message, cause && { cause });
    // They happened in Rust: JavaScript frames would mislead.
    error.stack = `Error: ${message}`;
    return error;
  }, undefined);
}

module.exports = { errorFrom, thrownFor };
