// Work spread over 50 sandboxes, eight at a time: a bar of progress, one report of all, and nothing left at the end.
import { Sandbox } from "sandbar";

const COUNT = 50;
const AT_A_TIME = 8;
const metadata = { run: `fan-out-${process.pid}` };

const numbers = Array.from({ length: COUNT }, (_, index) => index + 1);
/** @type {number[]} */
const squares = [];
/** @type {unknown[]} */
const failures = [];

/** @param {number} done */
function show(done) {
  const bar = "#".repeat((done * 25) / COUNT).padEnd(25, ".");
  console.log(`[${bar}] ${done} of ${COUNT}`);
}

/** @param {number} number */
async function square(number) {
  await Sandbox.with("base", { metadata, waitReady: true }, async (sandbox) => {
    const { stdout } = await sandbox.commands.run(`echo $((${number} * ${number}))`, { check: true });
    squares.push(Number(stdout));
  });
}

async function worker() {
  for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) {
    try {
      await square(number);
    } catch (error) {
      // One that fails does not end the others.
      failures.push(error);
    }
    const done = squares.length + failures.length;
    if (done % 10 === 0) show(done);
  }
}

try {
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
} finally {
  // Each is deleted after its work; this is for those whose delete failed.
  await Sandbox.deleteAll({ metadata });
}
for (const error of failures) console.error(error);
console.log(`${squares.length} squares, their sum is ${squares.reduce((sum, one) => sum + one, 0)}`);
