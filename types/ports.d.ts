import type { CallOptions } from "../index.js";

/** A port that something in a sandbox listens on. */
export interface PortInfo {
  /** The port. */
  port: number;
  /** `tcp`, or another protocol. */
  protocol: string;
  /** The address, as `127.0.0.1` or `0.0.0.0`. */
  address: string;
  /** The process, where that is known. */
  pid?: number;
  /** Its name, where that is known. */
  processName?: string;
}

/** Options of {@link Sandbox.waitForPort}. */
export interface WaitForPortOptions extends CallOptions {
  /**
   * How long to wait, in milliseconds, up to a day.
   * @default 30000
   */
  timeoutMs?: number;
  /** A path, as for {@link Sandbox.proxy}, that must be answered with a status below 500. Default: it is enough that something listens. */
  path?: string;
}

/** A request to a program in a sandbox, as `fetch` takes it. */
export interface ProxyRequest {
  /** The port that it listens on. */
  port: number;
  /**
   * The path, with the query. Characters that no URL can hold are escaped, all others are sent as they are. A path that leaves
   * the port by `..`, however it is written, or has a control character in it is a {@link ValidationError}.
   * @default "/"
   */
  path?: string;
  /**
   * The method.
   * @default "GET"
   */
  method?: string;
  /** Headers for the program. Those about the connection, as `Host`, are left out. */
  headers?: RequestInit["headers"];
  /** The body, which is read into memory before it is sent. */
  body?: RequestInit["body"];
}

/** Options of {@link Sandbox.downloadUrl} and {@link Sandbox.uploadUrl}. */
export interface FileUrlOptions extends CallOptions {
  /** The user in the sandbox. Default: root, the only one there is. */
  user?: string;
  /** Until when it holds, in Unix seconds, from 1,000,000,000. Default: as long as the sandbox's access token. */
  useSignatureExpiration?: number;
  /** The same as a number of seconds from now on; only one of the two may be given. */
  expiresInSeconds?: number;
}
