const { NotFoundError, Sandbox } = require("..");
const { realEngine } = require("./support/engine.js");
const { errorOf, until } = require("./support/outcome.js");

realEngine();

/** Asks until the sandbox is in the state; gives back its detail, and when that was. */
async function becomes(sandbox, state) {
  const info = await until(
    () => Sandbox.getInfo(sandbox.sandboxId),
    (answer) => answer.state === state,
  );
  return { info, late: Date.now() - sandbox.endAt.getTime() };
}

test("at its deadline a sandbox is deleted, and its detail says why", async () => {
  const sandbox = await Sandbox.create({ timeout: 1, waitReady: true });
  const { info, late } = await becomes(sandbox, "deleted");
  expect(late).toBeLessThan(2000);
  expect(info.diagnostic.message).toEqual(expect.any(String));
  expect(info.diagnostic.reason).toContain("ttl");
  const error = await errorOf(sandbox.connect());
  expect(error).toBeInstanceOf(NotFoundError);
  expect(error.message).toContain(sandbox.sandboxId);
});

test("with autoPause it is paused, and stays until it is deleted", async () => {
  const sandbox = await Sandbox.create({ timeout: 1, waitReady: true, autoPause: true });
  const { info } = await becomes(sandbox, "paused");
  expect(info.diagnostic.message).toEqual(expect.any(String));
  await sandbox.connect({ timeout: 60 });
  expect(sandbox.isRunning()).toBe(true);
  await sandbox.delete();
});

test("setTimeout(0) ends it now", async () => {
  const sandbox = await Sandbox.create({ waitReady: true });
  await sandbox.setTimeout(0);
  await becomes(sandbox, "deleted");
});

test("setTimeout before the deadline keeps it alive beyond it", async () => {
  const sandbox = await Sandbox.create({ timeout: 1, waitReady: true });
  const first = sandbox.endAt.getTime();
  await sandbox.setTimeout(60);
  const info = await until(
    () => sandbox.getInfo(),
    () => Date.now() > first + 200,
  );
  expect(info.state).toBe("running");
  await sandbox.delete();
});
