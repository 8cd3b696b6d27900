"use strict";

/** @type {import("jest").Config} */
module.exports = {
  testEnvironment: "node",
  roots: ["<rootDir>/__test__"],
  maxWorkers: 2,
  testTimeout: 20_000,
  // Not in the system's temporary folder, where it would stay after the checkout is gone.
  cacheDirectory: "<rootDir>/node_modules/.cache/jest",
};
