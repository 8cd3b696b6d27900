const { spawn } = require("node:child_process");
const path = require("node:path");

const ROOT = path.resolve(__dirname, "../..");

/** Runs Node.js with these arguments in the package's folder, and waits until it has exited. It gets input when `input` resolves. */
async function runNode(args, { env = {}, input, timeoutMs = 45_000 } = {}) {
  const { NODE_OPTIONS: _ours, ...inherited } = process.env;
  const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...inherited, ...env }, timeout: timeoutMs });
  input?.then(() => child.stdin.end("go"));
  const exit = new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal })));
  const [stdout, stderr] = await Promise.all([textOf(child.stdout), textOf(child.stderr)]);
  return { ...(await exit), stdout, stderr };
}

async function textOf(stream) {
  return Buffer.concat(await stream.toArray()).toString();
}

module.exports = { ROOT, runNode };
