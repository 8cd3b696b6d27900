import type { CallOptions } from "../index.js";

/** Runs programs in one sandbox: {@link Sandbox.commands}. */
export interface Commands {
  /**
   * Runs a command. A command that fails is a result, not an error, unless `check` says otherwise.
   *
   * With `background: true` it resolves once the command has started; else once it has ended. With `onStdout`, `onStderr`,
   * `background`, `tag`, or `stdin: true | false`, the command is followed as it goes, and its output comes without a limit;
   * a plain command is one request, whose `stdout` and `stderr` the service cuts off at a size of its own (4 MiB each in the
   * local engine), which `error` tells then.
   *
   * @param cmd - A shell command line; with `args`, the program that is executed without a shell.
   * @returns What it printed, and its exit code; with `background: true`, a handle.
   * @throws {@link CommandError} with `check: true`, if its exit code is not 0.
   * @throws {@link NotRunningError} if the sandbox does not run.
   * @throws {@link ValidationError} if an option is wrong; nothing was sent.
   * @throws The reason of `signal`, which kills the command with all that it has started.
   *
   * Routes: `POST {envdUrl}/run`, `POST {envdUrl}/process.Process/Start`.
   *
   * @example
   * ```js
   * const { stdout, exitCode } = await sandbox.commands.run("npm test", { timeoutMs: 60_000 });
   *
   * await using server = await sandbox.commands.run("npm start", { background: true });
   * for await (const { stream, text } of server) process[stream].write(text);
   * ```
   */
  run(cmd: string, options: CommandOptions & { background: true }): Promise<CommandHandle>;
  /** Runs a command, and resolves once it has ended, with what it printed and its exit code. */
  run(cmd: string, options?: CommandOptions & { background?: false }): Promise<CommandResult>;
  /** Runs a command; `background` says whether it resolves with a handle or with a result. */
  run(cmd: string, options?: CommandOptions): Promise<CommandResult | CommandHandle>;

  /**
   * The same as {@link Commands.run}.
   *
   * @returns As `run`.
   * @throws As `run`.
   *
   * Routes: `POST {envdUrl}/run`, `POST {envdUrl}/process.Process/Start`.
   */
  exec(cmd: string, options: CommandOptions & { background: true }): Promise<CommandHandle>;
  /** The same as {@link Commands.run}. */
  exec(cmd: string, options?: CommandOptions & { background?: false }): Promise<CommandResult>;
  /** The same as {@link Commands.run}. */
  exec(cmd: string, options?: CommandOptions): Promise<CommandResult | CommandHandle>;

  /**
   * Lists the commands and terminals that run and can be followed, whoever has started them. Those of plain `run` calls
   * are not among them.
   *
   * @throws {@link NotRunningError} if the sandbox does not run.
   *
   * Route: `POST {envdUrl}/process.Process/List`.
   *
   * @example
   * ```js
   * for (const { pid, cmd, tag } of await sandbox.commands.list()) console.log(pid, cmd, tag);
   * ```
   */
  list(options?: CallOptions): Promise<ProcessInfo[]>;

  /**
   * Follows a command that runs, from the oldest output that is kept of it. One that ended a short while ago can be
   * followed as well: its handle comes to the end at once.
   *
   * @param process - Its `pid`, or the tag that it was started with.
   * @returns A handle, as of a command that was started in the background.
   * @throws {@link NotFoundError} if there is none.
   *
   * Route: `POST {envdUrl}/process.Process/Connect`.
   *
   * @example
   * ```js
   * const build = await sandbox.commands.connect({ tag: "build" }, { onStdout: (text) => console.log(text) });
   * const { exitCode } = await build.wait();
   * ```
   */
  connect(process: ProcessRef, options?: ConnectCommandOptions): Promise<CommandHandle>;

  /**
   * Kills a command with all that it has started.
   *
   * @param process - Its `pid`, or its tag.
   * @returns Whether there was one. It and all that it has started are gone then; what the kernel does not end within 5 s is
   * not waited for.
   * @throws {@link NotRunningError} if the sandbox does not run.
   *
   * Route: `POST {envdUrl}/process.Process/SendSignal`.
   *
   * @example
   * ```js
   * await sandbox.commands.kill({ tag: "server" });
   * ```
   */
  kill(process: ProcessRef, options?: CallOptions): Promise<boolean>;

  /**
   * Sends a signal to a command and the programs of its process group.
   *
   * @param process - Its `pid`, or its tag.
   * @param signal - The signal's name, as `"SIGINT"`.
   * @returns Whether there was one.
   * @throws {@link NotRunningError} if the sandbox does not run.
   * @throws {@link ValidationError} if it is no signal; nothing was sent.
   *
   * Route: `POST {envdUrl}/process.Process/SendSignal`.
   *
   * @example
   * ```js
   * await sandbox.commands.sendSignal(server.pid, "SIGHUP");
   * ```
   */
  sendSignal(process: ProcessRef, signal: string, options?: CallOptions): Promise<boolean>;

  /**
   * Writes to a command's standard input. It resolves once the command, or the pipe before it, has taken all of it.
   *
   * @param process - Its `pid`, or its tag.
   * @param data - Text, which is sent as UTF-8, or bytes.
   * @throws {@link NotFoundError} if there is none.
   * @throws {@link APIError} with status 400 if it has no standard input, or has closed it.
   * @throws {@link RequestTimeoutError} if it reads nothing for as long as `requestTimeoutMs`; the message says how much went in.
   *
   * Route: `POST {envdUrl}/process.Process/SendInput`.
   *
   * @example
   * ```js
   * await sandbox.commands.sendStdin({ tag: "shell" }, "ls\n");
   * ```
   */
  sendStdin(process: ProcessRef, data: string | Uint8Array, options?: CallOptions): Promise<void>;

  /**
   * Closes a command's standard input: it reads an end of file.
   *
   * @param process - Its `pid`, or its tag.
   * @throws {@link NotFoundError} if there is none.
   *
   * Route: `POST {envdUrl}/process.Process/CloseStdin`.
   *
   * @example
   * ```js
   * await sandbox.commands.closeStdin({ tag: "sort" });
   * ```
   */
  closeStdin(process: ProcessRef, options?: CallOptions): Promise<void>;
}

/** Which process is meant: by its process ID inside the sandbox, or by the tag that it was started with. */
export type ProcessRef =
  | number
  | {
      /** The tag. */
      tag: string;
    };

/** How to run a command. */
export interface CommandOptions extends CallOptions {
  /** Arguments of the program; without them, or with none, the command is a shell command line. */
  args?: string[];
  /** Where it runs, relative to the workspace; `~` is the home. Default: the workspace, `/root/workspace`. */
  cwd?: string;
  /** Variables on top of the sandbox's own. */
  envs?: Record<string, string>;
  /**
   * How long it may run, in milliseconds; then it is killed with all it has started, its exit code is 137, and `error` says
   * that it timed out. If that does not arrive here within 5 s, the call rejects with a `RequestTimeoutError`. Default: no limit.
   */
  timeoutMs?: number;
  /** The user that runs it, by `su`. Default: root, who is the only one in sandboxes of the local engine. */
  user?: string;
  /**
   * Text for its standard input, which is then closed. `true` leaves it open for `sendStdin()`, as is the default in the
   * background; `false` gives it none, as is the default else.
   */
  stdin?: string | boolean;
  /**
   * Gets what the command prints, as it comes: text in which no character is cut in two. It is not awaited; what it throws
   * becomes a process warning.
   */
  onStdout?: (text: string) => void;
  /** Gets what the command prints to standard error, likewise. */
  onStderr?: (text: string) => void;
  /** Whether to resolve with a handle once it has started. Default: false. */
  background?: boolean;
  /** Whether an exit code other than 0 is an error. Default: false. */
  check?: boolean;
  /** A name to find it by; no other command that runs may have it. */
  tag?: string;
  /** Kills the command, with all that it has started; also in the background, and after `run` has resolved. */
  signal?: AbortSignal;
}

/** How to follow a command that runs. */
export interface ConnectCommandOptions extends CallOptions {
  /** Gets what it has printed, and what it prints. */
  onStdout?: (text: string) => void;
  /** Gets what it has printed, and what it prints, to standard error. */
  onStderr?: (text: string) => void;
  /** Whether an exit code other than 0 is an error. Default: false. */
  check?: boolean;
}

/** What a command came to. */
export interface CommandResult {
  /** What it printed. */
  stdout: string;
  /** What it printed to standard error. */
  stderr: string;
  /** Its exit code; 128 + signal if it was killed, 127 if the program was not found, 126 if it can't be executed. */
  exitCode: number;
  /** How long it ran, in milliseconds; of one that is followed, as seen from here. */
  durationMs: number;
  /** Why it did not run to its end, or not as asked for: a timeout, output that was cut off. */
  error?: string;
  /**
   * True if something is missing of its output: beyond the first 4 MiB of each stream of a plain command, or before the
   * newest 16 MiB of one that is followed, whose callbacks and iterators got more. Text is cut between characters.
   */
  truncated?: boolean;
}

/**
 * A command that runs in the background.
 *
 * Its output is taken in whether somebody reads it or not: the newest 16 MiB are kept, and a command never waits for a
 * handle that nobody reads. A reader (`for await`, or a callback) gets everything from the oldest output that is kept; while
 * it is more than 16 MiB behind, the command waits for it, up to the patience of the service.
 *
 * A handle keeps the process of Node.js alive only while somebody waits for it, or reads it. A handle that is forgotten
 * leaves its command running.
 *
 * If the connection is lost, it is made again, and goes on where it was. Where that can't be done, `wait()` rejects with
 * a {@link TransportError} whose `pid` is that of the command, which goes on.
 */
export interface CommandHandle {
  /** Its process ID inside the sandbox. */
  readonly pid: number;
  /** What the service knows it by, for a while after its end as well. */
  readonly cmdId: string | undefined;

  /**
   * Waits for its end. It may be called any number of times, before and after the end.
   *
   * @param options - `signal` ends the waiting, and leaves the command as it is.
   * @returns What it printed, and its exit code.
   * @throws {@link CommandError} if it was started with `check: true`, and its exit code is not 0.
   * @throws {@link TransportError} if the connection was lost and did not come back.
   *
   * @example
   * ```js
   * const { exitCode, durationMs } = await build.wait({ signal: AbortSignal.timeout(60_000) });
   * ```
   */
  wait(options?: { signal?: AbortSignal }): Promise<CommandResult>;

  /**
   * Kills it with all that it has started, and waits until they are gone, 5 s at most.
   *
   * @returns Whether it still ran.
   * @throws {@link NotRunningError} if the sandbox does not run.
   *
   * Route: `POST {envdUrl}/process.Process/SendSignal`.
   */
  kill(options?: CallOptions): Promise<boolean>;

  /**
   * Sends a signal to it and the programs of its process group.
   *
   * @param signal - The signal's name, as `"SIGINT"`.
   * @returns Whether it still ran.
   * @throws {@link NotRunningError} if the sandbox does not run.
   *
   * Route: `POST {envdUrl}/process.Process/SendSignal`.
   */
  sendSignal(signal: string, options?: CallOptions): Promise<boolean>;

  /**
   * Writes to its standard input, after all that was sent before. It resolves once the command, or the pipe before it, has
   * taken all of it.
   *
   * @param data - Text, which is sent as UTF-8, or bytes.
   * @throws {@link NotFoundError} if it has ended.
   *
   * Route: `POST {envdUrl}/process.Process/SendInput`.
   *
   * @example
   * ```js
   * const sort = await sandbox.commands.run("sort", { background: true });
   * await sort.sendStdin("b\na\n");
   * await sort.closeStdin();
   * const { stdout } = await sort.wait(); // "a\nb\n"
   * ```
   */
  sendStdin(data: string | Uint8Array, options?: CallOptions): Promise<void>;

  /**
   * Closes its standard input, after all that was sent before: it reads an end of file.
   *
   * @throws {@link NotFoundError} if it has ended.
   *
   * Route: `POST {envdUrl}/process.Process/CloseStdin`.
   */
  closeStdin(options?: CallOptions): Promise<void>;

  /** Does not follow it any more, and leaves it running: readers come to their end, and `wait()` rejects. */
  disconnect(): void;

  /** Its output, from the oldest that is kept. Leaving the loop leaves the command as it is. */
  [Symbol.asyncIterator](): AsyncIterableIterator<OutputChunk>;

  /** Kills it: `await using` does that at the end of the scope. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a command printed in one go. No character is cut in two. */
export interface OutputChunk {
  /** Where it was printed to; `pty` for what a terminal shows. */
  readonly stream: "stdout" | "stderr" | "pty";
  /** What was printed, as text. */
  readonly text: string;
  /** What was printed, byte by byte. */
  readonly bytes: Buffer;
}

/** A command that runs. */
export interface ProcessInfo {
  /** Its process ID inside the sandbox. */
  pid: number;
  /** What the service knows it by. */
  cmdId?: string;
  /** The name that it was started with. */
  tag?: string;
  /** The command line, or the program. */
  cmd: string;
  /** The program's arguments. */
  args?: string[];
  /** The variables that it was started with. */
  envs?: Record<string, string>;
  /** Where it was started, if that was said. */
  cwd?: string;
}
