const { NotFoundError, Sandbox, ValidationError } = require("..");
const { realEngine } = require("./support/engine.js");
const { errorOf, until } = require("./support/outcome.js");

realEngine();

let files;

beforeAll(async () => {
  ({ files } = await Sandbox.create({ waitReady: true }));
});

test("what happens after the watch stands is told", async () => {
  await files.makeDir("watched");
  const watch = await files.watchDir("watched");
  await files.write("watched/a.txt", "1");
  const seen = [];
  for await (const { type, name } of watch) {
    seen.push(`${type} ${name}`);
    if (type === "write") await files.remove("watched/a.txt");
    if (type === "remove") break;
  }
  expect(seen[0]).toBe("create a.txt");
  expect(seen.at(-1)).toBe("remove a.txt");
});

test("a recursive watch sees new directories", async () => {
  await files.makeDir("deep");
  const seen = [];
  const watch = await files.watchDir("deep", (event) => seen.push(event), { recursive: true });
  await files.write("deep/a/b/c.txt", "1");
  await until(
    () => seen,
    (events) => events.some(({ name }) => name === "a/b/c.txt"),
  );
  await watch.stop();
  const count = seen.length;
  await files.write("deep/after.txt", "1");
  await files.write("deep/after2.txt", "1");
  expect(seen).toHaveLength(count);
});

test("a watch ends with its directory, its time, stop() and its signal", async () => {
  await files.makeDir("ending");
  const exits = [];
  const watching = (options) =>
    files.watchDir("ending", () => {}, { onExit: (error) => exits.push(error), ...options });
  await watching({ timeoutMs: 50 });
  await until(
    () => exits,
    ({ length }) => length === 1,
  );
  const stopped = await watching();
  await stopped.stop();
  const aborting = new AbortController();
  await watching({ signal: aborting.signal });
  aborting.abort(new Error("enough"));
  await until(
    () => exits,
    ({ length }) => length === 2,
  );
  const iterated = await files.watchDir("ending");
  const next = iterated.next();
  await iterated.stop();
  expect(await next).toEqual({ value: undefined, done: true });
  const last = await files.watchDir("ending");
  await files.remove("ending");
  const events = [];
  for await (const event of last) events.push(event);
  expect(exits[0]).toBeUndefined();
  expect(exits[1].message).toBe("enough");
});

test("what can't be watched is said at once", async () => {
  expect(await errorOf(files.watchDir("no-such"))).toBeInstanceOf(NotFoundError);
  const wrong = await errorOf(files.watchDir("x", { recursiv: true }));
  expect(wrong).toBeInstanceOf(ValidationError);
  expect(wrong.message).toContain("did you mean `recursive`?");
  expect((await errorOf(files.watchDir("x", () => {}, { onExit: 7 }))).field).toBe("onExit");
});

test("a directory that can't be read at first is watched once it can be", async () => {
  const { commands, files } = await Sandbox.create({ waitReady: true });
  await commands.run("mkdir -p open/closed && touch open/closed/old && chmod 000 open/closed");
  const seen = [];
  const watch = await files.watchDir("open", ({ type, name }) => seen.push(`${type} ${name}`), { recursive: true });
  await commands.run("chmod 755 open/closed");
  await until(
    () => seen,
    (events) => events.includes("create closed/old"),
  );
  await commands.run("touch open/closed/new");
  await until(
    () => seen,
    (events) => events.includes("create closed/new"),
  );
  await watch.stop();
  expect(seen.slice(0, 2)).toEqual(["chmod closed", "create closed/old"]);
});

test("an edit in place by a command is a write", async () => {
  const { commands, files } = await Sandbox.create({ waitReady: true });
  await files.write("edited/a.txt", "old");
  const watch = await files.watchDir("edited");
  await commands.run("sed -i s/old/new/ edited/a.txt");
  for await (const { type, name } of watch) {
    if (name !== "a.txt") continue;
    expect(type).toBe("write");
    break;
  }
});
