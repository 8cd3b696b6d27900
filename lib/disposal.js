"use strict";

const { kindOf, refusal } = require("./arguments.js");

// Runtimes and realms without the symbols have them by these names, where TypeScript and polyfills look for them.
const DISPOSE = Symbol.dispose ?? Symbol.for("Symbol.dispose");
const ASYNC_DISPOSE = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");

/** Creates a sandbox by what stands before the callback, gives it to the callback, and disposes of it whatever happens. */
async function useAndDelete(create, args) {
  const use = args.at(-1);
  if (typeof use !== "function") {
    const message = `\`use\` must be a function, got ${kindOf(use)}: pass \`async (sandbox) => …\` as the last argument`;
    throw refusal("use", message);
  }
  const sandbox = await create(...args.slice(0, -1));
  let result;
  try {
    result = await use(sandbox);
  } catch (error) {
    await sandbox[ASYNC_DISPOSE]().catch((second) => suppress(error, second));
    throw error;
  }
  await sandbox[ASYNC_DISPOSE]();
  return result;
}

/** Keeps an error that came while another one was on its way: what can't hold it has it printed as a warning. */
function suppress(error, second) {
  try {
    error.suppressed = second;
    if (error.suppressed === second) return;
  } catch {
    // Frozen, or null.
  }
  process.emitWarning(second);
}

module.exports = { ASYNC_DISPOSE, DISPOSE, useAndDelete };
