import { signal } from "@preact/signals";
import * as api from "../api/sandboxes.ts";
import { span } from "../format.ts";
import { tell, tellFailure } from "./messages.ts";
import type { Row } from "./sandbox-table.ts";

/** The longest TTL that the service takes. */
export const MAX_TTL_SECONDS = 86_400;

/** The sandbox that the dialog asks about. */
export const toDelete = signal<Row | undefined>(undefined);

/** Which sandboxes an action is under way for. */
export const pending = signal<ReadonlySet<string>>(new Set());

/** Whether a sandbox can be paused, or else resumed. */
export function canPause(state: string): boolean {
  return state === "running" || state === "starting";
}

export async function pauseOrResume({ sandbox: { sandboxID: id }, state }: Row): Promise<void> {
  if (state === "paused") await act(id, `${id} was not resumed`, () => api.resume(id), `${id} is running again`);
  else if (canPause(state)) await act(id, `${id} was not paused`, () => api.pause(id), `${id} is paused`);
}

/** Adds seconds to the TTL, as far as it goes. */
export async function extend(row: Row, seconds: number): Promise<void> {
  const id = row.sandbox.sandboxID;
  const left = Math.max(0, Math.ceil((row.endMs - Date.now()) / 1000));
  const timeout = Math.min(MAX_TTL_SECONDS, left + seconds);
  await act(
    id,
    `the TTL of ${id} is as it was`,
    () => api.setTimeoutSeconds(id, timeout),
    `${id} ends in ${span(timeout)}`,
  );
}

export async function remove(id: string): Promise<void> {
  await act(id, `${id} was not deleted`, () => api.remove(id), `${id} is deleted`);
}

async function act(id: string, failure: string, action: () => Promise<void>, success: string): Promise<void> {
  if (pending.peek().has(id)) return;
  pending.value = new Set([...pending.peek(), id]);
  try {
    await action();
    tell(success);
  } catch (error) {
    tellFailure(failure, error);
  } finally {
    pending.value = new Set([...pending.peek()].filter((other) => other !== id));
  }
}
