import { expect, test } from "vitest";
import { rowOf } from "./sandbox-table.ts";
import { type Selection, select } from "./selection.ts";

const ROWS = [
  rowOf({
    sandboxID: "sb-1",
    templateID: "base",
    state: "running",
    startedAt: "2026-01-01T00:00:01Z",
    endAt: "2026-01-01T01:00:00Z",
    metadata: { app: "Web" },
  }),
  rowOf({
    sandboxID: "sb-2",
    templateID: "tpl-job",
    state: "paused",
    startedAt: "2026-01-01T00:00:02Z",
    endAt: "2026-01-01T00:30:00Z",
  }),
  rowOf({
    sandboxID: "sb-3",
    templateID: "base",
    state: "error",
    startedAt: "2026-01-01T00:00:03Z",
    endAt: "2026-01-01T00:40:00Z",
  }),
  rowOf({
    sandboxID: "sb-4",
    templateID: "base",
    state: "deleted",
    startedAt: "2026-01-01T00:00:04Z",
    endAt: "2026-01-01T00:50:00Z",
  }),
  rowOf({ sandboxID: "sb-5", state: "migrating" }),
];

function ids(selection: Partial<Selection>): string[] {
  const all: Selection = { search: "", state: undefined, sort: "created", descending: true };
  return select(ROWS, { ...all, ...selection }).rows.map((row) => row.sandbox.sandboxID);
}

test("the youngest comes first, and the deleted are left out", () => {
  expect(ids({})).toEqual(["sb-3", "sb-2", "sb-1", "sb-5"]);
});

test("all words of a search must occur, in any case and any field", () => {
  expect(ids({ search: "APP=web base" })).toEqual(["sb-1"]);
  expect(ids({ search: "tpl-j pau" })).toEqual(["sb-2"]);
  expect(ids({ search: "app=job" })).toEqual([]);
});

test("error counts as failed, and the deleted are there when they are asked for", () => {
  expect(ids({ state: "failed" })).toEqual(["sb-3"]);
  expect(ids({ state: "deleted" })).toEqual(["sb-4"]);
});

test("sorted by the end, a paused sandbox comes last", () => {
  expect(ids({ sort: "ends", descending: false })).toEqual(["sb-5", "sb-3", "sb-1", "sb-2"]);
});

test("each state is counted, also one that is not known", () => {
  const { counts } = select(ROWS, { search: "sb-1", state: "running", sort: "created", descending: true });
  expect(Object.fromEntries(counts)).toEqual({ running: 1, paused: 1, error: 1, deleted: 1, migrating: 1 });
});
