"use strict";

const { startLocal } = require("./engine.js");

let engine;

/** Starts the engine of a test run, which its processes find by their environment. */
async function startRun() {
  engine = await startLocal();
  const { baseUrl, apiKey, env } = engine;
  // Twice: what cleans up must never follow a SEACLOUD_ variable that tests have pointed elsewhere.
  Object.assign(process.env, env, { SANDBAR_LOCAL_BASE_URL: baseUrl, SANDBAR_LOCAL_API_KEY: apiKey });
}

async function stopRun() {
  await engine?.stop();
  engine = undefined;
}

module.exports = { startRun, stopRun };
