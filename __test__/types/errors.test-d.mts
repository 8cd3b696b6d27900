// Checked by `tsc --noEmit`: what is known of an error once its class is.
import {
  type AddonError,
  APIError,
  AuthenticationError,
  CommandError,
  ConfigurationError,
  ConflictError,
  CreateManyError,
  type DeleteReport,
  type Diagnostic,
  DiskFullError,
  type ErrorDetails,
  type ErrorKind,
  NotFoundError,
  NotRunningError,
  PermissionError,
  QuotaError,
  RateLimitError,
  ReadinessError,
  RequestTimeoutError,
  SandboxError,
  type SandboxState,
  ServerError,
  type TimelineEvent,
  TimeoutAPIError,
  TransportError,
  ValidationError,
} from "sandbar";
import type { LocalError } from "../../packages/local/index.js";
import { expectType, some } from "./expect-type.mjs";

// Each class by the one that it extends, and all of them errors.
[
  ConfigurationError,
  ValidationError,
  TransportError,
  ReadinessError,
  NotRunningError,
] satisfies (typeof SandboxError)[];
[RequestTimeoutError] satisfies (typeof TransportError)[];
[AuthenticationError, PermissionError, NotFoundError, ConflictError, RateLimitError] satisfies (typeof APIError)[];
[TimeoutAPIError, DiskFullError, ServerError] satisfies (typeof APIError)[];
[QuotaError] satisfies (typeof RateLimitError)[];
const all: Error[] = [some<SandboxError>(), some<CommandError>(), some<CreateManyError>(), some<AddonError>()];
expectType<Error[]>()(all, true);
// @ts-expect-error
some<SandboxError>() satisfies APIError;
// @ts-expect-error
some<APIError>() satisfies CommandError;

// Narrowing from what is caught, which is unknown.
function told(error: unknown): string {
  // @ts-expect-error
  error.message;
  if (error instanceof CommandError) {
    expectType<number>()(error.exitCode, true);
    expectType<string>()(error.stdout, true);
    expectType<string>()(error.stderr, true);
    return error.stderr;
  }
  if (error instanceof CreateManyError) {
    expectType<SandboxError[]>()(error.errors, true);
    expectType<string[]>()(error.created, true);
    expectType<DeleteReport>()(error.cleanup, true);
  }
  if (error instanceof QuotaError) {
    expectType<number>()(error.statusCode, true);
    expectType<number | undefined>()(error.limit, true);
    expectType<number | undefined>()(error.retryAfterMs, true);
  }
  if (error instanceof TransportError) {
    // Without an answer there is no status.
    expectType<number | undefined>()(error.statusCode, true);
    expectType<boolean | undefined>()(error.outcomeUnknown, true);
  }
  if (error instanceof ValidationError) expectType<string | undefined>()(error.field, true);
  if (!(error instanceof SandboxError)) return String(error);
  expectType<ErrorKind | undefined>()(error.kind, true);
  expectType<SandboxState | undefined>()(error.state, true);
  expectType<Diagnostic | undefined>()(error.diagnostic, true);
  expectType<TimelineEvent[] | undefined>()(error.timeline, true);
  expectType<boolean | undefined>()(error.retryable, true);
  expectType<unknown>()(error.body, true);
  expectType<unknown>()(error.cause, true);
  if (error.kind === "not_ready" && error.sandboxDeleted) return error.diagnostic?.recommendation ?? error.message;
  return error.message;
}
expectType<string>()(told(new Error("other")), true);

// Tests of users make them, with the fields that they have.
new APIError("no", { statusCode: 500, kind: "server", retryable: true, cause: new Error("why") });
new CommandError("it failed", { exitCode: 1, stdout: "", stderr: "no" });
new CreateManyError("some failed", { errors: [new SandboxError()], created: ["sb-1"] });
new SandboxError();
// @ts-expect-error
new SandboxError("no", { status: 500 });
// @ts-expect-error
new SandboxError("no", { exitCode: 1 });
// @ts-expect-error
new SandboxError(500);
// @ts-expect-error
some<SandboxError>().kind = "tls";

// As JSON, an error has what may be logged.
const json = some<SandboxError>().toJSON();
expectType<string>()(json.name, true);
expectType<number | undefined>()(json.statusCode, true);
// @ts-expect-error
json.body;
// @ts-expect-error
json.stack;
expectType<Exclude<keyof ErrorDetails, "body"> | "name" | "message">()(some<keyof typeof json>(), true);

// What could not be loaded is told by a code: there is no class to import then.
const unloaded = some<AddonError>();
expectType<"AddonError">()(unloaded.name, true);
if (unloaded.code === "SANDBAR_ADDON_WRONG_LIBC") unloaded.message.trim();
// @ts-expect-error
if (unloaded.code === "ERR_DLOPEN_FAILED") unloaded.message.trim();
expectType<"SANDBAR_LOCAL_PLATFORM_NOT_SUPPORTED" | "SANDBAR_LOCAL_NOT_INSTALLED" | "SANDBAR_LOCAL_NOT_STARTED">()(
  some<LocalError>().code,
  true,
);
