const { mkdtemp, rm, writeFile } = require("node:fs/promises");
const os = require("node:os");
const path = require("node:path");
const { interpreterOf, isMusl } = require("../lib/libc.js");

const HEADER = 64;
const SEGMENT = 56;

let folder;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "sandbar-test-"));
});

afterAll(() => rm(folder, { recursive: true }));

/** The head of an ELF program: a loaded segment, then one that names an interpreter. */
async function program(interpreter) {
  const [loaded, named] = [Buffer.alloc(SEGMENT), Buffer.alloc(SEGMENT)];
  const header = Buffer.alloc(HEADER);
  header.write("\x7fELF\x02\x01", "latin1");
  header.writeBigUInt64LE(BigInt(HEADER), 32);
  header.writeUInt16LE(SEGMENT, 54);
  header.writeUInt16LE(2, 56);
  loaded.writeUInt32LE(1, 0);
  named.writeUInt32LE(3, 0);
  named.writeBigUInt64LE(BigInt(HEADER + 2 * SEGMENT), 8);
  named.writeBigUInt64LE(BigInt(interpreter.length + 1), 32);
  const file = path.join(folder, "program");
  await writeFile(file, Buffer.concat([header, loaded, named, Buffer.from(`${interpreter}\0and more`)]));
  return file;
}

test.each([
  ["/lib/ld-musl-x86_64.so.1", true],
  ["/lib/ld-musl-aarch64.so.1", true],
  ["/lib64/ld-linux-x86-64.so.2", false],
  ["/nix/store/abc-glibc-2.38-musl-free/lib/ld-linux-x86-64.so.2", false],
])("a program with the interpreter %s runs on musl: %s", async (interpreter, expected) => {
  const file = await program(interpreter);
  expect(interpreterOf(file)).toBe(interpreter);
  expect(isMusl(file)).toBe(expected);
});

test("where the program says nothing, Node.js's report does", async () => {
  const file = path.join(folder, "script");
  await writeFile(file, "#!/bin/sh\n");
  const { glibcVersionRuntime } = process.report.getReport().header;
  for (const unreadable of [file, path.join(folder, "missing")]) {
    expect(interpreterOf(unreadable)).toBeUndefined();
    expect(isMusl(unreadable)).toBe(glibcVersionRuntime === undefined);
  }
});
