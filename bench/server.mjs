// An engine of its own for a measurement: a free port, a temporary data folder, nothing left behind.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { target } from "../scripts/tools.mjs";
import { needReleaseBuild } from "./release-build.mjs";

const API_KEY = "bench-key";
const sandbar = process.env.SANDBAR_BIN ?? path.join(target, "release", "sandbar");

/** Starts `sandbar serve` with these arguments; gives back its URL, its key and how to end it. */
export async function serve(...args) {
  needReleaseBuild();
  if (!existsSync(sandbar)) throw new Error(`${sandbar} is missing: run \`npm run build\``);
  const dataDir = mkdtempSync(path.join(os.tmpdir(), "sandbar-bench-"));
  const options = [
    "serve",
    "--listen",
    "127.0.0.1:0",
    "--data-dir",
    dataDir,
    "--api-key",
    API_KEY,
    "--max-starts-per-minute",
    "1000000",
    ...args,
  ];
  const child = spawn(sandbar, options, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, SANDBAR_LOG: "error" },
  });
  child.stderr.pipe(process.stderr);
  const stop = async () => {
    if (child.exitCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    rmSync(dataDir, { recursive: true, force: true });
  };
  for await (const line of readline.createInterface(child.stdout)) {
    const baseUrl = /^listening on (http:\S+)$/.exec(line)?.[1];
    if (baseUrl) return { options: { baseUrl, apiKey: API_KEY }, pid: child.pid, dataDir, stop };
  }
  await stop();
  throw new Error("the engine ended before it listened");
}

/** A process and all below it, by ID. */
export function tree(pid) {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    read(`/proc/${pid}/task/${task}/children`).split(" ").filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap((child) => tree(child))];
}

/** Resident memory of a process in MiB; shared pages are divided among those who share them. */
export function memory(pid) {
  return Number(/^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) / 1024;
}

/** A process's program, without its folder. */
export function program(pid) {
  return path.basename(read(`/proc/${pid}/cmdline`).split("\0")[0]);
}

export function read(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // Its process has ended.
  }
}

/** The value below which this part of the values lies. */
export function quantile(values, part) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

/** How long a step took, in ms. */
export async function timed(step) {
  const start = performance.now();
  await step();
  return performance.now() - start;
}
