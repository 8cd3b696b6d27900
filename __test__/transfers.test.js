const { createHash, randomBytes } = require("node:crypto");
const fs = require("node:fs/promises");
const os = require("node:os");
const path = require("node:path");
const { NotFoundError, Sandbox, SandboxError, ValidationError } = require("..");
const { realEngine } = require("./support/engine.js");
const { errorOf, until } = require("./support/outcome.js");

realEngine();

let sandbox;
let folder;

beforeAll(async () => {
  sandbox = await Sandbox.create({ waitReady: true });
});

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), "sandbar-transfer-"));
});

afterEach(() => fs.rm(folder, { recursive: true, force: true }));

const shaOf = (bytes) => createHash("sha256").update(bytes).digest("hex");

async function put(name, content, mode = 0o644) {
  const file = path.join(folder, name);
  await fs.mkdir(path.dirname(file), { recursive: true });
  await fs.writeFile(file, content, { mode });
}

test("a directory goes up and comes back as it was", async () => {
  const large = randomBytes(1_500_000);
  await put("app/main.py", "print('hi')\n", 0o755);
  await put("app/lib/ünï.txt", "text");
  await put("app/lib/empty", "");
  await put("app/large.bin", large, 0o600);
  await fs.mkdir(path.join(folder, "app/nothing/in/here"), { recursive: true });
  await fs.symlink("main.py", path.join(folder, "app/link"));

  const told = [];
  const up = await sandbox.files.upload(path.join(folder, "app"), "up/app", { onProgress: (p) => told.push(p) });
  expect(up).toEqual({ files: 4, bytes: 1_500_016, skipped: [{ path: "link", reason: "symlink" }] });
  expect(told.at(-1)).toMatchObject({ files: 4, bytes: 1_500_016, totalFiles: 4, totalBytes: 1_500_016 });
  expect(await sandbox.files.getInfo("up/app/main.py")).toMatchObject({ mode: 0o755 });
  expect(await sandbox.files.getInfo("up/app/nothing/in/here")).toMatchObject({ type: "dir" });

  await sandbox.commands.run("ln -s main.py up/app/link; mkfifo up/app/pipe");
  const down = await sandbox.files.download("up/app", path.join(folder, "back"));
  expect(down).toEqual({
    files: 4,
    bytes: 1_500_016,
    skipped: [
      { path: "link", reason: "symlink" },
      { path: "pipe", reason: "special" },
    ],
  });
  expect(shaOf(await fs.readFile(path.join(folder, "back/large.bin")))).toBe(shaOf(large));
  expect(await fs.readFile(path.join(folder, "back/lib/ünï.txt"), "utf8")).toBe("text");
  expect((await fs.stat(path.join(folder, "back/main.py"))).mode & 0o777).toBe(0o755);
  expect((await fs.stat(path.join(folder, "back/large.bin"))).mode & 0o777).toBe(0o600);
  expect(await fs.readdir(path.join(folder, "back/nothing/in/here"))).toEqual([]);
});

test("a single file goes up and comes back, whatever is there", async () => {
  await put("one.bin", Buffer.alloc(2_000_000, 1));
  expect(await sandbox.files.upload(path.join(folder, "one.bin"), "single/one.bin")).toMatchObject({ files: 1 });
  const back = path.join(folder, "new/place/one.bin");
  expect(await sandbox.files.download("single/one.bin", back)).toMatchObject({ files: 1, bytes: 2_000_000 });
  await sandbox.files.write("single/one.bin", "newer");
  await sandbox.files.download("single/one.bin", back);
  expect(await fs.readFile(back, "utf8")).toBe("newer");
  expect(await fs.readdir(path.dirname(back))).toEqual(["one.bin"]);
});

test("a directory that only its owner may read stays so, both ways", async () => {
  await put("private/keys/id", "secret", 0o600);
  await fs.chmod(path.join(folder, "private"), 0o750);
  await fs.chmod(path.join(folder, "private/keys"), 0o700);
  await sandbox.files.upload(path.join(folder, "private"), "private");
  expect((await sandbox.files.getInfo("private")).mode).toBe(0o750);
  expect((await sandbox.files.getInfo("private/keys")).mode).toBe(0o700);
  await sandbox.files.download("private", path.join(folder, "back"));
  expect((await fs.stat(path.join(folder, "back"))).mode & 0o777).toBe(0o750);
  expect((await fs.stat(path.join(folder, "back/keys"))).mode & 0o777).toBe(0o700);
});

test("what is excluded stays here", async () => {
  await put("p/keep.js", "1");
  await put("p/a.log", "2");
  await put("p/node_modules/x/index.js", "3");
  await put("p/dist/tmp/y", "4");
  const exclude = ["node_modules", "*.log", "dist/tmp"];
  const { files } = await sandbox.files.upload(path.join(folder, "p"), "excluded", { exclude });
  expect(files).toBe(1);
  const names = (await sandbox.files.list("excluded", { depth: 5 })).map(({ name }) => name);
  expect(names).toEqual(["dist", "keep.js"]);
});

test("many small files go up and come back fast", async () => {
  await Promise.all(Array.from({ length: 1_500 }, (_, n) => put(`many/${n % 10}/${n}.txt`, `file ${n}`)));
  expect(await sandbox.files.upload(path.join(folder, "many"), "many")).toMatchObject({ files: 1_500, skipped: [] });
  expect(await sandbox.files.download("many", path.join(folder, "back"))).toMatchObject({ files: 1_500, skipped: [] });
  expect(await fs.readFile(path.join(folder, "back/7/1207.txt"), "utf8")).toBe("file 1207");
});

test("nothing is written through a symlink of this machine", async () => {
  await sandbox.files.write("trap/inner/file.txt", "from the sandbox");
  const outside = path.join(folder, "outside");
  await fs.mkdir(outside);
  await fs.mkdir(path.join(folder, "target"));
  await fs.symlink(outside, path.join(folder, "target/inner"));
  const error = await errorOf(sandbox.files.download("trap", path.join(folder, "target")));
  expect(error).toBeInstanceOf(SandboxError);
  expect(error.kind).toBe("local_file");
  expect(error.message).toContain(path.join(folder, "target/inner"));
  expect(await fs.readdir(outside)).toEqual([]);

  await fs.writeFile(path.join(outside, "victim"), "safe");
  await sandbox.files.write("trap2/file.txt", "new");
  await fs.mkdir(path.join(folder, "target2"));
  await fs.symlink(path.join(outside, "victim"), path.join(folder, "target2/file.txt"));
  const inTheWay = await errorOf(sandbox.files.download("trap2", path.join(folder, "target2")));
  expect(inTheWay.message).toContain("target2/file.txt: something that is no regular file is in the way");
  expect(await fs.readFile(path.join(outside, "victim"), "utf8")).toBe("safe");
  expect((await fs.lstat(path.join(folder, "target2/file.txt"))).isSymbolicLink()).toBe(true);
});

test("what is not there, or of the wrong kind, is named", async () => {
  const missing = await errorOf(sandbox.files.upload(path.join(folder, "no"), "x"));
  expect(missing).toMatchObject({ name: "SandboxError", kind: "local_file" });
  expect(missing.message).toContain(path.join(folder, "no"));
  expect(await errorOf(sandbox.files.download("no-such", path.join(folder, "x")))).toBeInstanceOf(NotFoundError);
  expect(await fs.readdir(folder)).toEqual([]);
  await sandbox.files.write("a-file", "x");
  const isDirectory = await errorOf(sandbox.files.download("a-file", folder));
  expect(isDirectory.message).toContain("it is a directory");
  const wrong = await errorOf(sandbox.files.upload(folder, "x", { exclude: "a" }));
  expect(wrong).toBeInstanceOf(ValidationError);
  expect(wrong.field).toBe("exclude");
});

test("a signal ends a transfer, and leaves no half of a file", async () => {
  await sandbox.commands.run("truncate -s 900M big.bin");
  const aborting = new AbortController();
  const onProgress = ({ bytes }) => {
    if (bytes > 0) aborting.abort(new Error("enough"));
  };
  const options = { signal: aborting.signal, onProgress };
  const error = await errorOf(sandbox.files.download("big.bin", path.join(folder, "big.bin"), options));
  expect(error.message).toBe("enough");
  await until(
    () => fs.readdir(folder),
    ({ length }) => length === 0,
  );
});
