import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ApiError } from "../api/client.ts";
import * as api from "../api/sandboxes.ts";
import type { Sandbox } from "../api/types.ts";
import { close, linkTo, TABS, type Tab } from "../state/route.ts";
import { type Row, rowOf } from "../state/sandbox-table.ts";
import { connection, rowOfSandbox } from "../state/sandboxes.ts";
import { Actions } from "./actions.tsx";
import { CopyButton } from "./copy-button.tsx";
import { Icon } from "./icons.tsx";
import { Logs } from "./logs.tsx";
import { Overview } from "./overview.tsx";
import { StateBadge } from "./state-badge.tsx";
import { TerminalPanel } from "./terminal-panel.tsx";
import { TimeLeft } from "./time-left.tsx";

/** One sandbox: what it is, what it does, and what can be done with it. */
export function Detail({ id, tab }: { id: string; tab: Tab }) {
  const section = useRef<HTMLElement>(null);
  const extra = useSignal<Sandbox | undefined>(undefined);
  const problem = useSignal<string | undefined>(undefined);
  const known = rowOfSandbox(id);
  const isLive = connection.value === "live";

  // The limits are in the detail only, and so are sandboxes that the list no longer has.
  useEffect(() => {
    if (!isLive) return;
    const stop = new AbortController();
    api.detail(id, stop.signal).then(
      (sandbox) => {
        extra.value = sandbox;
        problem.value = undefined;
      },
      (error) => {
        if (error instanceof ApiError) problem.value = error.message;
      },
    );
    return () => stop.abort();
  }, [id, known?.state, isLive, extra, problem]);

  const row = known ?? (extra.value && rowOf(extra.value));

  function onKeyDown(event: KeyboardEvent) {
    const target = event.target as Element;
    if (event.key !== "Escape" || event.defaultPrevented || target.closest(".terminal, input")) return;
    // Then the key closes the menu.
    if (document.querySelector(":popover-open")) return;
    back();
  }

  return (
    <section ref={section} class="detail" aria-labelledby="detail-title" onKeyDown={onKeyDown}>
      <header class="detail-head">
        <div class="detail-title">
          <button
            type="button"
            class="button is-quiet is-icon"
            aria-label="Back to the list"
            title="Back to the list (Esc)"
            onClick={back}
          >
            <Icon name="back" />
          </button>
          <h2 id="detail-title" tabIndex={-1}>
            {id}
          </h2>
          <CopyButton text={id} what="the ID" />
        </div>
        {row && <Facts row={row} />}
        {row && <Actions row={row} />}
      </header>
      {row ? (
        <Panels row={row} limits={extra.value?.limits} tab={tab} />
      ) : (
        <p class="placeholder muted">{problem.value ?? "Reading …"}</p>
      )}
    </section>
  );
}

function back(): void {
  close();
  document.getElementById("sandboxes")?.focus();
}

function Facts({ row }: { row: Row }) {
  return (
    <p class="detail-facts">
      <StateBadge state={row.state} />
      <span>{row.sandbox.templateID}</span>
      {row.state !== "deleted" && (
        <span>
          <TimeLeft row={row} /> <span class="muted">{row.state === "paused" ? "while paused" : "left"}</span>
        </span>
      )}
    </p>
  );
}

interface PanelsProps {
  row: Row;
  limits: Sandbox["limits"];
  tab: Tab;
}

function Panels({ row, limits, tab }: PanelsProps) {
  const id = row.sandbox.sandboxID;
  // A terminal lives on while another tab is looked at.
  const hasTerminal = useSignal(tab === "terminal");
  if (tab === "terminal") hasTerminal.value = true;
  return (
    <>
      <div class="tabs" role="tablist" aria-label="About this sandbox" onKeyDown={(event) => moveTab(event, id, tab)}>
        {TABS.map((name) => (
          <a
            key={name}
            id={`tab-${name}`}
            role="tab"
            href={linkTo(id, name)}
            aria-selected={name === tab}
            aria-controls={`panel-${name}`}
            tabIndex={name === tab ? 0 : -1}
          >
            {name}
          </a>
        ))}
      </div>
      <Panel name="overview" tab={tab}>
        {tab === "overview" && <Overview row={row} limits={limits} />}
      </Panel>
      <Panel name="logs" tab={tab}>
        {tab === "logs" && <Logs id={id} state={row.state} />}
      </Panel>
      <Panel name="terminal" tab={tab}>
        {hasTerminal.value && <TerminalPanel id={id} state={row.state} isShown={tab === "terminal"} />}
      </Panel>
    </>
  );
}

function Panel({ name, tab, children }: { name: Tab; tab: Tab; children: preact.ComponentChildren }) {
  return (
    <div
      id={`panel-${name}`}
      class={`panel panel-${name}`}
      role="tabpanel"
      aria-labelledby={`tab-${name}`}
      hidden={name !== tab}
      tabIndex={name === "overview" ? 0 : undefined}
    >
      {children}
    </div>
  );
}

/** The arrow keys go from tab to tab. */
function moveTab(event: KeyboardEvent, id: string, tab: Tab): void {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step === undefined) return;
  event.preventDefault();
  const next = TABS[(TABS.indexOf(tab) + step + TABS.length) % TABS.length] ?? "overview";
  location.hash = linkTo(id, next);
  document.getElementById(`tab-${next}`)?.focus();
}
