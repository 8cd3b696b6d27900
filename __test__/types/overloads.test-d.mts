// Checked by `tsc --noEmit`: which form of a call gives which type.
import type { Readable } from "node:stream";
import {
  type CommandHandle,
  type CommandResult,
  type CreateManyReport,
  type DirWatch,
  type DirWatchHandle,
  type EntryInfo,
  type GitStatus,
  type PtyHandle,
  Sandbox,
  SandboxClient,
  type WriteInfo,
} from "sandbar";
import { expectType, some } from "./expect-type.mjs";

const client = new SandboxClient();
const sandbox = some<Sandbox>();
const { commands, files, git, pty } = sandbox;

// A create takes a template, or options that may name it: not both.
expectType<Sandbox>()(await Sandbox.create(undefined, { timeout: 60 }), true);
expectType<Sandbox>()(await client.create({ templateID: "code-interpreter" }), true);
// @ts-expect-error
await Sandbox.create({ timeout: 60 }, { timeout: 60 });
// @ts-expect-error
await Sandbox.create(7);
// @ts-expect-error
await Sandbox.create(null);
// @ts-expect-error
await Sandbox.create("base", "code-interpreter");

// What is given back for many is decided by `onFailure`.
expectType<Sandbox[]>()(await client.createMany(2, "base", { onFailure: "delete" }), true);
expectType<CreateManyReport>()(await client.createMany(2, undefined, { onFailure: "keep" }), true);
expectType<CreateManyReport>()(await Sandbox.createMany(2, { templateID: "base", onFailure: "keep" }), true);
// @ts-expect-error
await Sandbox.createMany(2, "base", { onFailure: "ignore" });
// @ts-expect-error: which of them it is has to be known.
await Sandbox.createMany(2, "base", { onFailure: some<"delete" | "keep">() });
// @ts-expect-error
await Sandbox.createMany("2");

// A scope gives back what its function does, awaited.
expectType<number>()(await client.with("base", undefined, () => 1), true);
expectType<string>()(await client.with({ timeout: 60 }, async () => "a"), true);
expectType<"a" | undefined>()(await Sandbox.with(() => some<Promise<"a"> | undefined>()), true);
// @ts-expect-error
await Sandbox.with("base", {}, (own: string) => own);

// A connect by ID makes a handle, one of a handle is the handle.
expectType<Sandbox>()(await Sandbox.connect("sb-1", { waitReady: true }), true);
expectType<Sandbox>()(await sandbox.resume(), true);
class Named extends some<new () => Sandbox>() {
  label = "mine";
}
expectType<Named>()(await some<Named>().waitReady(), true);
expectType<Named>()(await some<Named>().reload(), true);
// @ts-expect-error
await Sandbox.connect();
// @ts-expect-error
await sandbox.connect("sb-1");
// @ts-expect-error
await Sandbox.setTimeout("sb-1");
// @ts-expect-error
await Sandbox.setTimeout("sb-1", "60");

// A command that goes on is a handle; where that is not known, it may be either.
expectType<CommandResult>()(await commands.run("ls", { background: false }), true);
expectType<CommandHandle>()(await commands.exec("ls", { background: true }), true);
expectType<CommandResult | CommandHandle>()(await commands.run("ls", { background: some<boolean>() }), true);
// @ts-expect-error
(await commands.run("ls")).pid;
// @ts-expect-error
(await commands.run("ls", { background: true })).stdout;
// @ts-expect-error
await commands.run(["ls"]);
// @ts-expect-error
await commands.kill("7");
expectType<boolean>()(await commands.kill({ tag: "web" }), true);

// Files come in the format that is asked for, which has to be known.
expectType<Readable>()(await files.read("a", { format: "stream", length: 10 }), true);
expectType<string>()(await files.read("a", { format: "text" }), true);
// @ts-expect-error
await files.read("a", { format: some<"text" | "bytes">() });
expectType<WriteInfo>()(await files.write("a", new Blob(["a"]), { mode: 0o644 }), true);
expectType<WriteInfo[]>()(await files.write([{ path: "a", data: "a", mode: 0o600 }]), true);
expectType<WriteInfo[]>()(await files.writeFiles([{ path: "a", data: new ArrayBuffer(1) }]), true);
// @ts-expect-error
await files.write([{ path: "a", data: "a" }], "a");
// @ts-expect-error
await files.write([{ name: "a", data: "a" }]);
// @ts-expect-error
await files.write("a");
expectType<EntryInfo[]>()(await files.list("a", { depth: 2 }), true);
expectType<DirWatch>()(await files.watchDir("a", { recursive: true }), true);
expectType<DirWatchHandle>()(await files.watchDir("a", () => {}, { onExit: (error) => error?.message }), true);
// @ts-expect-error: an iterator ends by itself.
await files.watchDir("a", { onExit: () => {} });

// Folders, commands and paths may be left out before options.
expectType<CommandResult>()(await git.clone("https://example.com/a.git", "a", { depth: 1 }), true);
expectType<CommandResult>()(await git.clone("https://example.com/a.git", { branch: "main" }), true);
expectType<CommandResult>()(await git.pull({ cwd: "a" }), true);
expectType<CommandResult>()(await git.checkout("main", "a"), true);
expectType<GitStatus>()(await git.status("a", { check: false }), true);
// @ts-expect-error
await git.pull({ depth: 1 });
// @ts-expect-error
await git.clone();
expectType<PtyHandle>()(await pty.create(), true);
expectType<PtyHandle>()(await pty.create("bash", { onData: (text) => text.length }), true);
// @ts-expect-error
await pty.create({ size: { cols: 80 } });
// @ts-expect-error
await pty.create({ onStdout: () => {} });
expectType<string>()(await sandbox.uploadUrl(), true);
expectType<string>()(await sandbox.uploadUrl({ expiresInSeconds: 60 }), true);
// @ts-expect-error
await sandbox.downloadUrl();
expectType<Response>()(await sandbox.proxy({ port: 80, method: "POST", body: "a", headers: { a: "b" } }), true);
// @ts-expect-error
await sandbox.proxy(80);

// Logs are followed if that is known.
// @ts-expect-error
sandbox.logs({ follow: some<boolean>() });
// @ts-expect-error
await sandbox.logs().return();
