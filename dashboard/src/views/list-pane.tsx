import { useEffect, useRef } from "preact/hooks";
import { count } from "../format.ts";
import { tellFailure } from "../state/messages.ts";
import { connection, listed, readDeleted, selected, selection } from "../state/sandboxes.ts";
import { STATES } from "../state/selection.ts";
import { Empty } from "./empty.tsx";
import { Icon } from "./icons.tsx";
import { SandboxGrid } from "./sandbox-grid.tsx";

/** Search, filters by state, and the list. */
export function ListPane() {
  const { rows, counts } = selected.value;
  const { search, state } = selection.value;
  const isFiltered = search !== "" || state !== undefined;
  const empty = rows.length === 0;
  return (
    <section class="list-pane" aria-label="List">
      <div class="toolbar">
        <Search />
        <StateFilter counts={counts} />
      </div>
      <p class="visually-hidden" role="status">
        {listed.value && `${count(rows.length)} ${rows.length === 1 ? "sandbox" : "sandboxes"} shown`}
      </p>
      {!empty && <SandboxGrid rows={rows} />}
      {empty && listed.value && (isFiltered ? <NothingFound /> : <Empty />)}
      {empty && !listed.value && connection.value !== "lost" && <p class="placeholder muted">Reading the list …</p>}
    </section>
  );
}

function Search() {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    function focus(event: KeyboardEvent) {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || inTerminal(event)) return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    }
    addEventListener("keydown", focus);
    return () => removeEventListener("keydown", focus);
  }, []);
  return (
    <div class="search">
      <Icon name="search" />
      <input
        ref={input}
        id="search"
        class="input"
        type="search"
        placeholder="app=web, an ID, a template, a state"
        aria-label="Search by metadata, ID, template or state"
        value={selection.value.search}
        onInput={(event) => {
          selection.value = { ...selection.value, search: event.currentTarget.value };
        }}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown") document.getElementById("sandboxes")?.focus();
        }}
      />
    </div>
  );
}

/** What is typed into the terminal belongs to the shell. */
function inTerminal(event: KeyboardEvent): boolean {
  return event.target instanceof Element && event.target.closest(".terminal") !== null;
}

function StateFilter({ counts }: { counts: Map<string, number> }) {
  const chosen = selection.value.state;
  const alive = [...counts].reduce((sum, [state, number]) => (state === "deleted" ? sum : sum + number), 0);
  function choose(state: string | undefined) {
    selection.value = { ...selection.value, state };
    if (state === "deleted") readDeleted().catch((error) => tellFailure("the deleted sandboxes were not read", error));
  }
  return (
    <div class="filters" role="group" aria-label="Filter by state">
      <FilterButton name="all" amount={alive} pressed={chosen === undefined} onClick={() => choose(undefined)} />
      {STATES.map((state) => {
        const amount = (counts.get(state) ?? 0) + (state === "failed" ? (counts.get("error") ?? 0) : 0);
        const shown = state === "deleted" ? undefined : amount;
        return (
          <FilterButton
            key={state}
            name={state}
            amount={shown}
            pressed={chosen === state}
            onClick={() => choose(state)}
          />
        );
      })}
    </div>
  );
}

interface FilterProps {
  name: string;
  amount: number | undefined;
  pressed: boolean;
  onClick: () => void;
}

function FilterButton({ name, amount, pressed, onClick }: FilterProps) {
  return (
    <button type="button" class="filter" data-state={name} aria-pressed={pressed} onClick={onClick}>
      {name}
      {amount !== undefined && <span class="amount">{count(amount)}</span>}
    </button>
  );
}

function NothingFound() {
  const { search, state } = selection.value;
  return (
    <div class="placeholder">
      <p>
        No sandbox {state !== undefined && <>is {state}</>}
        {state !== undefined && search !== "" && " and "}
        {search !== "" && (
          <>
            matches <code>{search}</code>
          </>
        )}
        .
      </p>
      <button
        type="button"
        class="button"
        onClick={() => {
          selection.value = { ...selection.value, search: "", state: undefined };
        }}
      >
        Show all
      </button>
    </div>
  );
}
