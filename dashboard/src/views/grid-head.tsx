import { selection } from "../state/sandboxes.ts";
import type { SortKey } from "../state/selection.ts";

/** A column: its name, and what a press on it sorts by. */
const COLUMNS: [string, SortKey | undefined][] = [
  ["State", "state"],
  ["Sandbox", undefined],
  ["Metadata", undefined],
  ["Template", "template"],
  ["Time left", "ends"],
  ["Age", "created"],
];

export function GridHead() {
  return (
    <div role="row" aria-rowindex={1} class="grid-row grid-head">
      {COLUMNS.map(([name, key]) => (
        <Column key={name} name={name} sort={key} />
      ))}
    </div>
  );
}

function Column({ name, sort }: { name: string; sort: SortKey | undefined }) {
  const { sort: by, descending } = selection.value;
  const isSorted = sort !== undefined && sort === by;
  // The youngest first is the greatest time of creation, and the least age.
  const isDown = sort === "created" ? !descending : descending;
  return (
    <span role="columnheader" aria-sort={isSorted ? (isDown ? "descending" : "ascending") : undefined}>
      {sort === undefined ? (
        name
      ) : (
        <button type="button" class="sort" onClick={() => sortBy(sort)}>
          {name}
          <span aria-hidden="true">{isSorted ? (isDown ? " ↓" : " ↑") : ""}</span>
        </button>
      )}
    </span>
  );
}

function sortBy(key: SortKey): void {
  const { sort, descending } = selection.value;
  const isAgain = sort === key;
  selection.value = { ...selection.value, sort: key, descending: isAgain ? !descending : key === "created" };
}
