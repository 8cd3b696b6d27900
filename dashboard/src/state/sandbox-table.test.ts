import { expect, test } from "vitest";
import { SandboxTable } from "./sandbox-table.ts";

const sandbox = (id: string, state: string) => ({ sandboxID: id, state });

function statesOf(table: SandboxTable) {
  return Object.fromEntries([...table.rows].map(([id, row]) => [id, row.state]));
}

test("an event is newer than a page of the list that comes after it", () => {
  const table = new SandboxTable();
  table.beginList();
  table.apply(sandbox("a", "paused"));
  table.addPage([sandbox("a", "running"), sandbox("b", "running")]);
  expect(table.endList()).toBe(true);
  expect(statesOf(table)).toEqual({ a: "paused", b: "running" });
});

test("what a new list no longer has is gone, but not what was created meanwhile", () => {
  const table = new SandboxTable();
  table.apply(sandbox("gone", "running"));
  table.apply(sandbox("stays", "running"));
  table.beginList();
  table.apply(sandbox("new", "starting"));
  table.addPage([sandbox("stays", "running")]);
  table.endList();
  expect(statesOf(table)).toEqual({ stays: "running", new: "starting" });
});

test("a list during which something was deleted is read again", () => {
  const table = new SandboxTable();
  table.beginList();
  table.addPage([sandbox("a", "running")]);
  table.apply(sandbox("a", "deleted"));
  expect(table.endList()).toBe(false);
  table.beginList();
  table.addPage([sandbox("b", "running")]);
  expect(table.endList()).toBe(true);
  expect(statesOf(table)).toEqual({ a: "deleted", b: "running" });
});

test("of the deleted, the latest thousand stay", () => {
  const table = new SandboxTable();
  for (let index = 0; index < 1500; index++) table.apply(sandbox(`sb-${index}`, "deleted"));
  expect(table.rows.size).toBe(1000);
  expect(table.rows.has("sb-1499")).toBe(true);
});
