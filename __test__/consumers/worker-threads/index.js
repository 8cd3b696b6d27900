import assert from "node:assert";
import { once } from "node:events";
import { Worker } from "node:worker_threads";

const THREADS = 4;
const JOBS = 12;

const waiting = Array.from({ length: JOBS }, (_, job) => job);
const answers = [];

/** One thread, which takes jobs until there are none. */
async function work() {
  const worker = new Worker(new URL("./worker.js", import.meta.url));
  while (waiting.length > 0) {
    worker.postMessage(waiting.shift());
    const [answer] = await once(worker, "message");
    answers.push(answer);
  }
  await worker.terminate();
}

await Promise.all(Array.from({ length: THREADS }, work));
assert.deepEqual(
  answers.sort((one, other) => one - other),
  Array.from({ length: JOBS }, (_, job) => job * job),
);
