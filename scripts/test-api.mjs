// Holds a running engine, and the agent of a sandbox in it, against its own OpenAPI document, with schemathesis. Arguments are
// passed on to it, as `-n 500`.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { sandbar } from "./build-dev.mjs";
import { ensureTools } from "./system-packages.mjs";
import { need, root } from "./tools.mjs";

const EXAMPLES = "50";
const KEY = "test-api";

if (process.platform !== "linux") {
  console.error("The local engine runs on Linux only.");
  process.exit(1);
}
const named = process.env.SCHEMATHESIS;
const schemathesis = named ? path.resolve(root, named) : "schemathesis";
need(
  schemathesis,
  ["--version"],
  "Install it: `python3 -m venv .venv && .venv/bin/pip install schemathesis`, then SCHEMATHESIS=.venv/bin/schemathesis.",
);
ensureTools("bwrap");

const folder = mkdtempSync(path.join(tmpdir(), "sandbar-api-"));
const engine = startEngine();
const ended = new Promise((resolve) => engine.once("close", resolve));
try {
  const url = await address();
  const ofEngine = await runTests(url, "schemathesis.toml", ["--exclude-path-regex", "^/envd/"], {});
  // One of its own: what is tried on the engine ends sandboxes.
  const { sandboxID, envdAccessToken } = await createSandbox(url);
  const ofSandbox = await runTests(
    url,
    "schemathesis-runtime.toml",
    ["--include-path-regex", "^/envd/", "--header", `X-Access-Token: ${envdAccessToken}`],
    { SANDBOX_ID: sandboxID },
  );
  process.exitCode = ofEngine || ofSandbox;
} finally {
  engine.kill("SIGTERM");
  await ended;
  rmSync(folder, { recursive: true });
}

function startEngine() {
  if (!existsSync(sandbar)) {
    rmSync(folder, { recursive: true });
    console.error("There is no build of the engine: run `npm run build:dev`.");
    process.exit(1);
  }
  console.log(`> ${path.relative(root, sandbar)} serve`);
  const options = ["--listen", "127.0.0.1:0", "--data-dir", path.join(folder, "data"), "--outlive", "0"];
  return spawn(sandbar, ["serve", ...options, "--max-active", "300"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { SANDBAR_LOG: "warn", ...process.env, SANDBAR_API_KEY: KEY },
  });
}

async function address() {
  for await (const line of createInterface({ input: engine.stdout })) {
    const [, url] = /^listening on (http:\/\/\S+)$/.exec(line) ?? [];
    if (url) return url;
  }
  throw new Error("The engine did not start.");
}

async function createSandbox(url) {
  const headers = { "X-API-Key": KEY, "Content-Type": "application/json" };
  const body = JSON.stringify({ waitReady: true, timeout: 86400 });
  const answer = await fetch(`${url}/api/v1/sandboxes`, { method: "POST", headers, body });
  const sandbox = await answer.json();
  if (sandbox.state !== "running") throw new Error(`No sandbox: ${JSON.stringify(sandbox)}`);
  return sandbox;
}

/** Resolves to the exit code. */
function runTests(url, config, which, variables) {
  const file = path.join(root, "scripts", config);
  const options = ["--max-examples", EXAMPLES, "--continue-on-failure", "--request-timeout", "60", ...which];
  const args = ["--config-file", file, "run", `${url}/openapi.json`, "--header", `X-API-Key: ${KEY}`, ...options];
  // It leaves caches where it runs.
  const child = spawn(schemathesis, [...args, ...process.argv.slice(2)], {
    stdio: "inherit",
    cwd: folder,
    env: { ...process.env, ...variables },
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
}
