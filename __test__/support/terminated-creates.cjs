// Starts workers that create, four at a time, and terminates them at another moment each: `node terminated-creates.cjs <count>`.
// Prints the IDs of the sandboxes that workers got, once what the others made is deleted.
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { Worker } = require("node:worker_threads");
const { Sandbox } = require("../..");

const AT_ONCE = 4;
const count = Number(process.argv[2]);

// Written at once: what a worker posts may be lost with it.
const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "sandbar-")), "held");
fs.writeFileSync(file, "");

const script = `
  const { appendFileSync } = require("node:fs");
  const { parentPort } = require("node:worker_threads");
  const { Sandbox } = require(".");
  const got = (sandbox) => appendFileSync(${JSON.stringify(file)}, sandbox.sandboxId + "\\n");
  Sandbox.create().then(got);
  Sandbox.create("base", { onTimeline() {} }).then(got);
  Sandbox.createMany(2).then((sandboxes) => sandboxes.forEach(got));
  parentPort.postMessage("under way");
`;

const held = () => fs.readFileSync(file, "utf8").split("\n").filter(Boolean).sort();

async function terminateOne(delay) {
  const worker = new Worker(script, { eval: true });
  await new Promise((resolve, reject) => worker.once("error", reject).once("message", resolve));
  await new Promise((resolve) => setTimeout(resolve, delay));
  await worker.terminate();
}

async function existing() {
  const ids = [];
  for await (const { sandboxId } of Sandbox.list()) ids.push(sandboxId);
  return ids.sort();
}

async function main() {
  let begun = 0;
  const lane = async () => {
    while (begun < count) await terminateOne((begun++ * 5) % 60);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  const deadline = Date.now() + 10_000;
  while ((await existing()).join() !== held().join() && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  console.log(JSON.stringify(held()));
  fs.rmSync(path.dirname(file), { recursive: true });
}

main();
