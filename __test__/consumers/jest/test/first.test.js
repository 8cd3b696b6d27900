const { Sandbox, SandboxError, NotFoundError } = require("sandbar");

test("a file begins without sandboxes, whatever others leave", async () => {
  expect(await Sandbox.list()).toHaveLength(0);
  await Sandbox.createMany(2);
  expect(await Sandbox.list()).toHaveLength(2);
});

test("what the package makes belongs to the realm of the test", async () => {
  const sandbox = await Sandbox.create("base", { waitReady: true });
  expect(sandbox).toBeInstanceOf(Sandbox);
  expect((await sandbox.commands.run("echo $((6 * 7))")).stdout).toBe("42\n");
  await expect(Sandbox.getInfo("sb-unknown")).rejects.toThrow(NotFoundError);
  await expect(Sandbox.getInfo("sb-unknown")).rejects.toBeInstanceOf(SandboxError);
  await expect(Sandbox.getInfo("sb-unknown")).rejects.toBeInstanceOf(Error);
});
