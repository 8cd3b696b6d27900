const { spawn } = require("node:child_process");

/** Runs a program to its end, in a group of its own; gives back what it printed, and complains if it failed. */
async function runProgram(command, args, { cwd, env, input = "", timeoutMs = 90_000 }) {
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
  const timer = setTimeout(() => endAll(child), timeoutMs);
  const [code, signal] = await new Promise((resolve) => child.once("close", (...end) => resolve(end)));
  clearTimeout(timer);
  if (code !== 0) throw new Error(`it ended with ${signal ?? `code ${code}`}, and printed\n\n${all}`);
  return printed;
}

/** Ends a program with all that it has started, and stops listening to what may be left. */
function endAll(child) {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
  child.stdout.destroy();
  child.stderr.destroy();
}

module.exports = { runProgram };
