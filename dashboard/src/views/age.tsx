import { span } from "../format.ts";
import { now } from "../state/clock.ts";

/** How long ago something was, in one unit. */
export function Age({ sinceMs }: { sinceMs: number }) {
  if (sinceMs === 0) return <span class="muted">–</span>;
  const seconds = Math.max(0, Math.floor((now.value - sinceMs) / 1000));
  return <span>{seconds < 5 ? "now" : span(seconds).split(" ").slice(0, 2).join(" ")}</span>;
}
