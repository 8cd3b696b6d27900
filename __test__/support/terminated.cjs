// Starts workers with calls in flight, eight at a time, and terminates them in the middle: `node terminated.cjs <count>`.
const { Worker } = require("node:worker_threads");

const AT_ONCE = 8;
const count = Number(process.argv[2]);

const script = `
  const { parentPort } = require("node:worker_threads");
  const { Sandbox } = require(".");
  const calls = () => Promise.allSettled([
    Sandbox.getInfo("sb-1"),
    Sandbox.getInfo("sb-hung"),
    Sandbox.create({ signal: AbortSignal.timeout(2) }),
    Sandbox.create("base", { waitReady: true }),
    Sandbox.getInfo("sb-1", { signal: AbortSignal.timeout(1) }),
  ]);
  calls();
  setImmediate(() => parentPort.postMessage("under way"));
  setInterval(calls, 1);
`;

async function terminateOne(delay) {
  const worker = new Worker(script, { eval: true });
  await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
  // Another moment for each: in the middle of a call, of an answer, of a callback.
  await new Promise((resolve) => setTimeout(resolve, delay));
  await worker.terminate();
}

async function main() {
  let begun = 0;
  const lane = async () => {
    while (begun < count) await terminateOne(begun++ % 20);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  // The addon of the main thread still works.
  const { Sandbox } = require("../..");
  await Sandbox.getInfo("sb-1");
  console.log(`${begun} workers were terminated`);
}

main();
