import { NotFoundError, Sandbox } from "sandbar";
import { expect, test } from "vitest";

test("a file begins without sandboxes, whatever others leave", async () => {
  expect(await Sandbox.list()).toHaveLength(0);
  await Sandbox.createMany(2);
  expect(await Sandbox.list()).toHaveLength(2);
});

test("a sandbox runs commands", async () => {
  const sandbox = await Sandbox.create("base", { waitReady: true });
  expect((await sandbox.commands.run("echo $((6 * 7))")).stdout).toBe("42\n");
  await expect(Sandbox.getInfo("sb-unknown")).rejects.toThrow(NotFoundError);
});
