const { NotFoundError, Sandbox, ValidationError } = require("..");
const { realEngine } = require("./support/engine.js");
const { errorOf } = require("./support/outcome.js");
const { Screen } = require("./support/screen.js");

const engine = realEngine();
let sandbox;

beforeAll(async () => {
  sandbox = await Sandbox.create({ waitReady: true, ...engine.clientOptions });
});

/** Opens a terminal, and what draws it. */
async function open(command, size, options) {
  const screen = new Screen(size);
  const terminal = await sandbox.pty.create(command, { size, onData: (text) => screen.draw(text), ...options });
  // A program may ask the terminal when nobody listens any more.
  screen.attach((data) => terminal.write(data).catch(() => {}));
  const resize = async (to) => {
    // First what draws: the program draws anew as soon as it knows.
    screen.resize(to);
    await terminal.resize(to);
  };
  return { screen, terminal, resize };
}

async function need(program) {
  const { exitCode } = await sandbox.commands.run(`command -v ${program}`);
  if (exitCode === 0) return true;
  console.warn(`skipped: this machine has no ${program}, and so has no sandbox of the local engine`);
  return false;
}

const has = (text) => (lines) => lines.some((line) => line.includes(text));

test("a shell opens by default, at the size that was asked for, and takes what is typed", async () => {
  const { screen, terminal, resize } = await open(undefined, { cols: 70, rows: 20 });
  await terminal.write("stty size; echo $TERM $((40 + 2))\r");
  await screen.shows((lines) => has("20 70")(lines) && has("xterm-256color 42")(lines));
  await resize({ cols: 100, rows: 30 });
  await terminal.write("stty size\r");
  await screen.shows(has("30 100"));
  await terminal.write("exit 7\r");
  const result = await terminal.wait();
  expect(result).toMatchObject({ exitCode: 7 });
  expect(result.pty).toContain("xterm-256color 42");
});

test("python is talked to, and interrupted", async () => {
  if (!(await need("python3"))) return;
  const { screen, terminal } = await open("python3", { cols: 80, rows: 24 }, { args: ["-q"] });
  await screen.shows(has(">>>"));
  await terminal.write("print(6 * 7)\r");
  await screen.shows((lines) => lines.includes("42"));
  await terminal.write("import time; print('as' + 'leep'); time.sleep(1000)\r");
  await screen.shows((lines) => lines.includes("asleep"));
  await terminal.write("\x03");
  await screen.shows(has("KeyboardInterrupt"));
  await terminal.write("exit(3)\r");
  expect((await terminal.wait()).exitCode).toBe(3);
});

test("vim edits a file, resized meanwhile", async () => {
  if (!(await need("vim"))) return;
  const { screen, terminal, resize } = await open("vim -u NONE -N note.txt", { cols: 80, rows: 24 });
  await screen.shows((lines) => lines[1] === "~" && lines[22] === "~");
  await resize({ cols: 100, rows: 40 });
  await screen.shows((lines) => lines[38] === "~");
  await terminal.write("ihello\rwörld\x1b");
  await screen.shows((lines) => lines[0] === "hello" && lines[1] === "wörld");
  await terminal.write(":wq\r");
  expect((await terminal.wait()).exitCode).toBe(0);
  expect((await sandbox.commands.run("cat note.txt")).stdout).toBe("hello\nwörld\n");
});

test("top draws its table, and fills the terminal when that grows", async () => {
  if (!(await need("top"))) return;
  const { screen, terminal, resize } = await open("top -d 1", { cols: 80, rows: 15 });
  await screen.shows((lines) => has("load average")(lines) && has("COMMAND")(lines) && has(" top")(lines));
  await resize({ cols: 120, rows: 30 });
  await screen.shows((lines) => lines.some((line) => line.length > 80) || has("COMMAND")(lines));
  await terminal.write("q");
  expect((await terminal.wait()).exitCode).toBe(0);
});

test("a terminal is left, found by its tag, typed into and killed", async () => {
  const { terminal } = await open("cat", { cols: 80, rows: 24 }, { tag: "terminal" });
  terminal.disconnect();
  const screen = new Screen({ cols: 80, rows: 24 });
  const again = await sandbox.pty.connect({ tag: "terminal" }, { onData: (text) => screen.draw(text) });
  expect(again.pid).toBe(terminal.pid);
  await sandbox.pty.sendStdin(again.pid, "typed\r");
  await sandbox.pty.sendInput(again.pid, Buffer.from("twice\r"));
  await screen.shows((lines) => lines.slice(0, 4).join() === "typed,typed,twice,twice");
  await sandbox.pty.resize(again.pid, { cols: 90, rows: 25 });
  expect(await sandbox.pty.kill(again.pid)).toBe(true);
  expect(await again.wait()).toMatchObject({ exitCode: 137, pty: expect.stringContaining("typed") });
  expect(await sandbox.pty.kill(again.pid)).toBe(false);
});

test("what a terminal shows is iterated over", async () => {
  const printing = await sandbox.pty.create("printf", { args: ["%s", "ünï"] });
  const seen = [];
  for await (const { stream, text, bytes } of printing) seen.push([stream, text, bytes.toString()]);
  expect(seen).toEqual([["pty", "ünï", "ünï"]]);
});

test("wrong options are refused, and terminals that there are not", async () => {
  for (const size of [{ cols: 0, rows: 24 }, { cols: 80 }, "80x24"]) {
    expect(await errorOf(sandbox.pty.create("true", { size }))).toBeInstanceOf(ValidationError);
  }
  expect((await errorOf(sandbox.pty.create({ args: ["-l"] }))).field).toBe("args");
  expect(await errorOf(sandbox.pty.resize(4_000_000, { cols: 80, rows: 24 }))).toBeInstanceOf(NotFoundError);
  expect(await errorOf(sandbox.pty.connect(4_000_000))).toBeInstanceOf(NotFoundError);
});
