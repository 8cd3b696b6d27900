import { json, request } from "./client.ts";
import type { Logs, MetricSnapshot, Sandbox, Summary, UsageLimits } from "./types.ts";

/** The most entries that the engine gives in one page. */
export const PAGE_SIZE = 100;

/** One page of the list; `state` is for the deleted ones, which it leaves out else. */
export async function listPage(
  offset: number,
  state?: string,
  signal?: AbortSignal,
): Promise<{ page: Sandbox[]; more: boolean }> {
  const query = new URLSearchParams({ limit: String(PAGE_SIZE) });
  // A page's token is its offset.
  if (offset > 0) query.set("nextToken", btoa(String(offset)).replaceAll("=", ""));
  if (state) query.set("state", state);
  const response = await request(`/sandboxes?${query}`, signal ? { signal } : {});
  return { page: (await response.json()) as Sandbox[], more: response.headers.get("X-Has-Next") === "true" };
}

function path(id: string, rest = ""): string {
  return `/sandboxes/${encodeURIComponent(id)}${rest}`;
}

export function detail(id: string, signal?: AbortSignal): Promise<Sandbox> {
  return json(path(id), signal ? { signal } : {});
}

export function logs(id: string, cursor: number, signal: AbortSignal): Promise<Logs> {
  return json(path(id, `/logs?cursor=${cursor}&limit=1000`), { signal });
}

export function metrics(id: string, signal: AbortSignal): Promise<MetricSnapshot> {
  return json(path(id, "/metrics"), { signal });
}

export async function pause(id: string): Promise<void> {
  await request(path(id, "/pause"), { method: "POST" });
}

/** Starts a paused sandbox again, with what is left of its TTL. */
export async function resume(id: string): Promise<void> {
  await request(path(id, "/connect"), { method: "POST", body: { timeout: 0 } });
}

/** Sets the TTL: it ends so many seconds from now. */
export async function setTimeoutSeconds(id: string, timeout: number): Promise<void> {
  await request(path(id, "/timeout"), { method: "POST", body: { timeout } });
}

export async function remove(id: string): Promise<void> {
  await request(path(id), { method: "DELETE" });
}

export function summary(signal: AbortSignal): Promise<Summary> {
  return json("/observability/summary", { signal });
}

export function usageLimits(signal: AbortSignal): Promise<UsageLimits> {
  return json("/usage/limits", { signal });
}
