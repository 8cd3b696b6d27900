// Measures what a page that shows all sandboxes asks of the engine: the whole list, and the stream of changes.
//
//   npm run bench:events [-- list stream]                    what to measure; default both
//   RECORDS=1000,10000 READERS=0,1,100 RATE=500 SECONDS=5    how much
import { fork } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import os from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { SandboxClient } from "../index.js";
import { memory, quantile, read, serve, timed } from "./server.mjs";

const RECORDS = numbers(process.env.RECORDS ?? "1000,10000");
const READERS = numbers(process.env.READERS ?? "0,1,10,100,1000");
/** Changes a second. */
const RATE = Number(process.env.RATE ?? 500);
const SECONDS = Number(process.env.SECONDS ?? 5);
const PARALLEL = 8;
/** Of a processor, a second has so many in /proc. */
const TICKS = 100;

if (process.argv[2] === "readers") readers();
else await main(process.argv.slice(2));

async function main(chosen) {
  const parts = { list, stream };
  console.log(`Node.js ${process.version}, Linux ${os.release()}, ${os.cpus().length} cores`);
  for (const [name, part] of Object.entries(parts)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    console.log(`\n${name}`);
    console.table(await part());
  }
}

/** All pages, one after the other, as they come: of paused sandboxes, which take no memory. */
async function list() {
  const table = [];
  for (const count of RECORDS) {
    const engine = await serve("--max-sandboxes", `${count + 10}`);
    try {
      const client = new SandboxClient(engine.options);
      await inParallel(count, async (n) => {
        const sandbox = await client.create("base", {
          timeout: 3_600,
          metadata: { group: `${n % 100}`, app: "bench" },
        });
        await sandbox.pause();
      });
      const runs = [];
      while (runs.length < 10) runs.push(await allPages(engine.options));
      const pages = runs.flatMap((run) => run.pages);
      table.push({
        records: count,
        pages: runs[0].pages.length,
        "KiB each": Math.round(runs[0].bytes / runs[0].pages.length / 1024),
        "a page, median ms": ms(quantile(pages, 0.5)),
        "a page, p99 ms": ms(quantile(pages, 0.99)),
        "all pages, median ms": ms(
          quantile(
            runs.map((run) => run.all),
            0.5,
          ),
        ),
      });
    } finally {
      await engine.stop();
    }
  }
  return table;
}

async function allPages({ baseUrl, apiKey }) {
  const pages = [];
  let bytes = 0;
  const all = await timed(async () => {
    let next = "";
    do {
      const begin = performance.now();
      const answer = await fetch(`${baseUrl}/api/v1/sandboxes?limit=100&nextToken=${next}`, {
        headers: { "X-API-Key": apiKey },
      });
      bytes += (await answer.arrayBuffer()).byteLength;
      pages.push(performance.now() - begin);
      next = answer.headers.get("x-next-token");
    } while (next);
  });
  return { pages, bytes, all };
}

/** Changes at a steady rate, with more and more readers: what each costs the engine. */
async function stream() {
  const engine = await serve();
  try {
    const client = new SandboxClient(engine.options);
    const create = () => client.create("base", { waitReady: true, timeout: 3_600 });
    const sandboxes = await Promise.all(Array.from({ length: PARALLEL }, create));
    await change(sandboxes, 1);
    const table = [];
    for (const count of READERS) table.push(await withReaders(engine, count, sandboxes));
    return table;
  } finally {
    await engine.stop();
  }
}

async function withReaders(engine, count, sandboxes) {
  const child = fork(import.meta.filename, ["readers"]);
  child.send({ ...engine.options, count });
  await once(child, "message");
  const before = { cpu: cpu(engine.pid), memory: memory(engine.pid) };
  const begin = performance.now();
  const changes = await change(sandboxes, SECONDS);
  const took = performance.now() - begin;
  const used = cpu(engine.pid) - before.cpu;
  child.send("how many?");
  const [seen] = await once(child, "message");
  child.disconnect();
  await once(child, "exit");
  return {
    readers: count,
    "changes/s": Math.round((changes / took) * 1000),
    "events/s": Math.round((seen.sandbox / took) * 1000),
    "MiB/s": ms(seen.bytes / 1024 / 1024 / (took / 1000)),
    missing: changes * count - seen.sandbox,
    resets: seen.reset,
    "engine, % of a core": Math.round((used / took) * 100),
    "engine, µs a change": Math.round((used * 1000) / changes),
    "engine, MiB": ms(memory(engine.pid)),
  };
}

/** Gives sandboxes new deadlines, at the rate; how many. */
async function change(sandboxes, seconds) {
  const begin = performance.now();
  const calls = [];
  for (let now = 0; now < seconds * 1000; now = performance.now() - begin) {
    while (calls.length < (now / 1000) * RATE) {
      const n = calls.length;
      calls.push(sandboxes[n % sandboxes.length].setTimeout(3_600 + (n % 1000)));
    }
    await wait(2);
  }
  await Promise.all(calls);
  return calls.length;
}

/** In a process of their own: follows with so many connections, and counts. */
function readers() {
  const seen = { hello: 0, sandbox: 0, reset: 0, bytes: 0 };
  process.on("message", (message) => {
    if (message === "how many?") return settle(seen);
    const { hostname, port } = new URL(message.baseUrl);
    const request = `GET /api/v1/events HTTP/1.1\r\nhost: ${hostname}\r\nx-api-key: ${message.apiKey}\r\n\r\n`;
    for (let n = 0; n < message.count; n++) {
      const socket = net.connect({ host: hostname, port: Number(port) }, () => socket.write(request));
      let rest = "";
      socket.on("data", (bytes) => {
        seen.bytes += bytes.length;
        const events = (rest + bytes.latin1Slice()).split("\n\n");
        rest = events.pop();
        for (const event of events) seen[/^event: (\w+)$/m.exec(event)?.[1]]++;
        if (seen.hello === message.count) {
          process.send("ready");
          seen.hello = 0;
        }
      });
      socket.on("error", () => {});
    }
    if (message.count === 0) process.send("ready");
  });
  process.on("disconnect", () => process.exit());
}

/** Tells once nothing comes any more. */
async function settle(seen) {
  let before = -1;
  while (before !== seen.bytes) {
    before = seen.bytes;
    await wait(1000);
  }
  process.send(seen);
}

/** What a process has used of processors, in ms. */
function cpu(pid) {
  const fields = read(`/proc/${pid}/stat`).split(") ")[1].split(" ");
  return ((Number(fields[11]) + Number(fields[12])) / TICKS) * 1000;
}

async function inParallel(count, step) {
  let next = 0;
  const worker = async () => {
    while (next < count) await step(next++);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}

function numbers(text) {
  return text.split(",").map(Number);
}

function ms(value) {
  return Number(value.toFixed(2));
}
