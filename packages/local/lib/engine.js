"use strict";

const { spawn } = require("node:child_process");
const { once } = require("node:events");
const { createInterface } = require("node:readline");
const { binary } = require("./binary.js");
const { LocalError } = require("./local-error.js");
const { checkOptions } = require("./options.js");

// What `await using` calls; where there is no such symbol, the one that TypeScript's helpers look for.
const ASYNC_DISPOSE = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");

// The engine lives as long as its program. This one tells where it is, and ends with our end of its standard input: with
// `stop()`, or with this process, however that dies.
const PROGRAM = ["sh", "-c", 'echo "$SEACLOUD_BASE_URL $SEACLOUD_API_KEY"; exec cat >/dev/null'];

/** A running engine. */
class LocalEngine {
  #child;
  #ended;

  constructor(child, ended, baseUrl, apiKey) {
    this.#child = child;
    this.#ended = ended;
    this.baseUrl = baseUrl;
    this.apiKey = apiKey;
  }

  get env() {
    return { SEACLOUD_BASE_URL: this.baseUrl, SEACLOUD_API_KEY: this.apiKey };
  }

  async stop() {
    this.#child.ref();
    this.#child.stdin.end();
    await this.#ended;
  }

  async [ASYNC_DISPOSE]() {
    await this.stop();
  }
}

async function startLocal(options = {}) {
  const { dataDir, logLevel } = checkOptions(options);
  const folder = dataDir === undefined ? [] : ["--data-dir", dataDir];
  const child = spawn(binary(), ["dev", ...folder, "--", ...PROGRAM], {
    env: { ...process.env, SANDBAR_LOG: logLevel },
    // In a group of its own: Ctrl-C ends a test runner, whose tests still need the engine for a moment.
    detached: true,
  });
  // The engine may be gone before we are.
  child.stdin.on("error", () => {});
  let said = "";
  const listen = (chunk) => {
    said += chunk;
  };
  child.stderr.setEncoding("utf8").on("data", listen);
  const ended = endOf(child);
  const first = await Promise.race([once(createInterface(child.stdout), "line"), ended]);
  if (typeof first === "string") {
    const why = said.trim().replace(/^sandbar: /, "");
    throw new LocalError("NOT_STARTED", `the local engine ${first}${why && `: ${why}`}`);
  }
  child.stderr.off("data", listen).pipe(process.stderr);
  // It does not keep a program alive that forgot about it; in Bun, standard input never does, and has no unref().
  for (const part of [child, child.stdin, child.stdout, child.stderr]) part.unref?.();
  const [baseUrl, apiKey] = first[0].split(" ");
  return new LocalEngine(child, ended, baseUrl, apiKey);
}

/** Resolves to how it ended. */
function endOf(child) {
  return new Promise((resolve) => {
    child.once("error", ({ message }) => resolve(`could not be started: ${message}`));
    child.once("close", (code, signal) => resolve(signal ? `was ended by ${signal}` : `ended with code ${code}`));
  });
}

module.exports = { startLocal };
