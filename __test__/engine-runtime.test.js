const { NotRunningError, Sandbox } = require("..");
const { realEngine } = require("./support/engine.js");
const { errorOf } = require("./support/outcome.js");

realEngine();

test("a handle follows a sandbox that another process has paused and resumed", async () => {
  const sandbox = await Sandbox.create({ waitReady: true });
  await sandbox.files.write("kept.txt", "kept");
  const before = sandbox.envdAccessToken;
  await Sandbox.pause(sandbox.sandboxId);
  const other = await Sandbox.connect(sandbox.sandboxId);
  expect(sandbox.envdAccessToken).toBe(before);

  expect(await sandbox.files.read("kept.txt")).toBe("kept");
  expect(sandbox.envdAccessToken).toBe(other.envdAccessToken);
  expect(sandbox.envdAccessToken).not.toBe(before);
  expect(sandbox.envdUrl).toBe(other.envdUrl);
  await sandbox.delete();
});

test("a second process that connects does not cut off the first", async () => {
  const sandbox = await Sandbox.create({ waitReady: true });
  const other = await Sandbox.connect(sandbox.sandboxId);
  expect(other.envdAccessToken).toBe(sandbox.envdAccessToken);
  for (const handle of [sandbox, other, sandbox]) {
    expect(await handle.commands.run("echo here")).toMatchObject({ stdout: "here\n" });
  }
  await sandbox.delete();
});

test("a sandbox that does not run has no runtime, and says why", async () => {
  const sandbox = await Sandbox.create({ waitReady: true });
  await sandbox.pause();
  const calls = {
    "commands.run": () => sandbox.commands.run("true"),
    "files.read": () => sandbox.files.read("a"),
    "files.write": () => sandbox.files.write("a", "b"),
    "pty.create": () => sandbox.pty.create(),
    "git.status": () => sandbox.git.status(),
    runCode: () => sandbox.runCode("1"),
    waitForPort: () => sandbox.waitForPort(3000),
    downloadUrl: () => sandbox.downloadUrl("a"),
    getHost: async () => sandbox.getHost(3000),
  };
  for (const [name, call] of Object.entries(calls)) {
    const error = await errorOf(call());
    expect([name, error]).toEqual([name, expect.any(NotRunningError)]);
    expect(error.message).toContain(sandbox.sandboxId);
    expect(error.message).toContain("connect()");
  }
  await sandbox.delete();
  const error = await errorOf(sandbox.commands.run("true"));
  expect(error).toMatchObject({ name: "NotRunningError", state: "deleted", sandboxId: sandbox.sandboxId });
});

test("a text that no string can hold is an error, and takes no other call with it", async () => {
  const sandbox = await Sandbox.create({ waitReady: true });
  // As JSON, each of its bytes is six.
  await sandbox.commands.run("head -c 100000000 /dev/zero > zeros");
  const [error, beside] = await Promise.all([
    errorOf(sandbox.files.read("zeros")),
    sandbox.commands.run("echo beside"),
  ]);
  expect(error.message).toBe("what came is too large for a value of JavaScript: read files of this size as a stream");
  expect(beside.stdout).toBe("beside\n");
  await sandbox.delete();
  // A build that is not optimised needs its time for 600 MB.
}, 240_000);
