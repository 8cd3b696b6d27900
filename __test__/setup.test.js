// The installation of system packages, by stand-ins for the package managers in PATH: what dnf and apk really do is not tested.
const { chmod, mkdtemp, readFile, rm, writeFile } = require("node:fs/promises");
const os = require("node:os");
const path = require("node:path");
const { ROOT, runNode } = require("./support/child.js");

const MODULE = JSON.stringify(path.join(ROOT, "scripts", "system-packages.mjs"));
const BWRAP = "echo bubblewrap 0.9.0";
const AS_ROOT = { id: "echo 0" };

let bin;
let installs;

beforeEach(async () => {
  bin = await mkdtemp(path.join(os.tmpdir(), "sandbar-setup-"));
  installs = path.join(bin, "installs.log");
});

afterEach(() => rm(bin, { recursive: true }));

async function addProgram(name, script) {
  await writeFile(path.join(bin, name), `#!/bin/sh\n${script}\n`);
  await chmod(path.join(bin, name), 0o755);
}

/** A package manager that logs its arguments, and with `brings`, a script, installs the program `bwrap`. */
function manager(name, { brings, knows = "*" } = {}) {
  const program = path.join(bin, "bwrap");
  const bring = brings ? `printf '#!/bin/sh\\n${brings}\\n' > ${program}; /bin/chmod 755 ${program}` : ":";
  return `case "$*" in --version) exit 0;; esac
echo "${name} $*" >> ${installs}
case "$*" in *update*) exit 0;; ${knows}) ${bring};; *) exit 100;; esac`;
}

/** What `ensureTools` does on a system with these programs alone. */
async function ensure(programs, { tools = ["bwrap"], env = {} } = {}) {
  const all = { env: 'while case "$1" in *=*) ;; *) false;; esac; do shift; done; exec "$@"', ...programs };
  for (const [name, script] of Object.entries(all)) await addProgram(name, script);
  const code = `import { ensureTools } from ${MODULE}; ensureTools(...${JSON.stringify(tools)}); console.log("ensured");`;
  const run = await runNode(["--input-type=module", "-e", code], {
    env: { CHROMIUM_PATH: "", SANDBAR_NO_INSTALL: "", ...env, PATH: bin },
  });
  const log = await readFile(installs, "utf8").catch(() => "");
  return { ...run, installs: log.split("\n").filter(Boolean) };
}

test("nothing is installed or printed when the tools are there", async () => {
  const run = await ensure({ ...AS_ROOT, bwrap: BWRAP, "apt-get": manager("apt-get") });
  expect(run).toMatchObject({ code: 0, stdout: "ensured\n", stderr: "", installs: [] });
});

test("apt-get reads its lists and installs, as root, and says so first", async () => {
  const run = await ensure({ ...AS_ROOT, "apt-get": manager("apt-get", { brings: BWRAP }) });
  expect(run.stdout).toMatch(/^\nInstalling bubblewrap with apt-get \(as root\)\.\n/);
  expect(run.stdout).toMatch(/\nensured\n$/);
  expect(run.installs).toEqual([
    "apt-get update -q",
    "apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 bubblewrap",
  ]);
});

test.each([
  ["dnf", "dnf install -y --setopt=install_weak_deps=False bubblewrap"],
  ["apk", "apk add --no-cache bubblewrap"],
])("%s installs where it is the package manager", async (name, line) => {
  const run = await ensure({ ...AS_ROOT, [name]: manager(name, { brings: BWRAP }) });
  expect(run).toMatchObject({ code: 0, installs: [line] });
});

test("sudo installs for another user when it asks for no password", async () => {
  const run = await ensure({
    id: "echo 1000",
    sudo: `shift; [ "$1" = true ] || { echo sudo >> ${installs}; exec "$@"; }`,
    apk: manager("apk", { brings: BWRAP }),
  });
  expect(run.stdout).toContain("Installing bubblewrap with apk (by sudo).");
  expect(run).toMatchObject({ code: 0, installs: ["sudo", "apk add --no-cache bubblewrap"] });
});

test.each([
  ["sudo asks for a password", { sudo: '[ "$1" = --version ]' }, "  sudo apt-get update -q && sudo apt-get install "],
  ["there is no sudo", {}, "  apt-get update -q && apt-get install "],
])("the line to type is printed when %s", async (why, programs, line) => {
  const run = await ensure({ id: "echo 1000", "apt-get": manager("apt-get"), ...programs });
  expect(run.code).toBe(1);
  expect(run.stderr).toContain("bubblewrap 0.8 or later is needed (missing)");
  expect(run.stderr).toContain(why);
  expect(run.stderr).toContain(line);
  expect(run.installs).toEqual([]);
});

test("SANDBAR_NO_INSTALL=1 forbids the installation and gives the line to type", async () => {
  const run = await ensure({ ...AS_ROOT, dnf: manager("dnf") }, { env: { SANDBAR_NO_INSTALL: "1" } });
  expect(run.code).toBe(1);
  expect(run.stderr).toContain("as SANDBAR_NO_INSTALL is set. Type:\n\n  dnf install -y ");
  expect(run.installs).toEqual([]);
});

test("a system with an unknown package manager gets the names of what is missing", async () => {
  const run = await ensure(AS_ROOT, { tools: ["bwrap", "git"] });
  expect(run.code).toBe(1);
  expect(run.stderr).toMatch(
    /^bubblewrap 0\.8 or later is needed \(missing\).*\ngit is needed \(missing\)\.\nThere is no apt-get, dnf or apk/,
  );
});

test("a package that the system does not have is named with the way out, and the others are installed", async () => {
  const apt = manager("apt-get", { brings: BWRAP, knows: "*=300\\ bubblewrap" });
  const run = await ensure({ ...AS_ROOT, "apt-get": apt }, { tools: ["bwrap", "chromium"] });
  expect(run.code).toBe(1);
  expect(run.stderr).toMatch(/^Chromium is needed \(missing\): .* CHROMIUM_PATH\.\napt-get has not brought /);
  expect(run.installs).toHaveLength(4);
});

test("a bubblewrap that is too old is replaced, and named where the system has no later one", async () => {
  const programs = { ...AS_ROOT, bwrap: "echo bubblewrap 0.6.1" };
  const old = await ensure({ ...programs, "apt-get": manager("apt-get", { brings: "echo bubblewrap 0.6.1" }) });
  expect(old.code).toBe(1);
  expect(old.stderr).toContain("bubblewrap 0.8 or later is needed (0.6.1 is too old): Debian 12, ");
  expect((await ensure({ ...programs, "apt-get": manager("apt-get", { brings: BWRAP }) })).code).toBe(0);
});

test.each(["google-chrome", "chromium-browser"])("%s is a browser, too", async (name) => {
  const run = await ensure({ ...AS_ROOT, [name]: "echo 130", "apt-get": manager("apt-get") }, { tools: ["chromium"] });
  expect(run).toMatchObject({ code: 0, installs: [] });
});

test("a compiler without the static C library is not enough", async () => {
  const programs = { ...AS_ROOT, cc: "echo libc.a", dnf: manager("dnf") };
  const run = await ensure(programs, { tools: ["cc"] });
  expect(run.installs).toEqual(["dnf install -y --setopt=install_weak_deps=False gcc glibc-devel glibc-static"]);
  expect(run.stderr).toContain("(it has no libc.a)");
  expect((await ensure({ ...programs, cc: "echo /usr/lib/libc.a" }, { tools: ["cc"] })).code).toBe(0);
});
