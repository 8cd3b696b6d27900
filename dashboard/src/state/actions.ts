import { signal } from "@preact/signals";
import * as api from "../api/sandboxes.ts";
import { span } from "../format.ts";
import { tell, tellFailure } from "./messages.ts";
import type { Row } from "./sandbox-table.ts";

/** The longest TTL that the service takes. */
export const MAX_TTL_SECONDS = 86_400;

/** The sandbox that the dialog asks about. */
export const toDelete = signal<Row | undefined>(undefined);

/** What is under way, by sandbox. The state may be told before the answer comes, and then the next action may begin. */
export const pending = signal<ReadonlyMap<string, string>>(new Map());

/** Whether a sandbox can be paused, or else resumed. */
export function canPause(state: string): boolean {
  return state === "running" || state === "starting";
}

export async function pauseOrResume({ sandbox: { sandboxID: id }, state }: Row): Promise<void> {
  if (state === "paused") {
    await act("resume", id, () => api.resume(id), `${id} is running again`, `${id} was not resumed`);
  } else if (canPause(state)) {
    await act("pause", id, () => api.pause(id), `${id} is paused`, `${id} was not paused`);
  }
}

/** Adds seconds to the TTL, as far as it goes. */
export async function extend(row: Row, seconds: number): Promise<void> {
  const id = row.sandbox.sandboxID;
  const left = Math.max(0, Math.ceil((row.endMs - Date.now()) / 1000));
  const timeout = Math.min(MAX_TTL_SECONDS, left + seconds);
  const success = `${id} ends in ${span(timeout)}`;
  await act("extend", id, () => api.setTimeoutSeconds(id, timeout), success, `the TTL of ${id} is as it was`);
}

export async function remove(id: string): Promise<void> {
  await act("delete", id, () => api.remove(id), `${id} is deleted`, `${id} was not deleted`);
}

async function act(
  name: string,
  id: string,
  send: () => Promise<void>,
  success: string,
  failure: string,
): Promise<void> {
  if (pending.peek().get(id) === name) return;
  pending.value = new Map(pending.peek()).set(id, name);
  try {
    await send();
    tell(success);
  } catch (error) {
    tellFailure(failure, error);
  } finally {
    if (pending.peek().get(id) === name) {
      const rest = new Map(pending.peek());
      rest.delete(id);
      pending.value = rest;
    }
  }
}
