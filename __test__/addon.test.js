const { readFile } = require("node:fs/promises");
const esbuild = require("esbuild");
const { version } = require("../package.json");
const { ADDON, Installation, REPORT, TARGET } = require("./support/installation.js");

const OTHER_LIBC = TARGET.endsWith("-gnu") ? TARGET.replace("-gnu", "-musl") : TARGET.replace("-musl", "-gnu");

let app;

beforeEach(async () => {
  app = await Installation.create();
});

afterEach(() => app.remove());

test("the package of the platform is what is loaded", async () => {
  await app.addPackage(TARGET, ADDON);
  expect(await app.load()).toEqual({ loaded: true });
});

test("the addon of the other C library is left alone, even if it is the only one that would load", async () => {
  await app.addPackage(OTHER_LIBC, ADDON);
  expect(await app.load()).toMatchObject({ code: "SANDBAR_ADDON_WRONG_LIBC" });
});

test("an unknown platform is named, with those that there are", async () => {
  const error = await app.load('Object.defineProperty(process, "platform", { value: "freebsd" });');
  expect(error).toMatchObject({ name: "AddonError", code: "SANDBAR_ADDON_PLATFORM_NOT_SUPPORTED" });
  expect(error.message).toContain(`no native addon for freebsd-${process.arch}`);
  expect(error.message).toContain("linux-x64-gnu, linux-x64-musl");
});

test("an unknown processor is named as well", async () => {
  const error = await app.load('Object.defineProperty(process, "arch", { value: "riscv64" });');
  expect(error).toMatchObject({ code: "SANDBAR_ADDON_PLATFORM_NOT_SUPPORTED" });
  expect(error.message).toContain("riscv64");
});

test("an old Node.js is told its version and the one that is needed", async () => {
  await app.addPackage(TARGET, ADDON);
  const error = await app.load(`
    Object.defineProperty(process, "versions", { value: { ...process.versions, node: "16.20.2" } });
    Object.defineProperty(process, "version", { value: "v16.20.2" });`);
  expect(error).toMatchObject({ name: "AddonError", code: "SANDBAR_ADDON_NODE_TOO_OLD" });
  expect(error.message).toContain("needs Node.js 18.20 or later, and this is v16.20.2");
});

test("an optional dependency that npm skipped is named, with npm's bug and the fix", async () => {
  const error = await app.load();
  expect(error).toMatchObject({ name: "AddonError", code: "SANDBAR_ADDON_NOT_INSTALLED" });
  expect(error.message).toContain(`@sandbar/${TARGET}, is not installed`);
  expect(error.message).toContain("https://github.com/npm/cli/issues/4828");
  expect(error.message).toContain("remove node_modules and package-lock.json, then run `npm install`");
  expect(error.message).toContain("--omit=optional");
  expect(error.cause).toContain(`Cannot find module '@sandbar/${TARGET}'`);
});

test("a node_modules of another platform is told from that", async () => {
  await app.addPackage("darwin-arm64", Buffer.from("not for here"));
  const error = await app.load();
  expect(error).toMatchObject({ code: "SANDBAR_ADDON_NOT_INSTALLED" });
  expect(error.message).toContain("node_modules was installed for another platform: it has @sandbar/darwin-arm64");
  expect(error.message).not.toContain("4828");
});

test("a package of the wrong C library is told from that", async () => {
  await app.addPackage(OTHER_LIBC, Buffer.from("not for here"));
  const error = await app.load();
  expect(error).toMatchObject({ name: "AddonError", code: "SANDBAR_ADDON_WRONG_LIBC" });
  expect(error.message).toContain(`needs @sandbar/${TARGET}, but only @sandbar/${OTHER_LIBC} is installed`);
  expect(error.message).toContain("npm ci");
});

test("a too old glibc is told with its version, the one that is needed, and the linker's words", async () => {
  const addon = await readFile(ADDON);
  // As if it were built on a system of the future.
  const versions = [...addon.toString("latin1").matchAll(/GLIBC_2\.(\d\d)\0/g)];
  const { index } = versions.sort((one, other) => other[1] - one[1])[0];
  addon.write("GLIBC_9", index, "latin1");
  await app.addPackage(TARGET, addon);
  const error = await app.load();
  expect(error).toMatchObject({ name: "AddonError", code: "SANDBAR_ADDON_GLIBC_TOO_OLD" });
  const { glibcVersionRuntime } = process.report.getReport().header;
  expect(error.message).toContain(`this machine has glibc ${glibcVersionRuntime}`);
  expect(error.message).toMatch(/needs GLIBC_9\.\d\d/);
  expect(error.message).toMatch(/version `GLIBC_9\.\d\d' not found/);
  expect(error.message).toContain("glibc 2.28 or later");
});

test("a bundle that left the addon behind is told how to leave sandbar out of it", async () => {
  await app.write("source.js", REPORT);
  const [entry, bundle] = [app.path("source.js"), app.path("dist", "bundle.js")];
  const external = ["@sandbar/*", "*.node", "@opentelemetry/api"];
  await esbuild.build({ entryPoints: [entry], outfile: bundle, bundle: true, platform: "node", external });
  const error = await app.run("dist/bundle.js");
  expect(error).toMatchObject({ name: "AddonError", code: "SANDBAR_ADDON_BUNDLED" });
  expect(error.message).toContain('esbuild `external: ["sandbar"]`');
  expect(error.message).toContain('webpack `externals: { sandbar: "commonjs sandbar" }`');
  expect(error.message).toContain('Next.js `serverExternalPackages: ["sandbar"]`');
});

test("a damaged addon is told with the loader's own words", async () => {
  await app.addPackage(TARGET, Buffer.from("half of a download"));
  const error = await app.load();
  expect(error).toMatchObject({ name: "AddonError", code: "SANDBAR_ADDON_BROKEN" });
  expect(error.message).toMatch(/is there, but does not load: .*(file too short|invalid ELF header)/);
  expect(error.message).toContain("install it anew");
});

test("a package without its addon is incomplete", async () => {
  await app.addPackage(TARGET);
  const error = await app.load();
  expect(error).toMatchObject({ code: "SANDBAR_ADDON_BROKEN" });
  expect(error.message).toContain(`the package @sandbar/${TARGET} is there, but not all of its files`);
});

test("an addon of another version is refused, with both versions", async () => {
  await app.addPackage(TARGET, ADDON);
  await app.write("node_modules/sandbar/package.json", JSON.stringify({ name: "sandbar", version: "9.8.7" }));
  const error = await app.load();
  expect(error).toMatchObject({ name: "AddonError", code: "SANDBAR_ADDON_VERSION_MISMATCH" });
  expect(error.message).toContain(`sandbar is 9.8.7 and its addon @sandbar/${TARGET} is ${version}`);
  expect(error.message).toContain("npm install sandbar@9.8.7");
});

test("in a clone, the way out is to build", async () => {
  await app.write("node_modules/sandbar/Cargo.toml", "");
  const error = await app.load();
  expect(error).toMatchObject({ code: "SANDBAR_ADDON_NOT_INSTALLED" });
  expect(error.message).toContain(`sandbar.${TARGET}.node is not in`);
  expect(error.message).toContain("npm run build");
});
