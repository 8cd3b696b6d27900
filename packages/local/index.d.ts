/**
 * The local engine of Sandbar, for development and tests: real, isolated Linux sandboxes behind the same API as the hosted service.
 *
 * @example
 * import { startLocal } from "@sandbar/local";
 * import { SandboxClient } from "sandbar";
 *
 * const engine = await startLocal();
 * const client = new SandboxClient({ baseUrl: engine.baseUrl, apiKey: engine.apiKey });
 * await client.with("base", { waitReady: true }, (sandbox) => sandbox.commands.run("uname -a"));
 * await engine.stop();
 *
 * @packageDocumentation
 */

/// <reference lib="esnext.disposable" />

/** Options of {@link startLocal}. */
export interface StartLocalOptions {
  /**
   * A folder for sandboxes and templates, made if it does not exist. It stays, and the next engine on it has the same sandboxes.
   *
   * @default a temporary folder, removed at the end
   */
  dataDir?: string;
  /**
   * What the engine says on the standard error of this process.
   *
   * @default "warn"
   */
  logLevel?: "error" | "warn" | "info" | "debug" | "trace";
}

/** A running engine. `await using engine = await startLocal();` stops it at the end of the scope. */
export interface LocalEngine extends AsyncDisposable {
  /** Where it is, as `http://127.0.0.1:40123`: the `baseUrl` of a client. */
  readonly baseUrl: string;
  /** The key that it wants, made for this engine. */
  readonly apiKey: string;
  /** Both as the environment variables that `sandbar` reads: for `Object.assign(process.env, engine.env)`, or a child process. */
  readonly env: Readonly<Record<"SEACLOUD_BASE_URL" | "SEACLOUD_API_KEY", string>>;
  /** Stops it with all its sandboxes, and resolves when they are gone. A repeated call is fine. */
  stop(): Promise<void>;
}

/**
 * Starts an engine on a free port of this machine.
 *
 * It ends with `stop()`, and with this process, however that ends. It does not keep the process alive. Needs Linux, and
 * bubblewrap (`apt-get install bubblewrap`).
 *
 * @param options - Where it keeps its sandboxes, and what it says.
 * @returns The engine, once it answers.
 * @throws {@link LocalError} if there is no engine for this platform, or it does not start.
 * @throws `TypeError` if an option is wrong or unknown.
 *
 * @example
 * const engine = await startLocal();
 * Object.assign(process.env, engine.env);
 * const sandbox = await Sandbox.create("base", { waitReady: true });
 */
export declare function startLocal(options?: StartLocalOptions): Promise<LocalEngine>;

/** Why there is no engine. */
export declare class LocalError extends Error {
  /**
   * - `SANDBAR_LOCAL_PLATFORM_NOT_SUPPORTED`: this is not Linux.
   * - `SANDBAR_LOCAL_NOT_INSTALLED`: the package with the engine for this platform is missing.
   * - `SANDBAR_LOCAL_NOT_STARTED`: it ended before it answered; the message has what it said, as that bubblewrap is missing.
   */
  readonly code: "SANDBAR_LOCAL_PLATFORM_NOT_SUPPORTED" | "SANDBAR_LOCAL_NOT_INSTALLED" | "SANDBAR_LOCAL_NOT_STARTED";
  private constructor();
}
