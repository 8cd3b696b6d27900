/** A duration as people read it: `6 ms`, `1.4 s`, `2 min 5 s`, `3 h 20 min`. */
export function duration(ms: number): string {
  if (ms < 1) return "< 1 ms";
  if (ms < 1000) return `${ms < 10 ? trimmed(ms, 1) : Math.round(ms)} ms`;
  if (ms < 10_000) return `${trimmed(ms / 1000, 1)} s`;
  return span(Math.round(ms / 1000));
}

/** Whole seconds in at most two units. */
export function span(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return joined([minutes, "min"], [seconds % 60, "s"]);
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return joined([hours, "h"], [minutes % 60, "min"]);
  return joined([Math.floor(hours / 24), "d"], [hours % 24, "h"]);
}

/** A countdown that keeps its width: `4:05`, `1:02:09`. */
export function countdown(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60];
  if (seconds >= 3600) parts.unshift(Math.floor(seconds / 3600));
  return parts.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}

/** Bytes with binary units. */
export function bytes(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : trimmed(value, value < 10 ? 1 : 0)} ${units[unit]}`;
}

export function percent(value: number): string {
  return `${value > 0 && value < 10 ? trimmed(value, 1) : Math.round(value)} %`;
}

const counts = new Intl.NumberFormat("en");

export function count(value: number): string {
  return counts.format(value);
}

/** The time of day: of a line of a log, with ms. */
export function timeOfDay(timestamp: string | null | undefined): string {
  const date = new Date(timestamp ?? "");
  if (Number.isNaN(date.getTime())) return "";
  const pad = (value: number, width = 2) => String(value).padStart(width, "0");
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`;
}

/** Date and time, in the reader's time zone. */
export function dateAndTime(timestamp: string | null | undefined): string {
  const date = new Date(timestamp ?? "");
  if (Number.isNaN(date.getTime())) return "unknown";
  const day = `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}-${String(date.getDate()).padStart(2, "0")}`;
  return `${day} ${timeOfDay(timestamp).slice(0, 8)}`;
}

function trimmed(value: number, digits: number): string {
  return value.toFixed(digits).replace(/\.0+$/, "");
}

function joined([large, unit]: [number, string], [small, rest]: [number, string]): string {
  return small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${rest}`;
}
