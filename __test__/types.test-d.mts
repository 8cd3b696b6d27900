// Checked by `tsc --noEmit`: what compiles, and with @ts-expect-error what must not.
import sandbar, {
  APIError,
  type CreateOptions,
  NotFoundError,
  Sandbox,
  SandboxClient,
  SandboxError,
  type SandboxInfo,
  type SandboxPage,
  type TimelineEvent,
} from "sandbar";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function expectType<Expected>(): <Actual>(value: Actual, same: Same<Actual, Expected>) => void;

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

// A client has the same calls.
const client = new SandboxClient({ baseUrl: "https://sandbox.example.com", apiKey: "key" });
expectType<Sandbox>()(await client.create("base"), true);
expectType<Sandbox>()(await client.connect("sb-1"), true);
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
