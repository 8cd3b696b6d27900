#!/usr/bin/env node
"use strict";

const { spawn } = require("node:child_process");
const { constants } = require("node:os");
const { binary } = require("../lib/binary.js");
const { passSignalsOn } = require("../lib/signals.js");

let command;
try {
  command = binary();
} catch (error) {
  console.error(`sandbar: ${error.message}`);
  process.exit(1);
}
const child = spawn(command, process.argv.slice(2), { stdio: "inherit" });
passSignalsOn(child);
child.once("error", ({ message }) => {
  console.error(`sandbar: ${command} could not be started: ${message}`);
  process.exitCode = 1;
});
child.once("close", (code, signal) => {
  process.exitCode = code ?? 128 + constants.signals[signal];
});
