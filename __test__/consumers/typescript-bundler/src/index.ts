import { startLocal } from "@sandbar/local";
import { sandbarLocal } from "@sandbar/local/vitest";
import { type CommandHandle, Sandbox } from "sandbar";

export async function follow(command: string): Promise<number> {
  const engine = await startLocal();
  const sandbox: Sandbox = await Sandbox.create({
    waitReady: true,
    ...{ baseUrl: engine.baseUrl, apiKey: engine.apiKey },
  });
  const handle: CommandHandle = await sandbox.commands.run(command, { background: true });
  const { exitCode } = await handle.wait();
  // @ts-expect-error: it is a number.
  const _wrong: string = exitCode;
  return exitCode;
}

export const plugins = [sandbarLocal()];
