"use strict";

const { AnswerOrder } = require("./answer-order.js");
const answers = require("./answers.js");
const { given, isObject, optionsOf, withField } = require("./arguments.js");
const code = require("./code.js");
const { Commands } = require("./commands.js");
const { Connection } = require("./connection.js");
const { ASYNC_DISPOSE, useAndDelete } = require("./disposal.js");
const { Files } = require("./files.js");
const { Git } = require("./git.js");
const { KeepAlives } = require("./keep-alive.js");
const { createMany, deleteAll } = require("./many.js");
const { requestTelling } = require("./progress.js");
const { fetchFrom } = require("./program.js");
const { Pty } = require("./pty.js");
const { Runtime } = require("./runtime.js");
const { SandboxAnswer } = require("./sandbox-answer.js");
const { listSandboxes } = require("./sandbox-list.js");
const { followLogs, watchTimeline } = require("./streams.js");

const INSPECT = Symbol.for("nodejs.util.inspect.custom");

// What create and connect leave out of their answer, but a handle may know from before.
const DETAILS = ["metadata", "lifecycle", "cpuCount", "memoryMB", "diskSizeMB"];

const SHOWN = ["sandboxId", "templateId", "state", "endAt", "metadata", "envdUrl"];

// Only this module can construct a handle.
const FROM_ANSWER = Symbol("from an answer");

class Sandbox {
  #connection;
  #replayed;
  #answer;
  #info;
  #order;
  #isDeleted = false;
  #keepAlives;
  #runtime;
  #commands;
  #files;
  #git;
  #pty;

  constructor(origin, connection, answer) {
    if (origin !== FROM_ANSWER) {
      throw new TypeError(
        "a Sandbox is not constructed: use `await Sandbox.create()` or `await Sandbox.connect(sandboxId)`",
      );
    }
    this.#connection = connection;
    this.#replayed = answer.replayed;
    this.#answer = answer;
  }

  static async create(template, options) {
    return await createSandbox(classOf(this), Connection.standard(), template, options);
  }

  static async with(...args) {
    const create = (template, options) => createSandbox(classOf(this), Connection.standard(), template, options);
    return await useAndDelete(create, args);
  }

  static async createMany(count, template, options) {
    return await createSandboxes(classOf(this), Connection.standard(), count, template, options);
  }

  static async connect(sandboxId, options) {
    return await connectSandbox(classOf(this), Connection.standard(), sandboxId, options);
  }

  static list(options) {
    return listSandboxes(Connection.standard(), options);
  }

  static async getInfo(sandboxId, options) {
    return answers.sandboxInfo(await Connection.standard().call("getInfo", { sandboxId: given(sandboxId) }, options));
  }

  static async kill(sandboxId, options) {
    return await Connection.standard().call("kill", { sandboxId: given(sandboxId) }, options);
  }

  static async deleteAll(options) {
    return await deleteAll(Connection.standard(), options);
  }

  static async pause(sandboxId, options) {
    return await Connection.standard().call("pause", { sandboxId: given(sandboxId) }, options);
  }

  static async setTimeout(sandboxId, timeout, options) {
    const fields = withField(options, "timeout", timeout);
    await Connection.standard().call("setTimeout", { sandboxId: given(sandboxId) }, fields);
  }

  static async getObservabilitySummary(options) {
    return answers.observabilitySummary(await Connection.standard().call("observabilitySummary", {}, options));
  }

  static async getUsageLimits(options) {
    return answers.usageLimits(await Connection.standard().call("usageLimits", {}, options));
  }

  get sandboxId() {
    return this.#answer.sandboxID;
  }

  get templateId() {
    return this.#known.templateId;
  }

  get status() {
    return this.#known.status;
  }

  get state() {
    return this.#known.state;
  }

  get startedAt() {
    return this.#known.startedAt;
  }

  get endAt() {
    return this.#known.endAt;
  }

  get metadata() {
    return this.#known.metadata;
  }

  get timeline() {
    return this.#known.timeline;
  }

  get diagnostic() {
    return this.#known.diagnostic;
  }

  get envdUrl() {
    return this.#place.envdUrl;
  }

  get envdAccessToken() {
    return this.#place.envdAccessToken;
  }

  get commands() {
    this.#commands ??= new Commands(this.#inside);
    return this.#commands;
  }

  get files() {
    this.#files ??= new Files(this.#inside);
    return this.#files;
  }

  get git() {
    this.#git ??= new Git(this.#inside);
    return this.#git;
  }

  get pty() {
    this.#pty ??= new Pty(this.#inside);
    return this.#pty;
  }

  get sandboxDomain() {
    return URL.canParse(this.envdUrl) ? new URL(this.envdUrl).host : undefined;
  }

  getHost(port) {
    return this.#inside.hostOf(port);
  }

  async ports(options) {
    return await this.#inside.call("ports", {}, options);
  }

  async waitForPort(port, options) {
    await this.#inside.call("waitForPort", { port: given(port) }, options);
  }

  async proxy(request, options) {
    return await fetchFrom(this.#inside, request, options);
  }

  async downloadUrl(path, options) {
    return await this.#inside.call("downloadUrl", { path: given(path) }, options);
  }

  async uploadUrl(path, options) {
    // uploadUrl({...}): the form names the file.
    if (options === undefined && isObject(path)) return await this.uploadUrl(undefined, path);
    return await this.#inside.call("uploadUrl", path === undefined ? {} : { path }, options);
  }

  isRunning() {
    return this.state === "running";
  }

  async waitReady(options) {
    const begun = this.#begin();
    this.#takeRead(await this.#ask("waitReady", options), begun);
    return this;
  }

  async connect(options) {
    const begun = this.#begin();
    this.#takeChange(await this.#ask("connect", options), begun);
    return this;
  }

  async resume(options) {
    return await this.connect(options);
  }

  async getInfo(options) {
    const begun = this.#begin();
    const raw = await this.#call("getInfo", options);
    this.#takeRead(raw, begun);
    return answers.sandboxInfo(raw);
  }

  async reload(options) {
    const begun = this.#begin();
    this.#takeRead(await this.#call("getInfo", options), begun);
    return this;
  }

  async setTimeout(timeout, options) {
    const begun = this.#begin();
    this.#takeDeadline(await this.#call("setTimeout", withField(options, "timeout", timeout)), begun);
  }

  async refresh(options) {
    const begun = this.#begin();
    this.#takeDeadline(await this.#call("refresh", options), begun);
  }

  keepAlive(options) {
    this.#keepAlives ??= new KeepAlives();
    const take = (end) => this.#takeDeadline(end, this.#begin());
    return this.#keepAlives.start(this.#connection, this.sandboxId, options, take);
  }

  async pause(options) {
    const begun = this.#begin();
    const changed = await this.#call("pause", options);
    await this.#leave("paused", begun);
    return changed;
  }

  async kill(options) {
    const begun = this.#begin();
    const killed = await this.#call("kill", options);
    await this.#leave("deleted", begun);
    return killed;
  }

  async delete(options) {
    await this.kill(options);
  }

  async [ASYNC_DISPOSE]() {
    // What an earlier create made is not this one's to clean up.
    if (!this.#replayed) await this.delete();
  }

  logs(given) {
    const options = optionsOf(given);
    return options?.follow ? followLogs(this.#connection, this.sandboxId, options) : this.#readLogs(options);
  }

  watch(options) {
    const begin = () => this.#begin();
    const take = (raw, begun) => this.#takeRead(raw, begun);
    return watchTimeline(this.#connection, this.sandboxId, options, begin, take);
  }

  async runCode(source, options) {
    return await code.runCode(this.#inside, source, options);
  }

  async createCodeContext(options) {
    return await code.contexts.create(this.#inside, options);
  }

  async listCodeContexts(options) {
    return await code.contexts.list(this.#inside, options);
  }

  async restartCodeContext(context, options) {
    return await code.contexts.restart(this.#inside, context, options);
  }

  async removeCodeContext(context, options) {
    await code.contexts.remove(this.#inside, context, options);
  }

  async getMetrics(options) {
    return answers.metrics(await this.#call("metrics", options));
  }

  /** All that the handle knows, but the access token. */
  toJSON() {
    return { ...this.#known };
  }

  [INSPECT](_depth, options, inspect) {
    const known = this.#known;
    const shown = SHOWN.filter((name) => name in known).map((name) => [name, known[name]]);
    return `Sandbox ${inspect(Object.fromEntries(shown), options)}`;
  }

  get #raw() {
    return this.#answer.raw;
  }

  // Built when it is first read: most handles are only called.
  get #known() {
    this.#info ??= answers.sandboxInfo(this.#raw);
    return this.#info;
  }

  // A call inside may have found out that another process has resumed the sandbox, under a new token.
  get #place() {
    const now = this.#runtime?.place;
    const isNews = now !== undefined && now.envdAccessToken !== this.#known.envdAccessToken;
    return isNews ? now : this.#known;
  }

  get #inside() {
    this.#runtime ??= new Runtime(this.#connection, this.#raw);
    return this.#runtime;
  }

  async #readLogs(options) {
    return answers.logs(await this.#call("logs", options));
  }

  #call(method, options) {
    return this.#connection.call(method, { sandboxId: this.sandboxId }, options);
  }

  async #ask(method, given) {
    const options = optionsOf(given);
    const connection = this.#connection.route(options);
    return (await requestTelling(connection, method, { sandboxId: this.sandboxId }, options)).raw;
  }

  /** The moment at which a call is begun, by which its answer is found to be news. */
  #begin() {
    this.#order ??= new AnswerOrder();
    return this.#order.begin();
  }

  #takeRead(raw, begun) {
    if (this.#isDeleted || !this.#order.takesRead("state", begun)) return;
    this.#replace(raw, this.#order.takesRead("deadline", begun));
  }

  #takeChange(raw, begun) {
    if (this.#isDeleted || !this.#order.takesChange("state", begun)) return;
    this.#replace(raw, this.#order.takesChange("deadline", begun));
  }

  #takeDeadline({ endAt }, begun) {
    // A service that does not say leaves the last known deadline, which refresh never shortens.
    if (endAt === null || this.#isDeleted || !this.#order.takesChange("deadline", begun)) return;
    this.#changeTo({ ...this.#raw, endAt });
  }

  #replace(raw, hasDeadline) {
    const before = this.#raw;
    const now = { ...raw };
    for (const name of DETAILS) now[name] ??= before[name];
    if (!hasDeadline) now.endAt = before.endAt;
    this.#isDeleted = (raw.state ?? raw.status) === "deleted";
    this.#changeTo(now);
  }

  #changeTo(raw) {
    this.#answer = SandboxAnswer.of(raw);
    this.#info = undefined;
    this.#runtime?.moveTo(raw);
  }

  /** A sandbox that does not run has no runtime to reach, and nothing to keep alive. */
  async #leave(state, begun) {
    if (state !== "deleted" && (this.#isDeleted || !this.#order.takesChange("state", begun))) return;
    this.#isDeleted = state === "deleted";
    this.#changeTo({ ...this.#raw, state, status: state, envdUrl: null, envdAccessToken: null });
    await this.#keepAlives?.stop();
  }
}

/** The class whose static was called; Sandbox where it was called on its own, as after `const { create } = Sandbox`. */
function classOf(receiver) {
  return typeof receiver === "function" && receiver.prototype instanceof Sandbox ? receiver : Sandbox;
}

async function createSandbox(type, standard, template, given) {
  // create({...}): the options come first.
  if (given === undefined && typeof template === "object" && template !== null) {
    return await createSandbox(type, standard, undefined, template);
  }
  const options = optionsOf(given);
  const connection = standard.route(options);
  return created(type, connection, await requestTelling(connection, "create", { template }, options), options);
}

async function createSandboxes(type, standard, count, template, options) {
  const handleOf = (connection, raw, fields) => created(type, connection, SandboxAnswer.of(raw), fields);
  return await createMany(standard, count, template, options, handleOf);
}

function created(type, connection, answer, options) {
  try {
    return new type(FROM_ANSWER, connection, answer.sent(options?.metadata));
  } catch (error) {
    // As a constructor of the caller's own: nobody gets the handle.
    connection.discard([answer.sandboxID], options);
    throw error;
  }
}

async function connectSandbox(type, standard, sandboxId, own) {
  const options = optionsOf(own);
  const connection = standard.route(options);
  const answer = await requestTelling(connection, "connect", { sandboxId: given(sandboxId) }, options);
  return new type(FROM_ANSWER, connection, answer);
}

module.exports = { connectSandbox, createSandbox, createSandboxes, Sandbox };
