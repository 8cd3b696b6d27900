const { spawn } = require("node:child_process");

/** Runs a program to its end, in a group of its own; gives back what it printed, and complains if it failed. */
async function runProgram(command, args, { cwd, env, input = "", timeoutMs = 30_000 }) {
  const child = spawn(command, args, { cwd, env, detached: true });
  let printed = "";
  let all = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    printed += text;
    all += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    all += text;
  });
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const timer = setTimeout(() => process.kill(-child.pid, "SIGKILL"), timeoutMs);
  const [code, signal] = await new Promise((resolve) => child.once("close", (...end) => resolve(end)));
  clearTimeout(timer);
  if (code !== 0) throw new Error(`it ended with ${signal ?? `code ${code}`}, and printed\n\n${all}`);
  return printed;
}

module.exports = { runProgram };
