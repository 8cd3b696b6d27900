import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { pauseOrResume, toDelete } from "../state/actions.ts";
import { open, route } from "../state/route.ts";
import type { Row } from "../state/sandbox-table.ts";
import { GridHead } from "./grid-head.tsx";
import { GridRow, rowId } from "./grid-row.tsx";

/** Rows drawn above and below what is seen. */
const SPARE = 8;
/** Below this width a row has two lines: on one, nothing would be left for the metadata. */
const NARROW = 860;
const HEIGHTS = { wide: 40, narrow: 60 };

/** The list of sandboxes. Only the rows in sight exist; the focus stays on the grid, and one row is the active one. */
export function SandboxGrid({ rows }: { rows: Row[] }) {
  const grid = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const size = useSignal({ width: 1000, height: 800 });
  const active = useSignal<string | undefined>(route.value.id);

  useLayoutEffect(() => {
    const element = grid.current;
    if (!element) return;
    const measure = () => {
      size.value = { width: element.clientWidth, height: element.clientHeight };
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [size]);

  const isNarrow = size.value.width < NARROW;
  const height = isNarrow ? HEIGHTS.narrow : HEIGHTS.wide;
  const head = isNarrow ? 0 : HEIGHTS.wide;
  const first = Math.max(0, Math.floor(top.value / height) - SPARE);
  const last = Math.min(rows.length, Math.ceil((top.value + size.value.height) / height) + SPARE);
  const position = active.value === undefined ? -1 : rows.findIndex((row) => row.sandbox.sandboxID === active.value);
  const lastPosition = useRef(-1);
  if (position >= 0) lastPosition.current = position;

  // Where the active row is gone, the one in its place is the active one.
  useEffect(() => {
    if (position >= 0 || lastPosition.current < 0) return;
    active.value = rows[Math.min(lastPosition.current, rows.length - 1)]?.sandbox.sandboxID;
  }, [position, rows, active]);

  // The open sandbox is in sight when it is opened, and when rows get another height beside it.
  const openId = route.value.id;
  const isListed = rows.some((row) => row.sandbox.sandboxID === openId);
  useLayoutEffect(() => {
    const shown = isListed ? openId : active.peek();
    const index = rows.findIndex((row) => row.sandbox.sandboxID === shown);
    if (index >= 0) reveal(index);
  }, [openId, isListed, isNarrow]);

  const isDrawn = position >= first && position < last;

  function moveTo(index: number) {
    const place = Math.max(0, Math.min(rows.length - 1, index));
    const row = rows[place];
    if (!row) return;
    active.value = row.sandbox.sandboxID;
    reveal(place);
  }

  function reveal(index: number) {
    const element = grid.current;
    if (!element) return;
    const at = index * height;
    if (at < element.scrollTop) element.scrollTop = at;
    const below = at + height - (element.clientHeight - head);
    if (below > element.scrollTop) element.scrollTop = below;
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.target !== grid.current || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor((size.value.height - head) / height) - 1);
    const moves: Record<string, number> = {
      ArrowDown: position + 1,
      ArrowUp: Math.max(0, position - 1),
      PageDown: position + page,
      PageUp: position - page,
      Home: 0,
      End: rows.length - 1,
    };
    const row = rows[position];
    const target = moves[event.key];
    if (target !== undefined) moveTo(target);
    else if (event.key === "/") document.getElementById("search")?.focus();
    else if (!row) return;
    else if (event.key === "Enter") openFocused(row.sandbox.sandboxID);
    else if (event.key.toLowerCase() === "p") void pauseOrResume(row);
    else if (event.key === "Delete" && row.state !== "deleted") toDelete.value = row;
    else return;
    event.preventDefault();
  }

  return (
    <div
      id="sandboxes"
      ref={grid}
      class={isNarrow ? "grid is-narrow" : "grid"}
      role="grid"
      aria-label="Sandboxes"
      aria-rowcount={rows.length + 1}
      aria-activedescendant={isDrawn && active.value ? rowId(active.value) : undefined}
      tabIndex={0}
      onKeyDown={onKeyDown}
      onFocus={() => {
        if (position < 0) moveTo(Math.ceil((grid.current?.scrollTop ?? 0) / height));
      }}
      onScroll={(event) => {
        top.value = event.currentTarget.scrollTop;
      }}
    >
      <GridHead />
      <div role="rowgroup" class="grid-body" style={{ height: `${rows.length * height}px` }}>
        {rows.slice(first, last).map((row, index) => (
          <GridRow
            key={row.sandbox.sandboxID}
            row={row}
            index={first + index}
            top={(first + index) * height}
            isActive={row.sandbox.sandboxID === active.value}
            isOpen={row.sandbox.sandboxID === route.value.id}
            onPick={(id) => {
              active.value = id;
              open(id);
            }}
          />
        ))}
      </div>
    </div>
  );
}

/** Opens a sandbox and goes into its detail. */
function openFocused(id: string): void {
  if (route.peek().id === id) document.getElementById("detail-title")?.focus();
  else open(id);
  // The detail is drawn after the address has changed.
  addEventListener("hashchange", () => requestAnimationFrame(() => document.getElementById("detail-title")?.focus()), {
    once: true,
  });
}
