const events = require("node:events");
const fs = require("node:fs/promises");
const os = require("node:os");
const path = require("node:path");
const sandbar = require("../..");
const { ByteRelay } = require("./byte-relay.js");

/** How long what a call is made on may take to come about; calls without limits of their own inherit it. */
const PREPARATION_MS = 10_000;
/** How much later than its limit a call may end. */
const GRACE_MS = 10_000;
/** After how long a peer that says nothing is known to be dead. */
const DEAD_MS = 60_000;
/** How long the connection of a call that was given up may take to be closed. */
const SOCKETS_MS = 5_000;
/** How long the clean-up of a create may take once the service is reached again. */
const CLEAN_UP_MS = 30_000;
/** How many items are read of what comes one after the other. */
const ITEMS = 1;

let accounts = 0;

/**
 * Makes a public call through a relay on which a fault happens: `{error, tookMs, limitMs, passed, listeners, left, sockets}`,
 * where `left` are sandboxes that nobody holds, and `sockets` are connections that the call has left open.
 */
async function attempt(call, { scripted, port, fault, limitMs }) {
  const relay = await ByteRelay.start(port);
  const apiKey = `key-${++accounts}`;
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), "sandbar-attempt-"));
  try {
    const localPath = path.join(folder, "a");
    await fs.writeFile(localPath, "hello");
    const place = { baseUrl: relay.url, apiKey, localPath };
    const preparation = new AbortController();
    const callee = await obtain(call.obtain, { ...place, limit: PREPARATION_MS, signal: preparation.signal });
    const before = new Set(scripted.sandboxes(apiKey));
    const { signal } = new AbortController();
    relay.arm(fault);
    const begun = performance.now();
    const outcome = await settled(() => use(invoke(callee, call, { ...place, limit: limitMs, signal })));
    const tookMs = performance.now() - begun;
    const passed = relay.passed;
    await cleanUp(outcome.value);
    await cleanUp(callee);
    const sockets = await untilZero(() => relay.waiting, SOCKETS_MS);
    relay.heal();
    const held = new Set([...before, ...sandboxIdsOf(outcome.value), outcome.error?.sandboxId]);
    const left = () => scripted.sandboxes(apiKey).filter((id) => !held.has(id));
    await untilZero(() => left().length, CLEAN_UP_MS);
    return {
      error: outcome.error,
      tookMs,
      mayTakeMs: timeFor(call, outcome.value, limitMs) + GRACE_MS,
      passed,
      listeners: events.getEventListeners(signal, "abort").length,
      left: left(),
      sockets,
    };
  } finally {
    await relay.stop();
    await fs.rm(folder, { recursive: true });
  }
}

/** How long a call and the reading of what it gives may take. */
function timeFor(call, value, limitMs) {
  const options = JSON.stringify(call.parameters.map(({ sample }) => sample({ limit: 1 }) ?? null));
  const isStream = value?.[Symbol.asyncIterator] !== undefined;
  // What a process prints may be silent for as long as it runs, if nobody has said how long that may be.
  if (isStream && !options.includes('"timeoutMs"')) return DEAD_MS;
  return options.includes("TimeoutMs") ? limitMs : PREPARATION_MS;
}

/** What a call is made on. */
async function obtain(steps, values) {
  let callee;
  for (const step of steps) {
    if (step.root === "exports") callee = sandbar;
    else if (step.root === "client") callee = new sandbar.SandboxClient(clientOptions(values));
    else if (step.property !== undefined) callee = callee[step.property];
    else callee = await invoke(callee, step.call, values);
  }
  return callee;
}

function clientOptions({ baseUrl, apiKey, limit }) {
  return { baseUrl, apiKey, requestTimeoutMs: limit, readyTimeoutMs: limit };
}

function invoke(callee, { member, parameters }, values) {
  const symbol = /^\[Symbol\.(\w+)\]$/.exec(member)?.[1];
  const key = symbol === undefined ? member : (Symbol[symbol] ?? Symbol.for(`nodejs.${symbol}`));
  return callee[key](...parameters.map(({ sample }) => sample(values)));
}

/** Takes from an outcome all that takes time. */
async function use(outcome) {
  const value = await outcome;
  if (value instanceof Response) await value.text();
  const iterator = value?.[Symbol.asyncIterator]?.();
  for (let count = 0; iterator && count < ITEMS; count++) if ((await iterator.next()).done) return value;
  await iterator?.return?.();
  return value;
}

async function settled(run) {
  try {
    return { value: await run() };
  } catch (error) {
    return { error };
  }
}

/** Ends what a caller would end who has it. */
async function cleanUp(value) {
  value?.disconnect?.();
  await value?.stop?.();
}

function sandboxIdsOf(value) {
  const all = Array.isArray(value) ? value : (value?.sandboxes ?? [value]);
  return Array.isArray(all) ? all.map((one) => one?.sandboxId).filter(Boolean) : [];
}

async function untilZero(count, forMs) {
  const until = performance.now() + forMs;
  while (count() > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
  return count();
}

module.exports = { attempt };
