// Checked by `tsc --noEmit`: which options each call takes, and of which kind.

import {
  type CallOptions,
  type ClientEvent,
  type ClientOptions,
  type CommandOptions,
  type ConnectOptions,
  type CreateCodeContextOptions,
  type CreateManyOptions,
  type CreateOptions,
  type DeleteAllOptions,
  type KeepAliveOptions,
  type ListOptions,
  type RefreshOptions,
  type RunCodeOptions,
  Sandbox,
  SandboxClient,
  type SandboxError,
  type SandboxInfo,
  type TimelineEvent,
  type WaitOptions,
} from "sandbar";
import { type LocalEngine, LocalError, type StartLocalOptions, startLocal } from "../../packages/local/index.js";
import { expectType, some } from "./expect-type.mjs";

const sandbox = some<Sandbox>();

// Every call takes the settings of a client, for itself alone.
type Setting =
  | "apiKey"
  | "baseUrl"
  | "ca"
  | "connectTimeoutMs"
  | "headers"
  | "logger"
  | "maxRetries"
  | "projectId"
  | "proxy"
  | "readyTimeoutMs"
  | "requestTimeoutMs";
type Own<Options> = Exclude<keyof Options, Setting | "signal">;
expectType<Setting>()(some<keyof ClientOptions>(), true);
expectType<Setting | "signal">()(some<keyof CallOptions>(), true);
expectType<"onTimeline">()(some<Own<WaitOptions>>(), true);
expectType<
  "autoPause" | "envVars" | "idempotencyKey" | "keepOnFailure" | "metadata" | "onTimeline" | "timeout" | "waitReady"
>()(some<Own<CreateOptions>>(), true);
expectType<Exclude<keyof CreateOptions, "onTimeline"> | "concurrency" | "onFailure" | "onProgress">()(
  some<keyof CreateManyOptions>(),
  true,
);
expectType<"idempotencyKey" | "onTimeline" | "timeout" | "waitReady">()(some<Own<ConnectOptions>>(), true);
expectType<"duration">()(some<Own<RefreshOptions>>(), true);
expectType<"duration" | "onError">()(some<Own<KeepAliveOptions>>(), true);
expectType<"limit" | "metadata" | "nextToken" | "state">()(some<Own<ListOptions>>(), true);
expectType<"concurrency" | "metadata" | "state">()(some<Own<DeleteAllOptions>>(), true);
expectType<"cwd" | "language">()(some<Own<CreateCodeContextOptions>>(), true);
expectType<
  "args" | "background" | "check" | "cwd" | "envs" | "onStderr" | "onStdout" | "stdin" | "tag" | "timeoutMs" | "user"
>()(some<Own<CommandOptions>>(), true);

// None has to be given, but for what a deletion is to match.
const none = {};
none satisfies CreateOptions;
none satisfies CommandOptions;
none satisfies RunCodeOptions;
// @ts-expect-error
none satisfies DeleteAllOptions;

// Options of a client are no options of `create`'s template, and a signal is none of a client.
new SandboxClient({ requestTimeoutMs: 1000, maxRetries: 0, proxy: "http://127.0.0.1:3128", ca: "-----BEGIN" });
// @ts-expect-error
new SandboxClient({ signal: AbortSignal.timeout(1000) });
// @ts-expect-error
new SandboxClient("key");
// @ts-expect-error
new SandboxClient({ apiKey: 7 });
// @ts-expect-error
new SandboxClient({ maxRetries: "3" });
// @ts-expect-error: milliseconds, in a number.
new SandboxClient({ requestTimeoutMs: "1s" });

// Kinds of values.
await sandbox.pause({ signal: new AbortController().signal });
// @ts-expect-error
await sandbox.pause({ signal: new AbortController() });
// @ts-expect-error
await sandbox.pause({ timeout: 60 });
// @ts-expect-error
await sandbox.delete({ force: true });
// @ts-expect-error
await sandbox.refresh({ duration: "60" });
// @ts-expect-error
await Sandbox.create({ waitReady: "yes" });
// @ts-expect-error
await Sandbox.create({ metadata: { count: 1 } });
// @ts-expect-error
await Sandbox.create({ metadata: ["a"] });
// @ts-expect-error
await Sandbox.create({ envVars: { A: undefined } });
// @ts-expect-error
await Sandbox.connect("sb-1", { envVars: { A: "1" } });
// @ts-expect-error
Sandbox.list({ limit: "10" });
// @ts-expect-error
await sandbox.commands.run("ls", { env: { A: "1" } });
// @ts-expect-error
await sandbox.commands.run("ls", { timeout: 60 });
// @ts-expect-error
await sandbox.commands.run("ls", { stdin: 7 });
// @ts-expect-error
await sandbox.runCode("1", { lang: "python" });
// @ts-expect-error
await sandbox.createCodeContext({ language: "ruby" });
// @ts-expect-error
await sandbox.waitForPort("80");

// Callbacks know what they are given, and may take less of it.
const options: CreateOptions = {
  onTimeline: (event, info) => {
    expectType<TimelineEvent>()(event, true);
    expectType<SandboxInfo>()(info, true);
  },
  logger: (event) => expectType<ClientEvent>()(event, true),
};
await Sandbox.create({ ...options, onTimeline: () => {} });
await sandbox.commands.run("ls", { onStdout: (text) => expectType<string>()(text, true) });
sandbox.keepAlive({ onError: (error) => expectType<SandboxError>()(error, true) });
await sandbox.runCode("1", { onStdout: ({ line }) => expectType<string>()(line, true) });
// @ts-expect-error
await Sandbox.create({ onTimeline: (event: string) => event });
// @ts-expect-error
await sandbox.commands.run("ls", { onStdout: (text: Buffer) => text });

// The local engine.
expectType<"dataDir" | "logLevel">()(some<keyof StartLocalOptions>(), true);
const engine = await startLocal({ dataDir: "data", logLevel: "debug" });
expectType<LocalEngine>()(engine, true);
new SandboxClient({ baseUrl: engine.baseUrl, apiKey: engine.apiKey });
Object.assign(process.env, engine.env);
// @ts-expect-error
await startLocal({ logLevel: "verbose" });
// @ts-expect-error
await startLocal({ port: 3000 });
// @ts-expect-error
new LocalError("NOT_STARTED", "it did not start");
async function scope() {
  await using local = await startLocal();
  return local.baseUrl;
}
expectType<string>()(await scope(), true);
