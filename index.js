"use strict";

const errors = require("./lib/errors.js");
const { Sandbox } = require("./lib/sandbox.js");
const { SandboxClient } = require("./lib/sandbox-client.js");

const {
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
} = errors;

// Written out so that Node finds the names for `import { Sandbox } from "sandbar"`.
module.exports = {
  Sandbox,
  SandboxClient,
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
