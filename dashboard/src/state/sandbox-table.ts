import { type Sandbox, stateOf } from "../api/types.ts";

/** A sandbox with what searching and sorting need, worked out once for each change. */
export interface Row {
  sandbox: Sandbox;
  state: string;
  createdMs: number;
  endMs: number;
  /** Everything that a search looks at, in lower case. */
  text: string;
}

/** Of the deleted, so many of the latest stay, however long the page is open. */
const KEPT_DELETED = 1000;

/** All sandboxes known. Events may come before, during and after the list is read: an event is newer than the list. */
export class SandboxTable {
  readonly rows = new Map<string, Row>();
  #touched: Set<string> | undefined;
  #listed: Set<string> | undefined;
  #shifted = false;
  readonly #deleted = new Set<string>();

  /** The list is about to be read. */
  beginList(): void {
    this.#touched = new Set();
    this.#listed = new Set();
    this.#shifted = false;
  }

  /** A page of the list. */
  addPage(page: Sandbox[]): void {
    for (const sandbox of page) {
      this.#listed?.add(sandbox.sandboxID);
      if (!this.#touched?.has(sandbox.sandboxID)) this.#put(sandbox);
    }
  }

  /** The list was read to its end: what it did not have is gone. Gives back whether it is whole: pages go by offset, so a delete meanwhile may hide one. */
  endList(): boolean {
    if (this.#shifted) return false;
    for (const [id, row] of this.rows) {
      if (row.state !== "deleted" && !this.#listed?.has(id) && !this.#touched?.has(id)) this.rows.delete(id);
    }
    this.#touched = undefined;
    this.#listed = undefined;
    return true;
  }

  /** What an event said. */
  apply(sandbox: Sandbox): void {
    this.#touched?.add(sandbox.sandboxID);
    if (stateOf(sandbox) === "deleted") this.#shifted = true;
    this.#put(sandbox);
  }

  /** Nothing is known any more. */
  clear(): void {
    this.rows.clear();
    this.#deleted.clear();
    this.#touched = undefined;
    this.#listed = undefined;
  }

  #put(sandbox: Sandbox): void {
    const row = rowOf(sandbox);
    this.rows.set(sandbox.sandboxID, row);
    if (row.state !== "deleted") return;
    this.#deleted.add(sandbox.sandboxID);
    const [oldest] = this.#deleted;
    if (this.#deleted.size <= KEPT_DELETED || oldest === undefined) return;
    this.#deleted.delete(oldest);
    this.rows.delete(oldest);
  }
}

export function rowOf(sandbox: Sandbox): Row {
  const state = stateOf(sandbox);
  const pairs = Object.entries(sandbox.metadata ?? {}).map(([key, value]) => `${key}=${value}`);
  return {
    sandbox,
    state,
    createdMs: Date.parse(sandbox.startedAt ?? "") || 0,
    endMs: Date.parse(sandbox.endAt ?? "") || 0,
    text: [sandbox.sandboxID, sandbox.templateID ?? "", state, ...pairs].join("\n").toLowerCase(),
  };
}
