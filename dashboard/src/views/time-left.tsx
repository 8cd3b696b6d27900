import { countdown } from "../format.ts";
import { now } from "../state/clock.ts";
import type { Row } from "../state/sandbox-table.ts";

const SOON_MS = 60_000;

/** How long a sandbox has left, counting down. */
export function TimeLeft({ row }: { row: Row }) {
  if (row.state === "deleted" || row.endMs === 0) return <span class="muted">–</span>;
  if (row.state === "paused") return <span class="muted">held</span>;
  const left = row.endMs - now.value;
  return <span class={left < SOON_MS ? "time-left is-soon" : "time-left"}>{countdown(left)}</span>;
}
