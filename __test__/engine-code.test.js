const { APIError, NotFoundError, Sandbox, ValidationError } = require("..");
const { realEngine } = require("./support/engine.js");
const { errorOf, until } = require("./support/outcome.js");

const engine = realEngine();
let sandbox;

beforeAll(async () => {
  sandbox = await Sandbox.create({ waitReady: true, ...engine.clientOptions });
  const { exitCode } = await sandbox.commands.run("command -v python3");
  if (exitCode !== 0) throw new Error("python3 is needed, and sandboxes have this machine's: `apt install python3`");
});

function run(code, options) {
  return sandbox.runCode(code, options);
}

async function textOf(code, options) {
  return (await run(code, options)).text;
}

async function errorIn(code, options) {
  return (await run(code, options)).error;
}

test("variables last from one call to the next, and the last expression is the result", async () => {
  await run("import math\nnumber = 6");
  const execution = await run("print('counting')\nnumber * 7");
  expect(execution).toMatchObject({
    results: [{ text: "42", json: 42, isMainResult: true }],
    logs: { stdout: ["counting\n"], stderr: [] },
    text: "42",
    contextId: "default",
  });
  expect(execution.error).toBeUndefined();
  expect((await run("number;  # silenced")).results).toEqual([]);
  expect((await run("other = 1")).results).toEqual([]);
  expect((await run("'a'\n")).executionCount).toBe(execution.executionCount + 3);
});

test("what a child process prints is caught and told as it comes, in pieces that are whole", async () => {
  const told = [];
  const code = `
import os, subprocess, sys
print("from python: é")
os.system("echo from a child")
subprocess.run(["sh", "-c", "echo to stderr >&2"])
os.write(1, b"from a descriptor\\n")
`;
  const { logs } = await run(code, { onStdout: (chunk) => told.push(chunk), onStderr: (chunk) => told.push(chunk) });
  expect(logs.stdout).toEqual(["from python: é\n", "from a child\n", "from a descriptor\n"]);
  expect(logs.stderr).toEqual(["to stderr\n"]);
  const text = (isError) => told.filter(({ error }) => error === isError).map(({ line }) => line);
  expect(text(false).join("")).toBe(logs.stdout.join(""));
  expect(text(true).join("")).toBe("to stderr\n");
  for (const { timestamp } of told) expect(timestamp / 1000).toBeGreaterThan(Date.now() - 60_000);
});

test("output comes while the code still runs", async () => {
  await run("import os, time\nif os.path.exists('go'): os.remove('go')");
  let went;
  const { logs } = await run("print('waiting')\nwhile not os.path.exists('go'): time.sleep(0.01)\nprint('gone')", {
    onStdout: ({ line }) => {
      if (line.includes("waiting")) went = sandbox.commands.run("touch go");
    },
  });
  await went;
  expect(logs.stdout).toEqual(["waiting\n", "gone\n"]);
});

test("code can't forge or break the protocol", async () => {
  const code = `
import os
print('{"id": null, "done": 1}')
os.write(1, b'{"done": 1}\\n')
'real'`;
  expect(await run(code)).toMatchObject({
    text: "real",
    logs: { stdout: ['{"id": null, "done": 1}\n', '{"done": 1}\n'] },
  });
  await run("import sys\nsys.stdout.close()\nsys.stderr = None");
  expect(await textOf("6 * 7")).toBe("42");
  await sandbox.restartCodeContext("default");
});

test("an error has its name, its message and a traceback of the code alone", async () => {
  const { name, message, traceback } = await errorIn("def fail():\n    raise ValueError('too much')\nfail()");
  expect([name, message]).toEqual(["ValueError", "too much"]);
  expect(traceback).toMatch(
    /File "<cell \d+>", line 3, in <module>\n {4}fail\(\)\n {2}File "<cell \d+>", line 2, in fail/,
  );
  expect(traceback.match(/File /g)).toHaveLength(2);
  expect(await errorIn("if")).toMatchObject({ name: "SyntaxError" });
  expect(await errorIn("def f(): return f()\nf()")).toMatchObject({ name: "RecursionError" });
});

test("awaiting works at the top level", async () => {
  await run("import asyncio\nqueue = asyncio.Queue()\nawait queue.put(5)");
  expect(await textOf("await queue.get()")).toBe("5");
});

test("there is no input to read, and leaving does not end the context", async () => {
  await run("kept = 1");
  expect(await errorIn("input()")).toMatchObject({ name: "EOFError" });
  expect(await errorIn("import sys; sys.exit(3)")).toMatchObject({ name: "SystemExit", message: "3" });
  expect(await errorIn("sys.exit()")).toBeUndefined();
  expect(await errorIn("raise KeyboardInterrupt")).toMatchObject({ name: "KeyboardInterrupt" });
  expect(await errorIn("import os\nif os.fork() == 0: kept = 2\nelse: os.wait()")).toBeUndefined();
  expect(await textOf("kept")).toBe("1");
});

test("values come in the forms that they have", async () => {
  const shown = [];
  const code = `
class Rich:
    def _repr_html_(self): return "<b>rich</b>"
    def _repr_markdown_(self): return "**rich**"
    def _repr_png_(self): return b"png"
    def _repr_json_(self): return {"rich": True}
    def _repr_svg_(self): raise RuntimeError
    def __repr__(self): return "Rich()"
display(Rich(), "text")
class Bundle:
    def _repr_mimebundle_(self, include=None, exclude=None): return {"text/latex": "$x$", "text/plain": "x"}
Bundle()`;
  const { results } = await run(code, { onResult: (result) => shown.push(result) });
  const png = Buffer.from("png").toString("base64");
  expect(results).toEqual([
    { text: "Rich()", html: "<b>rich</b>", markdown: "**rich**", png, json: { rich: true } },
    { text: "text", json: "text" },
    { text: "x", latex: "$x$", isMainResult: true },
  ]);
  expect(shown).toEqual(results);
  expect((await run("float('nan')")).results).toEqual([{ text: "nan", isMainResult: true }]);
  expect((await run("{'id': 1234567890123456789, 'n': 10**400}")).results[0].json).toEqual({
    id: "1234567890123456789",
    n: `1${"0".repeat(400)}`,
  });
  const deep = await run("deep = []\nfor _ in range(200): deep = [deep]\ndeep");
  expect(deep).toMatchObject({
    truncated: true,
    results: [{ text: expect.stringMatching(/^\[{201}/), truncated: true }],
  });
  expect(await textOf("'half \\ud800'")).toBe("half ?");
});

test("what is too large is left out, and says so", async () => {
  const { results, logs, truncated } = await run("print('x' * 12_000_000)\nprint('end')\n'y' * 3_000_000");
  expect(results[0].text.length).toBe(1024 * 1024);
  expect(results[0].truncated).toBe(true);
  expect(truncated).toBe(true);
  expect(logs.stdout.at(-1)).toBe("end\n");
  expect(logs.stdout.join("").length).toBeLessThanOrEqual(4 * 1024 * 1024);
});

test("a time limit interrupts, and variables survive it", async () => {
  await run("import time\nkept = 'still here'");
  const error = await errorIn("print('begun')\ntime.sleep(1000)", { timeoutMs: 200 });
  expect(error).toMatchObject({ name: "TimeoutError", message: expect.stringContaining("200 ms") });
  expect(error.traceback).toContain("time.sleep(1000)");
  expect(await textOf("kept")).toBe("still here");
});

test("a limit that passes while the code waits for other code ends that call alone", async () => {
  await run("import os, time\nif os.path.exists('go'): os.remove('go')");
  const other = await Sandbox.connect(sandbox.sandboxId, engine.clientOptions);
  let waiting;
  const running = await run("print('begun')\nwhile not os.path.exists('go'): time.sleep(0.01)\n'whole'", {
    onStdout: () => {
      waiting ??= Promise.all([
        other.runCode("late = 1", { timeoutMs: 100 }),
        run("late = 1", { timeoutMs: 100 }),
        errorOf(other.runCode("late = 1", { signal: AbortSignal.timeout(50) })),
      ]).finally(() => sandbox.files.write("go", ""));
    },
  });
  expect(running).toMatchObject({ text: "whole", results: [{ text: "whole" }] });
  expect(running.error).toBeUndefined();
  const [theirs, ours, aborted] = await waiting;
  for (const { error, results, executionCount } of [theirs, ours]) {
    expect(error).toMatchObject({
      name: "TimeoutError",
      message: expect.stringContaining("did not begin within 100 ms"),
    });
    expect([results, executionCount]).toEqual([[], 0]);
  }
  expect(aborted.name).toBe("TimeoutError");
  expect(await textOf("'late' in globals()")).toBe("False");
});

test("a driver that is silent fails the call soon after its limit, and loses nothing", async () => {
  const driver = await textOf("import os\nkept = 'kept'\nos.getppid()");
  await sandbox.commands.run(`kill -STOP ${driver}`, { check: true });
  const error = await errorIn("kept = 'changed'", { timeoutMs: 200 });
  expect(error).toMatchObject({ name: "TimeoutError", message: expect.stringContaining("did not answer") });
  await sandbox.commands.run(`kill -CONT ${driver}`, { check: true });
  expect(await textOf("kept")).toBe("kept");
});

test("code that goes on after the interrupt is a timeout with its results", async () => {
  const code = "import time\ntry:\n  time.sleep(1000)\nexcept KeyboardInterrupt: pass\n'results'";
  const { error, text } = await run(code, { timeoutMs: 300 });
  expect([error.name, text]).toEqual(["TimeoutError", "results"]);
  const raised = await errorIn("try:\n  time.sleep(1000)\nexcept KeyboardInterrupt: raise ValueError", {
    timeoutMs: 300,
  });
  expect(raised).toMatchObject({ name: "TimeoutError", traceback: expect.stringContaining("ValueError") });
});

test("code that does not heed the interrupt is killed, and the next call says that it starts anew", async () => {
  const stubborn = "import time\nwhile True:\n  try: time.sleep(1000)\n  except BaseException: pass";
  expect(await errorIn(stubborn, { timeoutMs: 100 })).toMatchObject({ name: "TimeoutError" });
  expect(await run("1")).toMatchObject({ text: "1", contextRestarted: true });
  expect((await run("2")).contextRestarted).toBeUndefined();
});

test.each([
  ["import os; os._exit(5)", /exit status 5/],
  ["import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", /segmentation fault/],
])("an interpreter that crashes is a clear error: %s", async (code, message) => {
  const errors = [];
  const error = await errorIn(code, { onError: (told) => errors.push(told) });
  expect(error).toMatchObject({ name: "InterpreterCrashed", message: expect.stringMatching(message) });
  expect(errors).toEqual([error]);
  expect(await run("1")).toMatchObject({ text: "1", contextRestarted: true });
});

test("handles that have used a process that crashed are told, each once", async () => {
  const other = await Sandbox.connect(sandbox.sandboxId, engine.clientOptions);
  await Promise.all([run("1"), other.runCode("1")]);
  await run("import os; os._exit(1)");
  expect((await run("1")).contextRestarted).toBe(true);
  expect((await other.runCode("1")).contextRestarted).toBe(true);
  expect((await other.runCode("1")).contextRestarted).toBeUndefined();
  const newcomer = await Sandbox.connect(sandbox.sandboxId, engine.clientOptions);
  expect((await newcomer.runCode("1")).contextRestarted).toBeUndefined();
});

test("after a pause, whoever connects is told that variables are lost", async () => {
  const paused = await Sandbox.create({ waitReady: true, ...engine.clientOptions });
  expect((await paused.runCode("kept = 1")).contextRestarted).toBeUndefined();
  await paused.pause();
  const other = await Sandbox.connect(paused.sandboxId, engine.clientOptions);
  expect(await other.runCode("'kept' in globals()")).toMatchObject({ text: "False", contextRestarted: true });
  await paused.reload();
  expect((await paused.runCode("1")).contextRestarted).toBe(true);
  await paused.delete();
});

test("code that takes more memory than there is says so", async () => {
  const small = await Sandbox.create({ waitReady: true, ...engine.clientOptions });
  const { error } = await small.runCode("kept = []\nwhile True: kept.append(bytearray(64 * 1024 * 1024))");
  // Where there are no control groups, the system refuses the memory instead.
  expect(`${error.name}: ${error.message}`).toMatch(/MemoryError|InterpreterCrashed: the sandbox ran out of memory/);
  await small.delete();
});

test("a signal interrupts the code, and the next call has the context to itself", async () => {
  await run("import time\nkept = 1");
  const controller = new AbortController();
  const reason = new Error("of the caller");
  const running = run("print('begun')\ntime.sleep(1000)\nkept = 2", {
    signal: controller.signal,
    onStdout: () => controller.abort(reason),
  });
  expect(await errorOf(running)).toBe(reason);
  expect(await textOf("kept")).toBe("1");
});

test("executions in one context wait for each other, and are not mixed up", async () => {
  await run("seen = []");
  const numbers = Array.from({ length: 20 }, (_, number) => number);
  const texts = await Promise.all(
    numbers.map((number) => textOf(`seen.append(${number}); print(${number}); ${number}`)),
  );
  expect(texts).toEqual(numbers.map(String));
  expect(await textOf("len(seen)")).toBe("20");
});

test("the variables and the directory of one call are those of that call", async () => {
  const code = "import os; (os.environ.get('ONCE'), os.getcwd())";
  expect(await textOf(code, { envs: { ONCE: "now" }, cwd: "/tmp" })).toBe("('now', '/tmp')");
  expect(await textOf(code)).toBe("(None, '/root/workspace')");
  expect(await errorIn("1", { cwd: "/nowhere" })).toMatchObject({ name: "FileNotFoundError" });
});

test("contexts share nothing, and are found by other handles", async () => {
  const [a, b] = await Promise.all([sandbox.createCodeContext({ cwd: "/tmp" }), sandbox.createCodeContext()]);
  expect(a).toEqual({ contextId: expect.stringMatching(/^[0-9a-f]{32}$/), language: "python", cwd: "/tmp" });
  expect(await textOf("import os; name = 'a'; os.getcwd()", { context: a })).toBe("/tmp");
  expect(await errorIn("name", { context: b })).toMatchObject({ name: "NameError" });
  const other = await Sandbox.connect(sandbox.sandboxId, engine.clientOptions);
  expect(await other.listCodeContexts()).toEqual(expect.arrayContaining([a, b]));
  expect((await other.runCode("name", { context: a.contextId })).text).toBe("a");

  expect(await sandbox.restartCodeContext(a)).toEqual(a);
  const restarted = await run("'name' in globals(), os.getcwd() if 'os' in globals() else 0", { context: a });
  expect(restarted).toMatchObject({ text: "(False, 0)", executionCount: 1 });
  await sandbox.removeCodeContext(b.contextId);
  expect((await sandbox.listCodeContexts()).map(({ contextId }) => contextId)).not.toContain(b.contextId);
  expect(await errorOf(run("1", { context: b }))).toBeInstanceOf(NotFoundError);
  expect(await errorOf(sandbox.removeCodeContext(b))).toBeInstanceOf(NotFoundError);
  await sandbox.removeCodeContext(a);
});

test("a context leaves no file in the workspace", async () => {
  const clean = await Sandbox.create({ waitReady: true, ...engine.clientOptions });
  await clean.runCode("1");
  expect((await clean.commands.run("ls -A")).stdout).toBe("");
  await clean.delete();
});

test("other languages run once, with their output and their exit code", async () => {
  const told = [];
  const failed = await run('echo out; read line; echo "[$line]"; echo err >&2; exit 3', {
    language: "bash",
    onStdout: ({ line }) => told.push(line),
  });
  expect(failed).toMatchObject({
    results: [],
    logs: { stdout: ["out\n", "[]\n"], stderr: ["err\n"] },
    error: { name: "ExitError", message: "err" },
  });
  expect(told.join("")).toBe("out\n[]\n");
  expect(await run("sleep 1000", { language: "sh", timeoutMs: 100 })).toMatchObject({
    error: { name: "TimeoutError" },
  });
});

test("code and commands may be longer than an argument", async () => {
  const text = "é".repeat(100_000);
  for (const language of ["bash", "sh"]) {
    const code = `text='${text}'; printf '%s' "$text" | wc -m; read line; echo "[$line]"; echo err >&2; exit 3`;
    const { logs, error } = await run(code, { language, envs: { LC_ALL: "C.UTF-8" } });
    expect(logs).toEqual({ stdout: ["100000\n", "[]\n"], stderr: ["err\n"] });
    expect(error).toMatchObject({ name: "ExitError", message: "err" });
  }
  const { stdout } = await sandbox.commands.run(`printf '%s' '${text}'`);
  expect(stdout).toBe(text);
  expect(await textOf(`len('${text.repeat(10)}')`)).toBe("1000000");
});

test("an error in JavaScript is the error, not Node's farewell", async () => {
  if ((await sandbox.commands.run("command -v node")).exitCode !== 0) return;
  const error = await errorIn('throw new TypeError("no such user")', { language: "javascript" });
  expect(error).toMatchObject({ name: "ExitError", message: "TypeError: no such user" });
  expect(error.traceback).toContain("Node.js v");
});

test("JavaScript runs as a module", async () => {
  if ((await sandbox.commands.run("command -v node")).exitCode !== 0) {
    console.warn("skipped: sandboxes have this machine's programs, and node is not where they see it");
    return;
  }
  const code = 'import os from "node:os"; console.log(await Promise.resolve(os.type()));';
  expect(await textOf(code, { language: "javascript" })).toBe("Linux\n");
});

test("an interpreter that is missing is named, with the way out", async () => {
  const bare = await Sandbox.create({ waitReady: true, envVars: { PATH: "/root/workspace" }, ...engine.clientOptions });
  await bare.commands.run("/bin/ln -s /bin/sh sh", { check: true });
  for (const [language, interpreter] of [
    ["python", "python3"],
    ["bash", "bash"],
    ["r", "Rscript"],
  ]) {
    const error = await errorOf(bare.runCode("1", { language }));
    expect(error).toBeInstanceOf(APIError);
    expect(error.message).toContain(`${interpreter} is not in this sandbox, and ${language} needs it`);
  }
  expect((await errorOf(bare.createCodeContext())).message).toContain("`code-interpreter`");
  await bare.delete();
});

test("wrong options are refused by their names", async () => {
  const refused = async (promise, field) => {
    const error = await errorOf(promise);
    expect(error).toBeInstanceOf(ValidationError);
    expect(error.field).toBe(field);
  };
  await refused(run(), "code");
  await refused(run("1", { language: "cobol" }), "language");
  await refused(run("1", { context: "../x" }), "context");
  await refused(run("1", { context: "x", language: "bash" }), "context");
  await refused(run("1", { onResult: 1 }), "onResult");
  await refused(run("1", { timeout: 1 }), "timeout");
  await refused(sandbox.createCodeContext({ language: "bash" }), "language");
  await refused(sandbox.removeCodeContext(), "context");
});

test("a signal ends code in other languages with all that it has started", async () => {
  const controller = new AbortController();
  const code = "echo begun; sleep 4811 & sleep 4811";
  const options = { language: "sh", signal: controller.signal, onStdout: () => controller.abort("enough") };
  expect(await errorOf(run(code, options))).toBe("enough");
  await until(
    async () => (await sandbox.commands.list()).some(({ args }) => args?.includes(code)),
    (runs) => !runs,
  );
});
