"use strict";

const { isObject, kindOf, optionsOf, refusal } = require("./arguments.js");

/** Parts the options into the callback of this name, undefined if there is none, and the rest. */
function takeCallback(given, name, example) {
  const options = optionsOf(given);
  if (!isObject(options) || options[name] === undefined) return [undefined, options];
  const { [name]: callback, ...rest } = options;
  if (typeof callback === "function") return [callback, rest];
  throw refusal(name, `\`${name}\` must be a function, got ${kindOf(callback)}: pass \`${example}\``);
}

/** Calls the user's callback. What it throws must not break what it is told about: it becomes a process warning. */
function notify(callback, ...args) {
  try {
    const result = callback?.(...args);
    if (typeof result?.then === "function") result.then(undefined, warn);
  } catch (error) {
    warn(error);
  }
}

function warn(error) {
  process.emitWarning(error instanceof Error || typeof error === "string" ? error : String(error));
}

module.exports = { notify, takeCallback };
