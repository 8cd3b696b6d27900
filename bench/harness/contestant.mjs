// One contestant in a process of its own: opens it, measures it, and prints what it found as JSON.
import { readFileSync } from "node:fs";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { quantile } from "../server.mjs";

const { contestant, call, inFlight, count, warmUpMs, measureMs, ...endpoint } = JSON.parse(process.argv[2]);
const figures = count === undefined ? await rates() : await memory();
console.log(JSON.stringify(figures));
// Not held up by connections that idle.
process.exit();

async function rates() {
  const one = await caller();
  await during(warmUpMs, one);
  const figures = await measured(one);
  // By itself: its timer wakes the main thread a thousand times a second.
  figures.delayP99Ms = await eventLoopDelay(one);
  return figures;
}

/** What the process takes after so many calls, none of whose results it keeps. */
async function memory() {
  if (count > 0) {
    const one = await caller();
    let left = count;
    await inParallel(async () => {
      while (left-- > 0) await one();
    });
  }
  return { rssMiB: process.memoryUsage.rss() / 2 ** 20 };
}

async function caller() {
  const { open } = await import(`../contestants/${contestant}.mjs`);
  const calls = await open(endpoint);
  const sandboxId = await calls.create();
  if (!sandboxId?.startsWith("sb-")) throw new Error(`${contestant} made no sandbox: ${sandboxId}`);
  return () => calls[call](sandboxId);
}

async function measured(one) {
  const cpu = process.cpuUsage();
  const cpuOfMainThread = mainThreadCpuMicros();
  const loop = performance.eventLoopUtilization();
  const begun = performance.now();
  const times = await during(measureMs, one);
  const seconds = (performance.now() - begun) / 1e3;
  const { active } = performance.eventLoopUtilization(loop);
  const { user, system } = process.cpuUsage(cpu);
  return {
    perSecond: times.length / seconds,
    mainThreadMicros: (active * 1e3) / times.length,
    mainThreadCpuMicros: (mainThreadCpuMicros() - cpuOfMainThread) / times.length,
    cpuMicros: (user + system) / times.length,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
  };
}

/** Without the time in which it was ready to run but did not, which `eventLoopUtilization` counts. Linux only. */
function mainThreadCpuMicros() {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8").split(" ")[0]) / 1e3;
  } catch {
    return Number.NaN; // null in JSON
  }
}

/** How much later than due a timer of 1 ms fires, at the 99th percentile. */
async function eventLoopDelay(one) {
  const resolution = 1;
  const delay = monitorEventLoopDelay({ resolution });
  delay.enable();
  await during(measureMs, one);
  delay.disable();
  if (delay.count === 0) return Number.NaN; // null in JSON
  // What it records is the time between two firings.
  return Math.max(0, delay.percentile(99) / 1e6 - resolution);
}

/** Keeps calls in flight for this long; gives back how long each took, in ms. */
async function during(ms, one) {
  const end = performance.now() + ms;
  const times = [];
  await inParallel(async () => {
    let begun = performance.now();
    do {
      await one();
      const now = performance.now();
      times.push(now - begun);
      begun = now;
    } while (begun < end);
  });
  return times;
}

function inParallel(work) {
  return Promise.all(Array.from({ length: inFlight }, work));
}
