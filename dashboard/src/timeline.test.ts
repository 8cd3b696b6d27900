import { expect, test } from "vitest";
import { intervalsOf, startsOf } from "./timeline.ts";

const at = (seconds: number) => new Date(seconds * 1000).toISOString();
const EVENTS = [
  { phase: "created", timestamp: at(0), status: "completed" },
  { phase: "starting", timestamp: at(0), status: "completed", durationMs: 900, message: "cold start" },
  { phase: "agent", timestamp: at(0.5), status: "completed", durationMs: 300 },
  { phase: "ready", timestamp: at(1), status: "completed" },
  { phase: "paused", timestamp: at(11), status: "completed", durationMs: 20 },
  { phase: "resuming", timestamp: at(21), status: "in_progress" },
];

test("a timeline is a row of states up to now", () => {
  const spans = intervalsOf(EVENTS, 24_000).map(({ state, fromMs, toMs }) => [state, toMs - fromMs]);
  expect(spans).toEqual([
    ["starting", 1000],
    ["running", 10_000],
    ["paused", 10_000],
    ["starting", 3000],
  ]);
});

test("a deleted sandbox's timeline ends with it", () => {
  const events = [...EVENTS.slice(0, 4), { phase: "deleted", timestamp: at(5), status: "completed" }];
  expect(intervalsOf(events, 24_000).at(-1)).toEqual({ state: "running", fromMs: 1000, toMs: 5000 });
});

test("each start has its parts, and what is under way grows", () => {
  const [latest, first] = startsOf(EVENTS, 24_000);
  expect(latest?.steps).toEqual([{ name: "resuming", status: "in_progress", offsetMs: 0, durationMs: 3000 }]);
  expect(first?.message).toBe("cold start");
  expect(first?.steps[1]).toEqual({ name: "agent", status: "completed", offsetMs: 500, durationMs: 300 });
});
