const { Sandbox } = require("..");
const { statefulServer } = require("./support/stateful-server.js");

const server = statefulServer();

// `HISTORIES=10000 SEED=7` for the whole run.
const COUNT = Number(process.env.HISTORIES ?? 400);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const AT_ONCE = 16;

/** Numbers below 1 by a seed (mulberry32). */
function numbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = numbers(SEED);
const pick = (...choices) => choices[Math.floor(random() * choices.length)];
const below = (count) => Math.floor(random() * count);

/** A signal that aborts in a moment, or never. */
function signalOf() {
  const controller = new AbortController();
  const moment = pick("never", "at once", "soon", "later");
  if (moment === "at once") queueMicrotask(() => controller.abort());
  if (moment === "soon") setImmediate(() => controller.abort());
  if (moment === "later") setTimeout(() => controller.abort(), below(12));
  return controller;
}

/** What a caller gets of a call that may fail: its sandboxes, none of one that failed. */
async function got(call) {
  try {
    return [await call].flat();
  } catch {
    return [];
  }
}

const histories = {
  create: () => got(Sandbox.create("base", { signal: signalOf().signal, maxRetries: below(3) })),
  createMany: () => {
    const controller = signalOf();
    const last = pick(true, false);
    const onProgress = ({ created, total }) => last && created === total && controller.abort();
    return got(Sandbox.createMany(1 + below(3), { signal: controller.signal, onProgress, maxRetries: below(3) }));
  },
  timeline: () => {
    const controller = signalOf();
    const onTimeline = () => pick(true, false) && controller.abort();
    return got(Sandbox.create("base", { signal: controller.signal, onTimeline, maxRetries: below(3) }));
  },
  /** A key of the caller's own: whatever became of the first call, the repeat gives its sandbox. */
  repeated: async () => {
    const idempotencyKey = `history-${random()}`;
    await got(Sandbox.create("base", { idempotencyKey, signal: signalOf().signal, maxRetries: 0 }));
    for (;;) {
      const sandboxes = await got(Sandbox.create("base", { idempotencyKey }));
      if (sandboxes.length > 0) return sandboxes;
    }
  },
  killed: async () => {
    for (const sandbox of await got(Sandbox.create())) {
      while ((await got(sandbox.kill())).length === 0);
    }
    return [];
  },
  disposed: async () => {
    const fail = () => {
      throw new Error("as users' code does");
    };
    await got(Sandbox.with(pick(() => 7, fail)));
    return [];
  },
};

test(`${COUNT} histories leave what their callers hold, and nothing else (seed ${SEED})`, async () => {
  server.fields = { timeline: [{ phase: "ready", status: "completed" }] };
  server.disturb = () => (random() < 0.1 ? true : random() < 0.5 ? below(8) : false);
  const held = new Set();
  let begun = 0;
  const lane = async () => {
    while (begun++ < COUNT) {
      const history = histories[pick(...Object.keys(histories))];
      for (const { sandboxId } of await history()) held.add(sandboxId);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  server.disturb = () => false;
  const strangers = () => server.ids.filter((id) => !held.has(id));
  const deadline = Date.now() + 60_000;
  while (strangers().length > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(strangers()).toEqual([]);
  expect([...held].filter((id) => !server.sandboxes.has(id))).toEqual([]);
  expect(held.size).toBeGreaterThan(0);
}, 1_200_000);
