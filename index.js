"use strict";

// First, and in words that any Node.js reads: what follows would be a syntax error in an old one.
if (parseInt(process.versions.node, 10) < 18) throw require("./lib/addon-failure.js").nodeTooOld();

const {
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
} = require("./lib/sandbar.js");

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
