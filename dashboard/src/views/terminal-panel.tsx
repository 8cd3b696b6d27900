import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { isDark } from "../state/theme.ts";
import type { TerminalView } from "./terminal-view.ts";

interface Props {
  id: string;
  state: string;
  isShown: boolean;
}

/** A shell in a running sandbox. The terminal is loaded when it is opened first. */
export function TerminalPanel({ id, state, isShown }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<TerminalView | undefined>(undefined);
  const ended = useSignal<string | undefined>(undefined);
  const attempt = useSignal(0);
  const isRunning = state === "running";
  const dark = isDark();

  // Each attempt is a new shell; a shell outlives the state's change, and says itself how it ended.
  useEffect(() => {
    const element = place.current;
    if (!element || !isRunning) return;
    ended.value = undefined;
    let isGone = false;
    void import("./terminal-view.ts").then(({ TerminalView }) => {
      if (isGone) return;
      const leave = () => document.getElementById("tab-terminal")?.focus();
      view.current = new TerminalView(element, id, isDark(), leave, (how) => {
        ended.value = how;
      });
    });
    return () => {
      isGone = true;
      view.current?.close();
      view.current = undefined;
    };
  }, [id, isRunning, attempt.value]);

  useEffect(() => view.current?.setDark(dark), [dark]);
  useEffect(() => {
    if (isShown) view.current?.show();
  }, [isShown]);

  return (
    <>
      {!isRunning && (
        <p class="placeholder muted">
          The sandbox is {state}: a terminal needs a running one.{state === "paused" && " Resume it to open one."}
        </p>
      )}
      <div ref={place} class="terminal" hidden={!isRunning} />
      <p class="terminal-foot muted" role="status">
        {isRunning && (ended.value ?? "")}
        {isRunning && ended.value === undefined && (
          <>
            <kbd>Ctrl</kbd> <kbd>]</kbd> leaves the terminal.
          </>
        )}
        {isRunning && ended.value !== undefined && (
          <button type="button" class="button" onClick={() => attempt.value++}>
            New shell
          </button>
        )}
      </p>
    </>
  );
}
