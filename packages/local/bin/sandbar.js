#!/usr/bin/env node
"use strict";

const { spawn } = require("node:child_process");
const { binary } = require("../lib/binary.js");

let command;
try {
  command = binary();
} catch (error) {
  console.error(`sandbar: ${error.message}`);
  process.exit(1);
}
const child = spawn(command, process.argv.slice(2), { stdio: "inherit" });
// A terminal sends these to the whole group: the child has had them already, and says when it is done.
for (const signal of ["SIGINT", "SIGHUP", "SIGQUIT"]) process.on(signal, () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.once("error", ({ message }) => {
  console.error(`sandbar: ${command} could not be started: ${message}`);
  process.exitCode = 1;
});
child.once("close", (code, signal) => {
  process.exitCode = code ?? 128 + require("node:os").constants.signals[signal];
});
