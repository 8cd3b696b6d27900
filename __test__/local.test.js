const { spawn } = require("node:child_process");
const { once } = require("node:events");
const { existsSync } = require("node:fs");
const { mkdir, mkdtemp, readdir, rm, symlink } = require("node:fs/promises");
const os = require("node:os");
const path = require("node:path");
const readline = require("node:readline");
const { startLocal } = require("../packages/local");
const { SandboxClient } = require("..");
const { ROOT, runNode } = require("./support/child.js");
const { until } = require("./support/outcome.js");

const COMMAND = path.join(ROOT, "packages", "local", "bin", "sandbar.js");
const LOCAL = JSON.stringify(path.join(ROOT, "packages", "local"));
const REPORT = ".catch(({ name, code, message }) => console.log(JSON.stringify({ name, code, message })))";

let temporary;

beforeAll(() => {
  process.env.SANDBAR_BINARY = process.env.SANDBAR_BIN;
});

beforeEach(async () => {
  temporary = await mkdtemp(path.join(os.tmpdir(), "sandbar-test-"));
});

afterEach(() => rm(temporary, { recursive: true }));

/** What a program prints that starts an engine, whose temporary folder is this test's. */
function program(code, env = {}) {
  const script = `const { startLocal } = require(${LOCAL});\n${code}`;
  return runNode(["-e", script], { env: { TMPDIR: temporary, ...env } });
}

/** Why there is no engine. */
async function failure(code, env) {
  const { stdout } = await program(`${code}\nstartLocal()${REPORT}`, env);
  return JSON.parse(stdout);
}

function clientOf({ baseUrl, apiKey }) {
  return new SandboxClient({ baseUrl, apiKey, maxRetries: 0 });
}

async function isGone(baseUrl) {
  const answer = await fetch(`${baseUrl}/health`).catch(() => undefined);
  return answer === undefined && (await readdir(temporary)).length === 0;
}

test("an engine runs sandboxes until it is stopped, as often as that is said", async () => {
  const engine = await startLocal();
  expect(engine.baseUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(engine.env).toEqual({ SEACLOUD_BASE_URL: engine.baseUrl, SEACLOUD_API_KEY: engine.apiKey });
  const sandbox = await clientOf(engine).create("base", { waitReady: true });
  expect((await sandbox.commands.run("echo hello")).stdout).toBe("hello\n");
  await Promise.all([engine.stop(), engine.stop()]);
  await engine.stop();
  await expect(sandbox.getInfo()).rejects.toMatchObject({ name: "TransportError" });
});

test("its folder is gone when it is stopped", async () => {
  const { stdout } = await program(`
    const { readdirSync } = require("node:fs");
    startLocal().then(async (engine) => {
      const during = readdirSync(process.env.TMPDIR).length;
      await engine.stop();
      console.log(during, readdirSync(process.env.TMPDIR).length);
    });`);
  expect(stdout).toBe("1 0\n");
});

test("a folder of one's own keeps its sandboxes for the next engine", async () => {
  const options = { dataDir: path.join(temporary, "data") };
  const first = await startLocal(options);
  const { sandboxId } = await clientOf(first).create("base", { waitReady: true });
  await first.stop();
  const second = await startLocal(options);
  expect((await clientOf(second).getInfo(sandboxId)).sandboxId).toBe(sandboxId);
  await second.stop();
});

test("`await using` stops it", async () => {
  const engine = await startLocal();
  await engine[Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]();
  await expect(fetch(`${engine.baseUrl}/health`)).rejects.toThrow();
});

test("a program that forgets it exits, and the engine ends with it", async () => {
  const { code, stdout } = await program("startLocal().then(({ baseUrl }) => console.log(baseUrl));");
  expect(code).toBe(0);
  await until(() => isGone(stdout.trim()), Boolean);
});

test("it ends with a program that is killed, and leaves nothing", async () => {
  const script = `const { startLocal } = require(${LOCAL});
    startLocal().then(({ baseUrl }) => { console.log(baseUrl); setInterval(() => {}, 1000); });`;
  const child = spawn(process.execPath, ["-e", script], { env: { ...process.env, TMPDIR: temporary } });
  const [baseUrl] = await once(readline.createInterface(child.stdout), "line");
  expect((await fetch(`${baseUrl}/health`)).ok).toBe(true);
  child.kill("SIGKILL");
  await until(() => isGone(baseUrl), Boolean);
});

test("a machine without bubblewrap is told how to get it", async () => {
  const error = await failure("", { PATH: temporary });
  expect(error).toMatchObject({ name: "LocalError", code: "SANDBAR_LOCAL_NOT_STARTED" });
  expect(error.message).toContain(
    "the program bwrap is not installed: install bubblewrap: `apt-get install bubblewrap`",
  );
});

test("another system than Linux is told what to do instead", async () => {
  const error = await failure('Object.defineProperty(process, "platform", { value: "darwin" });');
  expect(error).toMatchObject({ name: "LocalError", code: "SANDBAR_LOCAL_PLATFORM_NOT_SUPPORTED" });
  expect(error.message).toContain("runs on Linux only, and this is darwin");
});

test("a missing package with the engine is named", async () => {
  const error = await failure("", { SANDBAR_BINARY: "" });
  expect(error).toMatchObject({ name: "LocalError", code: "SANDBAR_LOCAL_NOT_INSTALLED" });
  expect(error.message).toContain(`@sandbar/local-linux-${process.arch}-gnu`);
  expect(error.message).toContain("https://github.com/npm/cli/issues/4828");
});

test("a binary that is not there is named", async () => {
  const error = await failure("", { SANDBAR_BINARY: "/no/such/sandbar" });
  expect(error).toMatchObject({ code: "SANDBAR_LOCAL_NOT_STARTED" });
  expect(error.message).toContain("could not be started: spawn /no/such/sandbar ENOENT");
});

test.each([
  [null, "options must be an object"],
  [{ port: 7410 }, "there is no option `port`: pass dataDir, logLevel"],
  [{ dataDir: "" }, "`dataDir` must be the path of a folder"],
  [{ logLevel: "loud" }, "`logLevel` must be one of error, warn"],
])("the options %j are refused", async (options, message) => {
  await expect(startLocal(options)).rejects.toThrow(message);
});

test("the command passes arguments, output and exit code on", async () => {
  const run = await runNode([COMMAND, "dev", "--", "sh", "-c", 'echo "$SEACLOUD_BASE_URL"; exit 7']);
  expect(run.code).toBe(7);
  expect(run.stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\n$/);
});

test.each(["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"])(
  "the command passes a %s on that it alone gets, and exits as the engine does",
  async (signal) => {
    const script = `trap 'kill $!; exit 9' ${signal.slice(3)}; sleep 60 & echo ready; wait`;
    // Without a terminal, which would send it to the engine as well.
    const options = { env: process.env, stdio: ["ignore", "pipe", "inherit"], detached: true };
    const child = spawn(process.execPath, [COMMAND, "dev", "--", "sh", "-c", script], options);
    const exit = once(child, "exit");
    await once(readline.createInterface(child.stdout), "line");
    child.kill(signal);
    expect(await exit).toEqual([9, null]);
  },
);

test("the engine ends with the npm command that has started it", async () => {
  const bin = path.join(temporary, "node_modules", ".bin");
  await mkdir(bin, { recursive: true });
  await symlink(COMMAND, path.join(bin, "sandbar"));
  const options = { cwd: temporary, env: process.env, stdio: ["ignore", "pipe", "inherit"], detached: true };
  const npx = spawn("npx", ["sandbar", "dev", "--", "sh", "-c", "echo $$; exec sleep 600"], options);
  const [program] = await once(readline.createInterface(npx.stdout), "line");
  npx.kill("SIGTERM");
  await until(() => !existsSync(`/proc/${program}`), Boolean);
});
