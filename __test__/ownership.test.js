const { Sandbox } = require("..");
const { runNode } = require("./support/child.js");
const { errorOf } = require("./support/outcome.js");
const { statefulServer } = require("./support/stateful-server.js");

const server = statefulServer();

/** Waits until a condition holds, and says what is there if it never does. */
async function until(condition) {
  const deadline = Date.now() + 20_000;
  while (!condition() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
  if (!condition()) throw new Error(`still there: ${server.ids}`);
}

const nothingIsLeft = () => until(() => server.ids.length === 0);

describe("what a create made is deleted if its caller does not get it", () => {
  test("createMany, aborted as the last one is there", async () => {
    const controller = new AbortController();
    const onProgress = ({ created, total }) => created === total && controller.abort();
    const error = await errorOf(Sandbox.createMany(3, { signal: controller.signal, onProgress }));
    expect(error).toBe(controller.signal.reason);
    await nothingIsLeft();
  });

  test("createMany, aborted, of a service whose deletes fail at first, whatever maxRetries says", async () => {
    let refused = 0;
    server.disturb = ({ method }) => method === "DELETE" && refused++ < 3;
    const controller = new AbortController();
    const onProgress = ({ created, total }) => created === total && controller.abort();
    await errorOf(Sandbox.createMany(3, { signal: controller.signal, onProgress, maxRetries: 0 }));
    await nothingIsLeft();
    expect(refused).toBeGreaterThanOrEqual(3);
  });

  test("create with onTimeline, aborted in its last entry", async () => {
    const controller = new AbortController();
    server.fields = { timeline: [{ phase: "ready", status: "completed" }] };
    const onTimeline = () => controller.abort();
    await errorOf(Sandbox.create("base", { waitReady: true, signal: controller.signal, onTimeline }));
    await nothingIsLeft();
  });

  test("create of a subclass whose constructor throws", async () => {
    class Picky extends Sandbox {
      constructor(...args) {
        super(...args);
        throw new Error("not this one");
      }
    }
    await expect(Picky.create()).rejects.toThrow("not this one");
    await expect(Picky.createMany(3)).rejects.toThrow("not this one");
    await nothingIsLeft();
  });

  test("creates of workers that are terminated", async () => {
    server.disturb = ({ method }) => (method === "POST" ? 20 : false);
    const child = await runNode(["__test__/support/terminated-creates.cjs", "12"], {
      env: server.environment,
      timeoutMs: 60_000,
    });
    expect(child.stderr).toBe("");
    const held = JSON.parse(child.stdout);
    expect(server.ids).toEqual(expect.arrayContaining(held));
    // A worker may end in the microseconds between taking its sandbox and writing it down.
    expect(server.ids.length - held.length).toBeLessThanOrEqual(1);
  }, 70_000);
});

test("a list whose sandboxes are killed as they come skips none", async () => {
  await Sandbox.createMany(30, { metadata: { app: "demo" } });
  for await (const { sandboxId } of Sandbox.list({ metadata: { app: "demo" }, limit: 10 }))
    await Sandbox.kill(sandboxId);
  expect(server.ids).toEqual([]);
});

test("kill and pause say true when the answer to what they did was lost", async () => {
  const [one, other] = await Sandbox.createMany(2);
  let lost = 0;
  server.disturb = ({ method, url }) => (method === "DELETE" || url.endsWith("/pause")) && lost++ === 0;
  expect(await one.kill()).toBe(true);
  expect(await one.kill()).toBe(false);
  lost = 0;
  expect(await other.pause()).toBe(true);
  expect(await other.pause()).toBe(false);
});
