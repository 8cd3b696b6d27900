"use strict";

const globalSetup = require.resolve("./global-setup.js");
const globalTeardown = require.resolve("./global-teardown.js");
const setupFiles = [require.resolve("./each-file.js")];

/** @type {import("jest").Config} */
module.exports = { globalSetup, globalTeardown, setupFiles };
