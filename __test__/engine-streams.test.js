const { Sandbox } = require("..");
const { realEngine, runIn } = require("./support/engine.js");
const { until } = require("./support/outcome.js");

realEngine();

test("a log is followed to the end of its sandbox, each line once", async () => {
  const sandbox = await Sandbox.create({ waitReady: true });
  const numbers = Array.from({ length: 200 }, (_, number) => `line ${number}`);
  const seen = [];
  const following = (async () => {
    for await (const { message, fields } of sandbox.logs({ follow: true })) {
      if (fields.source === "runtime") seen.push(message);
    }
  })();
  for (let first = 0; first < 200; first += 20) {
    await runIn(sandbox, `for n in $(seq ${first} ${first + 19}); do echo line $n; done`);
  }
  // What is still on its way to the log at a delete may not reach it.
  await until(
    () => seen,
    ({ length }) => length >= 200,
  );
  await sandbox.delete();
  await following;
  expect(seen).toEqual(numbers);
});

test("a life is watched from its beginning to its end", async () => {
  const sandbox = await Sandbox.create({ waitReady: true });
  const phases = [];
  for await (const { phase, timestamp } of sandbox.watch()) {
    phases.push(phase);
    expect(timestamp).toBeInstanceOf(Date);
    if (phase === "ready" && sandbox.isRunning()) await sandbox.pause();
    if (phase === "paused") await sandbox.delete();
  }
  expect(phases.filter((phase) => phase !== "namespaces")).toEqual([
    "created",
    "starting",
    "agent",
    "ready",
    "paused",
    "deleted",
  ]);
});

test("a start is told while it is waited for", async () => {
  const phases = [];
  const sandbox = await Sandbox.create({ waitReady: true, onTimeline: ({ phase }) => phases.push(phase) });
  expect(phases.filter((phase) => phase !== "namespaces")).toEqual(["created", "starting", "agent", "ready"]);
  await sandbox.delete();
});
