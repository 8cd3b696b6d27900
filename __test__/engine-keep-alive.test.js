const { Sandbox } = require("..");
const { realEngine } = require("./support/engine.js");
const { until } = require("./support/outcome.js");

realEngine();

test("a sandbox that is kept alive outlives its TTL, and ends with it once it is not", async () => {
  const sandbox = await Sandbox.create({ waitReady: true, timeout: 1 });
  const ttl = sandbox.endAt.getTime();
  const held = sandbox.keepAlive({ duration: 1 });
  await until(Date.now, (now) => now > ttl + 1000);
  expect((await sandbox.getInfo()).state).toBe("running");
  await held.stop();
  const info = await until(
    () => sandbox.getInfo(),
    ({ state }) => state === "deleted",
  );
  expect(info.diagnostic.reason).toBe("ttl");
});

test("it ends when someone else pauses the sandbox", async () => {
  const sandbox = await Sandbox.create({ waitReady: true });
  const onError = jest.fn();
  const held = sandbox.keepAlive({ duration: 1, onError });
  await Sandbox.pause(sandbox.sandboxId);
  await until(
    () => held.active,
    (active) => !active,
  );
  expect(onError).not.toHaveBeenCalled();
  await sandbox.delete();
});
