const { Sandbox } = require("..");
const { realEngine } = require("./support/engine.js");

realEngine();

test("many sandboxes are created, listed and deleted by their metadata; others stay", async () => {
  const other = await Sandbox.create({ metadata: { run: "other" } });
  const sandboxes = await Sandbox.createMany(5, "base", { waitReady: true, metadata: { run: "many" }, concurrency: 2 });
  expect(sandboxes.map(({ state }) => state)).toEqual(Array(5).fill("running"));
  const { deleted, failed } = await Sandbox.deleteAll({ metadata: { run: "many" } });
  expect(deleted.sort()).toEqual(sandboxes.map(({ sandboxId }) => sandboxId).sort());
  expect(failed).toEqual([]);
  expect((await other.getInfo()).state).not.toBe("deleted");
  await other.delete();
});

test("a createMany that fails leaves nothing behind", async () => {
  const call = Sandbox.createMany(3, "tpl-nowhere", { metadata: { run: "failing" } });
  await expect(call).rejects.toThrow("sandboxes could not be created");
  expect(await Sandbox.list({ metadata: { run: "failing" } })).toHaveLength(0);
});
