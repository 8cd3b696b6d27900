import { signal } from "@preact/signals";

/** The time in ms, brought up to date each second. */
export const now = signal(Date.now());

export function startClock(): void {
  setInterval(() => {
    now.value = Date.now();
  }, 1000);
}
