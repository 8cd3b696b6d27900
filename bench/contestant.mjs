// One contestant in a process of its own: opens it, warms it up, measures it, and prints what it found as JSON.
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { quantile } from "./server.mjs";

const { contestant, call, inFlight, warmUpMs, measureMs, ...endpoint } = JSON.parse(process.argv[2]);
const { open } = await import(`./contestants/${contestant}.mjs`);
const calls = await open(endpoint);
const sandboxId = await calls.create();
const one = () => calls[call](sandboxId);

await during(warmUpMs);
const figures = await measured();
// By itself: its timer wakes the main thread a thousand times a second.
figures.delayP99Ms = await eventLoopDelay();
console.log(JSON.stringify(figures));
// Idle connections are nobody's concern any more.
process.exit();

async function measured() {
  const cpu = process.cpuUsage();
  const loop = performance.eventLoopUtilization();
  const begun = performance.now();
  const times = await during(measureMs);
  const seconds = (performance.now() - begun) / 1e3;
  const { active } = performance.eventLoopUtilization(loop);
  const { user, system } = process.cpuUsage(cpu);
  return {
    calls: times.length,
    perSecond: times.length / seconds,
    mainThreadMicros: (active * 1e3) / times.length,
    cpuMicros: (user + system) / times.length,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    rssMiB: process.memoryUsage.rss() / 2 ** 20,
  };
}

/** How much later than due a timer of 1 ms fires. */
async function eventLoopDelay() {
  const resolution = 1;
  const delay = monitorEventLoopDelay({ resolution });
  delay.enable();
  await during(measureMs / 2);
  delay.disable();
  return Math.max(0, delay.percentile(99) / 1e6 - resolution);
}

/** Keeps calls in flight for this long; gives back how long each took, in ms. */
async function during(ms) {
  const end = performance.now() + ms;
  const times = [];
  const caller = async () => {
    for (let begun = performance.now(); begun < end; ) {
      await one();
      const now = performance.now();
      times.push(now - begun);
      begun = now;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return times;
}
