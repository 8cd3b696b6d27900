// Checked by `tsc --noEmit`: words that are known complete as literals. What comes from a service may be a new one; what is sent
// to it may not.
import {
  type AddonErrorCode,
  type ClientEvent,
  type CodeLanguage,
  type Diagnostic,
  type DirEvent,
  type EntryInfo,
  type ErrorKind,
  type GitFile,
  type KnownSandboxState,
  type LogLevel,
  Sandbox,
  type SandboxInfo,
  type SandboxState,
  type SkippedEntry,
  type TemplateName,
  type TimelineEvent,
  type TransferProgress,
} from "sandbar";
import { expectType, some } from "./expect-type.mjs";

type Open = string & {};

expectType<"starting" | "running" | "paused" | "deleted" | "failed" | "error">()(some<KnownSandboxState>(), true);
expectType<KnownSandboxState | Open>()(some<SandboxState>(), true);
expectType<"base" | "code-interpreter" | Open>()(some<TemplateName>(), true);
expectType<SandboxState | undefined>()(some<Sandbox>().state, true);
expectType<SandboxState | undefined>()(some<Sandbox>().status, true);
expectType<SandboxState | undefined>()(some<SandboxInfo>().state, true);
expectType<"kill" | "pause" | undefined>()(some<SandboxInfo>().lifecycle?.onTimeout, true);
expectType<"completed" | "in_progress" | "failed" | Open | undefined>()(some<TimelineEvent>().status, true);
expectType<string>()(some<TimelineEvent>().phase, true);
expectType<string>()(some<Diagnostic>().reason, true);
expectType<"debug" | "info" | "warn" | "error">()(some<LogLevel>(), true);
expectType<LogLevel>()(some<ClientEvent>().level, true);
expectType<"file" | "dir" | "symlink" | "other">()(some<EntryInfo>().type, true);
expectType<"create" | "write" | "remove" | "rename" | "chmod">()(some<DirEvent>().type, true);
expectType<"symlink" | "special" | "name" | "gone">()(some<SkippedEntry>().reason, true);
expectType<number | undefined>()(some<TransferProgress>().totalBytes, true);
expectType<string | undefined>()(some<GitFile>().from, true);

// A new word of a service is a string, and no error.
const state: SandboxState = "hibernating";
const kind: ErrorKind = "a_new_kind";
const language: CodeLanguage = "cobol";
expectType<string>()([state, kind, language].join(), true);

/** Every state that is known, or it does not compile. */
export function symbolOf(known: KnownSandboxState): string {
  switch (known) {
    case "starting":
      return "…";
    case "running":
      return ">";
    case "paused":
      return "=";
    case "deleted":
      return "x";
    case "failed":
    case "error":
      return "!";
  }
}

// What is asked for has to be one of them.
Sandbox.list({ state: "running" });
Sandbox.list({ state: some<KnownSandboxState[]>() });
// @ts-expect-error
Sandbox.list({ state: some<SandboxState>() });
// @ts-expect-error
Sandbox.list({ state: ["running", "pausing"] });
// @ts-expect-error
await Sandbox.deleteAll({ metadata: {}, state: "Running" });
// @ts-expect-error
await some<Sandbox>().logs({ direction: "backwards" });
// @ts-expect-error
await some<Sandbox>().logs({ level: "trace" });
// @ts-expect-error
const code: AddonErrorCode = "SANDBAR_ADDON_MISSING";
expectType<AddonErrorCode>()(code, true);

// An answer is read, not changed.
// @ts-expect-error
some<Sandbox>().sandboxId = "sb-2";
// @ts-expect-error
some<Sandbox>().metadata = {};
// @ts-expect-error
some<SandboxInfo>().raw = {};
