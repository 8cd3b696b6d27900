import type { Readable } from "node:stream";
import type { CallOptions } from "../index.js";

/**
 * The files of one sandbox: {@link Sandbox.files}.
 *
 * Paths in the sandbox are absolute, or relative to the workspace (`/root/workspace`); `~` is the home. Every call
 * throws a {@link NotRunningError} if the sandbox does not run, and a {@link ValidationError} if an argument is wrong; nothing
 * was sent then. Errors of the sandbox name the path.
 */
export interface Files {
  /**
   * Tells whether there is something at a path, a symlink that leads nowhere included.
   *
   * @returns False only if the path is not there; a sandbox that is not there is an error.
   * @throws {@link NotRunningError} if the sandbox does not run.
   *
   * Route: `POST {envdUrl}/filesystem.Filesystem/Stat`.
   *
   * @example
   * ```js
   * if (!(await sandbox.files.exists("package.json"))) await sandbox.commands.run("npm init -y");
   * ```
   */
  exists(path: string, options?: CallOptions): Promise<boolean>;

  /**
   * Looks at what stands at a path. A symlink is not followed.
   *
   * @throws {@link NotFoundError} if there is nothing.
   *
   * Route: `POST {envdUrl}/filesystem.Filesystem/Stat`.
   *
   * @example
   * ```js
   * const { type, size, modifiedTime } = await sandbox.files.getInfo("report.pdf");
   * ```
   */
  getInfo(path: string, options?: CallOptions): Promise<EntryInfo>;

  /**
   * Lists a directory, each directory's content right after it, in the order of names. Symlinks are listed and not followed.
   *
   * @param options - `depth` is how many levels down, 1 to 4096; default 1.
   * @returns At most 100,000 entries; more are an error.
   * @throws {@link NotFoundError} if there is no such directory; {@link APIError} if it is none.
   *
   * Route: `POST {envdUrl}/filesystem.Filesystem/ListDir`.
   *
   * @example
   * ```js
   * const entries = await sandbox.files.list("src", { depth: 3 });
   * const sources = entries.filter(({ type }) => type === "file").map(({ path }) => path);
   * ```
   */
  list(path: string, options?: ListDirOptions): Promise<EntryInfo[]>;

  /**
   * Makes a directory, and those above it.
   *
   * @returns True if it was made, false if it was there already.
   * @throws {@link ConflictError} if something else is in the way.
   *
   * Route: `POST {envdUrl}/filesystem.Filesystem/MakeDir`.
   *
   * @example
   * ```js
   * await sandbox.files.makeDir("data/2026");
   * ```
   */
  makeDir(path: string, options?: CallOptions): Promise<boolean>;

  /**
   * Reads a file, or a part of it: by default as text, which must be UTF-8.
   *
   * As a stream, nothing is taken from the connection while the reader does not read. Errors come out of the stream, and
   * `destroy()` ends the request. `requestTimeoutMs` counts for the beginning, and for each wait for more bytes.
   *
   * @returns A string; with `format` a `Buffer`, a `Blob` or a `Readable`.
   * @throws {@link NotFoundError} if there is no such file; {@link APIError} if it is a directory; {@link ValidationError} with
   * the field `format` if it is not UTF-8, or has more than 256 MiB: read it as bytes or as a stream.
   *
   * Route: `GET {envdUrl}/files`.
   *
   * @example
   * ```js
   * const text = await sandbox.files.read("notes.txt");
   * const stream = await sandbox.files.read("video.mp4", { format: "stream" });
   * await pipeline(stream, createWriteStream("video.mp4"));
   * ```
   */
  read(path: string, options?: ReadOptions & { format?: "text" }): Promise<string>;
  /** Reads a file as bytes, whatever is in it. */
  read(path: string, options: ReadOptions & { format: "bytes" }): Promise<Buffer>;
  /** Reads a file as a `Blob`. */
  read(path: string, options: ReadOptions & { format: "blob" }): Promise<Blob>;
  /** Reads a file as a stream, of any size. */
  read(path: string, options: ReadOptions & { format: "stream" }): Promise<Readable>;

  /**
   * Writes a file, and makes the directories above it. It is there as a whole, or as it was before: whatever fails, and if
   * the process ends. A symlink is written through to its target.
   *
   * Of a stream or an iterable, no more is asked for than the connection takes, and a small part is in memory. If it fails,
   * its own error is thrown; if the service fails, it is destroyed, cancelled or returned. `requestTimeoutMs` counts for each
   * wait for the other side; with a stream of more than 1 MiB, the request is not repeated.
   *
   * @param data - A string, a `Buffer`, typed array, `DataView` or `ArrayBuffer`, a `Blob`, a `Readable`, a web stream, or an
   * iterable of strings and bytes. It must not be changed before the promise settles.
   * @returns Where it is, and how many bytes it has.
   * @throws {@link APIError} if there is a directory; {@link DiskFullError} if there is no room.
   *
   * Route: `POST {envdUrl}/files`; with a mode `POST {envdUrl}/files/batch` where it is small.
   *
   * @example
   * ```js
   * await sandbox.files.write("app/main.py", "print('hi')");
   * await sandbox.files.write("data.csv", createReadStream("data.csv"));
   * ```
   */
  write(path: string, data: FileData, options?: WriteOptions): Promise<WriteInfo>;
  /** Writes several files: {@link Files.writeFiles}. */
  write(files: NewFile[], options?: CallOptions): Promise<WriteInfo[]>;

  /**
   * Writes several files. Those of up to 4 MiB share requests of up to 4 MiB or 500 files, of which a few are under way at
   * once. Each file is there as a whole, or as it was before; after a failure, some are written and some are not.
   *
   * @returns What was written, in the order of `files`.
   * @throws As {@link Files.write}; the message says which file.
   *
   * Route: `POST {envdUrl}/files/batch`.
   *
   * @example
   * ```js
   * await sandbox.files.writeFiles([
   *   { path: "main.py", data: "print(1)" },
   *   { path: "run.sh", data: "python3 main.py", mode: 0o755 },
   * ]);
   * ```
   */
  writeFiles(files: NewFile[], options?: CallOptions): Promise<WriteInfo[]>;

  /**
   * Removes what stands at a path, a directory with all that is in it. Symlinks are removed and not followed.
   *
   * @throws {@link NotFoundError} if there is nothing; {@link APIError} for the root, the home and the workspace themselves.
   *
   * Route: `POST {envdUrl}/filesystem.Filesystem/Remove`.
   *
   * @example
   * ```js
   * await sandbox.files.remove("dist");
   * ```
   */
  remove(path: string, options?: CallOptions): Promise<void>;

  /**
   * Moves a file or directory. Directories above its new place are made, and a file that is there is replaced.
   *
   * @returns What is at the new place.
   * @throws {@link NotFoundError} if there is nothing to move.
   *
   * Route: `POST {envdUrl}/filesystem.Filesystem/Move`.
   *
   * @example
   * ```js
   * await sandbox.files.rename("draft.md", "docs/final.md");
   * ```
   */
  rename(oldPath: string, newPath: string, options?: CallOptions): Promise<EntryInfo>;

  /**
   * Replaces a piece of text that stands in a file exactly once.
   *
   * @throws {@link NotFoundError} if the file or the text is not there; {@link APIError} with the code `invalid_argument` if the
   * text is there more than once, with how often.
   *
   * Route: `POST {envdUrl}/filesystem.Filesystem/Edit`.
   *
   * @example
   * ```js
   * await sandbox.files.edit("app.py", "DEBUG = True", "DEBUG = False");
   * ```
   */
  edit(path: string, oldText: string, newText: string, options?: CallOptions): Promise<void>;

  /**
   * Watches a directory. What happens after the promise has resolved is told.
   *
   * The events are iterated, or `onEvent` is called for each. It ends with `break`, `stop()`, the end of an `await using`
   * scope or its `signal`, and when the directory, or one above it, is removed or moved. Until then it keeps the process alive while it waits.
   *
   * @returns What to iterate; with `onEvent`, what stops it.
   * @throws {@link NotFoundError} if there is no such directory. If events were lost, as there were too many at once, the
   * iteration throws, or `onExit` is called.
   *
   * Route: `POST {envdUrl}/filesystem.Filesystem/WatchDir`.
   *
   * @example
   * ```js
   * for await (const { type, name } of await sandbox.files.watchDir("src", { recursive: true })) {
   *   console.log(type, name);
   * }
   * ```
   */
  watchDir(path: string, options?: WatchOptions): Promise<DirWatch>;
  /** Watches a directory, and calls `onEvent` for each event, until `stop()`. */
  watchDir(path: string, onEvent: (event: DirEvent) => void, options?: WatchCallbackOptions): Promise<DirWatchHandle>;

  /**
   * Uploads a file of this machine, or a directory with all that is in it. Modes are kept, but for those of directories that
   * are there. Symlinks in the directory are left out, as are pipes, sockets and devices: `skipped` has them. `localPath`
   * itself may be a symlink, a pipe or a device: it is read to its end.
   *
   * @param localPath - The file or directory on this machine.
   * @param remotePath - Where it goes: the path of the file or directory itself.
   * @returns How many files and bytes went over, and what was left out.
   * @throws {@link SandboxError} of the kind `local_file` if a file of this machine can't be read. What was sent stays.
   *
   * Route: `POST {envdUrl}/files/batch`, `POST {envdUrl}/files` and `POST {envdUrl}/files/folders`.
   *
   * @example
   * ```js
   * await sandbox.files.upload("./app", "app", { exclude: ["node_modules", "*.log"] });
   * ```
   */
  upload(localPath: string, remotePath: string, options?: UploadOptions): Promise<TransferResult>;

  /**
   * Downloads a file, or a directory with all that is in it. Modes are kept, but for those of directories that are there.
   * Symlinks in the directory are left out, as are pipes, sockets and devices: `skipped` has them. Each file is there as a
   * whole, or as it was before.
   *
   * The `localPath` of a file may be a symlink, which is followed, or a device or pipe, which is written into. Of a directory,
   * nothing is written outside `localPath`, whatever names the sandbox gives, and no symlink, pipe or device in it is written
   * to or replaced: one in the way is an error.
   *
   * @param remotePath - The file or directory in the sandbox.
   * @param localPath - Where it goes: the path of the file or directory itself. Directories above it are made.
   * @returns How many files and bytes came over, and what was left out.
   * @throws {@link NotFoundError} if there is nothing; {@link SandboxError} of the kind `local_file` if a file of this machine
   * can't be written. What was written stays.
   *
   * Route: `POST {envdUrl}/filesystem.Filesystem/ListDir` and `GET {envdUrl}/files`.
   *
   * @example
   * ```js
   * const { files, skipped } = await sandbox.files.download("results", "./results");
   * ```
   */
  download(remotePath: string, localPath: string, options?: TransferOptions): Promise<TransferResult>;
}

/** What can be written to a file. */
export type FileData =
  | string
  | ArrayBuffer
  | SharedArrayBuffer
  | NodeJS.ArrayBufferView
  | Blob
  | ReadableStream
  | AsyncIterable<FileChunk>
  | Iterable<FileChunk>;

/** A part of what is written to a file. */
export type FileChunk = string | ArrayBuffer | NodeJS.ArrayBufferView;

/** A file to write. */
export interface NewFile {
  /** Where it goes. */
  path: string;
  /** What goes into it. */
  data: FileData;
  /** Its permission bits, as `0o755`. Default: those that the file has, or `0o644`. */
  mode?: number;
}

/** What stands at a path. */
export interface EntryInfo {
  /** The last part of the path. A byte that is no UTF-8 is shown as `U+FFFD`. */
  name: string;
  /** What it is; a pipe, a socket or a device is `other`. */
  type: "file" | "dir" | "symlink" | "other";
  /** Where it is, from the root on. */
  path: string;
  /** In bytes. */
  size: number;
  /** Permission bits, as `0o644`. */
  mode: number;
  /** The same as `ls -l` shows them, as `-rw-r--r--`. */
  permissions: string;
  /** The user that it belongs to. */
  owner: string;
  /** The group that it belongs to. */
  group: string;
  /** When its content last changed. */
  modifiedTime?: Date;
  /** Where a symlink leads. */
  symlinkTarget?: string;
}

/** What was written. */
export interface WriteInfo {
  /** Where it is, from the root on. */
  path: string;
  /** The last part of the path. */
  name: string;
  /** Always `file`. */
  type: "file";
  /** In bytes. */
  bytesWritten: number;
}

/** Options of {@link Files.list}. */
export interface ListDirOptions extends CallOptions {
  /**
   * How many levels down, 1 to 4096.
   * @default 1
   */
  depth?: number;
}

/** Options of {@link Files.read}. */
export interface ReadOptions extends CallOptions {
  /**
   * As what it is read.
   * @default "text"
   */
  format?: "text" | "bytes" | "blob" | "stream";
  /**
   * Where to begin, in bytes. After the end of the file, there is nothing.
   * @default 0
   */
  offset?: number;
  /** The most bytes to read. Default: all. */
  length?: number;
}

/** Options of {@link Files.write}. */
export interface WriteOptions extends CallOptions {
  /** Its permission bits, as `0o755`. Default: those that the file has, or `0o644`. */
  mode?: number;
}

/** Options of {@link Files.watchDir}. */
export interface WatchOptions extends CallOptions {
  /**
   * Whether directories in it are watched as well, new ones included.
   * @default false
   */
  recursive?: boolean;
  /** How long to watch, in milliseconds. Default, and 0: no limit. */
  timeoutMs?: number;
}

/** Options of {@link Files.watchDir} with a callback. */
export interface WatchCallbackOptions extends WatchOptions {
  /** Called once when it ends by itself: with the error if there was one. Not called after `stop()`. */
  onExit?: (error?: Error) => void;
}

/** Something that happened in a watched directory. */
export interface DirEvent {
  /** The path, relative to the watched directory. */
  name: string;
  /** What happened. After `rename` the name is gone; the new one is a `create`, or a `write` if a file there was replaced. */
  type: "create" | "write" | "remove" | "rename" | "chmod";
}

/** What happens in a directory, one event after the other. */
export interface DirWatch extends AsyncIterableIterator<DirEvent> {
  /** Ends it. */
  stop(): Promise<void>;
  /** Ends it at the end of a scope: `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A watch that calls back. */
export interface DirWatchHandle {
  /** Ends it: no callback is called after this. */
  stop(): Promise<void>;
  /** Ends it at the end of a scope: `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Options of {@link Files.download}. */
export interface TransferOptions extends CallOptions {
  /**
   * Called while it goes on, no more often than every 50 ms, and at the end. What it throws, or rejects with, becomes a
   * process warning.
   */
  onProgress?: (progress: TransferProgress) => void;
}

/** Options of {@link Files.upload}. */
export interface UploadOptions extends TransferOptions {
  /**
   * What is left out of a directory: names at any depth (`node_modules`, `*.log`), or paths within it (`dist/tmp`). `*`
   * stands for any characters but a slash, `?` for one.
   */
  exclude?: string[];
}

/** How far a transfer is. */
export interface TransferProgress {
  /** How many files are there. */
  files: number;
  /** How many bytes are there. */
  bytes: number;
  /** How many files there are in all, once that is known. */
  totalFiles?: number;
  /** How many bytes there are in all, once that is known. */
  totalBytes?: number;
  /** The file in the sandbox that was last worked on. */
  path: string;
}

/** What a transfer came to. */
export interface TransferResult {
  /** How many files were transferred. */
  files: number;
  /** How many bytes they have. */
  bytes: number;
  /** What was left out. */
  skipped: SkippedEntry[];
}

/** Something that a transfer left out. */
export interface SkippedEntry {
  /** Where it is, relative to the directory. */
  path: string;
  /**
   * Why: a `symlink`; `special` for a pipe, a socket or a device; a `name` that can't be one on the other side; `gone` for
   * what went away meanwhile.
   */
  reason: "symlink" | "special" | "name" | "gone";
}
