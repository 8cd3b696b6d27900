"use strict";

const answers = require("./answers.js");
const { given, withField } = require("./arguments.js");
const { Connection } = require("./connection.js");
const { useAndDelete } = require("./disposal.js");
const { deleteAll } = require("./many.js");
const { connectSandbox, createSandbox, createSandboxes, Sandbox } = require("./sandbox.js");
const { listSandboxes } = require("./sandbox-list.js");

class SandboxClient {
  #connection;

  constructor(options) {
    this.#connection = new Connection(options);
    const error = this.#connection.configurationError;
    if (!error) return;
    Error.captureStackTrace(error, SandboxClient);
    throw error;
  }

  async create(template, options) {
    return await createSandbox(Sandbox, this.#connection, template, options);
  }

  async with(...args) {
    return await useAndDelete((template, options) => this.create(template, options), args);
  }

  async createMany(count, template, options) {
    return await createSandboxes(Sandbox, this.#connection, count, template, options);
  }

  async connect(sandboxId, options) {
    return await connectSandbox(Sandbox, this.#connection, sandboxId, options);
  }

  list(options) {
    return listSandboxes(this.#connection, options);
  }

  async getInfo(sandboxId, options) {
    return answers.sandboxInfo(await this.#connection.call("getInfo", { sandboxId: given(sandboxId) }, options));
  }

  async kill(sandboxId, options) {
    return await this.#connection.call("kill", { sandboxId: given(sandboxId) }, options);
  }

  async deleteAll(options) {
    return await deleteAll(this.#connection, options);
  }

  async pause(sandboxId, options) {
    return await this.#connection.call("pause", { sandboxId: given(sandboxId) }, options);
  }

  async setTimeout(sandboxId, timeout, options) {
    const fields = withField(options, "timeout", timeout);
    await this.#connection.call("setTimeout", { sandboxId: given(sandboxId) }, fields);
  }

  async getMetrics(sandboxIds, options) {
    const fields = withField(options, "sandboxIds", sandboxIds);
    return answers.metricsBatch(await this.#connection.call("metricsBatch", {}, fields));
  }

  async getObservabilitySummary(options) {
    return answers.observabilitySummary(await this.#connection.call("observabilitySummary", {}, options));
  }

  async getUsageLimits(options) {
    return answers.usageLimits(await this.#connection.call("usageLimits", {}, options));
  }
}

module.exports = { SandboxClient };
