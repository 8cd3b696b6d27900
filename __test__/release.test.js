const { execFile } = require("node:child_process");
const { createHash } = require("node:crypto");
const { chmod, cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } = require("node:fs/promises");
const os = require("node:os");
const path = require("node:path");
const { promisify } = require("node:util");
const { version } = require("../package.json");
const { ROOT, runNode } = require("./support/child.js");
const { ADDON, TARGET } = require("./support/installation.js");

const tar = promisify(execFile).bind(undefined, "tar");
const CPUS = {
  elf: { x64: 62, arm64: 183 },
  pe: { x64: 0x8664, arm64: 0xaa64 },
  machO: { x64: 0x1000007, arm64: 0x100000c },
};

/** A complete release, packed once; each test changes a copy. */
let complete;
let folder;

beforeAll(async () => {
  complete = await temporaryFolder();
  const names = (await readdir(path.join(ROOT, "npm"), { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const manifests = await Promise.all(names.map(({ name }) => manifestIn(`npm/${name}`)));
  await Promise.all(manifests.map((manifest) => pack(complete, manifest, nativesOf(manifest))));
  const [engines, addons] = [true, false].map((wanted) =>
    Object.fromEntries(
      manifests.filter(({ name }) => name.includes("/local-") === wanted).map(({ name }) => [name, version]),
    ),
  );
  await pack(complete, { name: "sandbar", optionalDependencies: addons });
  await pack(complete, { name: "@sandbar/local", optionalDependencies: engines });
});

beforeEach(async () => {
  folder = await temporaryFolder();
  await cp(complete, folder, { recursive: true });
});

afterEach(() => rm(folder, { recursive: true }));
afterAll(() => rm(complete, { recursive: true }));

function temporaryFolder() {
  return mkdtemp(path.join(os.tmpdir(), "sandbar-test-"));
}

async function manifestIn(place) {
  return JSON.parse(await readFile(path.join(ROOT, place, "package.json"), "utf8"));
}

/** The beginning of a native file, for each that a platform's package has to hold. */
function nativesOf({ main, os: [system], cpu: [cpu], libc: [libc] = [] }) {
  const files = main ? [main] : ["bin/sandbar", "bin/sandbar-agent"];
  return Object.fromEntries(files.map((file) => [file, nativeFor(system, cpu, libc)]));
}

function nativeFor(system, cpu, libc) {
  const bytes = Buffer.alloc(256);
  if (system === "darwin") {
    bytes.writeUInt32LE(0xfeedfacf, 0);
    bytes.writeUInt32LE(CPUS.machO[cpu], 4);
  } else if (system === "win32") {
    bytes.write("MZ", "latin1");
    bytes.writeUInt32LE(128, 0x3c);
    bytes.write("PE\0\0", 128, "latin1");
    bytes.writeUInt16LE(CPUS.pe[cpu], 132);
  } else {
    bytes.write("\x7fELF\x02\x01", "latin1");
    bytes.writeUInt16LE(CPUS.elf[cpu], 18);
    // Two sections: what is needed, which is one library, and its name.
    bytes.writeBigUInt64LE(64n, 40);
    bytes.writeUInt16LE(64, 58);
    bytes.writeUInt16LE(2, 60);
    const [needed, names] = [192, 208];
    bytes.writeUInt32LE(6, 64 + 4);
    bytes.writeBigUInt64LE(BigInt(needed), 64 + 24);
    bytes.writeBigUInt64LE(16n, 64 + 32);
    bytes.writeUInt32LE(1, 64 + 40);
    bytes.writeBigUInt64LE(BigInt(names), 128 + 24);
    bytes.writeBigInt64LE(1n, needed);
    bytes.write(libc === "glibc" ? "libc.so.6" : "libc.so", names, "latin1");
  }
  return bytes;
}

function tarballOf(name) {
  return `${name.replace("@", "").replace("/", "-")}-${version}.tgz`;
}

/** Puts a package's tarball into a folder. */
async function pack(into, manifest, files = {}) {
  const staged = await temporaryFolder();
  const contents = { ...files, "package.json": JSON.stringify({ version, ...manifest }) };
  for (const [name, content] of Object.entries(contents)) {
    const place = path.join(staged, "package", name);
    await mkdir(path.dirname(place), { recursive: true });
    await writeFile(place, content);
  }
  await tar(["-czf", path.join(into, tarballOf(manifest.name)), "-C", staged, "package"]);
  await rm(staged, { recursive: true });
}

async function dryRun() {
  const { code, stdout, stderr } = await runNode(["scripts/publish.mjs", "--dry-run", folder]);
  return { code, published: stdout.trim().split("\n"), complaints: stderr.trim().split("\n") };
}

test("platform packages are published before those that depend on them, with provenance", async () => {
  const { code, published } = await dryRun();
  expect(code).toBe(0);
  expect(published).toHaveLength(12);
  for (const line of published)
    expect(line).toMatch(/^would run: npm publish \S+\.tgz --provenance --access public --tag /);
  expect(published.at(-2)).toContain(`/${tarballOf("sandbar")} `);
  expect(published.at(-1)).toContain(`/${tarballOf("@sandbar/local")} `);
});

test("a release with a package missing is refused as a whole", async () => {
  await rm(path.join(folder, tarballOf("@sandbar/win32-arm64-msvc")));
  expect(await dryRun()).toEqual({
    code: 1,
    published: [""],
    complaints: ["@sandbar/win32-arm64-msvc: is missing"],
  });
});

test("a package for musl with an addon for glibc is refused", async () => {
  const [ours, theirs] = TARGET.endsWith("-gnu") ? ["glibc", "musl"] : ["musl", "glibc"];
  const other = TARGET.replace(/(gnu|musl)$/, (libc) => (libc === "gnu" ? "musl" : "gnu"));
  const manifest = await manifestIn(`npm/${other}`);
  await pack(folder, manifest, { [manifest.main]: await readFile(ADDON) });
  const { code, complaints } = await dryRun();
  expect(code).toBe(1);
  expect(complaints[0]).toContain(`is for ${ours}, the package for ${theirs}`);
});

test.each([
  ["another version", { version: "9.9.9" }, `has version 9.9.9, the release ${version}`],
  [
    "a script that an install runs",
    { scripts: { postinstall: "node x.js" } },
    "has scripts, which an install might run",
  ],
  ["a dependency that is no platform's", { optionalDependencies: { left: "1.0.0" } }, "depends on left"],
  ["none of its platforms", { optionalDependencies: {} }, `does not depend on @sandbar/darwin-arm64 ${version}`],
  ["`private` in its manifest", { private: true }, "is private"],
])("a main package with %s is refused", async (_, change, complaint) => {
  await pack(folder, { name: "sandbar", ...change });
  const { code, complaints } = await dryRun();
  expect(code).toBe(1);
  expect(complaints).toContain(`sandbar: ${complaint}`);
});

test("a package that does not belong to the release is refused", async () => {
  await pack(folder, { name: "@sandbar/linux-riscv64-gnu" });
  expect((await dryRun()).complaints).toEqual(["@sandbar/linux-riscv64-gnu: is no package of this release"]);
});

describe("with a registry", () => {
  /** Publishes by an `npm` that notes what it is told, and knows what `integrity` is of the first package; gives back its notes. */
  async function publish(integrity) {
    const notes = path.join(folder, "notes");
    const npm = `#!/bin/sh
echo "$1 $2" >> "${notes}"
case "$1 $2" in "view @sandbar/darwin-arm64@${version}") echo "${integrity}" ;; view*) exit 1 ;; esac
`;
    await mkdir(path.join(folder, "bin"));
    await writeFile(path.join(folder, "bin", "npm"), npm);
    await chmod(path.join(folder, "bin", "npm"), 0o755);
    const env = { PATH: `${path.join(folder, "bin")}${path.delimiter}${process.env.PATH}` };
    const run = await runNode(["scripts/publish.mjs", folder], { env });
    const lines = (await readFile(notes, "utf8")).trim().split("\n");
    return {
      ...run,
      published: lines.filter((line) => line.startsWith("publish ")).map((line) => path.basename(line)),
    };
  }

  test("a release that broke off is gone on with: what is published already is left out", async () => {
    const first = await readFile(path.join(folder, tarballOf("@sandbar/darwin-arm64")));
    const { code, published } = await publish(`sha512-${createHash("sha512").update(first).digest("base64")}`);
    expect(code).toBe(0);
    expect(published).toHaveLength(11);
    expect(published).not.toContain(tarballOf("@sandbar/darwin-arm64"));
    expect(published.at(-1)).toBe(tarballOf("@sandbar/local"));
  });

  test("nothing is published beside a package of the same version with another content", async () => {
    const { code, stderr, published } = await publish("sha512-of-something-else");
    expect(code).toBe(1);
    expect(stderr).toBe(`@sandbar/darwin-arm64 ${version} is published with another content: raise the version.\n`);
    expect(published).toEqual([]);
  });
});
