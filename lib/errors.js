"use strict";

const { Aborted } = require("./aborted.js");
const { timelineOf } = require("./answers.js");

const FIELDS = [
  "kind",
  "code",
  "statusCode",
  "requestId",
  "detail",
  "retryable",
  "retryAfterMs",
  "attempts",
  "method",
  "path",
  "field",
  "sandboxId",
  "state",
  "diagnostic",
  "timeline",
  "sandboxDeleted",
  "outcomeUnknown",
  "idempotencyKey",
  "limit",
  "used",
  "pid",
];

class SandboxError extends Error {
  constructor(message, details = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    for (const field of FIELDS) {
      if (details[field] !== undefined && details[field] !== null) this[field] = details[field];
    }
    // Nobody knows what a body holds: it can be read, but is not printed with the error.
    if (details.body !== undefined) Object.defineProperty(this, "body", { value: details.body });
  }

  toJSON() {
    return { name: this.name, message: this.message, ...this };
  }

  /** True for errors of another copy of this package as well, as in two Jest registries. */
  static [Symbol.hasInstance](value) {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    const brand = brandOf(this.name);
    return Object.hasOwn(this.prototype, brand) && value?.[brand] === true;
  }
}

class ConfigurationError extends SandboxError {}
class ValidationError extends SandboxError {}
class TransportError extends SandboxError {}
class RequestTimeoutError extends TransportError {}
class APIError extends SandboxError {}
class AuthenticationError extends APIError {}
class PermissionError extends APIError {}
class NotFoundError extends APIError {}
class ConflictError extends APIError {}
class RateLimitError extends APIError {}
class QuotaError extends RateLimitError {}
class TimeoutAPIError extends APIError {}
class DiskFullError extends APIError {}
class ServerError extends APIError {}
class ReadinessError extends SandboxError {}
class NotRunningError extends SandboxError {}

class CommandError extends SandboxError {
  constructor(message, details = {}) {
    super(message, details);
    this.exitCode = details.exitCode;
    // They may be long: what counts of them stands in the message.
    Object.defineProperty(this, "stdout", { value: details.stdout ?? "" });
    Object.defineProperty(this, "stderr", { value: details.stderr ?? "" });
  }
}

class CreateManyError extends SandboxError {
  constructor(message, details = {}) {
    super(message, details);
    this.errors = details.errors ?? [];
    this.created = details.created ?? [];
    this.cleanup = details.cleanup ?? { deleted: [], failed: [] };
  }
}

const classes = {
  SandboxError,
  ConfigurationError,
  ValidationError,
  TransportError,
  RequestTimeoutError,
  APIError,
  AuthenticationError,
  PermissionError,
  NotFoundError,
  ConflictError,
  RateLimitError,
  QuotaError,
  TimeoutAPIError,
  DiskFullError,
  ServerError,
  ReadinessError,
  NotRunningError,
  CreateManyError,
  CommandError,
};

function brandOf(name) {
  return Symbol.for(`sandbar.${name}`);
}

for (const [name, type] of Object.entries(classes)) {
  Object.defineProperty(type.prototype, "name", { value: name, configurable: true, writable: true });
  Object.defineProperty(type.prototype, brandOf(name), { value: true });
}

/** An error of the right class from the record that the native side rejects with. */
function errorFrom(json) {
  const { name, message, causes = [], ...details } = JSON.parse(json);
  const type = classes[name] ?? SandboxError;
  const timeline = details.timeline && timelineOf(details.timeline);
  return new type(message, { ...details, timeline, cause: chain(causes) });
}

/** What is to be thrown for a failed native call: `method` and what is below it stay out of the stack. */
function thrownFor(failure, method) {
  if (failure instanceof Aborted) return failure.reason;
  if (typeof failure?.record !== "string") return failure;
  const error = errorFrom(failure.record);
  // Taken after the await, V8 adds the frames of the user's async functions.
  Error.captureStackTrace(error, method);
  return error;
}

function chain(causes) {
  return causes.reduceRight((cause, message) => {
    const error = new Error(message, cause && { cause });
    // They happened in Rust: JavaScript frames would mislead.
    error.stack = `Error: ${message}`;
    return error;
  }, undefined);
}

module.exports = { ...classes, errorFrom, thrownFor };
