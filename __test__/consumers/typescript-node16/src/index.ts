import { type LocalEngine, startLocal } from "@sandbar/local";
import jestPreset from "@sandbar/local/jest";
import { sandbarLocal } from "@sandbar/local/vitest";
import { type AddonError, type CreateOptions, Sandbox, SandboxError, ValidationError } from "sandbar";

const options: CreateOptions = { waitReady: true, metadata: { from: "TypeScript" } };
const answer: string = await Sandbox.with("base", options, async (sandbox) => {
  const { stdout } = await sandbox.commands.run("echo $((6 * 7))");
  return stdout.trim();
});
if (answer !== "42") throw new Error(answer);

try {
  await Sandbox.create("");
} catch (error) {
  if (!(error instanceof ValidationError)) throw error;
  const field: string | undefined = error.field;
  if (field === undefined || !(error instanceof SandboxError)) throw error;
}

// @ts-expect-error: seconds, under another name than other SDKs have.
const _wrong: CreateOptions = { timeoutMs: 1000 };
const _code: AddonError["code"] = "SANDBAR_ADDON_BUNDLED";
const _start: (options: { dataDir: string }) => Promise<LocalEngine> = startLocal;
const _files: string[] = jestPreset.setupFiles;
const _plugin: { name: string } = sandbarLocal();
