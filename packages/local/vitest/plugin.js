"use strict";

const path = require("node:path");

/** Adds the engine to the run, and the clean slate to each test file. */
function sandbarLocal() {
  const globalSetup = [path.join(__dirname, "global-setup.mjs")];
  const setupFiles = [path.join(__dirname, "each-file.mjs")];
  return { name: "sandbar-local", config: () => ({ test: { globalSetup, setupFiles } }) };
}

module.exports = { sandbarLocal };
