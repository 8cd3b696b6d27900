"use strict";

const { startLocal } = require("./engine.js");

// A runner may load this module once for each of its projects: they share one engine, by a name of the process.
const RUN = Symbol.for("@sandbar/local/run");
globalThis[RUN] ??= { projects: 0, engine: undefined };
const run = globalThis[RUN];

/** Starts the engine of a test run, unless another project of it has done so. Its processes find it by their environment. */
async function startRun() {
  run.projects += 1;
  run.engine ??= startLocal();
  const { baseUrl, apiKey, env } = await run.engine;
  // Twice: what cleans up must never follow a SEACLOUD_ variable that tests have pointed elsewhere.
  Object.assign(process.env, env, { SANDBAR_LOCAL_BASE_URL: baseUrl, SANDBAR_LOCAL_API_KEY: apiKey });
}

/** Stops it after the last project. */
async function stopRun() {
  run.projects -= 1;
  if (run.projects > 0) return;
  const { engine } = run;
  run.engine = undefined;
  await (await engine)?.stop();
}

module.exports = { startRun, stopRun };
