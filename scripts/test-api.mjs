// Holds a running engine against its own OpenAPI document, with schemathesis. Arguments are passed on to it, as `-n 500`.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { need, needBubblewrap, root, target } from "./tools.mjs";

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
needBubblewrap();

const folder = mkdtempSync(path.join(tmpdir(), "sandbar-api-"));
const engine = startEngine();
const ended = new Promise((resolve) => engine.once("close", resolve));
try {
  process.exitCode = await runTests(await address());
} finally {
  engine.kill("SIGTERM");
  await ended;
  rmSync(folder, { recursive: true });
}

/** The newest build there is. */
function startEngine() {
  const builds = ["debug", "release"].map((profile) => path.join(target, profile, "sandbar")).filter(existsSync);
  const [newest] = builds.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  if (!newest) {
    rmSync(folder, { recursive: true });
    console.error("There is no build of the engine: run `npm run build`.");
    process.exit(1);
  }
  console.log(`> ${path.relative(root, newest)} serve`);
  const options = ["--listen", "127.0.0.1:0", "--data-dir", path.join(folder, "data"), "--outlive", "0"];
  return spawn(newest, ["serve", ...options, "--max-active", "300"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      SANDBAR_AGENT: path.join(target, "release", "sandbar-agent"),
      SANDBAR_LOG: "warn",
      ...process.env,
      SANDBAR_API_KEY: KEY,
    },
  });
}

async function address() {
  for await (const line of createInterface({ input: engine.stdout })) {
    const [, url] = /^listening on (http:\/\/\S+)$/.exec(line) ?? [];
    if (url) return url;
  }
  throw new Error("The engine did not start.");
}

/** Resolves to the exit code. */
function runTests(url) {
  const config = path.join(root, "scripts", "schemathesis.toml");
  const options = ["--max-examples", EXAMPLES, "--continue-on-failure", "--request-timeout", "60"];
  const args = ["--config-file", config, "run", `${url}/openapi.json`, "--header", `X-API-Key: ${KEY}`, ...options];
  // It leaves caches where it runs.
  const child = spawn(schemathesis, [...args, ...process.argv.slice(2)], { stdio: "inherit", cwd: folder });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
}
