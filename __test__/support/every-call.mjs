// Makes every public call through a relay that fails at some byte, or at every byte in turn, and prints what is wrong: a
// JSON text `{calls, cases, slowestMs, problems, finishedAt}`. It ends by itself, if no call has left anything that keeps it.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { SandboxError } = require("../..");
const { attempt } = require("./attempt.js");
const { publicCalls } = require("./public-calls.js");
const { ScriptedSandboxes } = require("./scripted-sandboxes.js");

const LIMIT_MS = 500;
/** Where nothing happens, nothing is to end by its limit either. */
const AMPLE_MS = 60_000;
/** How many cases run at the same time: most of them wait. */
const AT_ONCE = 24;
const MODES = ["silent", "slow", "wrong"];
const MAKES_SANDBOXES = /[.#](create|createMany|with)\b/;
const DIRECTIONS = ["received", "sent"];

const [part] = process.argv.slice(2);
const scripted = new ScriptedSandboxes();
const port = await scripted.start();
const calls = publicCalls().filter(({ name }) => part === undefined || name.includes(part));
const problems = [];

const exchanges = [];
await each(calls, async (call, index) => {
  const { error, passed } = await attempt(call, { scripted, port, limitMs: AMPLE_MS });
  // There is nothing to be removed.
  const isFine = error === undefined || error.name === "NotFoundError";
  if (!isFine) problems.push(`${call.name}: ${error.stack}`);
  exchanges.push({ call, passed, index });
});
const cases = exchanges.flatMap(({ call, passed, index }) => faultsOf(passed, index).map((fault) => ({ call, fault })));
let slowestMs = 0;
await each(cases, async ({ call, fault }) => {
  const outcome = await attempt(call, { scripted, port, fault, limitMs: LIMIT_MS });
  slowestMs = Math.max(slowestMs, Math.round(outcome.tookMs));
  for (const problem of problemsOf(call.name, outcome, fault)) {
    problems.push(`${call.name}, ${fault.mode} at byte ${fault.position} ${fault.direction}: ${problem}`);
  }
});
await scripted.stop();
const report = { calls: calls.length, cases: cases.length, slowestMs, problems, finishedAt: Date.now() };
console.log(JSON.stringify(report));

async function each(items, work) {
  const queue = [...items.entries()];
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, item] = next;
      await work(item, index).catch((error) => problems.push(`${item.name ?? item.call.name}: ${error.stack}`));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** What happens to an exchange: something else to each, or everything at every byte. */
function faultsOf(passed, index) {
  const moved = DIRECTIONS.filter((direction) => passed[direction] > 0);
  if (process.env.SANDBAR_EVERY_BYTE) {
    return moved.flatMap((direction) =>
      Array.from({ length: passed[direction] }, (_, position) =>
        MODES.map((mode) => ({ mode, direction, position })),
      ).flat(),
    );
  }
  return moved.map((direction, turn) => {
    // Somewhere else for each call.
    const position = (index * 7_919 + turn * 104_729) % passed[direction];
    return { mode: turn === 0 ? "silent" : MODES[index % MODES.length], direction, position };
  });
}

function problemsOf(name, { error, tookMs, mayTakeMs, listeners, left, sockets }, fault) {
  const found = [];
  if (error !== undefined && !(error instanceof SandboxError)) found.push(`it threw ${error?.stack ?? error}`);
  if (tookMs > mayTakeMs) found.push(`it took ${Math.round(tookMs)} ms`);
  if (listeners > 0) found.push(`it left ${listeners} listeners`);
  // What a create may have made is looked for in the background, for as long as that takes.
  if (sockets > 0 && !MAKES_SANDBOXES.test(name)) found.push(`it left ${sockets} sockets`);
  // Of an answer that says another ID, nobody could tell what it made.
  if (left.length > 0 && fault.mode !== "wrong") found.push(`it left ${left}`);
  return found;
}
