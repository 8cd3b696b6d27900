import type { TimelineEvent } from "./api/types.ts";

/** A time that a sandbox spent in one state. */
export interface Interval {
  state: string;
  fromMs: number;
  toMs: number;
}

/** A part of a start, or the start as a whole, in ms from its begin. */
export interface Step {
  name: string;
  status: string;
  offsetMs: number;
  durationMs: number;
}

/** How a sandbox came up once. */
export interface Start {
  name: string;
  message: string | undefined;
  fromMs: number;
  steps: Step[];
}

const STATE_AFTER: Record<string, string> = {
  created: "starting",
  starting: "starting",
  resuming: "starting",
  restarting: "starting",
  ready: "running",
  adopted: "running",
  paused: "paused",
  failed: "failed",
  deleted: "deleted",
};
const STARTS = new Set(["starting", "resuming", "restarting"]);
const PARTS = new Set(["rootfs", "namespaces", "agent", "commands"]);

/** The states that a sandbox was in, one after the other, up to now or to its end. */
export function intervalsOf(events: TimelineEvent[], nowMs: number): Interval[] {
  const intervals: Interval[] = [];
  for (const event of events) {
    const state = STATE_AFTER[event.phase];
    const at = timeOf(event);
    if (state === undefined || at === undefined) continue;
    const before = intervals.at(-1);
    // A resume that fails is told as a step, and the sandbox is paused as before.
    if (before?.state === state) continue;
    if (before) before.toMs = at;
    intervals.push({ state, fromMs: at, toMs: Math.max(at, nowMs) });
  }
  if (intervals.at(-1)?.state === "deleted") intervals.pop();
  return intervals;
}

/** All starts with their parts, the latest first. */
export function startsOf(events: TimelineEvent[], nowMs: number): Start[] {
  const starts: Start[] = [];
  for (const event of events) {
    const at = timeOf(event);
    if (at === undefined) continue;
    const current = starts.at(-1);
    if (STARTS.has(event.phase)) {
      starts.push({
        name: event.phase,
        message: event.message ?? undefined,
        fromMs: at,
        steps: [stepOf(event, at, at, nowMs)],
      });
    } else if (current && PARTS.has(event.phase)) {
      current.steps.push(stepOf(event, at, current.fromMs, nowMs));
    }
  }
  return starts.reverse();
}

function stepOf(event: TimelineEvent, at: number, fromMs: number, nowMs: number): Step {
  const status = event.status ?? "completed";
  const soFar = status === "in_progress" ? Math.max(0, nowMs - at) : 0;
  return {
    name: event.phase,
    status,
    offsetMs: Math.max(0, at - fromMs),
    durationMs: event.durationMs ?? soFar,
  };
}

function timeOf(event: TimelineEvent): number | undefined {
  const at = Date.parse(event.timestamp ?? "");
  return Number.isNaN(at) ? undefined : at;
}
