const { mkdtemp, rm, writeFile } = require("node:fs/promises");
const os = require("node:os");
const path = require("node:path");
const { glibcVersion, isMusl } = require("../lib/libc.js");

// Those of Node.js: an ELF header and 13 program headers.
const HEADERS = 848;

let folder;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "sandbar-test-"));
});

afterAll(() => rm(folder, { recursive: true }));

async function program(...parts) {
  const file = path.join(folder, "program");
  await writeFile(file, Buffer.concat([Buffer.from("\x7fELF\x02\x01", "latin1"), ...parts]));
  return file;
}

test.each([
  ["/lib/ld-musl-x86_64.so.1", true],
  ["/lib/ld-musl-aarch64.so.1", true],
  ["/lib64/ld-linux-x86-64.so.2", false],
  ["/lib/ld-linux-aarch64.so.1", false],
  ["/nix/store/abc-glibc-2.38-no-musl/lib/ld-linux-x86-64.so.2", false],
])("a program that is started by %s runs on musl: %s", async (interpreter, expected) => {
  expect(isMusl(await program(Buffer.alloc(HEADERS), Buffer.from(`${interpreter}\0`)))).toBe(expected);
});

test("this process is told by its own program", () => {
  expect(isMusl()).toBe(process.report.getReport().header.glibcVersionRuntime === undefined);
});

test("where the program does not tell, Node.js's report does", async () => {
  const runsOnMusl = process.report.getReport().header.glibcVersionRuntime === undefined;
  expect(isMusl(await program())).toBe(runsOnMusl);
  expect(isMusl(path.join(folder, "missing"))).toBe(runsOnMusl);
});

test("asking the report leaves its settings alone", () => {
  const before = process.report.excludeNetwork;
  glibcVersion();
  expect(process.report.excludeNetwork).toBe(before);
});
