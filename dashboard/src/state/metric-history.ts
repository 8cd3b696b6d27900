import { type Signal, signal } from "@preact/signals";
import * as api from "../api/sandboxes.ts";
import type { MetricSnapshot } from "../api/types.ts";
import { wait } from "../wait.ts";

const EVERY_MS = 2000;
/** Five minutes. */
const KEPT_LOOKS = 150;
const KEPT_SANDBOXES = 20;

const histories = new Map<string, Signal<MetricSnapshot[]>>();

/** The looks of this tab at a sandbox's metrics, the oldest first: the engine has only the present. */
export function historyOf(id: string): Signal<MetricSnapshot[]> {
  const known = histories.get(id);
  if (known) return known;
  const history = signal<MetricSnapshot[]>([]);
  histories.set(id, history);
  const [oldest] = histories.keys();
  if (histories.size > KEPT_SANDBOXES && oldest !== undefined) histories.delete(oldest);
  return history;
}

/** Looks every two seconds, until the signal. */
export async function recordMetrics(id: string, stop: AbortSignal): Promise<void> {
  const history = historyOf(id);
  while (!stop.aborted) {
    if (!document.hidden) {
      try {
        const snapshot = await api.metrics(id, stop);
        if (!snapshot.error) history.value = [...history.value, snapshot].slice(-KEPT_LOOKS);
      } catch {
        // The state of the sandbox and of the connection are told elsewhere.
      }
    }
    await wait(EVERY_MS, stop);
  }
}
