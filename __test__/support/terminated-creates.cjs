// Starts workers that create, four at a time, and terminates them at another moment each: `node terminated-creates.cjs <count>`.
// Prints the IDs of the sandboxes that workers got, once what the others made is deleted.
const { Worker } = require("node:worker_threads");
const { Sandbox } = require("../..");

const AT_ONCE = 4;
const count = Number(process.argv[2]);

const script = `
  const { parentPort } = require("node:worker_threads");
  const { Sandbox } = require(".");
  const got = (sandbox) => parentPort.postMessage(sandbox.sandboxId);
  Sandbox.create().then(got);
  Sandbox.create("base", { onTimeline() {} }).then(got);
  Sandbox.createMany(2).then((sandboxes) => sandboxes.forEach(got));
  parentPort.postMessage("under way");
`;

const held = [];

async function terminateOne(delay) {
  const worker = new Worker(script, { eval: true });
  await new Promise((resolve, reject) => {
    worker.on("error", reject).on("message", (message) => {
      if (message === "under way") resolve();
      else held.push(message);
    });
  });
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
  const deadline = Date.now() + 30_000;
  while ((await existing()).join() !== held.sort().join() && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  console.log(JSON.stringify(held));
}

main();
