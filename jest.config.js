"use strict";

const path = require("node:path");

// The command that is tested, unless another one is named: that of `npm run build:dev`.
process.env.SANDBAR_BIN ||= path.resolve(__dirname, process.env.CARGO_TARGET_DIR ?? "target", "dev", "sandbar");

/** @type {import("jest").Config} */
module.exports = {
  testEnvironment: "node",
  roots: ["<rootDir>/__test__"],
  // Projects of their own: `npm run test:consumers`.
  testPathIgnorePatterns: ["<rootDir>/__test__/consumers/"],
  modulePathIgnorePatterns: ["<rootDir>/__test__/consumers/", "<rootDir>/target/"],
  maxWorkers: 2,
  testTimeout: 120_000,
  // Not in the system's temporary folder, where it would stay after the checkout is gone.
  cacheDirectory: "<rootDir>/node_modules/.cache/jest",
};
