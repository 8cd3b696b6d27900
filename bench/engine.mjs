// Measures the local engine: how fast sandboxes start, alone and many at once, what they cost, and what they leave behind.
//
//   npm run bench:engine [-- cold warm burst fleet records cycles]     what to measure; default all
//   CYCLES=10000 FLEET=500 RECORDS=10000                               how much
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { SandboxClient } from "../index.js";
import { memory, program, quantile, read, serve, timed, tree } from "./server.mjs";

const CREATES = 200;
const AT_ONCE = 100;
const FLEET = Number(process.env.FLEET ?? 500);
const CYCLES = Number(process.env.CYCLES ?? 10_000);
const RECORDS = Number(process.env.RECORDS ?? 10_000);
const PARALLEL = 8;

if (process.argv[1] === import.meta.filename) await main(process.argv.slice(2));

async function main(chosen) {
  const parts = { cold, warm, burst, fleet, records, cycles };
  const results = {};
  console.log(`Node.js ${process.version}, Linux ${os.release()}, ${os.cpus().length} cores`);
  for (const [name, part] of Object.entries(parts)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    results[name] = await part();
    console.log(`\n${name}`);
    console.table(results[name]);
  }
  console.log(JSON.stringify(results));
}

/** One after the other, without a warm pool, beside a bare `bwrap` that runs `true`. */
export async function cold(creates = CREATES) {
  return await withEngine(["--warm", "base=0"], async (client) => {
    const times = [];
    const peer = [];
    while (times.length < creates) {
      times.push(await create(client, "cold start"));
      peer.push(await timed(bareBwrap));
    }
    return ratios({ "create + waitReady": times, "bare bwrap, the peer": peer });
  });
}

/** The same with a pool that has time to refill between two creates. */
export async function warm(creates = CREATES) {
  return await withEngine(["--warm", "base=4"], async (client) => {
    const times = [];
    const peer = [];
    while (times.length < creates) {
      peer.push(await timed(bareBwrap));
      await wait(40);
      times.push(await create(client, "claimed a warm runtime"));
    }
    return ratios({ "create + waitReady": times, "bare bwrap, the peer": peer });
  });
}

/** Many at once, as `sandbar serve` comes. */
export async function burst() {
  return await withEngine([], async (client) => {
    const rounds = [];
    for (let round = 0; round < 5; round++) {
      await wait(500);
      const sandboxes = [];
      const each = [];
      const all = await timed(async () => {
        await Promise.all(
          Array.from({ length: AT_ONCE }, async () => {
            each.push(await timed(async () => sandboxes.push(await client.create("base", { waitReady: true }))));
          }),
        );
      });
      await Promise.all(sandboxes.map((sandbox) => sandbox.delete()));
      rounds.push({ creates: AT_ONCE, "all ready, ms": ms(all), "median, ms": ms(quantile(each, 0.5)) });
    }
    return rounds;
  });
}

/** Many that run: what each costs, and how the engine answers then. */
export async function fleet(count = FLEET) {
  return await withEngine(
    ["--max-sandboxes", `${count + 10}`, "--max-active", `${count + 10}`],
    async (client, engine) => {
      const before = processes(engine);
      const freeBefore = freeMemory();
      const sandboxes = [];
      const filled = await timed(() =>
        inParallel(count, async () => sandboxes.push(await client.create("base", { waitReady: true, timeout: 3_600 }))),
      );
      const after = processes(engine);
      const freeAfter = freeMemory();
      const infos = [];
      const creates = [];
      for (let n = 0; n < 50; n++) {
        infos.push(await timed(() => client.getInfo(sandboxes[n].sandboxId)));
        creates.push(await create(client));
      }
      const deleted = await timed(() => inParallel(sandboxes.length, (n) => sandboxes[n].delete()));
      const each = (name) => ((after[name] ?? 0) - (before[name] ?? 0)) / count;
      return {
        running: count,
        "all created, s": Number((filled / 1000).toFixed(2)),
        "all deleted, s": Number((deleted / 1000).toFixed(2)),
        "engine and keeper, MiB": Number(after.sandbar.toFixed(1)),
        "engine and keeper, KiB each": Math.round(each("sandbar") * 1024),
        "agent, KiB each": Math.round((each("agent") + each("bwrap")) * 1024),
        "all processes, MiB each": ms((sum(after) - sum(before)) / count),
        "what the system has less, MiB each": ms((freeBefore - freeAfter) / count),
        "one more create, median ms": ms(quantile(creates, 0.5)),
        "detail, median ms": ms(quantile(infos, 0.5)),
      };
    },
  );
}

/** Many records: how long pages of the list take. They are paused sandboxes, which take no memory. */
export async function records(count = RECORDS) {
  return await withEngine(["--max-sandboxes", `${count + 10}`], async (client) => {
    const filled = await timed(() =>
      inParallel(count, async (n) => {
        const sandbox = await client.create("base", { timeout: 3_600, metadata: { group: `${n % 100}` } });
        await sandbox.pause();
      }),
    );
    const last = Buffer.from(`${count - 100}`).toString("base64url");
    const pages = {
      "the first page": {},
      "the last page": { nextToken: last },
      "by metadata": { metadata: { group: "42" } },
      "by state": { state: "running" },
    };
    const table = [];
    for (const [page, options] of Object.entries(pages)) {
      const times = [];
      while (times.length < 50) times.push(await timed(() => client.list({ limit: 100, ...options })));
      table.push({
        records: count,
        page,
        "median, ms": ms(quantile(times, 0.5)),
        "p99, ms": ms(quantile(times, 0.99)),
      });
    }
    const all = await timed(async () => {
      let seen = 0;
      for await (const _ of client.list()) seen++;
      if (seen !== count) throw new Error(`${seen} of ${count} records were listed`);
    });
    table.push({ records: count, page: "all pages", "median, ms": ms(all) });
    table.push({ records: count, page: "(created and paused)", "median, ms": ms(filled) });
    return table;
  });
}

/** Created and deleted, again and again: nothing may grow or stay. */
export async function cycles() {
  return await withEngine([], async (client, engine) => {
    await inParallel(200, () => create(client));
    const rounds = [];
    const step = Math.max(1, Math.floor(CYCLES / 10));
    for (let done = 0; done < CYCLES; done += step) {
      const took = await timed(() => inParallel(step, () => create(client)));
      rounds.push({
        cycles: done + step,
        "per second": Math.round((step / took) * 1000),
        ...(await leftovers(engine)),
      });
    }
    return rounds;
  });
}

/** Creates, checks how it was started, deletes; how long the create took. */
async function create(client, how) {
  let sandbox;
  const took = await timed(async () => {
    sandbox = await client.create("base", { waitReady: true });
  });
  const start = sandbox.timeline.find(({ phase }) => phase === "starting");
  if (how && start.message !== how) throw new Error(`not a ${how}: ${start.message}`);
  await sandbox.delete();
  return took;
}

async function withEngine(args, work) {
  const engine = await serve(...args);
  try {
    return await work(new SandboxClient(engine.options), engine);
  } finally {
    await engine.stop();
  }
}

async function inParallel(count, step) {
  let next = 0;
  const worker = async () => {
    while (next < count) await step(next++);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}

function bareBwrap() {
  const namespaces = ["--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"];
  const mounts = ["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"];
  const { status } = spawnSync("bwrap", [...namespaces, ...mounts, "--", "/usr/bin/true"]);
  if (status !== 0) throw new Error("bwrap failed");
}

/** Memory by program, in MiB. */
function processes(engine) {
  const sums = {};
  for (const pid of tree(engine.pid)) sums[program(pid)] = (sums[program(pid)] ?? 0) + memory(pid);
  return sums;
}

function sum(parts) {
  return Object.values(parts).reduce((total, part) => total + part, 0);
}

/** What the system could still give out, in MiB: what it uses for processes counts as well. */
function freeMemory() {
  return Number(/^MemAvailable:\s+(\d+) kB/m.exec(read("/proc/meminfo"))[1]) / 1024;
}

/** What there is besides the records, once the pool is full again. */
async function leftovers(engine) {
  await wait(500);
  const all = tree(engine.pid);
  const keeper = all.find((pid) => read(`/proc/${pid}/cmdline`).includes("\0keep\0"));
  const count = (folder) => readdirSync(folder).length;
  const groups = read(`/proc/${all.at(-1)}/cgroup`).match(/:memory:(\S+)\/sb-/)?.[1];
  return {
    "engine, MiB": Number(memory(engine.pid).toFixed(1)),
    "keeper, MiB": Number(memory(keeper).toFixed(1)),
    processes: all.length,
    "open files": count(`/proc/${engine.pid}/fd`) + count(`/proc/${keeper}/fd`),
    mounts: read(`/proc/${keeper}/mountinfo`).split("\n").length - 1,
    homes: count(path.join(engine.dataDir, "sandboxes")),
    sockets: count(path.join(engine.dataDir, "run")),
    cgroups: groups && readdirSync(`/sys/fs/cgroup/memory${groups}`).filter((name) => name.startsWith("sb-")).length,
  };
}

function ratios(rows) {
  const medians = Object.values(rows).map((values) => quantile(values, 0.5));
  const table = Object.entries(rows).map(([name, values]) => ({
    what: name,
    runs: values.length,
    "median, ms": ms(quantile(values, 0.5)),
    "p99, ms": ms(quantile(values, 0.99)),
    "max, ms": ms(Math.max(...values)),
    "of the peer": Number((quantile(values, 0.5) / medians.at(-1)).toFixed(2)),
  }));
  return table;
}

function ms(value) {
  return Number(value.toFixed(2));
}
