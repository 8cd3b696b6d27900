const { mkdtemp, readdir, readFile, rm, writeFile } = require("node:fs/promises");
const os = require("node:os");
const path = require("node:path");
const { ROOT, runNode } = require("./support/child.js");
const { ADDON, TARGET } = require("./support/installation.js");

const OTHER_LIBC = TARGET.endsWith("-gnu") ? TARGET.replace("-gnu", "-musl") : TARGET.replace("-musl", "-gnu");
const OTHER_CPU = TARGET.includes("x64") ? TARGET.replace("x64", "arm64") : TARGET.replace("arm64", "x64");

let folder;

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "sandbar-test-"));
});

afterEach(() => rm(folder, { recursive: true }));

/** What the inspection says of a package for `target` that holds this addon. */
async function inspected(target, addon) {
  const manifest = await readFile(path.join(ROOT, "npm", target, "package.json"));
  await writeFile(path.join(folder, "package.json"), manifest);
  if (addon) await writeFile(path.join(folder, `sandbar.${target}.node`), addon);
  const { code, stderr } = await runNode(["scripts/inspect-binaries.mjs", folder]);
  return { code, complaints: stderr.split("\n").filter((line) => line !== "" && !/, later than /.test(line)), stderr };
}

/** The beginning of a Mach-O file for this processor. */
function machO(cpu) {
  const bytes = Buffer.alloc(64);
  bytes.writeUInt32LE(0xfeedfacf, 0);
  bytes.writeUInt32LE(cpu, 4);
  return bytes;
}

/** The beginning of a PE file for this processor. */
function portableExecutable(cpu) {
  const bytes = Buffer.alloc(256);
  bytes.write("MZ", "latin1");
  bytes.writeUInt32LE(128, 0x3c);
  bytes.write("PE\0\0", 128, "latin1");
  bytes.writeUInt16LE(cpu, 132);
  return bytes;
}

test("the addon is right in the package of this platform", async () => {
  expect((await inspected(TARGET, await readFile(ADDON))).complaints).toEqual([]);
});

test("an addon for glibc can't get into a package for musl, nor the other way round", async () => {
  const { code, complaints } = await inspected(OTHER_LIBC, await readFile(ADDON));
  expect(code).toBe(1);
  const [ours, theirs] = TARGET.endsWith("-gnu") ? ["glibc", "musl"] : ["musl", "glibc"];
  expect(complaints).toEqual([expect.stringContaining(`is for ${ours}, the package for ${theirs}`)]);
});

test("an addon whose C library can't be told is refused", async () => {
  const addon = await readFile(ADDON);
  // How many sections there are.
  addon.writeUInt16LE(0, 60);
  const { code, complaints } = await inspected(OTHER_LIBC, addon);
  expect(code).toBe(1);
  expect(complaints).toEqual([expect.stringContaining("names no C library, the package is for ")]);
});

test("an addon for another processor is refused", async () => {
  const { code, complaints } = await inspected(OTHER_CPU, await readFile(ADDON));
  expect(code).toBe(1);
  expect(complaints).toEqual([expect.stringMatching(/is for (x64|arm64), the package for (x64|arm64)/)]);
});

test("an addon for another system is refused", async () => {
  const { code, complaints } = await inspected("darwin-arm64", await readFile(ADDON));
  expect(code).toBe(1);
  expect(complaints[0]).toContain("is for linux, the package for darwin");
});

test("an addon that needs a later glibc than is promised is refused, with the versions", async () => {
  const addon = await readFile(ADDON);
  const { index } = /GLIBC_2\.\d\d\0/.exec(addon.toString("latin1"));
  addon.write("GLIBC_9", index, "latin1");
  const { code, stderr } = await inspected(TARGET, addon);
  expect(code).toBe(1);
  expect(stderr).toMatch(/needs glibc 9\.\d\d, later than 2\.28 \((2\.\d\d, )*9\.\d\d\)/);
});

test.each([
  ["darwin-arm64", machO(0x0100000c)],
  ["darwin-x64", machO(0x01000007)],
  ["win32-x64-msvc", portableExecutable(0x8664)],
  ["win32-arm64-msvc", portableExecutable(0xaa64)],
])("a file for %s is known by its header", async (target, addon) => {
  expect(await inspected(target, addon)).toEqual({ code: 0, complaints: [], stderr: "" });
});

test.each([
  [
    "a file that is no binary",
    Buffer.from("#!/bin/sh\necho no addon, but long enough for all headers that are read of one\n"),
  ],
  ["an empty file", Buffer.alloc(0)],
  ["half of an addon", "half"],
])("%s is refused", async (_, content) => {
  const addon = content === "half" ? (await readFile(ADDON)).subarray(0, 4096) : content;
  const { code, complaints } = await inspected(TARGET, addon);
  expect(code).toBe(1);
  expect(complaints).toEqual([expect.stringContaining("is no ELF, Mach-O or PE file")]);
});

test("a package without its addon is refused", async () => {
  const { code, complaints } = await inspected(TARGET);
  expect(code).toBe(1);
  expect(complaints).toEqual([expect.stringContaining("is missing")]);
});

test("the loader, the failures and npm/ know the same platforms", async () => {
  const [loader, failures] = await Promise.all(["native", "addon-failure"].map((name) => readSource(name)));
  const inLoader = [...loader.matchAll(/require\("@sandbar\/(.+?)"\)/g)].map(([, target]) => target);
  const inFailures = [...failures.matchAll(/^ {2}"(\w+-\w+(?:-\w+)?)",$/gm)].map(([, target]) => target);

  const folders = (await readdir(path.join(ROOT, "npm"))).filter((name) => /^(linux|darwin|win32)-/.test(name));
  expect(folders).toHaveLength(8);
  expect([...inLoader].sort()).toEqual(folders.sort());
  expect(inFailures).toEqual(inLoader);
});

function readSource(name) {
  return readFile(path.join(ROOT, "lib", `${name}.js`), "utf8");
}

/** What is packed of these folders of npm/ if some are built. */
async function chosen(built, needed) {
  const folders = ["linux-x64-gnu", "local-linux-x64-gnu", "darwin-x64"].map((folder) => ({ folder }));
  const module = JSON.stringify(path.join(ROOT, "scripts", "packing", "choose.mjs"));
  const code = `import { choose } from ${module};
    const isBuilt = ({ folder }) => ${JSON.stringify(built)}.includes(folder);
    console.log(JSON.stringify(choose(${JSON.stringify(folders)}, isBuilt, ${JSON.stringify(needed)})));`;
  const { packed, ...others } = JSON.parse((await runNode(["--input-type=module", "-e", code])).stdout);
  return { packed: packed.map(({ folder }) => folder), ...others };
}

test("platforms that are not built are named, and those of this machine have to be there", async () => {
  const machine = "linux-x64-gnu";
  const ours = ["linux-x64-gnu", "local-linux-x64-gnu"];
  expect(await chosen(ours, { all: false, machine })).toEqual({ packed: ours, leftOut: ["darwin-x64"], missing: [] });
  expect((await chosen([], { all: false, machine })).missing).toEqual(ours);
  expect((await chosen(ours, { all: true, machine })).missing).toEqual(["darwin-x64"]);
});
