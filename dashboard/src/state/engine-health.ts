import { signal } from "@preact/signals";
import { summary as readSummary, usageLimits } from "../api/sandboxes.ts";
import type { Limit, Summary } from "../api/types.ts";
import { wait } from "../wait.ts";

const EVERY_MS = 5000;

/** How the engine does. */
export const summary = signal<Summary | undefined>(undefined);
/** How its limits stand. */
export const limits = signal<Record<string, Limit>>({});

/** Looks again and again until the signal. A look that fails leaves what was known: the event stream tells of a lost engine. */
export async function keepLooking(stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    try {
      const [health, usage] = await Promise.all([readSummary(stop), usageLimits(stop)]);
      summary.value = health;
      limits.value = usage.user?.limits ?? {};
    } catch {}
    await wait(EVERY_MS, stop);
  }
  summary.value = undefined;
  limits.value = {};
}
