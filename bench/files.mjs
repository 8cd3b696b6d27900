// Measures files: how fast they go up and come back through the SDK, beside plain fetch to the same sandbox, and what it takes.
//
//   npm run bench:files
//   SIZE_MIB=1024 FILES=10000
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { SandboxClient } from "../index.js";
import { memory, serve, tree } from "./server.mjs";

const MIB = 1024 * 1024;

if (process.argv[1] === import.meta.filename) {
  console.log(`Node.js ${process.version}, Linux ${os.release()}, ${os.cpus().length} cores`);
  for (const rows of Object.values(await measureFiles())) console.table(rows);
}

/** Measures files of this amount; gives back rows: `small`, `large`, and `peak`, the memory that it took. */
export async function measureFiles({
  sizeMib = Number(process.env.SIZE_MIB ?? 1024),
  files = Number(process.env.FILES ?? 10_000),
} = {}) {
  const folder = mkdtempSync(path.join(os.tmpdir(), "sandbar-bench-files-"));
  const server = await serve();
  const watch = new MemoryWatch(server.pid);
  try {
    const templates = path.join(server.dataDir, "templates");
    mkdirSync(templates, { recursive: true });
    // Room for the files that are replaced as well, which stay until their successors are there.
    writeFileSync(path.join(templates, "tpl-large.toml"), `disk_size_mb = ${4 * sizeMib + 1024}\n`);
    const client = new SandboxClient(server.options);
    const sandbox = await client.create("tpl-large", { waitReady: true, timeout: 3_600 });
    const small = await measureSmall(sandbox, folder, files);
    const large = await measureLarge(sandbox, folder, sizeMib, watch);
    await sandbox.delete();
    return { small, large, peak: [watch.peak] };
  } finally {
    watch.stop();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The most that this process and one of the engine's take meanwhile. */
class MemoryWatch {
  peak = { "SDK, peak RSS, MiB": 0, "engine, peak PSS of a process, MiB": 0 };
  #timer;

  constructor(pid) {
    this.#timer = setInterval(() => this.#look(pid), 50);
  }

  #look(pid) {
    const running = tree(pid).map((pid) => Math.round(memory(pid)));
    const now = [Math.round(process.memoryUsage.rss() / MIB), Math.max(...running)];
    Object.keys(this.peak).forEach((of, index) => {
      this.peak[of] = Math.max(this.peak[of], now[index]);
    });
  }

  stop() {
    clearInterval(this.#timer);
  }
}

/** One large file each way, hashed on both sides. */
async function measureLarge(sandbox, folder, sizeMib, watch) {
  const rates = [];
  const sent = createHash("sha256");
  const piece = randomBytes(MIB);
  async function* content(hash) {
    for (let n = 0; n < sizeMib; n++) {
      // Not the same piece again and again: a mix-up would show.
      piece.writeUInt32LE(n);
      const chunk = Buffer.from(piece);
      hash.update(chunk);
      yield chunk;
    }
  }
  await rate("write, SDK", () => sandbox.files.write("large.bin", content(sent)));
  const expected = sent.digest("hex");
  await rate("read, SDK", async () => same(expected, await sandbox.files.read("large.bin", { format: "stream" })));
  const local = path.join(folder, "large.bin");
  await rate("download, SDK", () => sandbox.files.download("large.bin", local));
  await rate("upload, SDK", () => sandbox.files.upload(local, "again.bin"));
  // What fetch takes comes on top.
  watch.stop();
  const url = `${sandbox.envdUrl}/files?path=large.bin`;
  const headers = { "x-access-token": sandbox.envdAccessToken };
  await rate("read, fetch", async () => same(expected, (await fetch(url, { headers })).body));
  await rate("write, fetch", async () => {
    const request = { method: "POST", headers: { ...headers, "content-type": "application/octet-stream" } };
    const body = content(createHash("sha256"));
    const response = await fetch(url, { ...request, body, duplex: "half" });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  });
  const { stdout } = await sandbox.commands.run("sha256sum again.bin");
  if (!stdout.startsWith(expected)) throw new Error("what came back is not what was sent");
  return rates;

  async function rate(name, work) {
    const begun = performance.now();
    await work();
    rates.push({ what: name, "MB/s": Math.round((sizeMib * MIB) / 1e3 / (performance.now() - begun)) });
  }
}

async function same(expected, stream) {
  const hash = createHash("sha256");
  for await (const chunk of stream) hash.update(chunk);
  if (hash.digest("hex") !== expected) throw new Error("what was read is not what was written");
}

/** Many small files, in memory and on the disk. */
async function measureSmall(sandbox, folder, count) {
  const times = [];
  const files = Array.from({ length: count }, (_, n) => ({ path: `small/${n % 100}/${n}.txt`, data: `file ${n}\n` }));
  for (const { path: name, data } of files) {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, data);
  }
  await time("writeFiles", () => sandbox.files.writeFiles(files));
  await time("upload", () => sandbox.files.upload(path.join(folder, "small"), "up"));
  await time("download", () => sandbox.files.download("up", path.join(folder, "back")));
  return times;

  async function time(name, work) {
    const begun = performance.now();
    await work();
    const seconds = (performance.now() - begun) / 1e3;
    times.push({ what: name, files: count, "files/s": Math.round(count / seconds) });
  }
}
