const { CommandError, NotFoundError, NotRunningError, Sandbox, ValidationError } = require("..");
const { runNode } = require("./support/child.js");
const { realEngine } = require("./support/engine.js");
const { errorOf, until } = require("./support/outcome.js");

const engine = realEngine();
let sandbox;

beforeAll(async () => {
  sandbox = await Sandbox.create({ waitReady: true, ...engine.clientOptions });
});

function run(cmd, options) {
  return sandbox.commands.run(cmd, options);
}

async function readAll(handle) {
  const seen = { stdout: "", stderr: "", pty: "" };
  for await (const { stream, text } of handle) seen[stream] += text;
  return seen;
}

/** How many processes have this argument. */
async function count(argument) {
  // Written so that it does not find itself.
  const pattern = `^${argument.slice(0, -1)}[${argument.at(-1)}]$`;
  return Number((await run(`grep -alz -- '${pattern}' /proc/[0-9]*/cmdline 2>/dev/null | wc -l`)).stdout);
}

test("a command's output is told as it comes, in order", async () => {
  const told = [];
  const result = await run("echo one; read line; echo $line; echo three >&2", {
    stdin: "two\n",
    onStdout: (text) => told.push(text),
    onStderr: (text) => told.push(text),
  });
  expect(told.join("")).toBe("one\ntwo\nthree\n");
  expect(result).toMatchObject({ stdout: "one\ntwo\n", stderr: "three\n", exitCode: 0 });
});

test("no character is cut in two", async () => {
  const texts = [];
  await run("for i in 1 2 3; do printf '\\360\\237'; sleep 0.05; printf '\\230\\200'; done", {
    onStdout: (text) => texts.push(text),
  });
  expect(texts.join("")).toBe("😀😀😀");
  for (const text of texts) expect(text).not.toContain("\ufffd");
});

test("bytes that are no text come as they are", async () => {
  const handle = await run("printf '\\377\\000\\376'", { background: true });
  const pieces = [];
  for await (const { bytes } of handle) pieces.push(bytes);
  expect(Buffer.concat(pieces)).toEqual(Buffer.from([0xff, 0x00, 0xfe]));
});

test("a callback that throws breaks nothing and is warned of", async () => {
  const warn = jest.spyOn(process, "emitWarning").mockImplementation(() => {});
  const result = await run("echo hi", {
    onStdout: () => {
      throw new Error("of the callback");
    },
  });
  expect(result.stdout).toBe("hi\n");
  expect(warn).toHaveBeenCalledWith(expect.objectContaining({ message: "of the callback" }));
  warn.mockRestore();
});

test("a command that is followed has no input to wait for", async () => {
  const told = [];
  const { exitCode } = await run("cat; echo done", { onStdout: (text) => told.push(text) });
  expect(exitCode).toBe(0);
  expect(told.join("")).toBe("done\n");
});

test("more output than the service keeps comes whole", async () => {
  let length = 0;
  const { stdout, truncated } = await run("head -c 10000000 /dev/zero | tr '\\0' x", {
    onStdout: (text) => {
      length += text.length;
    },
  });
  expect([length, stdout.length, truncated]).toEqual([10_000_000, 10_000_000, undefined]);
});

test("more input than any buffer holds comes back whole", async () => {
  const stdin = "0123456789".repeat(1_000_000);
  const { stdout, error } = await run("cat", { stdin, onStdout: () => {} });
  expect(error).toBeUndefined();
  expect(stdout === stdin).toBe(true);
});

test("a command in the background is written to, read and waited for", async () => {
  const handle = await run("while read line; do echo got $line; done; exit 3", { background: true });
  expect(handle.pid).toBeGreaterThan(0);
  const sent = ["a\n", Buffer.from("b\n"), "c\n"].map((data) => handle.sendStdin(data));
  await Promise.all([...sent, handle.closeStdin()]);
  const [first, second] = await Promise.all([handle.wait(), handle.wait()]);
  expect(first).toMatchObject({ stdout: "got a\ngot b\ngot c\n", exitCode: 3 });
  expect(second).toEqual(first);
  expect((await readAll(handle)).stdout).toBe(first.stdout);
});

test("a handle that nobody reads does not hold its command back", async () => {
  const handle = await run("head -c 40000000 /dev/zero | tr '\\0' x; echo end", { background: true });
  const { stdout, truncated, exitCode } = await handle.wait();
  expect([truncated, exitCode]).toEqual([true, 0]);
  expect(stdout.length).toBeLessThanOrEqual(16 * 1024 * 1024);
  expect(stdout.endsWith("xend\n")).toBe(true);
});

test("a command is killed with all that it has started", async () => {
  const handle = await run("sleep 4711 & sleep 4711; echo never", { background: true });
  expect(await handle.kill()).toBe(true);
  expect(await count("4711")).toBe(0);
  expect(await handle.wait()).toMatchObject({ exitCode: 137, stdout: "" });
  expect(await handle.kill()).toBe(false);
});

test("a signal is sent by its name", async () => {
  const handle = await run("trap 'echo caught; exit 5' TERM; echo ready; while :; do sleep 0.05; done", {
    background: true,
  });
  for await (const { text } of handle) {
    if (text.includes("ready")) expect(await handle.sendSignal("SIGTERM")).toBe(true);
  }
  expect(await handle.wait()).toMatchObject({ exitCode: 5, stdout: "ready\ncaught\n" });
});

test("a name that is no signal's is refused before anything is sent", async () => {
  const error = await errorOf(sandbox.commands.sendSignal(1, "SIGFOO"));
  expect(error).toBeInstanceOf(ValidationError);
  expect(error.field).toBe("signal");
});

test("a command is found by its tag, followed from its beginning and killed", async () => {
  const own = await run("echo begun; sleep 4712", { background: true, tag: "a tag" });
  const listed = (await sandbox.commands.list()).find(({ tag }) => tag === "a tag");
  expect(listed).toMatchObject({ pid: own.pid, cmdId: own.cmdId, cmd: "echo begun; sleep 4712" });
  const told = [];
  const other = await sandbox.commands.connect({ tag: "a tag" }, { onStdout: (text) => told.push(text) });
  expect(other.pid).toBe(own.pid);
  await until(
    () => told.join(""),
    (text) => text === "begun\n",
  );
  expect(await sandbox.commands.kill(other.pid)).toBe(true);
  expect((await other.wait()).exitCode).toBe(137);
  expect(await sandbox.commands.kill(other.pid)).toBe(false);
});

test("a command that was left runs on", async () => {
  const handle = await run("sleep 4713", { background: true });
  handle.disconnect();
  expect(await errorOf(handle.wait())).toMatchObject({ kind: "disconnected", pid: handle.pid });
  const again = await sandbox.commands.connect(handle.pid);
  await again[Symbol.asyncDispose]();
  expect((await again.wait()).exitCode).toBe(137);
});

test("there is nothing to connect to where nothing runs", async () => {
  expect(await errorOf(sandbox.commands.connect(4_000_000))).toBeInstanceOf(NotFoundError);
  expect(await errorOf(sandbox.commands.sendStdin(4_000_000, "x"))).toBeInstanceOf(NotFoundError);
});

test.each([{}, { onStdout: () => {} }])("a signal kills a command and its tree: %p", async (options) => {
  const controller = new AbortController();
  const reason = new Error("of the caller");
  const running = errorOf(run("touch begun; sleep 4714 & sleep 4714", { ...options, signal: controller.signal }));
  await until(
    () => run("cat begun && rm begun"),
    ({ exitCode }) => exitCode === 0,
  );
  controller.abort(reason);
  expect(await running).toBe(reason);
  await until(
    () => count("4714"),
    (alive) => alive === 0,
  );
});

test("a signal kills a command that is only about to start", async () => {
  const controller = new AbortController();
  const starting = errorOf(run("sleep 4715", { background: true, signal: controller.signal }));
  controller.abort("no more");
  expect(await starting).toBe("no more");
  await until(
    () => count("4715"),
    (alive) => alive === 0,
  );
});

test("a signal of a command in the background counts until its end", async () => {
  const controller = new AbortController();
  const handle = await run("sleep 4720", { background: true, signal: controller.signal });
  controller.abort("of the caller");
  expect(await errorOf(handle.wait())).toBe("of the caller");
  await until(
    () => count("4720"),
    (alive) => alive === 0,
  );
});

test("a signal that only waits leaves the command as it is", async () => {
  const handle = await run("sleep 4716", { background: true });
  expect(await errorOf(handle.wait({ signal: AbortSignal.abort("enough") }))).toBe("enough");
  expect(await handle.kill()).toBe(true);
});

test.each([{}, { onStdout: () => {} }])("a time limit kills and says so: %p", async (options) => {
  const result = await run("echo begun; sleep 4717 & sleep 4717", { timeoutMs: 200, ...options });
  expect(result).toMatchObject({ exitCode: 137, stdout: "begun\n" });
  expect(result.error).toMatch(/timed out after 200 ms/);
  expect(await count("4717")).toBe(0);
});

test.each([{}, { onStdout: () => {} }])("a failure is an error if it is to be one: %p", async (options) => {
  const envs = { SECRET: "correct-horse" };
  const error = await errorOf(run("echo out; echo last $SECRET >&2; exit 4", { check: true, envs, ...options }));
  expect(error).toBeInstanceOf(CommandError);
  expect(error).toMatchObject({ exitCode: 4, stdout: "out\n", stderr: "last correct-horse\n", kind: "command_failed" });
  expect(error.message).toBe("the command failed with exit code 4:\nlast [redacted]");
});

test("root is who runs commands, by name or by default", async () => {
  expect((await run("id -un", { user: "root" })).stdout).toBe("root\n");
  expect((await run("id -un", { user: "root", onStdout: () => {} })).stdout).toBe("root\n");
});

test("a program gets its arguments as they are, and a shell none", async () => {
  expect((await run("printf", { args: ["%s|", "a b", "$HOME"], onStdout: () => {} })).stdout).toBe("a b|$HOME|");
  expect((await run("printf '%s' \"$0\"", { args: [], onStdout: () => {} })).exitCode).toBe(0);
});

test("wrong options are refused by their names", async () => {
  const refused = async (options, field) => {
    const error = await errorOf(run("true", options));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error.field).toBe(field);
  };
  await refused({ onStdout: "print" }, "onStdout");
  await refused({ timeout: 5 }, "timeout");
  await refused({ background: "yes" }, "background");
  await refused({ stdin: 5 }, "stdin");
  await refused({ user: "-c reboot" }, "user");
  await refused({ tag: "" }, "tag");
  expect((await errorOf(sandbox.commands.connect("7"))).field).toBe("pid");
  expect((await errorOf(sandbox.commands.sendStdin(7, 7))).field).toBe("data");
});

test("a handle that is forgotten does not keep the process alive, and one that is waited for does", async () => {
  const script = (cmd, then) => `
    const { Sandbox } = require(".");
    (async () => {
      const sandbox = await Sandbox.connect("${sandbox.sandboxId}");
      const handle = await sandbox.commands.run("${cmd}", { background: true });
      console.log(handle.pid);
      ${then}
    })();`;
  const env = engine.environment;
  const forgotten = await runNode(["-e", script("sleep 4719", "globalThis.handle = handle;")], { env });
  expect(forgotten).toMatchObject({ code: 0, stderr: "" });
  expect(await sandbox.commands.kill(Number(forgotten.stdout))).toBe(true);
  const waited = await runNode(["-e", script("sleep 0.3; exit 6", "console.log((await handle.wait()).exitCode);")], {
    env,
  });
  expect(waited.stdout).toMatch(/\n6\n$/);
});

test("a paused sandbox runs no command", async () => {
  const paused = await Sandbox.create({ waitReady: true });
  const handle = await paused.commands.run("sleep 4718", { background: true });
  await paused.pause();
  expect(await errorOf(handle.wait())).toBeInstanceOf(NotRunningError);
  expect(await errorOf(paused.commands.run("true", { background: true }))).toBeInstanceOf(NotRunningError);
  await paused.delete();
});

const LINES = "seq 200000";

test("callbacks have had all output when a command that is checked rejects", async () => {
  let bytes = 0;
  const error = await errorOf(run(`${LINES}; exit 3`, { check: true, onStdout: (text) => (bytes += text.length) }));
  expect(error).toBeInstanceOf(CommandError);
  expect(bytes).toBe(1_288_895);
  expect(error.stdout).toHaveLength(bytes);
});

test("no callback is called after the rejection by a signal", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  let calls = 0;
  const onStdout = () => {
    calls += 1;
    // Most of what was printed is here by now, and not yet told.
    if (calls === 1) for (const end = performance.now() + 300; performance.now() < end; );
    controller.abort(reason);
  };
  expect(await errorOf(run(LINES, { onStdout, signal: controller.signal }))).toBe(reason);
  const before = calls;
  await run("true");
  expect([before, calls]).toEqual([1, 1]);
});

test("input that waits for its turn is given up when its signal aborts", async () => {
  const handle = await run("sleep 4730", { background: true });
  const controller = new AbortController();
  const full = errorOf(handle.sendStdin("x".repeat(1024 * 1024), { requestTimeoutMs: 20_000 }));
  const queued = errorOf(handle.sendStdin("y", { signal: controller.signal }));
  controller.abort("no more");
  expect(await queued).toBe("no more");
  await handle.kill();
  await full;
});
