import { signal } from "@preact/signals";
import { ApiError } from "../api/client.ts";
import * as api from "../api/sandboxes.ts";
import type { LogLine } from "../api/types.ts";
import { wait } from "../wait.ts";

const EVERY_MS = 1000;
/** As many as the engine keeps. */
const KEPT_LINES = 10_000;

/** A line with its place in the log. */
export interface NumberedLine extends LogLine {
  number: number;
}

/** Reads a sandbox's log from its first line on, and goes on with what comes. */
export class LogFollower {
  readonly lines = signal<NumberedLine[]>([]);
  readonly problem = signal<string | undefined>(undefined);
  readonly isRead = signal(false);
  #cursor = 0;
  #count = 0;

  constructor(readonly id: string) {}

  async follow(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const more = !document.hidden && (await this.#read(stop));
      if (!more) await wait(EVERY_MS, stop);
    }
  }

  /** Reads one window; gives back whether there is more at once. */
  async #read(stop: AbortSignal): Promise<boolean> {
    try {
      const { logs, nextCursor, hasMore } = await api.logs(this.id, this.#cursor, stop);
      const numbered = logs.map((line) => ({ ...line, message: withoutColours(line.message), number: this.#count++ }));
      if (numbered.length > 0) this.lines.value = [...this.lines.value, ...numbered].slice(-KEPT_LINES);
      this.#cursor = nextCursor ?? this.#cursor + logs.length;
      this.problem.value = undefined;
      if (!hasMore) this.isRead.value = true;
      return hasMore === true;
    } catch (error) {
      if (error instanceof ApiError) this.problem.value = error.message;
      return false;
    }
  }
}

/** Programs colour what they print; here the sequences for that would be noise. */
function withoutColours(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one.
  return text.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, "");
}
