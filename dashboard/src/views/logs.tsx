import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { count, timeOfDay } from "../format.ts";
import { LogFollower, type NumberedLine } from "../state/log-follower.ts";
import { Icon } from "./icons.tsx";
import { Marked } from "./marked.tsx";

const LEVELS = ["debug", "info", "warn", "error"];
/** Lines in the page at once; a search looks at all. */
const SHOWN_LINES = 2000;
/** So near to its end a log counts as read to the end. */
const NEAR_END_PX = 24;

/** A sandbox's log, following. */
export function Logs({ id, state }: { id: string; state: string }) {
  const follower = useMemo(() => new LogFollower(id), [id]);
  useEffect(() => {
    const stop = new AbortController();
    void follower.follow(stop.signal);
    return () => stop.abort();
  }, [follower]);

  const level = useSignal("debug");
  const search = useSignal("");
  const follows = useSignal(true);
  const place = useRef<HTMLDivElement>(null);
  const top = useRef(0);
  const all = follower.lines.value;
  const matching = matchingLines(all, level.value, search.value);
  const shown = matching.slice(-SHOWN_LINES);

  useLayoutEffect(() => {
    if (follows.value && place.current) place.current.scrollTop = place.current.scrollHeight;
  }, [shown.at(-1)?.number, shown.length, follows.value, follows]);

  function onScroll({ currentTarget: at }: { currentTarget: HTMLDivElement }) {
    const isAtEnd = at.scrollHeight - at.scrollTop - at.clientHeight < NEAR_END_PX;
    // Only who scrolls up stops following: new lines alone move the end away.
    if (isAtEnd) follows.value = true;
    else if (at.scrollTop < top.current) follows.value = false;
    top.current = at.scrollTop;
  }

  return (
    <>
      <div class="log-bar">
        <div class="search">
          <Icon name="search" />
          <input
            class="input"
            type="search"
            placeholder="Search the log"
            aria-label="Search the log"
            value={search.value}
            onInput={(event) => {
              search.value = event.currentTarget.value;
            }}
          />
        </div>
        <label>
          <span class="muted">from</span>
          <select
            class="input"
            aria-label="Least level"
            value={level.value}
            onChange={(event) => {
              level.value = event.currentTarget.value;
            }}
          >
            {LEVELS.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <button
          type="button"
          class="button"
          aria-pressed={follows.value}
          onClick={() => {
            follows.value = !follows.value;
          }}
        >
          Follow
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be in reach of the keyboard. */}
      <div ref={place} class="log" role="region" aria-label="Log" tabIndex={0} onScroll={onScroll}>
        {follower.problem.value && <p class="placeholder problem">{follower.problem.value}</p>}
        {shown.length === 0 && follower.isRead.value && (
          <p class="placeholder muted">{all.length === 0 ? "Nothing was logged yet." : "No line matches."}</p>
        )}
        {matching.length > shown.length && (
          <p class="log-more muted">
            {count(matching.length - shown.length)} earlier lines are left out: search for them.
          </p>
        )}
        {shown.map((line) => (
          <Line key={line.number} line={line} search={search.value} />
        ))}
      </div>
      <p class="log-foot muted">
        {search.value !== "" || level.value !== "debug" ? `${count(matching.length)} of ` : ""}
        {count(all.length)} {all.length === 1 ? "line" : "lines"}
        {state === "running" && follows.value && " · following"}
      </p>
    </>
  );
}

function matchingLines(lines: NumberedLine[], level: string, search: string): NumberedLine[] {
  const least = LEVELS.indexOf(level);
  const wanted = search.toLowerCase();
  if (least === 0 && wanted === "") return lines;
  return lines.filter((line) => rank(line) >= least && line.message.toLowerCase().includes(wanted));
}

/** A level that is not known here counts as `info`. */
function rank({ level }: NumberedLine): number {
  const at = LEVELS.indexOf(level ?? "info");
  return at < 0 ? LEVELS.indexOf("info") : at;
}

function Line({ line, search }: { line: NumberedLine; search: string }) {
  const isEngine = line.fields?.source === "engine";
  return (
    <p class={isEngine ? "log-line is-engine" : "log-line"} data-level={line.level ?? "info"}>
      <time dateTime={line.timestamp ?? ""}>{timeOfDay(line.timestamp)}</time>
      <span class="log-level">{line.level ?? "info"}</span>
      <span class="log-text">
        <Marked text={line.message} search={search} />
      </span>
    </p>
  );
}
