"use strict";

const { readFileSync } = require("node:fs");

const FROM_KEYS = ["SIGINT", "SIGQUIT"];
const OTHERS = ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"];
const PARENT_INTERVAL_MS = 250;

/** Passes the signals of this process on to a child, which decides when both end. */
function passSignalsOn(child) {
  for (const signal of OTHERS) process.on(signal, () => child.kill(signal));
  for (const signal of FROM_KEYS) {
    process.on(signal, () => {
      if (!isInForeground()) child.kill(signal);
    });
  }
  if (isRunByNpm(process.env)) endWithParent(child);
}

/** Whether Ctrl-C comes from a terminal: it goes to the whole foreground group then, and the child has had it already. */
function isInForeground() {
  // After the name, which is in parentheses: state, parent, group, session, terminal, and the group in its foreground.
  const stat = readFileSync("/proc/self/stat", "utf8");
  const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return group === foreground;
}

function isRunByNpm({ npm_command: command, npm_lifecycle_event: script }) {
  return command !== undefined || script !== undefined;
}

/** npm runs commands by a shell, and signals end that shell alone: they don't come here. */
function endWithParent(child) {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    child.kill("SIGTERM");
  }, PARENT_INTERVAL_MS);
  timer.unref();
}

module.exports = { passSignalsOn };
