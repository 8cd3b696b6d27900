const { Readable } = require("node:stream");
const { finished } = require("node:stream/promises");
const { createHash, randomBytes } = require("node:crypto");
const { APIError, NotFoundError, NotRunningError, Sandbox, SandboxError, ValidationError } = require("..");
const { realEngine } = require("./support/engine.js");
const { errorOf, until } = require("./support/outcome.js");

realEngine();

let sandbox;
let files;

beforeAll(async () => {
  sandbox = await Sandbox.create({ waitReady: true });
  files = sandbox.files;
});

const MIB = 1024 * 1024;

const shaOf = (bytes) => createHash("sha256").update(bytes).digest("hex");

async function* inPieces(...pieces) {
  yield* pieces;
}

test("text is read as it was written, and says where it is", async () => {
  const info = await files.write("notes/todo.txt", "Grüße 🌊\n");
  expect(info).toEqual({ path: "/root/workspace/notes/todo.txt", name: "todo.txt", type: "file", bytesWritten: 13 });
  expect(await files.read("notes/todo.txt")).toBe("Grüße 🌊\n");
});

test("a file is there once it is written, and not before", async () => {
  expect(await files.exists("there.txt")).toBe(false);
  await files.write("there.txt", "x");
  expect(await files.exists("there.txt")).toBe(true);
});

test("an entry says what is there", async () => {
  const before = Date.now();
  await files.write("info.sh", "echo hi", { mode: 0o755 });
  const info = await files.getInfo("info.sh");
  expect(info).toMatchObject({
    name: "info.sh",
    type: "file",
    path: "/root/workspace/info.sh",
    size: 7,
    mode: 0o755,
    permissions: "-rwxr-xr-x",
    owner: "root",
    group: "root",
  });
  expect(info.modifiedTime).toBeInstanceOf(Date);
  expect(Math.abs(info.modifiedTime.getTime() - before)).toBeLessThan(60_000);
});

test("a symlink is shown as one, with where it leads", async () => {
  await files.write("links/target", "x");
  await sandbox.commands.run("ln -s target links/link && mkfifo links/pipe");
  expect(await files.getInfo("links/link")).toMatchObject({ type: "symlink", symlinkTarget: "target" });
  const kinds = (await files.list("links")).map(({ name, type }) => `${type} ${name}`);
  expect(kinds).toEqual(["symlink link", "other pipe", "file target"]);
});

test("a directory is listed to the depth that is asked for", async () => {
  await files.writeFiles([
    { path: "tree/a.txt", data: "1" },
    { path: "tree/b/c.txt", data: "2" },
    { path: "tree/b/d/e.txt", data: "3" },
  ]);
  const names = async (options) => (await files.list("tree", options)).map(({ name }) => name);
  expect(await names()).toEqual(["a.txt", "b"]);
  expect(await names({ depth: 2 })).toEqual(["a.txt", "b", "c.txt", "d"]);
  expect(await names({ depth: 9 })).toEqual(["a.txt", "b", "c.txt", "d", "e.txt"]);
});

describe("what can be written", () => {
  const bytes = Buffer.from([0, 255, 128, 10]);
  const arrayBuffer = () => bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const kinds = {
    "a Buffer": () => bytes,
    "a typed array": () => new Uint8Array(bytes),
    "a part of a larger memory": () => new Uint8Array([9, ...bytes, 9]).subarray(1, 5),
    "a DataView": () => new DataView(arrayBuffer()),
    "an ArrayBuffer": arrayBuffer,
    "a Blob": () => new Blob([bytes]),
    "a Readable": () => Readable.from([bytes.subarray(0, 1), bytes.subarray(1)]),
    "a web stream": () => new Blob([bytes]).stream(),
    "an async iterable": () => inPieces(bytes.subarray(0, 3), bytes.subarray(3)),
    "an array of chunks": () => [bytes],
  };

  test.each(Object.keys(kinds))("%s", async (kind) => {
    const info = await files.write("kind.bin", kinds[kind]());
    expect(info.bytesWritten).toBe(4);
    expect(Buffer.compare(await files.read("kind.bin", { format: "bytes" }), bytes)).toBe(0);
  });

  test("nothing", async () => {
    for (const nothing of ["", Buffer.alloc(0), new Blob([]), []]) {
      expect((await files.write("empty", nothing)).bytesWritten).toBe(0);
      expect(await files.read("empty")).toBe("");
      expect(await files.read("empty", { format: "bytes" })).toHaveLength(0);
    }
  });
});

test.each([[undefined], [null], [7], [{}]])("%p is refused as data, with what can be written", async (data) => {
  const error = await errorOf(files.write("x", data));
  expect(error).toBeInstanceOf(ValidationError);
  expect(error.field).toBe("data");
  expect(error.message).toContain("pass a string, a Buffer");
});

test("a file can be read as text, bytes, a blob and a stream, or a part of it", async () => {
  await files.write("formats.txt", "0123456789");
  expect(await files.read("formats.txt", { format: "text" })).toBe("0123456789");
  expect((await files.read("formats.txt", { format: "bytes" })).toString()).toBe("0123456789");
  expect(await (await files.read("formats.txt", { format: "blob" })).text()).toBe("0123456789");
  const stream = await files.read("formats.txt", { format: "stream" });
  expect(Buffer.concat(await stream.toArray()).toString()).toBe("0123456789");
  expect(await files.read("formats.txt", { offset: 3, length: 4 })).toBe("3456");
  expect(await files.read("formats.txt", { offset: 8 })).toBe("89");
  expect(await files.read("formats.txt", { offset: 8, length: 100 })).toBe("89");
  expect(await files.read("formats.txt", { offset: 10 })).toBe("");
  expect(await files.read("formats.txt", { length: 0 })).toBe("");
});

test("what is not UTF-8 is not read as text, and the way out is said", async () => {
  await files.write("broken.txt", Buffer.from([104, 105, 0xff]));
  const error = await errorOf(files.read("broken.txt"));
  expect(error).toBeInstanceOf(ValidationError);
  expect(error.message).toBe('broken.txt is not UTF-8 text (at byte 2): read it with `format: "bytes"`');
});

test("directories are made once, with those above them", async () => {
  expect(await files.makeDir("made/a/b")).toBe(true);
  expect(await files.makeDir("made/a/b")).toBe(false);
  expect(await files.getInfo("made/a/b")).toMatchObject({ type: "dir" });
  await files.write("made/file", "x");
  const error = await errorOf(files.makeDir("made/file"));
  expect(error).toBeInstanceOf(APIError);
  expect(error.message).toContain("/root/workspace/made/file");
});

test("what is moved is at its new place only", async () => {
  await files.write("old.txt", "moved");
  expect(await files.rename("old.txt", "new/place.txt")).toMatchObject({ path: "/root/workspace/new/place.txt" });
  expect(await files.exists("old.txt")).toBe(false);
  expect(await files.read("new/place.txt")).toBe("moved");
});

test("what is removed is gone, with all that is in it", async () => {
  await files.write("gone/a/b.txt", "x");
  await files.remove("gone");
  expect(await files.exists("gone/a/b.txt")).toBe(false);
  expect(await errorOf(files.remove("gone"))).toBeInstanceOf(NotFoundError);
});

test("an edit replaces text that is there once", async () => {
  await files.write("edit.txt", "one two two");
  await files.edit("edit.txt", "one", "three");
  expect(await files.read("edit.txt")).toBe("three two two");
  expect((await errorOf(files.edit("edit.txt", "two", "x"))).code).toBe("invalid_argument");
  expect(await errorOf(files.edit("edit.txt", "nine", "x"))).toBeInstanceOf(NotFoundError);
});

test("many files go in few requests, and their infos come in their order", async () => {
  const many = Array.from({ length: 1_200 }, (_, n) => ({ path: `many/${n % 7}/${n}.txt`, data: `file ${n}` }));
  many.splice(3, 0, { path: "many/large.bin", data: Buffer.alloc(5 * MIB, 7) });
  many.splice(5, 0, { path: "many/stream.txt", data: Readable.from(["from ", "a stream"]), mode: 0o600 });
  const infos = await files.writeFiles(many);
  expect(infos.map(({ path }) => path)).toEqual(many.map(({ path }) => `/root/workspace/${path}`));
  expect(await files.list("many", { depth: 2 })).toHaveLength(1_200 + 2 + 7);
  expect(await files.read("many/3/500.txt")).toBe("file 500");
  expect(await files.read("many/stream.txt")).toBe("from a stream");
  expect(await files.getInfo("many/stream.txt")).toMatchObject({ mode: 0o600 });
  expect(await files.getInfo("many/large.bin")).toMatchObject({ size: 5 * MIB });
});

test("write takes a list of files as well", async () => {
  const infos = await files.write([
    { path: "list/a", data: "1" },
    { path: "list/b", data: Buffer.from("2") },
  ]);
  expect(infos.map(({ name }) => name)).toEqual(["a", "b"]);
  expect(await files.writeFiles([])).toEqual([]);
});

test("many files of which one fails end the sources of the others", async () => {
  const stream = new Readable({ read() {} });
  const many = [
    { path: "a\0b", data: "x" },
    { path: "never.txt", data: stream },
  ];
  expect(await errorOf(files.writeFiles(many))).toBeInstanceOf(ValidationError);
  expect(stream.destroyed).toBe(true);
});

test("a large file comes back as it went", async () => {
  const bytes = randomBytes(24 * MIB + 17);
  await files.write("large.bin", bytes);
  const stream = await files.read("large.bin", { format: "stream" });
  const hash = createHash("sha256");
  for await (const chunk of stream) hash.update(chunk);
  expect(hash.digest("hex")).toBe(shaOf(bytes));
  await files.write("copy.bin", await files.read("large.bin", { format: "stream" }));
  expect(shaOf(await files.read("copy.bin", { format: "bytes" }))).toBe(shaOf(bytes));
});

test("a stream that nobody reads takes little, and its end stops the request", async () => {
  await files.write("unread.bin", Buffer.alloc(32 * MIB));
  const stream = await files.read("unread.bin", { format: "stream" });
  await new Promise((resolve) => stream.once("readable", resolve));
  expect(stream.readableLength).toBeLessThanOrEqual(2 * MIB);
  stream.destroy();
  await finished(stream).catch(() => {});
  expect(stream.destroyed).toBe(true);
});

test("a source that fails leaves the file as it was, and its own error is thrown", async () => {
  await files.write("kept.txt", "before");
  const own = new Error("the disk of the user is broken");
  async function* failing() {
    yield "half of ";
    throw own;
  }
  expect(await errorOf(files.write("kept.txt", failing()))).toBe(own);
  expect(await files.read("kept.txt")).toBe("before");
  expect((await files.list(".")).filter(({ name }) => name.startsWith(".sandbar-tmp"))).toEqual([]);
});

test("a sandbox that goes ends the source of an upload", async () => {
  const mine = await Sandbox.create({ waitReady: true });
  let ended = false;
  async function* endless() {
    try {
      for (let sent = 0; ; sent += 1) {
        yield Buffer.alloc(64 * 1024);
        if (sent === 100) await Sandbox.kill(mine.sandboxId);
      }
    } finally {
      ended = true;
    }
  }
  expect(await errorOf(mine.files.write("endless.bin", endless()))).toBeInstanceOf(SandboxError);
  // The kill that it waits for may have its answer later.
  await until(() => ended, Boolean);
});

test("a refused upload says why", async () => {
  await files.makeDir("a-directory");
  const error = await errorOf(files.write("a-directory", Readable.from([Buffer.alloc(3 * MIB)])));
  expect(error).toBeInstanceOf(APIError);
  expect(error.message).toContain("/root/workspace/a-directory is a directory");
});

test("a signal ends an upload whose source is stuck, and the source", async () => {
  const readable = new Readable({ read() {} });
  readable.push("x");
  const aborting = new AbortController();
  const writing = errorOf(files.write("never.txt", readable, { signal: aborting.signal }));
  await until(
    () => readable.readableLength,
    (length) => length === 0,
  );
  aborting.abort(new Error("enough"));
  expect((await writing).message).toBe("enough");
  expect(readable.destroyed).toBe(true);
  expect(await files.exists("never.txt")).toBe(false);
});

describe("what is wrong is named with its path", () => {
  test("missing files", async () => {
    for (const call of [
      () => files.read("no.txt"),
      () => files.getInfo("no.txt"),
      () => files.list("no.txt"),
      () => files.rename("no.txt", "x"),
    ]) {
      const error = await errorOf(call());
      expect(error).toBeInstanceOf(NotFoundError);
      expect(error.message).toContain("/root/workspace/no.txt");
    }
    const stream = await errorOf(files.read("no.txt", { format: "stream" }));
    expect(stream).toBeInstanceOf(NotFoundError);
  });

  test("directories where files are meant", async () => {
    await files.makeDir("folder");
    for (const call of [
      () => files.read("folder"),
      () => files.write("folder", "x"),
      () => files.read("folder", { format: "stream" }),
    ]) {
      const error = await errorOf(call());
      expect(error).toBeInstanceOf(APIError);
      expect(error.message).toContain("/root/workspace/folder is a directory");
    }
  });

  test("names that are too long", async () => {
    const longest = "n".repeat(255);
    await files.write(longest, "x");
    expect(await files.exists(longest)).toBe(true);
    const error = await errorOf(files.write(`${longest}n`, "x"));
    expect(error.message).toContain("longer than 255 bytes");
  });

  test("paths that are none", async () => {
    for (const [path, problem] of [
      ["a\0b", "NUL"],
      ["", "empty"],
      [undefined, "got undefined"],
      [7, "got a number"],
    ]) {
      const error = await errorOf(files.read(path));
      expect(error).toBeInstanceOf(ValidationError);
      expect(error.field).toBe("path");
      expect(error.message).toContain(problem);
    }
  });

  test("options that are none", async () => {
    for (const [call, hint] of [
      [() => files.read("x", { formt: "text" }), "`format`"],
      [() => files.read("x", { format: "json" }), "text, bytes, blob, stream"],
      [() => files.read("x", { offset: -1 }), "`offset`"],
      [() => files.write("x", "y", { mode: 0o10000 }), "`mode`"],
      [() => files.list("x", { depth: 0 }), "`depth`"],
      [() => files.writeFiles([{ path: "x", data: "y", mod: 1 }]), "files[0]"],
      [() => files.writeFiles([{ data: "y" }]), "files[0].path"],
      [() => files.writeFiles("x"), "`files` must be an array"],
      [() => files.writeFiles([null]), "files[0]"],
      [() => files.writeFiles([{ path: "x", data: "y" }, { path: "z" }]), "`data` can't be written, got undefined"],
    ]) {
      const error = await errorOf(call());
      expect(error).toBeInstanceOf(ValidationError);
      expect(error.message).toContain(hint);
    }
  });
});

test("a handle follows its sandbox through a pause by another one", async () => {
  const mine = await Sandbox.create({ waitReady: true });
  await mine.files.write("kept.txt", "kept");
  const other = await Sandbox.connect(mine.sandboxId);
  await other.pause();
  const error = await errorOf(mine.files.read("kept.txt"));
  expect(error).toBeInstanceOf(NotRunningError);
  expect(error.message).toContain("is paused");
  await other.connect();
  expect(await mine.files.read("kept.txt")).toBe("kept");
  await other.pause();
  await other.connect();
  await mine.files.write("streamed.txt", inPieces("a", "b"));
  expect(await other.files.read("streamed.txt")).toBe("ab");
  await other.delete();
  expect(await errorOf(mine.files.exists("kept.txt"))).toBeInstanceOf(NotRunningError);
});
