import type { CallOptions } from "../index.js";
import type { CommandResult } from "./commands.js";

/**
 * Runs git in one sandbox: {@link Sandbox.git}. A git that fails is a result, unless `check` says otherwise. It never asks
 * for a password: `GIT_TERMINAL_PROMPT` is `0` unless `envs` sets it.
 */
export interface Git {
  /**
   * Clones a repository.
   *
   * @param url - Its URL, or its path inside the sandbox.
   * @param path - Where to, relative to the working directory. Default: the repository's name.
   * @returns What git printed, and its exit code.
   * @throws {@link CommandError} with `check: true`, if git fails; {@link NotRunningError} if the sandbox does not run.
   *
   * Route: `POST {envdUrl}/run`.
   *
   * @example
   * ```js
   * await sandbox.git.clone("https://github.com/octocat/Hello-World", "hello", { depth: 1, check: true });
   * ```
   */
  clone(url: string, path?: string, options?: GitCloneOptions): Promise<CommandResult>;
  /** Clones a repository, to where git puts it. */
  clone(url: string, options?: GitCloneOptions): Promise<CommandResult>;

  /**
   * Fetches and merges what the current branch follows.
   *
   * @param path - The repository, in place of `cwd`.
   * @returns What git printed, and its exit code.
   * @throws {@link CommandError} with `check: true`, if git fails; {@link NotRunningError} if the sandbox does not run.
   *
   * Route: `POST {envdUrl}/run`.
   *
   * @example
   * ```js
   * await sandbox.git.pull("hello", { check: true, timeoutMs: 60_000 });
   * ```
   */
  pull(path?: string, options?: GitOptions): Promise<CommandResult>;
  /** The same in `cwd`. */
  pull(options?: GitOptions): Promise<CommandResult>;

  /**
   * Checks a branch, tag or commit out.
   *
   * @param ref - Which; a name that begins with `-` is refused.
   * @param path - The repository, in place of `cwd`.
   * @returns What git printed, and its exit code.
   * @throws {@link CommandError} with `check: true`, if git fails; {@link NotRunningError} if the sandbox does not run.
   * @throws {@link ValidationError} if `ref` begins with `-`; nothing was sent.
   *
   * Route: `POST {envdUrl}/run`.
   *
   * @example
   * ```js
   * await sandbox.git.checkout("v2.0.0", "hello", { check: true });
   * ```
   */
  checkout(ref: string, path?: string, options?: GitOptions): Promise<CommandResult>;
  /** The same in `cwd`. */
  checkout(ref: string, options?: GitOptions): Promise<CommandResult>;

  /**
   * Says how a working tree differs from what is committed: for people in `stdout`, for programs in the other fields.
   *
   * @param path - The repository, in place of `cwd`.
   * @returns What git printed, and the same in fields.
   * @throws {@link CommandError} with `check: true`, if git fails; {@link NotRunningError} if the sandbox does not run.
   *
   * Route: `POST {envdUrl}/run`, twice.
   *
   * @example
   * ```js
   * const { branch, files } = await sandbox.git.status("hello");
   * const changed = files.filter(({ worktree }) => worktree === "M").map(({ path }) => path);
   * ```
   */
  status(path?: string, options?: GitOptions): Promise<GitStatus>;
  /** The same in `cwd`. */
  status(options?: GitOptions): Promise<GitStatus>;
}

/** How to run git. */
export interface GitOptions extends CallOptions {
  /** Where it runs, relative to the workspace. Default: the workspace. */
  cwd?: string;
  /** Variables on top of the sandbox's own. */
  envs?: Record<string, string>;
  /** How long it may run, in milliseconds; then it is killed. Default: no limit. */
  timeoutMs?: number;
  /** The user that runs it, by `su`. Default: root. */
  user?: string;
  /** Whether an exit code other than 0 is a {@link CommandError}. Default: false. */
  check?: boolean;
}

/** How to clone. */
export interface GitCloneOptions extends GitOptions {
  /** The branch or tag to check out. Default: the repository's own. */
  branch?: string;
  /** How many commits of the history to fetch, at least 1. Default: all. */
  depth?: number;
}

/** What `git status` says. Where git fails, the fields beside the result are empty. */
export interface GitStatus extends CommandResult {
  /** The branch that is checked out; absent if a commit is. */
  branch?: string;
  /** The branch that it follows, as `"origin/main"`. */
  upstream?: string;
  /** How many commits the upstream has not. */
  ahead: number;
  /** How many commits only the upstream has. */
  behind: number;
  /** The files that differ. */
  files: GitFile[];
}

/** A file that differs from what is committed. */
export interface GitFile {
  /** Its path, from the repository's root. */
  path: string;
  /** Its path before it was renamed or copied. */
  from?: string;
  /**
   * How the index differs from the commit: `M`, `A`, `D`, `R`, `C` or `U`, `.` for not at all, `?` for a file that is not
   * tracked.
   */
  index: string;
  /** How the working tree differs from the index, in the same letters. */
  worktree: string;
}
