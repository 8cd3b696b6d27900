import type { CallOptions } from "../index.js";
import type { OutputChunk, ProcessRef } from "./commands.js";

/** Opens terminals in one sandbox: {@link Sandbox.pty}. */
export interface Pty {
  /**
   * Runs a command in a terminal of its own.
   *
   * @param command - A shell command line; with `args`, the program that is executed without a shell. Default: a login
   * shell, `bash` where there is one.
   * @returns A handle, once it has started.
   * @throws {@link NotRunningError} if the sandbox does not run.
   * @throws {@link ValidationError} if an option is wrong; nothing was sent.
   *
   * Route: `POST {envdUrl}/process.Process/Start`.
   *
   * @example
   * ```js
   * await using terminal = await sandbox.pty.create({ size: { cols: 120, rows: 40 }, onData: (text) => screen.write(text) });
   * await terminal.write("ls -l\r");
   * ```
   */
  create(command?: string, options?: PtyOptions): Promise<PtyHandle>;
  /** Runs a login shell in a terminal of its own. */
  create(options: PtyOptions): Promise<PtyHandle>;

  /**
   * Follows a terminal that is open, from the oldest output that is kept of it.
   *
   * @param process - Its `pid`, or the tag that it was created with.
   * @returns A handle, as of a terminal that was opened here.
   * @throws {@link NotFoundError} if there is none.
   *
   * Route: `POST {envdUrl}/process.Process/Connect`.
   *
   * @example
   * ```js
   * const terminal = await sandbox.pty.connect({ tag: "shell" }, { onData: (text) => screen.write(text) });
   * ```
   */
  connect(process: ProcessRef, options?: ConnectPtyOptions): Promise<PtyHandle>;

  /**
   * Closes a terminal: kills its command with all that it has started.
   *
   * @param process - Its `pid`, or its tag.
   * @returns Whether there was one.
   * @throws {@link NotRunningError} if the sandbox does not run.
   *
   * Route: `POST {envdUrl}/process.Process/SendSignal`.
   *
   * @example
   * ```js
   * await sandbox.pty.kill({ tag: "shell" });
   * ```
   */
  kill(process: ProcessRef, options?: CallOptions): Promise<boolean>;

  /**
   * Types into a terminal.
   *
   * @param process - Its `pid`, or its tag.
   * @param data - Text or bytes; `"\r"` is the return key, `"\x04"` is Ctrl-D.
   * @throws {@link NotFoundError} if there is none.
   *
   * Route: `POST {envdUrl}/process.Process/SendInput`.
   *
   * @example
   * ```js
   * await sandbox.pty.sendStdin({ tag: "shell" }, "ls -l\r");
   * ```
   */
  sendStdin(process: ProcessRef, data: string | Uint8Array, options?: CallOptions): Promise<void>;

  /**
   * The same as {@link Pty.sendStdin}.
   *
   * Route: `POST {envdUrl}/process.Process/SendInput`.
   */
  sendInput(process: ProcessRef, data: string | Uint8Array, options?: CallOptions): Promise<void>;

  /**
   * Changes the size of a terminal, and tells the programs in it.
   *
   * @param process - Its `pid`, or its tag.
   * @param size - In characters, 1 to 10,000 each way.
   * @throws {@link NotFoundError} if there is none.
   *
   * Route: `POST {envdUrl}/process.Process/Update`.
   *
   * @example
   * ```js
   * await sandbox.pty.resize({ tag: "shell" }, { cols: 132, rows: 43 });
   * ```
   */
  resize(process: ProcessRef, size: PtySize, options?: CallOptions): Promise<void>;
}

/** The size of a terminal, in characters; each side from 1 to 10,000. */
export interface PtySize {
  /** The width. */
  cols: number;
  /** The height. */
  rows: number;
}

/** How to open a terminal. */
export interface PtyOptions extends CallOptions {
  /** Arguments of the program; without them, or with none, the command is a shell command line. */
  args?: string[];
  /** Where it runs, relative to the workspace. Default: the workspace. */
  cwd?: string;
  /** Variables on top of the sandbox's own. `TERM` is `xterm-256color` unless it is set here. */
  envs?: Record<string, string>;
  /** How long it may run, in milliseconds; then it is killed with all it has started. Default: no limit. */
  timeoutMs?: number;
  /** The user that runs it, by `su`. Default: root, who is the only one in sandboxes of the local engine. */
  user?: string;
  /** The terminal's size. Default: 80 columns, 24 rows. */
  size?: PtySize;
  /** A name to find it by; no other process that runs may have it. */
  tag?: string;
  /** Gets what the terminal shows, as it comes, escape sequences included. */
  onData?: (text: string) => void;
  /** Closes the terminal, and kills what runs in it; also after `create` has resolved. */
  signal?: AbortSignal;
}

/** How to follow a terminal that is open. */
export interface ConnectPtyOptions extends CallOptions {
  /** Gets what the terminal has shown, and what it shows. */
  onData?: (text: string) => void;
}

/** What a terminal's command came to. */
export interface PtyResult {
  /** What the terminal showed, escape sequences included. */
  pty: string;
  /** The command's exit code; 128 + signal if it was killed. */
  exitCode: number;
  /** How long it ran, in milliseconds, as seen from here. */
  durationMs: number;
  /** Why it did not run to its end. */
  error?: string;
  /** True if only the newest 16 MiB of its output are in here. */
  truncated?: boolean;
}

/** A terminal in a sandbox. It behaves as a {@link CommandHandle} does. */
export interface PtyHandle {
  /** Its command's process ID inside the sandbox. */
  readonly pid: number;
  /** What the service knows it by. */
  readonly cmdId: string | undefined;

  /**
   * Waits for its command's end; any number of times.
   *
   * @param options - `signal` ends the waiting, and leaves the terminal as it is.
   * @returns What it showed, and its exit code.
   * @throws {@link TransportError} if the connection was lost and did not come back.
   */
  wait(options?: { signal?: AbortSignal }): Promise<PtyResult>;

  /**
   * Kills its command with all that it has started.
   *
   * @returns Whether it still ran.
   * @throws {@link NotRunningError} if the sandbox does not run.
   *
   * Route: `POST {envdUrl}/process.Process/SendSignal`.
   */
  kill(options?: CallOptions): Promise<boolean>;

  /**
   * Sends a signal to its command.
   *
   * @param signal - The signal's name, as `"SIGINT"`.
   * @returns Whether it still ran.
   * @throws {@link NotRunningError} if the sandbox does not run.
   *
   * Route: `POST {envdUrl}/process.Process/SendSignal`.
   */
  sendSignal(signal: string, options?: CallOptions): Promise<boolean>;

  /**
   * Types into it, after all that was typed before; `"\r"` is the return key.
   *
   * @throws {@link NotFoundError} if it is closed.
   *
   * Route: `POST {envdUrl}/process.Process/SendInput`.
   *
   * @example
   * ```js
   * await terminal.write("exit\r");
   * const { exitCode } = await terminal.wait();
   * ```
   */
  write(data: string | Uint8Array, options?: CallOptions): Promise<void>;

  /** The same as {@link PtyHandle.write}. */
  sendStdin(data: string | Uint8Array, options?: CallOptions): Promise<void>;

  /**
   * Changes its size, and tells the programs in it.
   *
   * @param size - In characters, 1 to 10,000 each way.
   * @throws {@link NotFoundError} if it is closed.
   *
   * Route: `POST {envdUrl}/process.Process/Update`.
   */
  resize(size: PtySize, options?: CallOptions): Promise<void>;

  /** Does not follow it any more, and leaves it open: readers come to their end, and `wait()` rejects. */
  disconnect(): void;

  /** What it shows, from the oldest output that is kept. */
  [Symbol.asyncIterator](): AsyncIterableIterator<OutputChunk>;

  /** Kills its command. */
  [Symbol.asyncDispose](): Promise<void>;
}
