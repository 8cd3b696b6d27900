import type { Row } from "./sandbox-table.ts";

/** The states that have a filter of their own; any other shows among all. */
export const STATES = ["running", "starting", "paused", "failed", "deleted"] as const;

export type SortKey = "created" | "ends" | "state" | "template";

export interface Selection {
  /** Words that must all occur, as `app=web` or a part of an ID. */
  search: string;
  /** One state; without, all but the deleted. */
  state: string | undefined;
  sort: SortKey;
  descending: boolean;
}

export interface Selected {
  rows: Row[];
  /** How many there are in each state, whatever is searched for. */
  counts: Map<string, number>;
}

/** The rows to show, in order. */
export function select(all: Iterable<Row>, { search, state, sort, descending }: Selection): Selected {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const counts = new Map<string, number>();
  const rows: Row[] = [];
  for (const row of all) {
    counts.set(row.state, (counts.get(row.state) ?? 0) + 1);
    if (!isIn(row.state, state)) continue;
    if (words.every((word) => row.text.includes(word))) rows.push(row);
  }
  const sign = descending ? -1 : 1;
  const compare = COMPARE[sort];
  rows.sort((a, b) => sign * compare(a, b) || b.createdMs - a.createdMs || (a.text < b.text ? -1 : 1));
  return { rows, counts };
}

/** `error` is another word for `failed`. */
function isIn(state: string, wanted: string | undefined): boolean {
  if (wanted === undefined) return state !== "deleted";
  return state === wanted || (wanted === "failed" && state === "error");
}

const COMPARE: Record<SortKey, (a: Row, b: Row) => number> = {
  created: (a, b) => a.createdMs - b.createdMs,
  // The TTL of a paused sandbox stands still: it comes last.
  ends: (a, b) => endOf(a) - endOf(b),
  state: (a, b) => compareText(a.state, b.state),
  template: (a, b) => compareText(a.sandbox.templateID ?? "", b.sandbox.templateID ?? ""),
};

function endOf(row: Row): number {
  return row.state === "paused" ? Number.MAX_SAFE_INTEGER : row.endMs;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
