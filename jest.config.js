"use strict";

/** @type {import("jest").Config} */
module.exports = {
  testEnvironment: "node",
  roots: ["<rootDir>/__test__"],
  maxWorkers: 2,
  testTimeout: 20_000,
};
