"use strict";

/** @type {import("jest").Config} */
module.exports = {
  globalSetup: require.resolve("./global-setup.js"),
  globalTeardown: require.resolve("./global-teardown.js"),
  setupFiles: [require.resolve("./each-file.js")],
};
