import type { CallOptions } from "../index.js";

/** Runs programs in one sandbox: {@link Sandbox.commands}. */
export interface Commands {
  /**
   * Runs a command to its end. A command that fails is a result, not an error.
   *
   * @param cmd - A shell command line; with `args`, the program that is executed without a shell.
   * @returns What it printed, and its exit code.
   * @throws {@link NotRunningError} if the sandbox does not run.
   * @throws {@link ValidationError} if an option is wrong; nothing was sent.
   *
   * Route: `POST {envdUrl}/run`.
   *
   * @example
   * ```js
   * const { stdout, exitCode } = await sandbox.commands.run("npm test", { timeoutMs: 60_000 });
   * ```
   */
  run(cmd: string, options?: CommandOptions): Promise<CommandResult>;
}

/** How to run a command. */
export interface CommandOptions extends CallOptions {
  /** Arguments of the program; without them, the command is a shell command line. */
  args?: string[];
  /** Where it runs, relative to the workspace. Default: the workspace, `/root/workspace`. */
  cwd?: string;
  /** Variables on top of the sandbox's own. */
  envs?: Record<string, string>;
  /** How long it may run, in milliseconds; then it is killed with all it has started. Default: no limit. */
  timeoutMs?: number;
  /** Text for its standard input, which is then closed. Default: none. */
  stdin?: string;
}

/** What a command came to. */
export interface CommandResult {
  /** What it printed. */
  stdout: string;
  /** What it printed to standard error. */
  stderr: string;
  /** Its exit code; 128 + signal if it was killed, 127 if the program was not found, 126 if it can't be executed. */
  exitCode: number;
  /** How long it ran, in milliseconds. */
  durationMs: number;
  /** Why it did not run to its end, or not as asked for: a timeout, output that was cut off. */
  error?: string;
}
