/**
 * Sandbar: create, reach, pause and delete isolated sandboxes, on the hosted service or on a local engine.
 *
 * Lifecycle durations are seconds; options whose name ends in `Ms` are milliseconds. Every call that fails rejects with a
 * {@link SandboxError}; arguments are checked before anything is sent.
 *
 * @example
 * import { Sandbox } from "sandbar";
 *
 * const sandbox = await Sandbox.create("base", { timeout: 1800, waitReady: true });
 * console.log(sandbox.sandboxId, sandbox.state);
 * await sandbox.delete();
 *
 * @packageDocumentation
 */

/// <reference lib="esnext.disposable" />

import type { CodeContext, CodeExecution, CreateCodeContextOptions, RunCodeOptions } from "./types/code.js";
import type { Commands } from "./types/commands.js";
import type { Files } from "./types/files.js";
import type { Git } from "./types/git.js";
import type { FileUrlOptions, PortInfo, ProxyRequest, WaitForPortOptions } from "./types/ports.js";
import type { Pty } from "./types/pty.js";

export type * from "./types/addon.js";
export type * from "./types/code.js";
export type * from "./types/commands.js";
export type * from "./types/files.js";
export type * from "./types/git.js";
export type * from "./types/ports.js";
export type * from "./types/pty.js";

// ---------------------------------------------------------------------------------------------------------- Sandboxes

/**
 * A handle on one sandbox.
 *
 * The getters say what the handle knows: from the answer that made it, and from its own calls since. They send nothing;
 * {@link Sandbox.reload} asks the service anew. The access token is readable, but is never printed or written as JSON.
 */
export class Sandbox {
  private constructor();

  // Statics: for sandboxes that are known by their ID.

  /**
   * Creates a sandbox.
   *
   * Nothing is left behind: what a create has made that fails, or is aborted by `signal`, is deleted again, unless
   * `keepOnFailure` is set (after an abort also unless `idempotencyKey` is). A lost answer is asked for again under the request's idempotency key, where the service keeps
   * keys; else the error says `outcomeUnknown`, with the key.
   *
   * With an `idempotencyKey`, a repeated create gives back the sandbox of the first one, which no failure, abort or end of a
   * scope of the repeat deletes.
   *
   * @param template - The template's name: `"base"`, `"code-interpreter"` or `"tpl-…"`. Default `"base"`.
   * @param options - TTL, environment, metadata, and whether to wait until the runtime is usable.
   * @returns The handle. Without `waitReady` its state may still be `"starting"`.
   * @throws {@link ValidationError} if an argument is wrong or unknown; nothing was sent.
   * @throws {@link QuotaError} if a quota is used up.
   * @throws {@link ReadinessError} if `waitReady` is set and the start fails or takes longer than `readyTimeoutMs`.
   *
   * Route: `POST /api/v1/sandboxes`.
   *
   * @example
   * const sandbox = await Sandbox.create("base", {
   *   timeout: 1800,
   *   waitReady: true,
   *   envVars: { FOO: "bar" },
   *   metadata: { purpose: "demo" },
   * });
   *
   * @example
   * const onTimeline = ({ phase, message }) => console.log(phase, message ?? "");
   * const sandbox = await Sandbox.create("base", { waitReady: true, onTimeline });
   */
  static create(template?: TemplateName, options?: CreateOptions): Promise<Sandbox>;
  /**
   * Creates a sandbox from options alone; the template is `options.templateID`, or `"base"`.
   *
   * @example
   * const sandbox = await Sandbox.create({ timeout: 60, autoPause: true });
   */
  static create(options: CreateOptions & { templateID?: TemplateName }): Promise<Sandbox>;

  /**
   * Creates many equal sandboxes: all of them, or none.
   *
   * If one can't be created, no more are begun, those that are there are deleted, and the call fails with a report of both.
   * With `onFailure: "keep"` it never fails for that: the others are still tried, and stay.
   *
   * @param count - How many, 0 to 1000.
   * @param template - As for {@link Sandbox.create}.
   * @param options - Those of {@link Sandbox.create} but `onTimeline`, how many are created at the same time
   * (`concurrency`, 1 to 64, default 8), what a failure does, and `onProgress`.
   * @returns The handles, in the order in which they were begun; with `onFailure: "keep"` those that there are, and the
   * errors of the others.
   * @throws {@link ValidationError} if an argument is wrong or unknown; nothing was sent.
   * @throws {@link CreateManyError} if a sandbox could not be created, unless `onFailure` is `"keep"`.
   *
   * Routes: `POST /api/v1/sandboxes`, and `DELETE /api/v1/sandboxes/:sandboxID` after a failure.
   *
   * @example
   * const sandboxes = await Sandbox.createMany(20, "base", {
   *   waitReady: true,
   *   metadata: { run: "42" },
   *   onProgress: ({ created, total }) => console.log(`${created} of ${total}`),
   * });
   *
   * @example
   * const { sandboxes, errors } = await Sandbox.createMany(20, "base", { onFailure: "keep" });
   */
  static createMany(
    count: number,
    template: TemplateName | undefined,
    options: CreateManyOptions & { onFailure: "keep" },
  ): Promise<CreateManyReport>;
  /** All of them, or a {@link CreateManyError}. */
  static createMany(
    count: number,
    template?: TemplateName,
    options?: CreateManyOptions & { onFailure?: "delete" },
  ): Promise<Sandbox[]>;
  /** From options alone; the template is `options.templateID`, or `"base"`. */
  static createMany(
    count: number,
    options: CreateManyOptions & { templateID?: TemplateName; onFailure: "keep" },
  ): Promise<CreateManyReport>;
  /** From options alone: all of them, or a {@link CreateManyError}. */
  static createMany(
    count: number,
    options: CreateManyOptions & { templateID?: TemplateName; onFailure?: "delete" },
  ): Promise<Sandbox[]>;

  /**
   * Creates a sandbox for the time of a callback, and deletes it at the end, whatever happens. One that an earlier create
   * made under the same `idempotencyKey` is left alone.
   *
   * @param template - As for {@link Sandbox.create}, and so are the options; both may be left out.
   * @param use - What to do with the sandbox. It may delete the sandbox itself.
   * @returns What the callback gave back, once the sandbox is deleted.
   * @throws What the callback threw, as it is. A delete that fails as well does not hide it: its error is `suppressed` on
   * the callback's error, or a process warning if that error can't be written to.
   * @throws What {@link Sandbox.create} throws, and {@link SandboxError} if only the delete fails.
   *
   * Routes: `POST /api/v1/sandboxes`, `DELETE /api/v1/sandboxes/:sandboxID`.
   *
   * @example
   * const answer = await Sandbox.with("base", { waitReady: true }, async (sandbox) => {
   *   return await ask(sandbox.envdUrl, sandbox.envdAccessToken);
   * });
   */
  static with<Result>(
    template: TemplateName | undefined,
    options: CreateOptions | undefined,
    use: (sandbox: Sandbox) => Result | PromiseLike<Result>,
  ): Promise<Result>;
  /** The same from a template, or from options, alone. */
  static with<Result>(
    templateOrOptions: TemplateName | (CreateOptions & { templateID?: TemplateName }),
    use: (sandbox: Sandbox) => Result | PromiseLike<Result>,
  ): Promise<Result>;
  /** The same from the template `"base"`. */
  static with<Result>(use: (sandbox: Sandbox) => Result | PromiseLike<Result>): Promise<Result>;

  /**
   * Reaches an existing sandbox, from any process. A paused one is resumed with its files, metadata and environment; its
   * processes start anew.
   *
   * @param sandboxId - The ID that {@link Sandbox.sandboxId} gave.
   * @param options - `timeout` is the least TTL from now on: it never shortens a longer one.
   * @returns A handle with the current runtime URL and token.
   * @throws {@link NotFoundError} if the sandbox is unknown or deleted.
   * @throws {@link ReadinessError} if its start fails or takes longer than `readyTimeoutMs`.
   * @throws {@link ConflictError} if the sandbox has failed; `diagnostic` says why.
   *
   * Route: `POST /api/v1/sandboxes/:sandboxID/connect`.
   *
   * @example
   * const sandbox = await Sandbox.connect(sandboxId, { timeout: 1800 });
   * console.log(await sandbox.files.list("."));
   */
  static connect(sandboxId: string, options?: ConnectOptions): Promise<Sandbox>;

  /**
   * Lists sandboxes. Nothing is sent before the result is awaited or iterated.
   *
   * @param options - Which sandboxes, and how many in one page (`limit`, 1 to 100, default 100).
   * @returns Awaited, the first page; iterated, all sandboxes of all pages. Deleted ones are left out unless `state` asks
   * for them.
   * @throws {@link ValidationError} if an option is wrong; nothing was sent.
   *
   * Route: `GET /api/v1/sandboxes`.
   *
   * @example
   * for await (const info of Sandbox.list({ metadata: { purpose: "demo" } })) {
   *   await Sandbox.kill(info.sandboxId);
   * }
   *
   * @example
   * const page = await Sandbox.list({ state: "running", limit: 10 });
   * if (page.hasNext) console.log((await page.nextPage()).length);
   */
  static list(options?: ListOptions): SandboxList;

  /**
   * Fetches what the service knows about a sandbox. For 24 hours after its end this works for a deleted one too, and
   * `diagnostic` says why it is gone.
   *
   * @returns What the service sent; `raw` has the answer as it came.
   * @throws {@link NotFoundError} if the sandbox is unknown.
   *
   * Route: `GET /api/v1/sandboxes/:sandboxID`.
   *
   * @example
   * const { state, endAt, diagnostic } = await Sandbox.getInfo(sandboxId);
   */
  static getInfo(sandboxId: string, options?: CallOptions): Promise<SandboxInfo>;

  /**
   * Deletes a sandbox for good.
   *
   * @returns False if there was nothing to delete.
   * @throws {@link SandboxError} if it could not be deleted; repeating it is safe.
   *
   * Route: `DELETE /api/v1/sandboxes/:sandboxID`.
   *
   * @example
   * if (!(await Sandbox.kill(sandboxId))) console.log("it was gone already");
   */
  static kill(sandboxId: string, options?: CallOptions): Promise<boolean>;

  /**
   * Deletes all sandboxes with some metadata, of all pages of the list, and looks again until none is left untried.
   *
   * @param options - `metadata` must hold at least one pair, and all of them must match; `state` as for
   * {@link Sandbox.list}; `concurrency` is how many are deleted at the same time, 1 to 64, default 8.
   * @returns The IDs of those that are gone, by this call or by others meanwhile, and those that could not be deleted.
   * @throws {@link ValidationError} without metadata, which would match every sandbox of the project; nothing was sent.
   * @throws {@link SandboxError} if the sandboxes can't be listed; repeating it is safe.
   *
   * Routes: `GET /api/v1/sandboxes`, `DELETE /api/v1/sandboxes/:sandboxID`.
   *
   * @example
   * const { deleted, failed } = await Sandbox.deleteAll({ metadata: { run: "42" } });
   */
  static deleteAll(options: DeleteAllOptions): Promise<DeleteReport>;

  /**
   * Stops a sandbox's runtime and keeps its files and metadata. A paused sandbox has no running TTL.
   *
   * @returns False if it was paused already.
   * @throws {@link NotFoundError} if the sandbox is unknown or deleted.
   *
   * Route: `POST /api/v1/sandboxes/:sandboxID/pause`.
   *
   * @example
   * await Sandbox.pause(sandboxId);
   * const sandbox = await Sandbox.connect(sandboxId); // resumes it
   */
  static pause(sandboxId: string, options?: CallOptions): Promise<boolean>;

  /**
   * Replaces a sandbox's TTL.
   *
   * @param timeout - The TTL from now on, in seconds, 0 to 86400; 0 ends it now.
   * @throws {@link NotFoundError} if the sandbox is unknown or deleted.
   * @throws {@link ValidationError} if `timeout` is no whole number in that range; nothing was sent.
   *
   * Route: `POST /api/v1/sandboxes/:sandboxID/timeout`.
   *
   * @example
   * await Sandbox.setTimeout(sandboxId, 3600); // an hour from now on
   */
  static setTimeout(sandboxId: string, timeout: number, options?: CallOptions): Promise<void>;

  /**
   * Fetches usage, quota checks, availability of the service's parts, and suggested next actions.
   *
   * @throws {@link AuthenticationError} if the key is missing or wrong.
   *
   * Route: `GET /api/v1/observability/summary`.
   *
   * @example
   * const { status, checks = [] } = await Sandbox.getObservabilitySummary();
   * for (const { message } of checks) console.warn(message);
   */
  static getObservabilitySummary(options?: CallOptions): Promise<ObservabilitySummary>;

  /**
   * Fetches the user's and the project's limits, and what is used of them.
   *
   * @throws {@link AuthenticationError} if the key is missing or wrong.
   *
   * Route: `GET /api/v1/usage/limits`.
   *
   * @example
   * const { project } = await Sandbox.getUsageLimits();
   * for (const [name, { used, limit }] of Object.entries(project?.limits ?? {})) console.log(name, used, limit);
   */
  static getUsageLimits(options?: CallOptions): Promise<SandboxUsageLimits>;

  // What the handle knows.

  /** The ID. Any process that has it can {@link Sandbox.connect}. */
  readonly sandboxId: string;
  /** The template that the sandbox was made from. */
  readonly templateId: string | undefined;
  /** The same word as {@link Sandbox.state}. */
  readonly status: SandboxState | undefined;
  /** Where the sandbox is in its life. */
  readonly state: SandboxState | undefined;
  /** When the service accepted it. */
  readonly startedAt: Date | undefined;
  /**
   * When its TTL ends. `connect`, `setTimeout` and `refresh` move it; after a `refresh` that the service answers without
   * the new time it is the earliest that it can be.
   */
  readonly endAt: Date | undefined;
  /** The metadata that it was created with, if this handle has seen it. */
  readonly metadata: Record<string, string> | undefined;
  /** What happened so far, oldest first: for progress displays. */
  readonly timeline: TimelineEvent[] | undefined;
  /** Why the sandbox is in its state, when that needs a word: for troubleshooting. */
  readonly diagnostic: Diagnostic | undefined;
  /** Where the runtime API is; undefined while the sandbox does not run. */
  readonly envdUrl: string | undefined;
  /** The secret for the runtime API, sent as `X-Access-Token`; undefined while the sandbox does not run. */
  readonly envdAccessToken: string | undefined;
  /** Host and port of {@link Sandbox.envdUrl}. */
  readonly sandboxDomain: string | undefined;

  /** Runs programs in the sandbox. */
  readonly commands: Commands;
  /** Reads, writes and watches files in the sandbox. */
  readonly files: Files;
  /** Runs git in the sandbox. */
  readonly git: Git;
  /** Opens terminals in the sandbox. */
  readonly pty: Pty;

  /**
   * Runs code in the sandbox; in Python, with the variables of the code before it. Code that fails is a result, not an error.
   *
   * It needs an interpreter of its language in the sandbox; the template `code-interpreter` has Python. Executions in one
   * context wait for each other.
   *
   * @param code - The code. Python may `await` at its top level.
   * @returns What it showed, printed and came to.
   * @throws {@link NotFoundError} if there is no such context.
   * @throws {@link APIError} with status 400 if the interpreter is not in the sandbox.
   * @throws {@link NotRunningError} if the sandbox does not run.
   * @throws {@link ValidationError} if an option is wrong; nothing was sent.
   * @throws The reason of `signal`, which interrupts the code; what does not heed that within 2 s is killed.
   *
   * Routes: `POST {envdUrl}/process.Process/{List,Start,Connect,SendInput,SendSignal}`.
   *
   * @example
   * const { text, error } = await sandbox.runCode("import math\nmath.factorial(20)", { timeoutMs: 10_000 });
   */
  runCode(code: string, options?: RunCodeOptions): Promise<CodeExecution>;

  /**
   * Makes a context for Python code, which shares no variables with any other.
   *
   * @param options - `cwd` is where code runs in it. Default: the workspace.
   * @returns The context, for `context` of {@link Sandbox.runCode}.
   * @throws {@link APIError} with status 400 if Python is not in the sandbox.
   * @throws {@link NotRunningError} if the sandbox does not run.
   *
   * Route: `POST {envdUrl}/process.Process/Start`.
   *
   * @example
   * const context = await sandbox.createCodeContext({ cwd: "project" });
   * await sandbox.runCode("rows = 3", { context });
   * const { text } = await sandbox.runCode("rows", { context }); // "3"
   */
  createCodeContext(options?: CreateCodeContextOptions): Promise<CodeContext>;

  /**
   * Lists the contexts, whichever process has made them. The one of code that names none is `"default"`, once it is there.
   *
   * @throws {@link NotRunningError} if the sandbox does not run.
   *
   * Route: `POST {envdUrl}/process.Process/List`.
   *
   * @example
   * const ids = (await sandbox.listCodeContexts()).map(({ contextId }) => contextId);
   */
  listCodeContexts(options?: CallOptions): Promise<CodeContext[]>;

  /**
   * Ends a context's process with all that it has started, and starts it anew, without variables.
   *
   * @param context - The context, or its ID.
   * @returns The context, under the same ID.
   * @throws {@link NotFoundError} if there is no such context.
   * @throws {@link NotRunningError} if the sandbox does not run.
   *
   * Routes: `POST {envdUrl}/process.Process/{List,SendSignal,Start}`.
   *
   * @example
   * await sandbox.restartCodeContext("default");
   */
  restartCodeContext(context: CodeContext | string, options?: CallOptions): Promise<CodeContext>;

  /**
   * Ends a context, with all that it has started.
   *
   * @param context - The context, or its ID.
   * @throws {@link NotFoundError} if there is no such context.
   * @throws {@link NotRunningError} if the sandbox does not run.
   *
   * Route: `POST {envdUrl}/process.Process/SendSignal`.
   *
   * @example
   * await sandbox.removeCodeContext(context);
   */
  removeCodeContext(context: CodeContext | string, options?: CallOptions): Promise<void>;

  /** Whether the sandbox is running, from what the handle knows: nothing is sent. */
  isRunning(): boolean;

  // Ports, and URLs of files.

  /**
   * Where a port of the sandbox is reached, as far as the handle knows: `{envdUrl}/proxy/{port}/`. Requests need the header
   * `X-Access-Token`.
   *
   * @param port - The port, 1 to 65535.
   * @returns The URL, as `"https://sb-7f3.example.com/proxy/3000/"`.
   * @throws {@link NotRunningError} if the handle knows of no runtime; {@link ValidationError} if it is no port.
   *
   * @example
   * const headers = { "X-Access-Token": sandbox.envdAccessToken ?? "" };
   * const page = await fetch(sandbox.getHost(3000), { headers });
   */
  getHost(port: number): string;

  /**
   * Lists the ports that something in the sandbox listens on.
   *
   * @throws {@link NotRunningError} if the sandbox does not run.
   *
   * Route: `GET {envdUrl}/ports`.
   *
   * @example
   * for (const { port, processName } of await sandbox.ports()) console.log(port, processName);
   */
  ports(options?: CallOptions): Promise<PortInfo[]>;

  /**
   * Waits until something listens on a port, and with `path` until it answers.
   *
   * @param port - The port, 1 to 65535.
   * @param options - `timeoutMs` is how long to wait, in milliseconds; default 30,000.
   * @throws {@link ReadinessError} of the kind `port_timeout` when the time is up; it says what does listen.
   * @throws {@link NotRunningError} if the sandbox does not run.
   *
   * Route: `GET {envdUrl}/ports`, repeated after 0.01 to 0.2 s.
   *
   * @example
   * ```js
   * await sandbox.waitForPort(3000, { path: "/health" });
   * ```
   */
  waitForPort(port: number, options?: WaitForPortOptions): Promise<void>;

  /**
   * Sends an HTTP request to a program in the sandbox. Its answer comes as from `fetch`, whatever its status: the body is read
   * from the connection as it is asked for. Redirects are not followed. A body with `Content-Encoding` gzip, deflate or br is
   * decoded, and then has neither this header nor `Content-Length`.
   *
   * @param request - The port, path, method, headers and body; by default `GET /`.
   * @returns A `Response`, as `fetch` gives.
   * `requestTimeoutMs` counts for all of it, the body included. Without it, the body may be silent for as long as the runtime
   * answers probes.
   *
   * @throws {@link NotRunningError} if the sandbox does not run, or ends meanwhile. Where nothing listens, the answer is a 502
   * that says so.
   *
   * Route: `{envdUrl}/proxy/{port}/{path}`.
   *
   * @example
   * ```js
   * const response = await sandbox.proxy({ port: 3000, path: "/api/items", method: "POST", body: "{}" });
   * console.log(response.status, await response.json());
   * ```
   */
  proxy(request: ProxyRequest, options?: CallOptions): Promise<Response>;

  /**
   * Makes a URL that lets its holder download a file, and nothing else, without a token.
   *
   * It is signed with the access token: a pause ends it.
   *
   * @throws {@link NotRunningError} if the sandbox does not run.
   *
   * @example
   * ```js
   * const url = await sandbox.downloadUrl("report.pdf", { expiresInSeconds: 600 });
   * ```
   */
  downloadUrl(path: string, options?: FileUrlOptions): Promise<string>;

  /**
   * Makes a URL that lets its holder upload a file by POST: to this path, or without one to where the parts of a form say.
   *
   * @param path - Where the file goes.
   * @returns The URL.
   * @throws As {@link Sandbox.downloadUrl}.
   *
   * @example
   * const url = await sandbox.uploadUrl("data.csv", { expiresInSeconds: 600 });
   * const headers = { "content-type": "application/octet-stream" };
   * await fetch(url, { method: "POST", headers, body: await readFile("data.csv") });
   */
  uploadUrl(path?: string, options?: FileUrlOptions): Promise<string>;
  uploadUrl(options: FileUrlOptions): Promise<string>;

  // Lifecycle.

  /**
   * Waits until the runtime is usable. The service is asked to hold its answers meanwhile; where it does not, many who wait
   * share the list of starting sandboxes.
   *
   * @param options - `readyTimeoutMs` is how long to wait at most.
   * @returns This handle, brought up to date.
   * @throws {@link ReadinessError} if the start fails, at once and with `timeline` and `diagnostic`, or takes too long.
   *
   * Routes: `GET /api/v1/sandboxes/:sandboxID`, repeated; `GET /api/v1/sandboxes`.
   *
   * @example
   * const sandbox = await Sandbox.create("base");
   * await sandbox.waitReady({ readyTimeoutMs: 30_000 });
   */
  waitReady(options?: WaitOptions): Promise<this>;

  /**
   * Brings this handle up to date with the current runtime URL and token. A paused sandbox is resumed.
   *
   * @param options - `timeout` is the least TTL from now on, in seconds, 0 to 86400; 0 leaves the TTL alone.
   * @returns This handle.
   * @throws {@link NotFoundError} if the sandbox is deleted.
   * @throws {@link ConflictError} if the sandbox has failed; `diagnostic` says why.
   *
   * Route: `POST /api/v1/sandboxes/:sandboxID/connect`.
   *
   * @example
   * await sandbox.connect({ timeout: 1800 });
   */
  connect(options?: ConnectOptions): Promise<this>;

  /**
   * The same as {@link Sandbox.connect}, under the name that goes with `pause`.
   *
   * @throws As {@link Sandbox.connect}.
   *
   * Route: `POST /api/v1/sandboxes/:sandboxID/connect`.
   *
   * @example
   * await sandbox.pause();
   * await sandbox.resume();
   */
  resume(options?: ConnectOptions): Promise<this>;

  /**
   * Replaces the TTL, and with it {@link Sandbox.endAt}.
   *
   * @param timeout - The TTL from now on, in seconds, 0 to 86400; 0 ends it now.
   * @throws {@link ValidationError} if `timeout` is no whole number in that range; nothing was sent.
   * @throws {@link NotFoundError} if the sandbox is unknown or deleted.
   *
   * Route: `POST /api/v1/sandboxes/:sandboxID/timeout`.
   *
   * @example
   * await sandbox.setTimeout(3600); // an hour from now on
   */
  setTimeout(timeout: number, options?: CallOptions): Promise<void>;

  /**
   * Extends the TTL, for work that goes on. It never shortens it.
   *
   * @param options - `duration` is the least TTL from now on, in seconds, 0 to 3600. Default: the sandbox's own timeout.
   * @throws {@link NotFoundError} if the sandbox is unknown or deleted.
   * @throws {@link ValidationError} if `duration` is no whole number in that range; nothing was sent.
   *
   * Route: `POST /api/v1/sandboxes/:sandboxID/refreshes`.
   *
   * @example
   * await sandbox.refresh({ duration: 600 }); // 10 minutes from now on, or more
   */
  refresh(options?: RefreshOptions): Promise<void>;

  /**
   * Keeps the sandbox alive while you hold it: refreshes the TTL at once, and again whenever a third of `duration` is left.
   *
   * Times are counted on this machine from each refresh on, so that its clock may be wrong. Refreshes only extend: a
   * longer TTL stays. Failures that may pass (no connection, 429, 5xx) are repeated until the time is over. It ends by
   * itself, without an error, when the sandbox is deleted, paused or failed, by whomever; {@link Sandbox.delete} and
   * {@link Sandbox.pause} of this handle leave nothing of it in flight. Waiting for the next refresh does not keep the
   * process alive, and a process that ends stops it: the sandbox then ends with its TTL.
   *
   * A {@link Sandbox.setTimeout} that is shorter than `duration` holds until the next refresh: stop it before.
   *
   * @param options - `duration` is how long the sandbox has at least, in seconds, 1 to 3600; default 300.
   * @returns What stops it; {@link Sandbox.endAt} moves with each refresh.
   * @throws {@link ValidationError}, not as a rejection, if an option is wrong; nothing was sent.
   *
   * Route: `POST /api/v1/sandboxes/:sandboxID/refreshes`, repeated.
   *
   * @example
   * const held = sandbox.keepAlive({ onError: (error) => console.error("the sandbox will end:", error) });
   * await longWork(sandbox);
   * await held.stop();
   *
   * @example
   * {
   *   using held = sandbox.keepAlive();
   *   await longWork(sandbox);
   * }
   */
  keepAlive(options?: KeepAliveOptions): KeepAlive;

  /**
   * Stops the runtime and keeps files and metadata; {@link Sandbox.connect} resumes it.
   *
   * @returns False if it was paused already.
   * @throws {@link NotFoundError} if the sandbox is deleted.
   *
   * Route: `POST /api/v1/sandboxes/:sandboxID/pause`.
   *
   * @example
   * await sandbox.pause(); // files stay, processes do not
   */
  pause(options?: CallOptions): Promise<boolean>;

  /**
   * Deletes the sandbox for good. One that is gone already counts as done, so that repeating it is safe.
   *
   * @throws {@link SandboxError} if it could not be deleted; repeating it is safe.
   *
   * Route: `DELETE /api/v1/sandboxes/:sandboxID`.
   *
   * @example
   * try {
   *   await work(sandbox);
   * } finally {
   *   await sandbox.delete();
   * }
   */
  delete(options?: CallOptions): Promise<void>;

  /**
   * Deletes the sandbox for good, as {@link Sandbox.delete} does.
   *
   * @returns False if there was nothing to delete.
   * @throws {@link SandboxError} if it could not be deleted; repeating it is safe.
   *
   * Route: `DELETE /api/v1/sandboxes/:sandboxID`.
   *
   * @example
   * const wasThere = await sandbox.kill();
   */
  kill(options?: CallOptions): Promise<boolean>;

  /**
   * Deletes the sandbox at the end of a scope, as {@link Sandbox.delete} does, unless an earlier create made it under the
   * same `idempotencyKey`.
   *
   * On a runtime or in a realm without `Symbol.asyncDispose` this is under `Symbol.for("Symbol.asyncDispose")`.
   *
   * Route: `DELETE /api/v1/sandboxes/:sandboxID`.
   *
   * @example
   * await using sandbox = await Sandbox.create("base", { waitReady: true });
   */
  [Symbol.asyncDispose](): Promise<void>;

  // Looking at it.

  /**
   * Fetches what the service knows about the sandbox; the handle learns it too.
   *
   * @returns What the service sent; `raw` has the answer as it came.
   * @throws {@link NotFoundError} if the sandbox is unknown; for 24 hours after its end it is not.
   *
   * Route: `GET /api/v1/sandboxes/:sandboxID`.
   *
   * @example
   * const { cpuCount, memoryMB, endAt } = await sandbox.getInfo();
   */
  getInfo(options?: CallOptions): Promise<SandboxInfo>;

  /**
   * Brings the handle's getters up to date.
   *
   * @returns This handle.
   * @throws {@link NotFoundError} if the sandbox is unknown; for 24 hours after its end it is not.
   *
   * Route: `GET /api/v1/sandboxes/:sandboxID`.
   *
   * @example
   * await sandbox.reload();
   * if (sandbox.state === "failed") console.error(sandbox.diagnostic?.message);
   */
  reload(options?: CallOptions): Promise<this>;

  /**
   * Fetches log lines: of the start, of readiness failures, of the application.
   *
   * @param options - `limit` is the most lines, 0 to 1000; `level`, `search`, `direction` and `cursor` choose them.
   * @returns The lines, and `nextCursor` to go on from.
   * @throws {@link NotFoundError} if the sandbox is unknown.
   * @throws {@link ValidationError} if an option is wrong; nothing was sent.
   *
   * Route: `GET /api/v1/sandboxes/:sandboxID/logs`.
   *
   * @example
   * const { logs } = await sandbox.logs({ limit: 50, direction: "backward", level: "error" });
   */
  logs(options?: LogsOptions & { follow?: false }): Promise<SandboxLogs>;
  /**
   * Follows the log: its lines from the first, or from `cursor`, and then new ones as they come.
   *
   * Lost connections lose no line and repeat none: places in the log are counted by the service, and an answer that did
   * not arrive is asked for again, for as long as `requestTimeoutMs`. New lines are looked for after about 0.1 s, and less
   * often, up to 1 s, while none come. It ends when the sandbox is deleted or failed and its lines are read; through a
   * pause it goes on. Nothing is sent before it is iterated; `break`, or `return()`, stops it and leaves nothing in flight.
   *
   * @returns What to iterate, once. A wrong option, and any other error, is thrown by the iteration.
   * @throws {@link ValidationError} for `limit` and `direction`, too.
   * @throws {@link NotFoundError} if the sandbox is unknown.
   *
   * Route: `GET /api/v1/sandboxes/:sandboxID/logs`, repeated; while no lines come, `GET /api/v1/sandboxes/:sandboxID`.
   *
   * @example
   * for await (const { timestamp, message } of sandbox.logs({ follow: true })) {
   *   console.log(timestamp, message);
   *   if (message === "done") break;
   * }
   */
  logs(options: FollowLogsOptions): LogStream;

  /**
   * Watches the timeline: what happened so far, oldest first, and then each new entry as it comes.
   *
   * An entry comes once, when it is first seen; its status may still be `"in_progress"`. The handle learns what is seen.
   * Failures that may pass are repeated for as long as `requestTimeoutMs`; looks are 0.1 s to 1 s apart. It ends when the
   * sandbox is deleted or failed; through a pause it goes on. Nothing is sent before it is iterated; `break`, or
   * `return()`, stops it and leaves nothing in flight.
   *
   * @returns What to iterate, once. Errors are thrown by the iteration.
   * @throws {@link NotFoundError} if the sandbox is unknown.
   *
   * Route: `GET /api/v1/sandboxes/:sandboxID`, repeated.
   *
   * @example
   * for await (const { phase, status, message } of sandbox.watch()) console.log(phase, status, message ?? "");
   */
  watch(options?: CallOptions): TimelineStream;

  /**
   * Fetches the current CPU, memory, disk, network and task counters.
   *
   * @returns The counters. Null is "not known", never 0.
   * @throws {@link NotFoundError} if the sandbox is unknown or deleted.
   *
   * Route: `GET /api/v1/sandboxes/:sandboxID/metrics`.
   *
   * @example
   * const { memoryUsagePercent, cpuUserRate } = await sandbox.getMetrics();
   */
  getMetrics(options?: CallOptions): Promise<SandboxMetrics>;

  /** All that the handle knows, but the access token. */
  toJSON(): Omit<SandboxInfo, "raw" | "envdAccessToken">;
}

/**
 * A configured client, for programs that talk to more than one service or project, or that do not configure by environment.
 *
 * Its methods are those of {@link Sandbox}'s statics; the handles it gives out go on using its configuration.
 *
 * @example
 * const client = new SandboxClient({ baseUrl: "https://sandbox.example.com", apiKey: key });
 * const sandbox = await client.create("base", { waitReady: true });
 */
export class SandboxClient {
  /**
   * @throws {@link ConfigurationError} if an option is wrong, or a key or base URL is neither given nor in the environment.
   */
  constructor(options?: ClientOptions);

  /** Creates a sandbox: see {@link Sandbox.create}. */
  create(template?: TemplateName, options?: CreateOptions): Promise<Sandbox>;
  /** Creates a sandbox from options alone: see {@link Sandbox.create}. */
  create(options: CreateOptions & { templateID?: TemplateName }): Promise<Sandbox>;
  /** Creates a sandbox for the time of a callback: see {@link Sandbox.with}. */
  with<Result>(
    template: TemplateName | undefined,
    options: CreateOptions | undefined,
    use: (sandbox: Sandbox) => Result | PromiseLike<Result>,
  ): Promise<Result>;
  /** The same from a template, or from options, alone. */
  with<Result>(
    templateOrOptions: TemplateName | (CreateOptions & { templateID?: TemplateName }),
    use: (sandbox: Sandbox) => Result | PromiseLike<Result>,
  ): Promise<Result>;
  /** The same from the template `"base"`. */
  with<Result>(use: (sandbox: Sandbox) => Result | PromiseLike<Result>): Promise<Result>;
  /** Creates many sandboxes, and reports those that could not be: see {@link Sandbox.createMany}. */
  createMany(
    count: number,
    template: TemplateName | undefined,
    options: CreateManyOptions & { onFailure: "keep" },
  ): Promise<CreateManyReport>;
  /** Creates many sandboxes: see {@link Sandbox.createMany}. */
  createMany(
    count: number,
    template?: TemplateName,
    options?: CreateManyOptions & { onFailure?: "delete" },
  ): Promise<Sandbox[]>;
  /** From options alone; the template is `options.templateID`, or `"base"`. */
  createMany(
    count: number,
    options: CreateManyOptions & { templateID?: TemplateName; onFailure: "keep" },
  ): Promise<CreateManyReport>;
  /** From options alone: all of them, or a {@link CreateManyError}. */
  createMany(
    count: number,
    options: CreateManyOptions & { templateID?: TemplateName; onFailure?: "delete" },
  ): Promise<Sandbox[]>;
  /** Reaches an existing sandbox: see {@link Sandbox.connect}. */
  connect(sandboxId: string, options?: ConnectOptions): Promise<Sandbox>;
  /** Lists sandboxes: see {@link Sandbox.list}. */
  list(options?: ListOptions): SandboxList;
  /** Fetches what the service knows about a sandbox: see {@link Sandbox.getInfo}. */
  getInfo(sandboxId: string, options?: CallOptions): Promise<SandboxInfo>;
  /** Deletes a sandbox for good: see {@link Sandbox.kill}. */
  kill(sandboxId: string, options?: CallOptions): Promise<boolean>;
  /** Deletes all sandboxes with some metadata: see {@link Sandbox.deleteAll}. */
  deleteAll(options: DeleteAllOptions): Promise<DeleteReport>;
  /** Stops a sandbox's runtime: see {@link Sandbox.pause}. */
  pause(sandboxId: string, options?: CallOptions): Promise<boolean>;
  /** Replaces a sandbox's TTL, in seconds, 0 to 86400: see {@link Sandbox.setTimeout}. */
  setTimeout(sandboxId: string, timeout: number, options?: CallOptions): Promise<void>;

  /**
   * Fetches the current counters of several sandboxes at once.
   *
   * @param sandboxIds - The sandboxes. Default: all that run.
   * @param options - `limit` is the most snapshots to give back.
   * @returns The counters, as a list and by sandbox ID.
   * @throws {@link ValidationError} if an argument is wrong; nothing was sent.
   *
   * Route: `GET /api/v1/sandboxes/metrics`.
   *
   * @example
   * const { items } = await client.getMetrics();
   * for (const { sandboxId, memoryUsagePercent } of items) console.log(sandboxId, memoryUsagePercent);
   */
  getMetrics(sandboxIds?: string[], options?: MetricsOptions): Promise<SandboxMetricsBatch>;
  /** Fetches usage, quota checks and suggested next actions: see {@link Sandbox.getObservabilitySummary}. */
  getObservabilitySummary(options?: CallOptions): Promise<ObservabilitySummary>;
  /** Fetches limits and what is used of them: see {@link Sandbox.getUsageLimits}. */
  getUsageLimits(options?: CallOptions): Promise<SandboxUsageLimits>;
}

// ------------------------------------------------------------------------------------------------------------ Options

/** A template: one that every service has, or the name of another. */
export type TemplateName = "base" | "code-interpreter" | (string & {});

/**
 * Where calls go and how long they may take. What is left out is read from the environment at the time of the call:
 * `SEACLOUD_BASE_URL`, `SEACLOUD_API_KEY`, `SEACLOUD_PROJECT_ID`, or, where none of these is set, `E2B_DOMAIN` with
 * `E2B_API_KEY`. The variables of the network (`HTTPS_PROXY`, `NO_PROXY`, `NODE_EXTRA_CA_CERTS`) are read when a client
 * is made. `docs/configuration.md` says what wins over what.
 *
 * A wrong option is a {@link ConfigurationError}; secrets are in no message.
 */
export interface ClientOptions {
  /** The service's URL. Default: `SEACLOUD_BASE_URL`. */
  baseUrl?: string;
  /** The API key. Default: `SEACLOUD_API_KEY`. */
  apiKey?: string;
  /** The project that calls belong to. Default: `SEACLOUD_PROJECT_ID`, or the key's own project. */
  projectId?: string;
  /**
   * URL of an http, https or socks5 proxy, with name and password if it wants them; never used for a service on this
   * machine. Default: `HTTPS_PROXY`, `HTTP_PROXY` or `ALL_PROXY` by the scheme of `baseUrl`, unless `NO_PROXY` names its
   * host.
   *
   * @example "http://user:password@proxy.example:3128"
   */
  proxy?: string;
  /**
   * Certificates of the authorities to trust, as PEM text: these alone. Default: the system's, and those in the file that
   * `NODE_EXTRA_CA_CERTS` names.
   */
  ca?: string;
  /**
   * Extra headers of every request, by name; those of a call are added to the client's and win over them. Values are
   * treated as secrets: no error, log or print shows them. The client's own headers (`x-api-key`, `authorization`,
   * `x-request-id`, `content-type` and so on) are refused; `traceparent` may be set.
   *
   * @throws {@link ConfigurationError} whose `field` is `headers.<name>` if HTTP can't carry a name or value.
   */
  headers?: Record<string, string> | Headers;
  /**
   * What is told of each request: a function, or a logger as the console, pino or winston are. It is called on this
   * thread, never keeps the process alive, and fails no call if it throws or rejects. Default: nothing is told, but
   * `SANDBAR_LOG=debug` in the environment prints the same on stderr.
   *
   * @example
   * const client = new SandboxClient({ logger: ({ level, message }) => console.log(level, message) });
   */
  logger?: Logger | ((event: ClientEvent) => unknown);
  /**
   * How long a connection may take to come about, TLS included, in milliseconds, 1 to 86400000.
   * @default 10000
   */
  connectTimeoutMs?: number;
  /**
   * How long one call's request may take, its repeats included, in milliseconds, 1 to 86400000. Given to a call inside a
   * sandbox that takes several requests, it counts for all of them; uploads, downloads and streams say what it counts for there.
   * @default 60000
   */
  requestTimeoutMs?: number;
  /**
   * How long to wait at most until a sandbox is ready, in milliseconds, 1 to 86400000.
   * @default 120000
   */
  readyTimeoutMs?: number;
  /**
   * How often a request is repeated that failed in a way that may pass, 0 to 20: without a connection, after 408, 425, 429,
   * 500, 502, 503 and 504. Pauses grow from 0.1 s to 5 s, or are what `Retry-After` asks for. What might be done twice by
   * that, create and connect, is repeated only where that is safe.
   * @default 3
   */
  maxRetries?: number;
}

/** A logger with a function for each level, as the console, pino and winston are. */
export interface Logger {
  /** Called with the message and the {@link ClientEvent.fields}; pino is called with the fields first. */
  debug(...args: unknown[]): unknown;
  /** Likewise. */
  info(...args: unknown[]): unknown;
  /** Likewise. */
  warn(...args: unknown[]): unknown;
  /** Likewise. */
  error(...args: unknown[]): unknown;
}

/** Something that a client did or met. No header's value, body or query is in it. */
export interface ClientEvent {
  /** `"debug"`: a request and what came of it. `"warn"`: a repeat, a clean-up, or a setting that did not count. */
  level: "debug" | "info" | "warn" | "error";
  /** When it was. */
  time: Date;
  /** A sentence for people, as `"GET /api/v1/sandboxes/sb_7f3 answered 200 in 3.1 ms"`. */
  message: string;
  /** The same for programs; absent where it does not apply. */
  fields: {
    /** The request's HTTP method. */
    method?: string;
    /** The request's path, without the query. */
    path?: string;
    /** The answer's HTTP status. */
    status?: number;
    /** How long it took, in milliseconds. */
    durationMs?: number;
    /** The request's ID, for support. */
    requestId?: string;
    /** Which sending of the request it was; 1 for the first. */
    attempt?: number;
    /** The sandbox that it was about. */
    sandboxId?: string;
    /** What failed, as {@link SandboxError.kind}. */
    kind?: ErrorKind;
    /** Scheme, host and port of the service. */
    origin?: string;
  };
}

/** Options that every call takes: those of the client, for this call and the handle that comes of it. */
export interface CallOptions extends ClientOptions {
  /**
   * Ends the call early: it rejects with the signal's reason, its connection is closed, and waiting stops. No callback is
   * called after that. A create goes on in the background until what it has made is deleted. The stream of a file needs an
   * `Error`: for a falsy reason that is an `AbortError`, with the reason as its `cause`.
   */
  signal?: AbortSignal;
}

/** Options of the calls that may wait until a sandbox is usable. */
export interface WaitOptions extends CallOptions {
  /**
   * Called once for each timeline entry that the call sees, in order, before the call is done; with it the sandbox as it
   * was then. Past entries count too. What it throws, or rejects with, becomes a process warning: the call goes on.
   *
   * To see all of it, a waiting `create` looks at the sandbox itself, 0.02 s to 1.9 s apart, instead of having the service
   * hold the answer.
   */
  onTimeline?: (event: TimelineEvent, sandbox: SandboxInfo) => void;
}

/** Options of {@link Sandbox.create}. A field that is not listed here is refused, never ignored. */
export interface CreateOptions extends WaitOptions {
  /**
   * The TTL in seconds, 1 to 86400. When it ends, the sandbox is deleted, or paused with `autoPause`.
   * @default 300
   */
  timeout?: number;
  /**
   * Whether to wait until files, commands and ports are usable.
   * @default false
   */
  waitReady?: boolean;
  /** Environment of everything in the sandbox. Names hold letters, digits and `_`; at most 128 KiB in all. */
  envVars?: Record<string, string>;
  /** Your own words about the sandbox, for search and debugging; at most 64 KiB in all. */
  metadata?: Record<string, string>;
  /**
   * Whether the end of the TTL pauses the sandbox instead of deleting it.
   * @default false
   */
  autoPause?: boolean;
  /**
   * Whether a sandbox that is not ready in time, or fails, is left as it is, as is that of an aborted create. By default it
   * is deleted, so that nothing is left that nobody knows of; the error has its ID, timeline and diagnostic either way.
   * @default false
   */
  keepOnFailure?: boolean;
  /**
   * The request's idempotency key, 1 to 255 visible ASCII characters. Default: a new UUID. Where the service keeps keys, a
   * repeat with the same options gives back the sandbox of the first create, for 24 hours, or until it is deleted. What an
   * earlier create made is never deleted by the repeat, nor is anything while the outcome is not known, or after an abort.
   */
  idempotencyKey?: string;
}

/** Options of {@link Sandbox.createMany}. */
export interface CreateManyOptions extends Omit<CreateOptions, "onTimeline"> {
  /**
   * How many are created at the same time, 1 to 64.
   * @default 8
   */
  concurrency?: number;
  /**
   * What happens to the others if one can't be created: `"delete"` deletes them and fails the call, `"keep"` goes on, and
   * makes the call give back a report.
   * @default "delete"
   */
  onFailure?: "delete" | "keep";
  /** Called after each one that was created, or could not be. What it throws becomes a process warning. */
  onProgress?: (progress: CreateManyProgress) => void;
}

/** Options of {@link Sandbox.deleteAll}. */
export interface DeleteAllOptions extends CallOptions {
  /** What the sandboxes must have, at least one pair. */
  metadata: Record<string, string>;
  /** Only sandboxes in this state, or in one of these. Default: all but deleted. */
  state?: KnownSandboxState | KnownSandboxState[];
  /**
   * How many are deleted at the same time, 1 to 64.
   * @default 8
   */
  concurrency?: number;
}

/** Options of {@link Sandbox.connect}. */
export interface ConnectOptions extends WaitOptions {
  /**
   * Whether to wait until the runtime is usable again.
   * @default true
   */
  waitReady?: boolean;
  /**
   * The least TTL from now on, in seconds, 0 to 86400; 0 leaves the TTL alone.
   * @default 300
   */
  timeout?: number;
  /** The request's idempotency key, 1 to 255 visible ASCII characters. Default: a new UUID. */
  idempotencyKey?: string;
}

/** Options of {@link Sandbox.refresh}. */
export interface RefreshOptions extends CallOptions {
  /** The least TTL from now on, in seconds, 0 to 3600. Default: the sandbox's own timeout. */
  duration?: number;
}

/** Options of {@link Sandbox.keepAlive}. */
export interface KeepAliveOptions extends CallOptions {
  /**
   * How long the sandbox has at least, from each refresh on, in seconds, 1 to 3600.
   * @default 300
   */
  duration?: number;
  /**
   * Called once if a refresh fails for good, or until the time is over: the sandbox will end with its TTL. What it throws
   * becomes a process warning.
   */
  onError?: (error: SandboxError) => void;
}

/** Options of {@link Sandbox.list}. */
export interface ListOptions extends CallOptions {
  /** Only sandboxes whose metadata has all of these. */
  metadata?: Record<string, string>;
  /** Only sandboxes in this state, or in one of these. Default: all but deleted. */
  state?: KnownSandboxState | KnownSandboxState[];
  /**
   * The most sandboxes of one page, 1 to 100.
   * @default 100
   */
  limit?: number;
  /** Where to go on: the `nextToken` of the page before. */
  nextToken?: string;
}

/** Options of {@link Sandbox.logs}. */
export interface LogsOptions extends CallOptions {
  /** Where to go on: the `nextCursor` of the answer before. */
  cursor?: number;
  /** The most lines, 0 to 1000. */
  limit?: number;
  /**
   * Oldest first, or newest first.
   * @default "forward"
   */
  direction?: "forward" | "backward";
  /** Only lines of this level. */
  level?: LogLevel;
  /** Only lines that contain this text, at most 256 characters. */
  search?: string;
}

/** Options of {@link Sandbox.logs} that is followed; `limit` and `direction` are refused. */
export interface FollowLogsOptions extends CallOptions {
  /** Whether to go on with new lines as they come. */
  follow: true;
  /** Where to begin: a `nextCursor` of an earlier answer. Default: the first line. */
  cursor?: number;
  /** Only lines of this level. */
  level?: LogLevel;
  /** Only lines that contain this text, at most 256 characters. */
  search?: string;
}

/** Options of {@link SandboxClient.getMetrics}. */
export interface MetricsOptions extends CallOptions {
  /** The most snapshots to give back. */
  limit?: number;
}

// ------------------------------------------------------------------------------------------------------------ Answers

/** The states that this version knows. */
export type KnownSandboxState = "starting" | "running" | "paused" | "deleted" | "failed" | "error";

/**
 * Where a sandbox is in its life: `"starting"` until its runtime is healthy, `"running"` while it is usable, `"paused"`
 * with its files kept, `"deleted"`, or `"failed"` (also `"error"`). A state of a later service passes through as it is.
 */
export type SandboxState = KnownSandboxState | (string & {});

/** One step of a sandbox's life. */
export interface TimelineEvent {
  /** What happened, as `"created"` or `"ready"`. */
  phase: string;
  /** How far it is. */
  status?: "completed" | "in_progress" | "failed" | (string & {});
  /** When it began. */
  timestamp?: Date;
  /** A sentence for people. */
  message?: string;
  /** How long it took, in milliseconds; absent while it goes on, and from services that do not say. */
  durationMs?: number;
}

/** Why something is as it is, for programs and for people. */
export interface Diagnostic {
  /** A word for programs. */
  reason: string;
  /** A sentence for people. */
  message: string;
  /** What to do about it. */
  recommendation?: string;
}

/** What the service says about a sandbox. A field that it did not send is absent. */
export interface SandboxInfo {
  /** The ID. */
  sandboxId: string;
  /** The template it was made from. */
  templateId?: string;
  /** The template's other name. */
  alias?: string;
  /** The node or engine that holds it. */
  clientId?: string;
  /** The same word as `state`. */
  status?: SandboxState;
  /** Where it is in its life. */
  state?: SandboxState;
  /** When the service accepted it. */
  startedAt?: Date;
  /** When its runtime last became usable. */
  activatedAt?: Date;
  /** When its TTL ends. */
  endAt?: Date;
  /** CPUs of its runtime. */
  cpuCount?: number;
  /** Memory of its runtime, in MiB. */
  memoryMB?: number;
  /** Disk of its runtime, in MiB. */
  diskSizeMB?: number;
  /** Which limits hold where it runs, and by what; only the detail has it. */
  limits?: SandboxLimits;
  /** The user's own words about it. */
  metadata?: Record<string, string>;
  /** What the end of its TTL does. */
  lifecycle?: {
    /** Whether it is deleted, or paused. */
    onTimeout: "kill" | "pause";
  };
  /** What happened so far, oldest first. */
  timeline?: TimelineEvent[];
  /** Why it is in its state, when that needs a word. */
  diagnostic?: Diagnostic;
  /** Where its runtime API is; lists leave it out. */
  envdUrl?: string;
  /** The secret for the runtime API; readable, but neither enumerable nor printed. */
  readonly envdAccessToken?: string;
  /** The answer as it came, with fields that this version does not know; not enumerable. */
  readonly raw: Record<string, unknown>;
}

/** The limits that hold for a sandbox; one that is absent does not hold where it runs. */
export interface SandboxLimits {
  /** What holds them. */
  level?: "cgroup v2" | "cgroup v1" | "rlimits" | (string & {});
  /** CPUs. */
  cpuCount?: number;
  /** Memory of all processes together, in MiB. */
  memoryMB?: number;
  /** Processes and threads. */
  processes?: number;
  /** Size of the home, in MiB. */
  diskSizeMB?: number;
}

/** What keeps a sandbox alive: see {@link Sandbox.keepAlive}. */
export interface KeepAlive extends Disposable, AsyncDisposable {
  /** Whether it still does: false once it is stopped, and when there is nothing to keep alive any more. */
  readonly active: boolean;
  /** Stops it. Once this resolves, nothing is in flight any more; it never rejects, and may be repeated. */
  stop(): Promise<void>;
}

/** A list that was asked for, but not sent yet: await it for the first page, iterate it for all sandboxes. */
export interface SandboxList extends Promise<SandboxPage>, AsyncIterable<SandboxInfo> {}

/** One page of a list: an array that knows how to go on. */
export interface SandboxPage extends Array<SandboxInfo> {
  /** Whether there is another page. */
  readonly hasNext: boolean;
  /** The `nextToken` option of the next page; undefined on the last one. */
  readonly nextToken: string | undefined;
  /** Fetches the next page; an empty one after the last. */
  nextPage(): Promise<SandboxPage>;
}

/** How far {@link Sandbox.createMany} is. */
export interface CreateManyProgress {
  /** How many were created. */
  created: number;
  /** How many could not be. */
  failed: number;
  /** How many were asked for. */
  total: number;
}

/** What {@link Sandbox.createMany} gives back with `onFailure: "keep"`. */
export interface CreateManyReport {
  /** Those that were created. */
  sandboxes: Sandbox[];
  /** Why there are not more: one error for each. */
  errors: SandboxError[];
}

/** What came of deleting several sandboxes. */
export interface DeleteReport {
  /** The IDs of those that are gone, by whomever. */
  deleted: string[];
  /** Those that may still be there, and why. */
  failed: {
    /** The ID. */
    sandboxId: string;
    /** Why it could not be deleted. */
    error: SandboxError;
  }[];
}

/** How grave a log line is. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** One log line. */
export interface LogEntry {
  /** When. */
  timestamp?: Date;
  /** The line. */
  message: string;
  /** How grave; what processes print to standard error is `"error"`. */
  level?: LogLevel;
  /** Where it came from, and other facts. */
  fields?: Record<string, unknown>;
}

/** Log lines of a sandbox. */
export interface SandboxLogs {
  /** The lines, in the direction that was asked for. */
  logs: LogEntry[];
  /** The `cursor` option that goes on from here. */
  nextCursor?: number;
  /** Whether there is more right now. */
  hasMore?: boolean;
  /** The query as the service understood it. */
  query?: Record<string, unknown>;
  /** Why there are no lines. */
  diagnostic?: {
    /** A word for programs. */
    reason: "filters_applied" | "cursor_window_empty" | "no_logs_yet" | (string & {});
    /** A sentence for people. */
    message: string;
  };
  /** The answer as it came; not enumerable. */
  readonly raw: Record<string, unknown>;
}

/** Log lines as they come: see {@link Sandbox.logs} with `follow`. */
export interface LogStream extends AsyncIterableIterator<LogEntry>, AsyncDisposable {
  /** Stops it; an iteration that waits ends. */
  return(): Promise<IteratorResult<LogEntry>>;
}

/** Entries of a timeline as they come: see {@link Sandbox.watch}. */
export interface TimelineStream extends AsyncIterableIterator<TimelineEvent>, AsyncDisposable {
  /** Stops it; an iteration that waits ends. */
  return(): Promise<IteratorResult<TimelineEvent>>;
}

/** Counters of one sandbox at one moment. Null is "not known", never 0. */
export interface SandboxMetrics {
  /** Whose counters these are. */
  sandboxId: string;
  /** When the numbers were read. */
  collectedAt?: Date;
  /** Why numbers are missing. */
  error?: string;
  /** Load average over 1 minute. */
  load1?: number | null;
  /** Load average over 5 minutes. */
  load5?: number | null;
  /** Load average over 15 minutes. */
  load15?: number | null;
  /** CPUs busy with user code; 1.0 is one CPU. */
  cpuUserRate?: number | null;
  /** CPUs busy in the kernel; 1.0 is one CPU. */
  cpuSystemRate?: number | null;
  /** CPUs that wait for I/O; 1.0 is one CPU. */
  cpuIOWaitRate?: number | null;
  /** CPUs taken by the hypervisor; 1.0 is one CPU. */
  cpuStealRate?: number | null;
  /** Memory that can still be had, in bytes. */
  memoryAvailableBytes?: number | null;
  /** Memory that is used, in percent, 0 to 100. */
  memoryUsagePercent?: number | null;
  /** Swap space, in bytes. */
  swapTotalBytes?: number | null;
  /** Swap space that is free, in bytes. */
  swapFreeBytes?: number | null;
  /** Swap that is in memory as well, in bytes. */
  swapCachedBytes?: number | null;
  /** Reads of the disk, per second. */
  diskReadOpsPerSecond?: number | null;
  /** Writes to the disk, per second. */
  diskWriteOpsPerSecond?: number | null;
  /** Bytes read from the disk, per second. */
  diskReadBytesPerSecond?: number | null;
  /** Bytes written to the disk, per second. */
  diskWriteBytesPerSecond?: number | null;
  /** Bytes received, per second. */
  networkRecvBytesPerSecond?: number | null;
  /** Packets received, per second. */
  networkRecvPacketsPerSecond?: number | null;
  /** Errors of receiving, per second. */
  networkRecvErrorsPerSecond?: number | null;
  /** Received packets that were dropped, per second. */
  networkRecvDropsPerSecond?: number | null;
  /** Bytes sent, per second. */
  networkSentBytesPerSecond?: number | null;
  /** Packets sent, per second. */
  networkSentPacketsPerSecond?: number | null;
  /** Errors of sending, per second. */
  networkSentErrorsPerSecond?: number | null;
  /** Packets to send that were dropped, per second. */
  networkSentDropsPerSecond?: number | null;
  /** Processes and threads now. */
  taskCurrent?: number | null;
  /** Processes and threads at most. */
  taskMax?: number | null;
  /** The answer as it came; not enumerable. */
  readonly raw: Record<string, unknown>;
}

/** Counters of several sandboxes. */
export interface SandboxMetricsBatch {
  /** When the numbers were read. */
  collectedAt?: Date;
  /** One snapshot per sandbox. */
  items: SandboxMetrics[];
  /** The same by sandbox ID. */
  sandboxes: Record<string, SandboxMetrics>;
  /** The answer as it came; not enumerable. */
  readonly raw: Record<string, unknown>;
}

/** One limit. */
export interface UsageLimit {
  /** The most. */
  limit: number;
  /** Used now. */
  used: number;
  /** Left now. */
  remaining: number;
  /** When the count starts anew. */
  resetAt?: Date;
  /** Whether going over it is refused. */
  enforced: boolean;
}

/** Usage and limits of a user or a project. */
export interface UsageScope {
  /** Whose. */
  id?: string;
  /** Counts by name. */
  usage?: Record<string, number>;
  /** Limits by name. */
  limits: Record<string, UsageLimit>;
}

/** What may be used, and what is. */
export interface SandboxUsageLimits {
  /** What is counted. */
  resource: string;
  /** True if nothing is limited. */
  unlimited?: boolean;
  /** The user's own share. */
  user?: UsageScope;
  /** The project's share. */
  project?: UsageScope;
  /** Limits of one runtime. */
  runtime?: {
    /** The longest TTL, in seconds. */
    maxRuntimeSeconds: number;
  };
  /** The answer as it came; not enumerable. */
  readonly raw: Record<string, unknown>;
}

/** How the user and the project stand, and what to do next. */
export interface ObservabilitySummary {
  /** Whether all is well. */
  status: "ok" | "degraded" | (string & {});
  /** The project. */
  projectId?: string;
  /** The user that the key belongs to. */
  userId?: string;
  /** Counts by resource. */
  usage?: Record<string, unknown>;
  /** Which parts of the service answer, by name. */
  availability?: Record<
    string,
    {
      /** Whether it answers. */
      status: "available" | "unavailable" | (string & {});
      /** Why it does not, as a sentence for people. */
      message?: string;
    }
  >;
  /** Limits that are near or reached. */
  checks?: UsageCheck[];
  /** What to do next. */
  actions?: SuggestedAction[];
  /** Where to read more, by name. */
  endpoints?: Record<string, string>;
  /** The answer as it came; not enumerable. */
  readonly raw: Record<string, unknown>;
}

/** A limit that is near or reached. */
export interface UsageCheck {
  /** Whether it is near, or reached. */
  status: "warning" | "exhausted" | (string & {});
  /** Whose limit it is, as `"project"`. */
  scope: string;
  /** What is limited, as `"sandbox"`. */
  resource: string;
  /** What is counted of it. */
  metric: string;
  /** Used now. */
  used: number;
  /** The most. */
  limit: number;
  /** Left now. */
  remaining: number;
  /** A sentence for people. */
  message: string;
  /** The path that says more. */
  usageEndpoint?: string;
}

/** What to do next. */
export interface SuggestedAction {
  /** Why something is to be done. */
  status: "unavailable" | "review" | "limit_reached" | (string & {});
  /** Whom it concerns, as `"project"`. */
  scope?: string;
  /** What it concerns, as `"sandbox"`. */
  resource?: string;
  /** A sentence for people. */
  message: string;
  /** The path that says more. */
  endpoint?: string;
}

// ------------------------------------------------------------------------------------------------------------- Errors

/** What went wrong, finer than the class of the error. */
export type ErrorKind =
  | "configuration"
  | "validation"
  // TransportError
  | "dns"
  | "refused"
  | "unreachable"
  | "connect_timeout"
  | "tls"
  | "proxy"
  | "insecure"
  | "reset"
  | "protocol"
  | "other"
  | "request_timeout"
  // APIError
  | "redirect"
  | "invalid_request"
  | "invalid_answer"
  | "authentication"
  | "permission"
  | "not_found"
  | "conflict"
  | "timeout"
  | "rate_limit"
  | "quota"
  | "server"
  // ReadinessError
  | "not_ready"
  | "ready_timeout"
  | "port_timeout"
  // A file of this machine
  | "local_file"
  // CreateManyError
  | "create_many"
  // CommandError
  | "command_failed"
  // A command that is not followed any more: a SandboxError, and a TransportError
  | "disconnected"
  | "output_lost"
  // A defect of this package
  | "internal"
  | (string & {});

/** The fields of an error; absent where they are not known. */
export interface ErrorDetails {
  /** What went wrong, as a word for programs that is finer than the class. */
  kind?: ErrorKind;
  /** The service's word for it, as `"sandbox_not_found"`. */
  code?: string;
  /** The HTTP status of the answer. */
  statusCode?: number;
  /** The request's ID, for support. */
  requestId?: string;
  /** Facts that the service added. */
  detail?: unknown;
  /** The answer's body as it came; not enumerable, as nobody knows what it holds. */
  body?: unknown;
  /** Whether the same call may succeed later. */
  retryable?: boolean;
  /** How long the service asks to wait before that, in milliseconds. */
  retryAfterMs?: number;
  /** How often the request was sent; 0 if it was not. */
  attempts?: number;
  /** The request's HTTP method. */
  method?: string;
  /** The request's path. */
  path?: string;
  /** The argument that is wrong, as `"timeout"` or `"envVars.FOO"`. */
  field?: string;
  /** The sandbox that the call was about. */
  sandboxId?: string;
  /** The state that the call met. */
  state?: SandboxState;
  /** Why the sandbox is in that state. */
  diagnostic?: Diagnostic;
  /** What happened to the sandbox so far. */
  timeline?: TimelineEvent[];
  /**
   * Whether the sandbox of a create that failed was deleted again; absent where nobody tried. False as well for one that an
   * earlier create made under the same `idempotencyKey`: it is left alone.
   */
  sandboxDeleted?: boolean;
  /**
   * True if a create or connect may have taken effect, as its answer was lost. A lost create is still looked for in the
   * background, and deleted, where the service keeps idempotency keys, unless `keepOnFailure` or `idempotencyKey` is set.
   */
  outcomeUnknown?: boolean;
  /** The key that a create or connect was sent under: passing it as `idempotencyKey` repeats the very same call. */
  idempotencyKey?: string;
  /** Of a {@link QuotaError}: the most there may be. */
  limit?: number;
  /** Of a {@link QuotaError}: how much of it is used. */
  used?: number;
  /** The command that could not be followed any more, and goes on. */
  pid?: number;
}

/**
 * What every failed call rejects with; the subclass says what kind of failure it is. `cause` leads to what lies beneath.
 * `instanceof` holds for errors of another copy of this package too.
 *
 * @example
 * try {
 *   await Sandbox.connect(sandboxId);
 * } catch (error) {
 *   if (error instanceof NotFoundError) return undefined;
 *   if (error instanceof SandboxError && error.retryable) return retryLater();
 *   throw error;
 * }
 */
export class SandboxError extends Error implements Readonly<ErrorDetails> {
  constructor(message?: string, details?: ErrorDetails & { cause?: unknown });
  readonly kind?: ErrorKind;
  readonly code?: string;
  readonly statusCode?: number;
  readonly requestId?: string;
  readonly detail?: unknown;
  readonly body?: unknown;
  readonly retryable?: boolean;
  readonly retryAfterMs?: number;
  readonly attempts?: number;
  readonly method?: string;
  readonly path?: string;
  readonly field?: string;
  readonly sandboxId?: string;
  readonly state?: SandboxState;
  readonly diagnostic?: Diagnostic;
  readonly timeline?: TimelineEvent[];
  readonly sandboxDeleted?: boolean;
  readonly outcomeUnknown?: boolean;
  readonly idempotencyKey?: string;
  readonly limit?: number;
  readonly used?: number;
  readonly pid?: number;
  /** What lies beneath: another error, or whatever was thrown. */
  readonly cause?: unknown;
  /** Name, message and fields, but not the body. */
  toJSON(): Pick<Error, "name" | "message"> & Omit<ErrorDetails, "body">;
}

/** The client is not configured well enough to send anything: a missing key, a base URL that is none. */
export class ConfigurationError extends SandboxError {}

/** An argument is wrong or unknown; `field` names it. Nothing was sent. */
export class ValidationError extends SandboxError {}

/** No answer came: the server was not reached, or the connection broke; `kind` tells which. */
export class TransportError extends SandboxError {}

/** No answer came within `requestTimeoutMs`, repeats included. */
export class RequestTimeoutError extends TransportError {}

/** The service answered with an error, or with something that is no answer of the service (`kind` `"invalid_answer"`). */
export class APIError extends SandboxError {
  readonly statusCode: number;
}

/** The key is missing or wrong (401). */
export class AuthenticationError extends APIError {}

/** The key may not do this (403). */
export class PermissionError extends APIError {}

/** There is no such sandbox, or not any more (404). */
export class NotFoundError extends APIError {}

/** The sandbox is in a state that does not allow this (409); `state` and `diagnostic` say more. */
export class ConflictError extends APIError {}

/** Too many requests (429); `retryAfterMs` says when to come back, if the service does. */
export class RateLimitError extends APIError {}

/** A quota is used up (429, `detail.reason` `"usage_limit"`): delete or pause sandboxes; `limit` and `used` say how it stands. */
export class QuotaError extends RateLimitError {}

/** The service gave up waiting (408). */
export class TimeoutAPIError extends APIError {}

/**
 * The sandbox's disk is full (507), or a file in it larger than it may be. Remove some files: another attempt would fail as
 * well, so `retryable` is false.
 */
export class DiskFullError extends APIError {}

/** The service failed (5xx). */
export class ServerError extends APIError {}

/** The sandbox did not become usable: its start failed, or took longer than `readyTimeoutMs`. */
export class ReadinessError extends SandboxError {}

/**
 * The sandbox does not run, so nothing in it can be reached; `state` says where it is. A paused one is resumed by
 * {@link Sandbox.connect}. Nothing was done.
 */
export class NotRunningError extends SandboxError {}

/**
 * A command that was run with `check: true` failed. The message shows its last lines, without the values of `envs`; what it
 * printed as a whole is in `stdout` and `stderr`, which are not printed with the error.
 */
export class CommandError extends SandboxError {
  constructor(
    message?: string,
    details?: ErrorDetails & { cause?: unknown; exitCode?: number; stdout?: string; stderr?: string },
  );
  /** The command's exit code; 128 + signal if it was killed. */
  readonly exitCode: number;
  /** What it printed. */
  readonly stdout: string;
  /** What it printed to standard error. */
  readonly stderr: string;
}

/**
 * Not all sandboxes of {@link Sandbox.createMany} could be created, and those that were are deleted again. `cause` is the
 * first of the errors; `retryable` holds if it does for all of them.
 */
export class CreateManyError extends SandboxError {
  constructor(
    message?: string,
    details?: ErrorDetails & {
      cause?: unknown;
      errors?: SandboxError[];
      created?: string[];
      cleanup?: DeleteReport;
    },
  );
  /** Why, one for each that could not be created, in the order in which they were begun. */
  readonly errors: SandboxError[];
  /** The IDs of those that were created. */
  readonly created: string[];
  /** What became of them, and of those that were created but did not become ready: `cleanup.failed` may still be there. */
  readonly cleanup: DeleteReport;
}
