// Checked by `tsc --noEmit`: what compiles, and with @ts-expect-error what must not.
import sandbar, {
  APIError,
  type CodeExecution,
  CommandError,
  type CommandHandle,
  type CommandResult,
  CreateManyError,
  type CreateOptions,
  type GitStatus,
  type LogEntry,
  NotFoundError,
  type PtyHandle,
  Sandbox,
  SandboxClient,
  SandboxError,
  type SandboxInfo,
  type SandboxLogs,
  type SandboxPage,
  type TimelineEvent,
} from "sandbar";
import { expectType } from "./expect-type.mjs";

const sandbox = await Sandbox.create("base", {
  timeout: 1800,
  waitReady: true,
  envVars: { FOO: "bar" },
  metadata: { purpose: "demo" },
  autoPause: true,
  requestTimeoutMs: 1000,
});
expectType<Sandbox>()(sandbox, true);
expectType<string>()(sandbox.sandboxId, true);
expectType<Date | undefined>()(sandbox.endAt, true);
expectType<TimelineEvent[] | undefined>()(sandbox.timeline, true);
expectType<number | undefined>()(sandbox.timeline?.[0]?.durationMs, true);
expectType<boolean>()(sandbox.isRunning(), true);
expectType<boolean>()(await sandbox.pause(), true);
expectType<boolean>()(await sandbox.kill(), true);
expectType<void>()(await sandbox.delete(), true);
expectType<void>()(await sandbox.setTimeout(60), true);
expectType<void>()(await sandbox.refresh(), true);
expectType<Sandbox>()(await sandbox.connect({ timeout: 60 }), true);
expectType<SandboxInfo>()(await sandbox.getInfo(), true);

// Templates and states complete as literals, and take any string.
await Sandbox.create();
await Sandbox.create("tpl-anything");
await Sandbox.create({ templateID: "code-interpreter", timeout: 60 });
if (sandbox.state === "hibernating") await sandbox.reload();

// Stale and unknown fields, and wrong kinds.
// @ts-expect-error
await Sandbox.create("base", { timeoutMs: 1 });
// @ts-expect-error
await Sandbox.create("base", { autoResume: true });
// @ts-expect-error
await Sandbox.create("base", { secure: true });
// @ts-expect-error
await Sandbox.create("base", { allow_internet_access: true });
// @ts-expect-error
await Sandbox.create("base", { network: {} });
// @ts-expect-error
await Sandbox.create("base", { mcp: {} });
// @ts-expect-error
await Sandbox.create("base", { volume_mounts: [] });
// @ts-expect-error
await Sandbox.create("base", { volumeMounts: [] });
// @ts-expect-error
await Sandbox.create("base", { envs: {} });
// @ts-expect-error
await Sandbox.create("base", { timeout: "60" });
// @ts-expect-error
await Sandbox.create("base", { envVars: { A: 1 } });
// @ts-expect-error
await Sandbox.create("base", { templateID: "base" });
// @ts-expect-error
await sandbox.refresh(60);
// @ts-expect-error
await sandbox.setTimeout();
// @ts-expect-error
Sandbox.list({ state: "hibernating" });
// @ts-expect-error
sandbox.state = "paused";
// @ts-expect-error
new Sandbox();

// Lists are awaited, or iterated.
const page = await Sandbox.list({ state: ["running", "paused"], metadata: { app: "prod" }, limit: 10 });
expectType<SandboxPage>()(page, true);
expectType<boolean>()(page.hasNext, true);
expectType<string | undefined>()(page.nextToken, true);
expectType<SandboxPage>()(await page.nextPage(), true);
for await (const info of Sandbox.list()) expectType<SandboxInfo>()(info, true);

// A scope's end deletes.
async function scope() {
  await using own = await Sandbox.create();
  return own.sandboxId;
}
expectType<string>()(await scope(), true);
expectType<number>()(await Sandbox.with("base", { timeout: 60 }, async ({ sandboxId }) => sandboxId.length), true);
expectType<string>()(await Sandbox.with(({ sandboxId }) => sandboxId), true);
await Sandbox.with("base", async () => {});
await Sandbox.with({ templateID: "base", waitReady: true }, async () => {});
// @ts-expect-error
await Sandbox.with("base", { timeout: 60 });
// @ts-expect-error
await Sandbox.with({ timeoutMs: 60 }, async () => {});

// What is kept alive is stopped by hand, or by a scope.
const held = sandbox.keepAlive({ duration: 60, onError: (error) => expectType<SandboxError>()(error, true) });
expectType<boolean>()(held.active, true);
expectType<void>()(await held.stop(), true);
async function keptAlive() {
  using _held = sandbox.keepAlive();
  await using _other = sandbox.keepAlive({ requestTimeoutMs: 1000 });
}
await keptAlive();
// @ts-expect-error
sandbox.keepAlive({ duration: "60" });
// @ts-expect-error
sandbox.keepAlive({ timeout: 60 });

// Logs are read, or followed.
expectType<SandboxLogs>()(await sandbox.logs({ limit: 10, direction: "backward" }), true);
expectType<SandboxLogs>()(await sandbox.logs({ follow: false }), true);
for await (const line of sandbox.logs({ follow: true, level: "error" })) expectType<LogEntry>()(line, true);
await sandbox.logs({ follow: true }).return();
// @ts-expect-error
sandbox.logs({ follow: true, limit: 10 });

// A timeline is watched.
for await (const event of sandbox.watch()) expectType<TimelineEvent>()(event, true);

// What goes on while a call waits.
await Sandbox.create("base", {
  waitReady: true,
  onTimeline: (event, info) => {
    expectType<TimelineEvent>()(event, true);
    expectType<SandboxInfo>()(info, true);
  },
});
await sandbox.waitReady({ onTimeline: ({ phase }) => console.log(phase) });
await sandbox.connect({ onTimeline: async () => {} });
// @ts-expect-error
await sandbox.reload({ onTimeline: () => {} });

// Many at once: all, or a report.
expectType<Sandbox[]>()(await Sandbox.createMany(3), true);
expectType<Sandbox[]>()(await Sandbox.createMany(3, "base", { concurrency: 2, waitReady: true }), true);
expectType<Sandbox[]>()(await Sandbox.createMany(3, { templateID: "base" }), true);
const report = await Sandbox.createMany(3, "base", { onFailure: "keep", onProgress: ({ created }) => created + 1 });
expectType<Sandbox[]>()(report.sandboxes, true);
expectType<SandboxError[]>()((await Sandbox.createMany(3, { onFailure: "keep" })).errors, true);
expectType<string[]>()((await Sandbox.deleteAll({ metadata: { run: "42" }, state: "paused" })).deleted, true);
// @ts-expect-error
await Sandbox.createMany("base", 3);
// @ts-expect-error
await Sandbox.createMany(3, "base", { onTimeline: () => {} });
// @ts-expect-error
await Sandbox.deleteAll({});
// @ts-expect-error
await Sandbox.deleteAll();

// A client has the same calls.
const client = new SandboxClient({ baseUrl: "https://sandbox.example.com", apiKey: "key" });
expectType<Sandbox>()(await client.create("base"), true);
expectType<Sandbox>()(await client.connect("sb-1"), true);
expectType<Sandbox[]>()(await client.createMany(2), true);
expectType<string>()((await client.deleteAll({ metadata: { a: "b" } })).failed[0].sandboxId, true);
expectType<boolean>()(await client.with((own) => own.isRunning()), true);
const { items, sandboxes } = await client.getMetrics(["sb-1"]);
expectType<number | null | undefined>()(items[0]?.load1, true);
expectType<Date | undefined>()(sandboxes["sb-1"]?.collectedAt, true);
// @ts-expect-error
new SandboxClient({ apiUrl: "https://sandbox.example.com" });

// Errors narrow.
try {
  await Sandbox.connect("sb-1");
} catch (error) {
  if (error instanceof NotFoundError) expectType<number>()(error.statusCode, true);
  if (error instanceof APIError) expectType<string | undefined>()(error.requestId, true);
  if (error instanceof CreateManyError) expectType<string[]>()(error.cleanup.deleted, true);
  if (error instanceof SandboxError) expectType<string | undefined>()(error.diagnostic?.reason, true);
}

const options: CreateOptions = { timeout: 60 };
await sandbar.Sandbox.create("base", options);

// A logger is a function or an object of functions; headers are strings.
new SandboxClient({ logger: console, headers: { "x-team": "core" } });
await Sandbox.create({ logger: ({ fields }) => expectType<number | undefined>()(fields.status, true) });
// @ts-expect-error
new SandboxClient({ logger: "console" });
// @ts-expect-error
new SandboxClient({ logger: { debug() {} } });
// @ts-expect-error
new SandboxClient({ headers: { "x-team": 7 } });

// Files come as what they are asked for.
const { files } = await Sandbox.create();
expectType<string>()(await files.read("a"), true);
expectType<string>()(await files.read("a", { offset: 1 }), true);
expectType<Buffer>()(await files.read("a", { format: "bytes" }), true);
expectType<Blob>()(await files.read("a", { format: "blob" }), true);
(await files.read("a", { format: "stream" })).pipe(process.stdout);
expectType<number>()((await files.write("a", new Uint8Array(1))).bytesWritten, true);
expectType<number>()((await files.write([{ path: "a", data: process.stdin }]))[0]?.bytesWritten ?? 0, true);
for await (const event of await files.watchDir("a")) expectType<string>()(event.name, true);
await (await files.watchDir("a", (event) => expectType<string>()(event.name, true))).stop();
// @ts-expect-error
await files.read("a", { format: "json" });
// @ts-expect-error
await files.write("a", 7);

// Commands, terminals, git and code.
expectType<CommandResult>()(await sandbox.commands.run("ls"), true);
expectType<CommandResult>()(await sandbox.commands.run("ls", { onStdout: (text) => text.length, check: true }), true);
expectType<CommandHandle>()(await sandbox.commands.run("ls", { background: true, tag: "web" }), true);
expectType<CommandHandle>()(await sandbox.commands.connect({ tag: "web" }), true);
const handle = await sandbox.commands.connect(7);
for await (const { stream, text, bytes } of handle) {
  expectType<"stdout" | "stderr" | "pty">()(stream, true);
  expectType<string>()(text, true);
  expectType<Buffer>()(bytes, true);
}
await handle.sendStdin(new Uint8Array([1]));
// @ts-expect-error a number is no input
await handle.sendStdin(1);
// @ts-expect-error nor is a callback of the wrong kind taken
await sandbox.commands.run("ls", { onStdout: "print" });
expectType<PtyHandle>()(await sandbox.pty.create({ size: { cols: 80, rows: 24 } }), true);
expectType<GitStatus>()(await sandbox.git.status({ cwd: "x" }), true);
const execution = await sandbox.runCode("1", { language: "python", onResult: ({ png }) => png?.length });
expectType<CodeExecution>()(execution, true);
expectType<number>()(new CommandError().exitCode, true);
await sandbox.removeCodeContext(await sandbox.createCodeContext({ cwd: "/tmp" }));
