// Tables of contestants beside this package.
import { median, ratio, spread } from "../harness/rounds.mjs";
import { number, percent, times } from "./cells.mjs";

/** A table for each variant of rows that `rates` gave. */
export function compared({ rows }) {
  return [...new Set(rows.map((row) => row.variant))].map((variant) => {
    const alike = rows.filter((row) => row.variant === variant);
    const ours = alike.find((row) => row.contestant === "sandbar");
    return { caption: variant, rows: alike.map((row) => cells(row, ours)) };
  });
}

function cells(row, ours) {
  const figure = (name) => number(median(row, name));
  return {
    "": row.contestant,
    "calls/s": figure("perSecond"),
    "±": percent(spread(row, "perSecond")),
    "Sandbar is": times(ratio(ours, row, "perSecond")),
    "main thread, µs": figure("mainThreadMicros"),
    "its CPU, µs": figure("mainThreadCpuMicros"),
    "CPU of the process, µs": figure("cpuMicros"),
    "p50, ms": figure("p50Ms"),
    "p99, ms": figure("p99Ms"),
    "event loop delay p99, ms": figure("delayP99Ms"),
  };
}
