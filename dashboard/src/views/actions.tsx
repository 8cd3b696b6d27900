import { useRef } from "preact/hooks";
import { canPause, extend, MAX_TTL_SECONDS, pauseOrResume, pending, toDelete } from "../state/actions.ts";
import type { Row } from "../state/sandbox-table.ts";
import { Icon } from "./icons.tsx";

const STEPS: [string, number][] = [
  ["15 min more", 900],
  ["1 h more", 3600],
  ["6 h more", 21_600],
  ["24 h from now, the most", MAX_TTL_SECONDS],
];

/** Pause or resume, extend, delete: those that the state allows. */
export function Actions({ row }: { row: Row }) {
  const { state } = row;
  const isBusy = pending.value.has(row.sandbox.sandboxID);
  if (state === "deleted") return null;
  const isPaused = state === "paused";
  return (
    <div class="actions" aria-busy={isBusy}>
      {(isPaused || canPause(state)) && (
        <button type="button" class="button" disabled={isBusy} onClick={() => pauseOrResume(row)}>
          <Icon name={isPaused ? "play" : "paused"} />
          {isPaused ? "Resume" : "Pause"}
        </button>
      )}
      {!isPaused && <Extend row={row} isBusy={isBusy} />}
      <button
        type="button"
        class="button is-danger-quiet"
        disabled={isBusy}
        onClick={() => {
          toDelete.value = row;
        }}
      >
        <Icon name="trash" />
        Delete
      </button>
    </div>
  );
}

function Extend({ row, isBusy }: { row: Row; isBusy: boolean }) {
  const menu = useRef<HTMLDivElement>(null);
  function choose(seconds: number) {
    menu.current?.hidePopover();
    void extend(row, seconds);
  }
  return (
    <div class="extend">
      <button type="button" class="button" disabled={isBusy} popovertarget="extend-menu" aria-haspopup="true">
        <Icon name="clock" />
        Extend
      </button>
      <div id="extend-menu" ref={menu} popover="auto" class="menu" role="group" aria-label="Extend the TTL">
        {STEPS.map(([name, seconds]) => (
          <button key={seconds} type="button" onClick={() => choose(seconds)}>
            {name}
          </button>
        ))}
      </div>
    </div>
  );
}
