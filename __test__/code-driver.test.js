const { mkdirSync, mkdtempSync, rmSync, writeFileSync } = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { CodeDriver } = require("./support/code-driver.js");

const folder = mkdtempSync(path.join(os.tmpdir(), "sandbar-driver-"));
const drivers = [];
const IMPORTS = "import os, subprocess, sys, time";
let driver;

function start(args, options) {
  const started = new CodeDriver(args, { cwd: folder, ...options });
  drivers.push(started);
  return started;
}

beforeAll(async () => {
  driver = start();
  await driver.run(IMPORTS);
});

afterAll(() => {
  for (const each of drivers) each.stop();
  rmSync(folder, { recursive: true, force: true });
});

function run(code, options) {
  return driver.run(code, options);
}

async function textOf(code, options) {
  return (await run(code, options)).results.at(-1)?.text;
}

const printed = (id, text) => driver.answer((answer) => answer.id === id && answer.stdout?.includes(text));

/** Interrupts code once it has printed "runs". */
async function interrupted(code) {
  const id = driver.begin(code);
  await printed(id, "runs");
  driver.cancel(id);
  return driver.outcome(id);
}

describe("the queue", () => {
  test("a limit that passes in the queue cancels that request alone", async () => {
    const first = driver.begin("while not os.path.exists('go'): time.sleep(0.01)\n'first'");
    const second = driver.begin("'second'", { limitMs: 50 });
    const third = driver.begin("'third'");
    expect(await driver.outcome(second)).toMatchObject({ cancelled: true, results: [] });
    writeFileSync(path.join(folder, "go"), "");
    const outcome = await driver.outcome(first);
    expect(outcome.results[0].text).toBe("first");
    expect(outcome.interrupted).toBeUndefined();
    expect((await driver.outcome(third)).results[0].text).toBe("third");
  });

  test("cancelling what is in the queue leaves what runs alone", async () => {
    const first = driver.begin("print('runs', flush=True)\nwhile not os.path.exists('go2'): time.sleep(0.01)\n'first'");
    const second = driver.begin("'second'");
    await printed(first, "runs");
    driver.cancel(second);
    expect(await driver.outcome(second)).toMatchObject({ cancelled: true, results: [] });
    writeFileSync(path.join(folder, "go2"), "");
    expect((await driver.outcome(first)).results[0].text).toBe("first");
  });

  test("cancelling what runs interrupts it, and the next one is not touched", async () => {
    const first = driver.begin("kept = 1\nprint('runs', flush=True)\ntime.sleep(1000)");
    const second = driver.begin("kept");
    await printed(first, "runs");
    driver.cancel(first);
    expect(await driver.outcome(first)).toMatchObject({ interrupted: true, error: { name: "KeyboardInterrupt" } });
    expect((await driver.outcome(second)).results[0].text).toBe("1");
  });

  test("a cancellation that comes before its request counts", async () => {
    driver.cancel("early");
    driver.send({ id: "early", code: "early = True" });
    expect(await driver.outcome("early")).toMatchObject({ cancelled: true });
    expect(await textOf("'early' in globals()")).toBe("False");
  });

  test("long code comes in parts, between other requests", async () => {
    driver.send({ id: "long", part: "'begin" });
    expect(await textOf("1")).toBe("1");
    driver.send({ id: "long", code: "ning'" });
    expect((await driver.outcome("long")).results[0].text).toBe("beginning");
  });

  test("a request that was cut off spoils no other", async () => {
    driver.write('{"id": "half", "co');
    expect(await textOf("2")).toBe("2");
  });
});

describe("interrupts", () => {
  test("code that swallows the interrupt was interrupted all the same", async () => {
    const code = "try:\n  print('runs')\n  time.sleep(1000)\nexcept KeyboardInterrupt: pass\n'ok'";
    expect(await interrupted(code)).toMatchObject({ interrupted: true, results: [{ text: "ok" }] });
  });

  test("code that does not heed it is killed, and the next request says that variables are lost", async () => {
    const code = "while True:\n  try:\n    print('runs')\n    time.sleep(1000)\n  except BaseException: pass";
    expect(await interrupted(code)).toMatchObject({ interrupted: true, killed: true });
    expect(await run(IMPORTS)).toMatchObject({ restarted: true });
    expect((await run("1")).restarted).toBeUndefined();
  });

  test("code that never lets another thread run is killed in time", async () => {
    expect(await run("sum(range(10**12))", { limitMs: 100 })).toMatchObject({ interrupted: true, killed: true });
    await run(IMPORTS);
  });

  test("an interrupted await does not go on later", async () => {
    const work =
      "async def work():\n  print('runs')\n  while not os.path.exists('go3'): await asyncio.sleep(0.01)\n  went.append(1)";
    await run(`import asyncio\nwent = []\n${work}`);
    const { error } = await interrupted("await asyncio.wait([asyncio.create_task(work())])");
    expect(error).toMatchObject({
      name: "KeyboardInterrupt",
      traceback: expect.stringContaining("await asyncio.wait"),
    });
    writeFileSync(path.join(folder, "go3"), "");
    expect(await textOf("await asyncio.sleep(0.1)\nwent")).toBe("[]");
  });

  test("it reaches the child processes of that execution, not those of earlier ones", async () => {
    await run("server = subprocess.Popen(['sleep', '1000'])\ntime.sleep(0.05)");
    const outcome = await interrupted("os.system('echo runs; exec sleep 1000')");
    expect([outcome.interrupted, outcome.killed]).toEqual([true, undefined]);
    expect(await textOf("server.poll() is None")).toBe("True");
    await run("server.kill(); server.wait()");
  });

  test("a background child that prints delays nothing, and code stays interruptible", async () => {
    await run("child = subprocess.Popen(['yes'])");
    const outcome = await run("6 * 7");
    expect(outcome.results[0].text).toBe("42");
    // What is in a pipe at most, and what came meanwhile: not all that the child ever prints.
    expect(outcome.stdout.length).toBeLessThan(64 * 1024 * 1024);
    expect(await run("time.sleep(1000)", { limitMs: 100 })).toMatchObject({ error: { name: "KeyboardInterrupt" } });
    await run("child.kill(); child.wait()");
  });
});

describe("results", () => {
  test("integers that JavaScript can't hold are texts in JSON", async () => {
    expect((await run("[10**400, 2**53 - 1, 2**53, -2**63]")).results[0].json).toEqual([
      `1${"0".repeat(400)}`,
      9007199254740991,
      "9007199254740992",
      "-9223372036854775808",
    ]);
    expect((await run("{'id': 1234567890123456789, 'a': float('inf')}")).results[0].json).toEqual({
      id: "1234567890123456789",
      a: null,
    });
  });

  test("a value that is too deep for JSON is text", async () => {
    const { results, truncated } = await run("deep = []\nfor _ in range(200): deep = [deep]\ndeep");
    expect(results).toEqual([{ isMainResult: true, text: `${"[".repeat(201)}${"]".repeat(201)}`, truncated: true }]);
    expect(truncated).toBe(true);
  });

  test("the last expression has its place beside any number of displays", async () => {
    const { results, truncated } = await run("for number in range(201): display(number)\n'last'");
    expect(results).toHaveLength(201);
    expect(results.at(-1)).toMatchObject({ text: "last", isMainResult: true });
    expect(truncated).toBe(true);
  });

  test("a result comes after what was printed before it", async () => {
    const { answers } = await run("for number in range(50):\n  print(number)\n  display(number)");
    const seen = answers.flatMap(({ stdout, result }) =>
      result ? [`shown ${result.text}`] : (stdout?.trim().split("\n") ?? []),
    );
    expect(seen).toEqual(Array.from({ length: 50 }, (_, number) => [`${number}`, `shown ${number}`]).flat());
  });

  test("results come in the order of the code, figures at the end", async () => {
    const figures = `import types
class Figure:
  def savefig(self, data, **options): data.write(b"png")
Figure.__module__ = "matplotlib.figure"
manager = types.SimpleNamespace(canvas=types.SimpleNamespace(figure=Figure()))
helpers = sys.modules["matplotlib._pylab_helpers"] = types.SimpleNamespace()
helpers.Gcf = types.SimpleNamespace(get_all_fig_managers=lambda: [manager])
sys.modules["matplotlib.pyplot"] = types.SimpleNamespace(close=lambda which: None)
display("shown")
"last"`;
    const { results } = await run(figures);
    expect(results.map(({ text, png }) => png ?? text)).toEqual(["shown", "last", "cG5n"]);
    await run("del sys.modules['matplotlib._pylab_helpers'], sys.modules['matplotlib.pyplot']");
  });

  test("a traceback that is cut says so", async () => {
    const { error, truncated } = await run("raise ValueError('x' * 3_000_000)");
    expect(error).toMatchObject({ name: "ValueError", truncated: true });
    expect(error.traceback.length).toBeLessThan(1024 * 1024 + 100);
    expect(truncated).toBe(true);
  });

  test("only the first rows of a table are data, and it says so", async () => {
    const pandas =
      "import sys, types\nclass DataFrame(list):\n  def head(self, n): return DataFrame(self[:n])\n  def to_dict(self, orient): return list(self)\nDataFrame.__module__ = 'pandas.core.frame'\n";
    const { results } = await run(`${pandas}DataFrame(range(1001))`);
    expect(results[0].json).toHaveLength(1000);
    expect(results[0].truncated).toBe(true);
  });
});

describe("the driver survives", () => {
  const evil = "class Evil:\n  def __str__(self): raise ValueError\n  __repr__ = __eq__ = __str__\nimport sys\n";

  test.each([
    ["an exit code that can't be shown", `${evil}sys.exit(Evil())`, { name: "SystemExit" }],
    ["an error that can't be shown", `${evil}class Bad(Exception): __str__ = Evil.__str__\nraise Bad`, { name: "Bad" }],
    ["source text with a NUL", "'a\0b'", { name: expect.stringMatching(/SyntaxError|ValueError/) }],
    ["a recursion without end", "def f(): return f()\nf()", { name: "RecursionError" }],
  ])("%s", async (_name, code, error) => {
    await run("kept = 'kept'");
    expect((await run(code)).error).toMatchObject(error);
    expect(await textOf("kept")).toBe("'kept'".slice(1, -1));
  });

  test("values whose methods fail or exit", async () => {
    await run("kept = 1");
    const code = `${evil}class Bad:\n  def _repr_html_(self): raise SystemExit(Evil())\n  @property\n  def _repr_png_(self): raise OSError\n  __repr__ = Evil.__repr__\nBad()`;
    expect((await run(code)).results).toEqual([{ isMainResult: true, text: "<Bad whose repr() failed: ValueError>" }]);
    expect(await textOf("kept")).toBe("1");
  });

  test("the removal of its folder", async () => {
    mkdirSync(path.join(folder, "gone"));
    await run("kept = 1\nimport os\nos.chdir('gone')\nos.rmdir('../gone')");
    expect(await textOf("kept", { cwd: folder, envs: { A: "1" } })).toBe("1");
    expect(await textOf("kept", { cwd: folder })).toBe("1");
    await run(`os.chdir(${JSON.stringify(folder)})`);
  });

  test("a folder that can't be one", async () => {
    expect((await run("1", { cwd: "a\0b" })).error).toMatchObject({ name: "ValueError" });
    expect((await run("1", { cwd: "/nowhere" })).error).toMatchObject({ name: "FileNotFoundError" });
    expect(await textOf("1")).toBe("1");
  });

  test("modules of the user with the names of its own", async () => {
    const shadowed = mkdtempSync(path.join(folder, "shadow-"));
    for (const name of ["json", "select", "types", "signal", "ast"]) {
      writeFileSync(path.join(shadowed, `${name}.py`), "raise SystemExit");
    }
    const other = start([], { cwd: shadowed });
    expect((await other.run("6 * 7")).results[0].text).toBe("42");
  });

  test.each([
    ["os._exit(5)", "exit status 5"],
    ["os.kill(os.getpid(), signal.SIGSEGV)", "signal: segmentation fault"],
    ["os.closerange(3, 100); 1", "exit status 1"],
  ])("the end of the process that code runs in: %s", async (code, status) => {
    const outcome = await run(`import os, signal\n${code}`);
    expect(outcome.crashed).toEqual({ status, outOfMemory: false });
    expect(await run("1")).toMatchObject({ restarted: true, results: [{ text: "1" }] });
  });

  test("a request that waits is run after a crash", async () => {
    const first = driver.begin("import os, time; time.sleep(0.1); os._exit(1)");
    const second = driver.begin("'second'");
    expect((await driver.outcome(first)).crashed).toBeDefined();
    expect(await driver.outcome(second)).toMatchObject({ restarted: true, results: [{ text: "second" }] });
  });
});

describe("forked children", () => {
  test("their errors are printed, and their exit codes are those of scripts", async () => {
    const fork = (code) =>
      `import os, sys\nif os.fork() == 0:\n  ${code}\nelse: code = os.waitstatus_to_exitcode(os.wait()[1])`;
    const failed = await run(fork("raise ValueError('of the child')"));
    expect(failed.stderr).toContain("ValueError: of the child");
    expect(failed.error).toBeUndefined();
    expect(await textOf("code")).toBe("1");
    await run(fork("sys.exit(5)"));
    expect(await textOf("code")).toBe("5");
    await run(fork("pass"));
    expect(await textOf("code")).toBe("0");
  });

  test("what they display is printed", async () => {
    const { stdout, results } = await run("if os.fork() == 0: display('of the child')\nelse: os.wait()\n");
    expect([stdout, results]).toEqual(["'of the child'\n", []]);
  });
});

test("a new driver knows that code was run before, unless it is to be new", async () => {
  const env = { ...process.env, HOME: mkdtempSync(path.join(folder, "home-")) };
  const restarted = async (...args) => {
    const other = start(args, { env });
    const outcome = await other.run("1");
    other.stop();
    return outcome.restarted;
  };
  expect(await restarted("default", "needed")).toBeUndefined();
  const later = [restarted("default", "needed"), restarted("default", "anew"), restarted("other", "needed")];
  expect(await Promise.all(later)).toEqual([true, undefined, undefined]);
});

test("the worker ends with the supervisor", async () => {
  const other = start();
  const worker = Number((await other.run("import os; os.getpid()")).results[0].text);
  process.kill(other.pid, "SIGKILL");
  const lives = () => {
    try {
      return process.kill(worker, 0);
    } catch {
      return false;
    }
  };
  while (lives()) await new Promise((resolve) => setTimeout(resolve, 10));
});
