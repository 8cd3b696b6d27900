// Measures what it costs to wait for many sandboxes at once, and how late it is noticed that one is usable.
//
//   npm run bench:readiness [-- creates looks nothing]     what the service holds until then; default all
//   SANDBOXES=2000 FROM_MS=1000 TO_MS=10000 ROUNDS=3        how many, and when they are usable after their create
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { Sandbox } from "../index.js";
import { target } from "../scripts/tools.mjs";
import { needReleaseBuild } from "./release-build.mjs";
import { quantile } from "./server.mjs";

const SANDBOXES = Number(process.env.SANDBOXES ?? 2000);
const FROM_MS = Number(process.env.FROM_MS ?? 1000);
const TO_MS = Number(process.env.TO_MS ?? 10_000);
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const CREATES_AT_ONCE = 32;

const program = path.join(target, "release", "starting-sandboxes");
if (!existsSync(program)) {
  throw new Error(`${program} is missing: run \`cargo build --release -p sandbar-bench\``);
}
needReleaseBuild();
const chosen = process.argv.slice(2);
const kinds = ["creates", "looks", "nothing"].filter((kind) => chosen.length === 0 || chosen.includes(kind));
const results = Object.fromEntries(kinds.map((kind) => [kind, []]));
console.log(`Node.js ${process.version}, Linux ${os.release()}, ${os.cpus().length} cores, ${SANDBOXES} sandboxes`);
for (let round = 0; round < ROUNDS; round++) {
  for (const kind of kinds) results[kind].push(await measure(kind));
}
for (const kind of kinds) {
  console.log(`\nthe service holds ${kind}`);
  console.table(results[kind]);
}
console.log(JSON.stringify(results));

async function measure(holds) {
  const server = await serve(holds);
  const options = { baseUrl: server.baseUrl, apiKey: "bench-key" };
  try {
    const waits = holds === "creates" ? await creating(options) : await waiting(options);
    const { seconds, cpu, lags } = waits;
    return {
      "waited, s": round(seconds),
      "CPU, % of a core": round((cpu / seconds) * 100),
      "lag median, ms": round(quantile(lags, 0.5)),
      "lag p99, ms": round(quantile(lags, 0.99)),
      "lag max, ms": round(Math.max(...lags)),
      "memory, MiB": Math.round(process.memoryUsage.rss() / 1024 / 1024),
      ...(await (await fetch(`${server.baseUrl}/counts`)).json()),
    };
  } finally {
    await server.stop();
  }
}

/** The creates wait themselves: what they cost is counted as well. */
async function creating(options) {
  return await timed((wait) =>
    Array.from({ length: SANDBOXES }, () => wait(() => Sandbox.create("base", { ...options, waitReady: true }))),
  );
}

/** Creates first, then waits for all at once; only the waits are measured. */
async function waiting(options) {
  const sandboxes = [];
  const worker = async () => {
    while (sandboxes.length < SANDBOXES) {
      const place = sandboxes.push(undefined) - 1;
      sandboxes[place] = await Sandbox.create("base", options);
    }
  };
  await Promise.all(Array.from({ length: CREATES_AT_ONCE }, worker));
  await fetch(`${options.baseUrl}/begin`, { method: "POST" });
  return await timed((wait) =>
    sandboxes.map((sandbox) =>
      wait(async () => {
        await sandbox.waitReady();
        return sandbox;
      }),
    ),
  );
}

async function timed(work) {
  const lags = [];
  const wait = async (step) => {
    const sandbox = await step();
    lags.push(performance.timeOrigin + performance.now() - sandbox.timeline.at(-1).timestamp.getTime());
  };
  const before = process.cpuUsage();
  const start = performance.now();
  await Promise.all(work(wait));
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { seconds, cpu: (user + system) / 1e6, lags };
}

async function serve(holds) {
  const child = spawn(program, [holds, String(FROM_MS), String(TO_MS)], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    child.stdin.end();
    await ended;
  };
  for await (const line of readline.createInterface(child.stdout)) {
    const baseUrl = /^listening on (http:\S+)$/.exec(line)?.[1];
    if (baseUrl) return { baseUrl, stop };
  }
  throw new Error("the service ended before it listened");
}

function round(value) {
  return Number(value.toFixed(2));
}
