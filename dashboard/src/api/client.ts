import { apiKey, refuseKey } from "../state/session.ts";
import type { Diagnostic } from "./types.ts";

const REQUEST_TIMEOUT_MS = 20_000;

/** A request that the engine refused. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly diagnostic?: Diagnostic,
  ) {
    super(message);
  }
}

/** A request that reached no engine. */
export class EngineGone extends Error {
  constructor() {
    super("the engine does not answer");
  }
}

export interface RequestOptions {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Without a limit of time: a stream. */
  stream?: boolean;
}

/** Sends a request with the API key; throws `ApiError` or `EngineGone`. */
export async function request(path: string, options: RequestOptions = {}): Promise<Response> {
  const key = apiKey.peek();
  if (key === undefined) throw new ApiError(401, "unauthorized", "no API key is known");
  const signals = [options.signal, options.stream ? undefined : AbortSignal.timeout(REQUEST_TIMEOUT_MS)];
  const response = await reach(`/api/v1${path}`, {
    method: options.method ?? "GET",
    headers: {
      "X-API-Key": key,
      ...(options.body !== undefined && { "Content-Type": "application/json" }),
      ...options.headers,
    },
    ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
    signal: AbortSignal.any(signals.filter((signal) => signal !== undefined)),
    cache: "no-store",
  });
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (response.status === 401) refuseKey(key);
  throw problem;
}

/** The same for an answer in JSON. */
export async function json<T>(path: string, options?: RequestOptions): Promise<T> {
  const response = await request(path, options);
  return (await response.json()) as T;
}

/** `fetch`, of which only an end by the caller's own signal passes as it is. */
export async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new EngineGone();
  }
}

/** The words of a refusal: the engine's and the agent's errors have different shapes. */
export async function problemOf(response: Response): Promise<ApiError> {
  const fallback = `the engine answered ${response.status}`;
  try {
    const { code, message, error, details } = await response.json();
    const word = typeof error?.code === "string" ? error.code : String(code ?? "");
    const text = message ?? error?.message ?? (typeof error === "string" ? error : fallback);
    return new ApiError(response.status, word, String(text), details?.diagnostic ?? error?.details?.diagnostic);
  } catch {
    return new ApiError(response.status, "", fallback);
  }
}
